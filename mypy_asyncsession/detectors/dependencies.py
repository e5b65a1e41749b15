"""The dependencies that a module gives to FastAPI, and what FastAPI will make of each."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from mypy.nodes import (
    CallExpr,
    IndexExpr,
    ListExpr,
    MemberExpr,
    NameExpr,
    RefExpr,
    TupleExpr,
    TypeAliasExpr,
)
from mypy.types import CallableType, Instance, UnboundType, get_proper_type

from mypy_asyncsession.detectors.annotations import Annotations, is_of_typing, may_hold_metadata
from mypy_asyncsession.detectors.dependency_place import DependencyPlace
from mypy_asyncsession.detectors.dependency_records import Dependency, Drive, Role
from mypy_asyncsession.detectors.depends_calls import Named
from mypy_asyncsession.detectors.given_callables import ITERATORS, MANAGERS, UNDRIVEN
from mypy_asyncsession.detectors.injection import Driving, Injection, instead_of_session
from mypy_asyncsession.detectors.late_commits import LateCommitUses
from mypy_asyncsession.detectors.misplaced_depends import misplaced
from mypy_asyncsession.detectors.object_info import object_info, provider_of, takes
from mypy_asyncsession.detectors.open_names import is_open
from mypy_asyncsession.detectors.parameter_use import all_ask_for_none, asks_for_none
from mypy_asyncsession.detectors.spans import span_of, written
from mypy_asyncsession.detectors.type_mismatch import is_given_class, is_stand_in, mismatch
from mypy_asyncsession.detectors.unentered_attributes import starts_itself, unentered_attribute
from mypy_asyncsession.detectors.unsettled_uses import UnsettledUses
from mypy_asyncsession.detectors.visible_names import annotation_of, can_name, made_by
from mypy_asyncsession.models.frameworks import GIVEN_DEPENDENCIES, GIVEN_DEPENDENCIES_NAMES
from mypy_asyncsession.models.typing import ANNOTATED
from mypy_asyncsession.semantic.session_disposal import Closing
from mypy_asyncsession.semantic.values import (
    UNKNOWN,
    AliasValue,
    ClassValue,
    FunctionValue,
    ManagerFactory,
    ObjectValue,
    fullname,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy.nodes import AssignmentStmt, Expression, FuncItem
    from mypy.types import Type

    from mypy_asyncsession.detectors.depends_calls import DependsCalls
    from mypy_asyncsession.detectors.time_records import LateCommit
    from mypy_asyncsession.models.dependency_framework import Release
    from mypy_asyncsession.semantic.interpreter import Interpreter, Where
    from mypy_asyncsession.semantic.module_source import ModuleSource
    from mypy_asyncsession.semantic.program_point import ProgramPoint
    from mypy_asyncsession.semantic.scopes import Scope
    from mypy_asyncsession.semantic.values import Value


class Dependencies:
    """Finds the dependencies of one module."""

    def __init__(
        self,
        interpreter: Interpreter,
        source: ModuleSource,
        release: Release,
        depends: DependsCalls,
    ) -> None:
        self._interpreter = interpreter
        self._source = source
        self._unwraps = release.unwraps
        self._depends = depends
        self._annotations = Annotations(interpreter.program, source)
        self._unsettled = UnsettledUses(interpreter)
        self._driving = Driving(interpreter, source, release)
        self._closing = Closing(interpreter)
        self._late = LateCommitUses(interpreter, release)
        #: The calls that were looked at with the parameter or alias that they belong to.
        self._seen: set[int] = set()
        #: What stands in the place of a dependency, which need not be called there at all.
        self.called: set[int] = set()

    # Where dependencies are named

    def of_function(
        self, function: FuncItem, scope: Scope, where: Where, owner: str
    ) -> Iterator[Dependency | LateCommit]:
        """The dependencies in the parameters of a function."""
        type_ = function.type
        declared = type_.arg_types if isinstance(type_, CallableType) else []
        for position, argument in enumerate(function.arguments):
            annotation = argument.type_annotation
            if argument.initializer is None and not may_hold_metadata(annotation):
                continue
            wanted = declared[position] if position < len(declared) else None
            name = argument.variable.name
            place = DependencyPlace(
                Role.PARAMETER, scope, where, owner, wanted, None, function, name
            )
            if argument.initializer is not None:
                yield from self._of_default(argument.initializer, place)
            if annotation is not None:
                yield from self._of_annotation(annotation, place)

    def of_attribute(
        self, statement: AssignmentStmt, scope: Scope, where: Where, owner: str
    ) -> Iterator[Dependency | LateCommit]:
        """``db: AsyncSession = Depends(get_db)`` in the body of a class."""
        if statement.unanalyzed_type is None or not isinstance(statement.lvalues[0], NameExpr):
            return
        place = DependencyPlace(Role.ALIAS, scope, where, owner, statement.type)
        if isinstance(statement.rvalue, CallExpr):
            yield from self._of_default(statement.rvalue, place)
        yield from self._of_annotation(statement.unanalyzed_type, place)

    def of_assignment(self, statement: AssignmentStmt, point: ProgramPoint) -> Iterator[Dependency]:
        """``db = Depends(get_db)`` where FastAPI does not look, used as a session."""
        call = statement.rvalue
        if not isinstance(call, CallExpr) or not self._depends.may_name_one(call):
            return
        if not self._depends.is_depends(call, point.scope, point.where):
            return
        name = misplaced(statement, point, self._source.tree)
        if name is not None:
            place = DependencyPlace(Role.LIST, point.scope, point.where, point.body.outermost())
            self._seen.add(id(call))
            yield self._plain(Drive.MISPLACED, call, place)._replace(detail=name)

    def of_alias(
        self, index: IndexExpr, scope: Scope, where: Where, owner: str
    ) -> Iterator[Dependency | LateCommit]:
        """The dependencies in ``Annotated[T, Depends(f)]`` outside an annotation."""
        items = index.index.items if isinstance(index.index, TupleExpr) else []
        if fullname(self._interpreter.value(index.base, scope, where)) not in ANNOTATED:
            return
        wanted = self._aliased(index, items[0], scope, where)
        asked = all_ask_for_none(index, scope, self._source, self._interpreter)
        place = DependencyPlace(Role.ALIAS, scope, where, owner, wanted, asked=asked)
        for item in items[1:]:
            if isinstance(item, CallExpr):
                yield from self._of_default(item, place)
            elif self._depends.names_depends(item, scope, where):
                yield self._uncalled(item, place)

    def of_call(
        self, call: CallExpr, scope: Scope, where: Where, owner: str
    ) -> Iterator[Dependency | LateCommit]:
        """A ``Depends(f)`` anywhere else, such as in ``dependencies=[...]``."""
        place = DependencyPlace(Role.LIST, scope, where, owner)
        if id(call) not in self._seen:
            yield from self._of_call(call, place)
        for name, argument in zip(call.arg_names, call.args, strict=True):
            if (
                name == "dependencies"
                and isinstance(argument, (ListExpr, TupleExpr))
                and fullname(self._interpreter.value(call.callee, scope, where))
                in GIVEN_DEPENDENCIES
            ):
                yield from self._bare(argument, place)

    def may_name_one(self, call: CallExpr) -> bool:
        """A quick look before the other two: most calls are of functions that mypy knows."""
        callee = call.callee
        if (
            isinstance(callee, (MemberExpr, NameExpr))
            and callee.name in GIVEN_DEPENDENCIES_NAMES
            and "dependencies" in call.arg_names
        ):
            return True
        return self._depends.may_name_one(call)

    def _of_default(
        self, default: Expression, place: DependencyPlace
    ) -> Iterator[Dependency | LateCommit]:
        if isinstance(default, CallExpr):
            self._seen.add(id(default))
            yield from self._of_call(default, place)
        elif self._depends.names_depends(default, place.scope, place.where):
            yield self._uncalled(default, place)

    def _of_annotation(
        self, annotation: Type, place: DependencyPlace
    ) -> Iterator[Dependency | LateCommit]:
        for call, span in self._annotations.calls(annotation):
            yield from self._of_call(call, replace(place, span=span))
        for name, span in self._annotations.names(annotation):
            if self._depends.names_depends(name, place.scope, place.where):
                yield self._uncalled(name, replace(place, span=span))
        yield from self._of_generic_alias(annotation, place)

    def _of_generic_alias(self, annotation: Type, place: DependencyPlace) -> Iterator[Dependency]:
        """``Current[User]`` for ``Current = Annotated[T, Depends(get_current)]``."""
        if not isinstance(annotation, UnboundType) or not annotation.args:
            return
        if "." in annotation.name:
            return
        if is_of_typing(annotation.name, place.scope):
            return
        alias = self._interpreter.name(annotation.name, place.scope, place.where)
        items = (
            alias.node.index.items
            if isinstance(alias, AliasValue) and isinstance(alias.node.index, TupleExpr)
            else []
        )
        for item in items[1:]:
            if not isinstance(item, CallExpr):
                continue
            assert isinstance(alias, AliasValue)
            named = self._depends.named(item, alias.scope, None)
            if named is not None:
                span = self._annotations.span(annotation)
                for found in self._of_named(named, replace(place, span=span)):
                    if found.mismatch is not None:  # all else is said where the alias is
                        yield found

    def _of_call(self, call: CallExpr, place: DependencyPlace) -> Iterator[Dependency | LateCommit]:
        named = self._depends.named(call, place.scope, place.where)
        place = replace(place, span=place.span or span_of(call))
        if named is not None:
            yield from self._of_named(named, place)
            if not named.helped and not is_open(named.expression, place.scope):
                parameter = (
                    (place.function, place.parameter)
                    if place.function is not None and place.parameter is not None
                    else None
                )
                yield from self._late.of_dependency(
                    call,
                    named.expression,
                    named.value,
                    place.role,
                    place.span or span_of(call),
                    place.owner,
                    parameter,
                )
        elif not call.args and self._depends.is_depends(call, place.scope, place.where):
            yield from self._of_annotated_class(place)

    def _of_annotated_class(self, place: DependencyPlace) -> Iterator[Dependency]:
        """``Depends()``, which is of the class that the parameter is annotated with."""
        wanted = get_proper_type(place.wanted) if place.wanted is not None else None
        if isinstance(wanted, Instance):
            value = ClassValue(wanted.type.fullname, wanted.type)
            for found in self._of_named(Named(NameExpr(wanted.type.name), value), place):
                if found.drive in (Drive.ABSTRACT, Drive.UNENTERED):
                    yield found

    def _bare(self, given: ListExpr | TupleExpr, place: DependencyPlace) -> Iterator[Dependency]:
        """``dependencies=[require_admin]``."""
        for item in given.items:
            value = self._interpreter.value(item, place.scope, place.where)
            if isinstance(item, RefExpr) and (
                isinstance(value, (FunctionValue, ManagerFactory))
                or self._depends.names_depends(item, place.scope, place.where)
            ):
                yield self._plain(Drive.BARE, item, place)

    def _uncalled(self, expression: Expression, place: DependencyPlace) -> Dependency:
        return self._plain(Drive.UNCALLED, expression, place)

    def _plain(self, drive: Drive, expression: Expression, place: DependencyPlace) -> Dependency:
        span = place.span or span_of(expression)
        named = Named(expression, UNKNOWN)
        detail = None if can_name("Depends", place.scope) else "import"
        driven = Injection(drive, UNKNOWN, detail=detail)
        return self._record(driven, named, replace(place, span=span))

    def _aliased(
        self, index: IndexExpr, annotated: Expression, scope: Scope, where: Where
    ) -> Type | None:
        """The type in ``Annotated[T, ...]``: what mypy has made of the alias, or what it names."""
        if isinstance(index.analyzed, TypeAliasExpr):
            return index.analyzed.node.target
        meant = self._interpreter.program.type_expression(annotated, scope)
        if meant is not None:
            return meant
        value = self._interpreter.value(annotated, scope, where)
        if isinstance(value, ClassValue) and value.fullname != "typing.Any":
            instance = self._interpreter.instance(value)
            return instance.type if isinstance(instance, ObjectValue) else None
        return None

    # One dependency

    def of_value(
        self, value: Value, expression: Expression, place: DependencyPlace, *, helped: bool = False
    ) -> Iterator[Dependency]:
        """A dependency that is known by its value."""
        yield from self._of_named(Named(expression, value, helped), place)

    def of_override(
        self, value: Value, expression: Expression, key: Expression | None, place: DependencyPlace
    ) -> Iterator[Dependency]:
        """An override, beside the dependency that it stands for."""
        real = self._interpreter.value(key, place.scope, place.where) if key is not None else None
        original = self._driving.driven(real, None, place.scope) if real is not None else None
        wanted = original.type if original is not None else None
        for found in self._of_named(Named(expression, value), replace(place, wanted=wanted)):
            driven = self._driving.driven(value, expression, place.scope)
            fits = (
                driven is None
                or original is None
                or is_stand_in(driven, original, self._interpreter.program)
            )
            differs = (None if fits else found.mismatch) or instead_of_session(found, original)
            yield found._replace(mismatch=differs, detail=written(key) if key else None)

    def _of_named(self, named: Named, place: DependencyPlace) -> Iterator[Dependency]:
        if is_open(named.expression, place.scope):
            return  # what others give in its place decides
        injections = self._driving.each(named.value, named.expression, place.scope)
        self._unsettled.of_dependency(named, injections, place)
        found = [self._record(driven, named, place) for driven in injections]
        if found:
            self.called.add(id(named.expression))
            yield found[0]._replace(beside=tuple(found[1:]))

    def _record(self, driven: Injection, named: Named, place: DependencyPlace) -> Dependency:
        expression, function, name = named.expression, place.function, place.parameter
        scope, wanted = place.scope, place.wanted
        handled = bool(function and name and self._closing.handles(function, name, scope))
        if driven.drive is Drive.UNSTARTED and function is not None and name is not None:
            handled = handled or starts_itself(function, name)
        detail = driven.detail
        drive = driven.drive
        if function is not None and name is not None and not handled:
            attribute = unentered_attribute(driven, function, name, self._interpreter)
            if attribute is not None:
                drive, detail = Drive.UNENTERED, attribute
        none = driven.none and not (
            place.asked
            or (function and name and asks_for_none(function, name, scope, self._interpreter))
        )
        different = None
        # What "_" is given is wanted for its effects alone.
        if name != "_" and not is_given_class(expression, wanted, scope, self._interpreter):
            different = mismatch(driven, wanted, self._interpreter, none=none)
        span = place.span or span_of(expression)
        return Dependency(
            text=written(expression),
            callee=written(expression.callee) if isinstance(expression, CallExpr) else None,
            provider=provider_of(named.value),
            drive=drive,
            role=place.role,
            handed=object_info(driven.value, self._interpreter, scope),
            unwraps=self._unwraps,
            mismatch=different,
            asked_for=self._asked_for(driven, wanted),
            parameter=name,
            handled=handled,
            opens=driven.opens,
            decorated=driven.decorated,
            callable_class=driven.callable_class,
            span=span,
            function=place.owner,
            lines=tuple(range(span.line, span.end_line + 1)),
            detail=detail,
            helped=named.helped,
            takes=self._takes(named.value),
            maker=made_by(driven.value, self._interpreter, scope),
            annotation=annotation_of(driven.type, self._interpreter, scope),
        )

    def _takes(self, value: Value) -> bool:
        """Whether a dependency has to be given arguments to be called by hand."""
        if isinstance(value, ClassValue):
            value = self._interpreter.initializer(value)
        return isinstance(value, (FunctionValue, ManagerFactory)) and takes(value)

    def _asked_for(self, driven: Injection, wanted: Type | None) -> bool:
        """Whether a parameter is annotated with what still has to be driven, and gets that."""
        value = self._interpreter.types.value(wanted)
        return (
            isinstance(value, ObjectValue)
            and isinstance(driven.value, ObjectValue)
            and value.shape in UNDRIVEN | MANAGERS | ITERATORS
            and bool(value.can & driven.value.can)
        )


def may_be_alias(index: IndexExpr) -> bool:
    """Whether this may be ``Annotated[T, Depends(f)]``: a quick look."""
    return isinstance(index.index, TupleExpr) and any(
        isinstance(item, (CallExpr, MemberExpr, NameExpr)) for item in index.index.items[1:]
    )
