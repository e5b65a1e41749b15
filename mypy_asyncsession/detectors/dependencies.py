"""The dependencies that a module gives to FastAPI, and what FastAPI will make of each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mypy.nodes import (
    AssignmentStmt,
    CallExpr,
    Decorator,
    DictExpr,
    FuncDef,
    IndexExpr,
    MemberExpr,
    NameExpr,
    OperatorAssignmentStmt,
    OverloadedFuncDef,
    RefExpr,
    TupleExpr,
    TypeAliasExpr,
    TypeInfo,
)
from mypy.types import CallableType, Instance, get_proper_type

from mypy_asyncsession.detectors.annotations import Annotations
from mypy_asyncsession.detectors.injection import ITERATORS, MANAGERS, UNDRIVEN, Driving
from mypy_asyncsession.detectors.late_commits import LateCommitUses
from mypy_asyncsession.detectors.object_info import object_info, provider_of
from mypy_asyncsession.detectors.record import Dependency, Drive, Role
from mypy_asyncsession.detectors.spans import span_of, written
from mypy_asyncsession.detectors.type_mismatch import mismatch
from mypy_asyncsession.models.fastapi import DEPENDS, DEPENDS_NAMES, UNWRAPS
from mypy_asyncsession.models.typing import ANNOTATED
from mypy_asyncsession.semantic.session_disposal import Closing
from mypy_asyncsession.semantic.values import ClassValue, ObjectValue, fullname

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy.nodes import Expression, FuncItem, Node
    from mypy.types import Type

    from mypy_asyncsession.detectors.injection import Injection
    from mypy_asyncsession.detectors.time_records import LateCommit
    from mypy_asyncsession.findings import Span
    from mypy_asyncsession.models.fastapi import Version
    from mypy_asyncsession.semantic.interpreter import Interpreter, Where
    from mypy_asyncsession.semantic.module_source import ModuleSource
    from mypy_asyncsession.semantic.program import Program
    from mypy_asyncsession.semantic.scopes import Scope

_DEFINITIONS = (Decorator, FuncDef, OverloadedFuncDef, TypeInfo)


class Dependencies:
    """Finds the dependencies of one module."""

    def __init__(self, interpreter: Interpreter, source: ModuleSource, version: Version) -> None:
        self._interpreter = interpreter
        self._unwraps = version >= UNWRAPS
        self._annotations = Annotations(interpreter.program, source)
        self._driving = Driving(interpreter, source, version)
        self._closing = Closing(interpreter)
        self._late = LateCommitUses(interpreter, version)
        #: The calls that were looked at with the parameter or alias that they belong to.
        self._seen: set[int] = set()

    # Where dependencies are named

    def of_function(
        self, function: FuncItem, scope: Scope, where: Where, owner: str
    ) -> Iterator[Dependency | LateCommit]:
        """The dependencies in the parameters of a function."""
        type_ = function.type
        declared = type_.arg_types if isinstance(type_, CallableType) else []
        for position, argument in enumerate(function.arguments):
            default = argument.initializer
            annotation = argument.type_annotation
            wanted = declared[position] if position < len(declared) else None
            name = argument.variable.name
            if isinstance(default, CallExpr) and self.is_depends(default, scope, where):
                self._seen.add(id(default))
                yield from self._dependency(
                    default, Role.PARAMETER, wanted, scope, where, owner, None, (function, name)
                )
            if annotation is not None:
                for call, span in self._annotations.calls(annotation):
                    if self.is_depends(call, scope, where):
                        yield from self._dependency(
                            call,
                            Role.PARAMETER,
                            wanted,
                            scope,
                            where,
                            owner,
                            span,
                            (function, name),
                        )

    def of_alias(
        self, index: IndexExpr, scope: Scope, where: Where, owner: str
    ) -> Iterator[Dependency | LateCommit]:
        """The dependencies in ``Annotated[T, Depends(f)]`` outside an annotation."""
        items = index.index.items if isinstance(index.index, TupleExpr) else []
        calls = [item for item in items[1:] if isinstance(item, CallExpr)]
        if fullname(self._interpreter.value(index.base, scope, where)) not in ANNOTATED:
            return
        wanted = self._aliased(index, items[0], scope, where)
        for call in calls:
            if self.is_depends(call, scope, where):
                self._seen.add(id(call))
                yield from self._dependency(
                    call, Role.ALIAS, wanted, scope, where, owner, None, None
                )

    def of_call(
        self, call: CallExpr, scope: Scope, where: Where, owner: str
    ) -> Iterator[Dependency | LateCommit]:
        """A ``Depends(f)`` anywhere else, such as in ``dependencies=[...]``."""
        if id(call) not in self._seen and self.is_depends(call, scope, where):
            yield from self._dependency(call, Role.LIST, None, scope, where, owner, None, None)

    def may_name_one(self, call: CallExpr) -> bool:
        """A quick look before the other two: most calls are of functions that mypy knows."""
        callee = call.callee
        if isinstance(callee, MemberExpr):
            return callee.name in DEPENDS_NAMES or callee.name in ("setdefault", "update")
        if isinstance(callee, NameExpr) and isinstance(callee.node, _DEFINITIONS):
            return callee.node.fullname in DEPENDS
        return isinstance(callee, NameExpr)

    def of_override(
        self,
        statement: AssignmentStmt | OperatorAssignmentStmt,
        scope: Scope,
        where: Where,
        owner: str,
    ) -> Iterator[Dependency]:
        """What is put into ``app.dependency_overrides``."""
        lvalues = statement.lvalues if isinstance(statement, AssignmentStmt) else [statement.lvalue]
        for lvalue in lvalues:
            if isinstance(lvalue, IndexExpr) and _is_overrides(lvalue.base):
                yield from self._override(statement.rvalue, scope, where, owner)
            elif _is_overrides(lvalue):
                yield from self._overrides(statement.rvalue, scope, where, owner)

    def of_update(
        self, call: CallExpr, scope: Scope, where: Where, owner: str
    ) -> Iterator[Dependency]:
        """What ``app.dependency_overrides.update({...})`` or ``.setdefault(...)`` puts there."""
        callee = call.callee
        if not isinstance(callee, MemberExpr) or not _is_overrides(callee.expr):
            return
        if callee.name == "update" and call.args:
            yield from self._overrides(call.args[0], scope, where, owner)
        elif callee.name == "setdefault" and len(call.args) == 2:
            yield from self._override(call.args[1], scope, where, owner)

    def is_depends(self, call: CallExpr, scope: Scope, where: Where) -> bool:
        """Whether a call is one of ``Depends`` or ``Security``."""
        callee = call.callee
        if isinstance(callee, NameExpr):
            local = callee.name
            if isinstance(callee.node, _DEFINITIONS):
                # mypy knows what it is, as it mostly does.
                return callee.node.fullname in DEPENDS
            if local not in DEPENDS_NAMES and not any(
                local in inner.names.bindings for inner in scope.chain()
            ):
                return False
        elif not (isinstance(callee, MemberExpr) and callee.name in DEPENDS_NAMES):
            return False
        return fullname(self._interpreter.value(callee, scope, where)) in DEPENDS

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

    def _dependency(
        self,
        call: CallExpr,
        role: Role,
        wanted: Type | None,
        scope: Scope,
        where: Where,
        owner: str,
        span: Span | None,
        parameter: tuple[FuncItem, str] | None,
    ) -> Iterator[Dependency | LateCommit]:
        expression = _argument(call)
        if expression is None:
            return
        value = self._interpreter.value(expression, scope, where)
        span = span or span_of(call)
        driven = self._driving.driven(value, expression)
        if driven is not None:
            yield self._record(driven, expression, role, wanted, span, owner, scope, parameter)
            if driven.drive is Drive.ENTERED:
                yield from self._late.of_dependency(
                    call, expression, value, role, span, owner, parameter
                )

    def _overrides(
        self, new: Expression, scope: Scope, where: Where, owner: str
    ) -> Iterator[Dependency]:
        for _, value in new.items if isinstance(new, DictExpr) else ():
            yield from self._override(value, scope, where, owner)

    def _override(
        self, expression: Expression, scope: Scope, where: Where, owner: str
    ) -> Iterator[Dependency]:
        driven = self._driving.driven(self._interpreter.value(expression, scope, where), expression)
        if driven is not None:
            yield self._record(
                driven, expression, Role.OVERRIDE, None, span_of(expression), owner, scope, None
            )

    def _record(
        self,
        driven: Injection,
        expression: Expression,
        role: Role,
        wanted: Type | None,
        span: Span,
        owner: str,
        scope: Scope,
        parameter: tuple[FuncItem, str] | None,
    ) -> Dependency:
        return Dependency(
            text=written(expression),
            callee=written(expression.callee) if isinstance(expression, CallExpr) else None,
            provider=provider_of(self._interpreter.value(expression, scope, None)),
            drive=driven.drive,
            role=role,
            handed=object_info(driven.value, self._interpreter, scope),
            unwraps=self._unwraps,
            mismatch=None
            if _names(expression, wanted, scope, self._interpreter.program)
            else mismatch(driven, wanted, analysed=self._interpreter.program.analysed),
            asked_for=self._asked_for(driven, wanted),
            parameter=parameter[1] if parameter else None,
            handled=parameter is not None and self._closing.handles(*parameter, scope),
            opens=driven.opens,
            decorated=driven.decorated,
            callable_class=driven.callable_class,
            span=span,
            function=owner,
            lines=tuple(range(span.line, span.end_line + 1)),
        )

    def _asked_for(self, driven: Injection, wanted: Type | None) -> bool:
        """Whether a parameter is annotated with what still has to be driven, and gets that."""
        value = self._interpreter.types.value(wanted)
        return (
            isinstance(value, ObjectValue)
            and isinstance(driven.value, ObjectValue)
            and value.shape in UNDRIVEN | MANAGERS | ITERATORS
            and bool(value.can & driven.value.can)
        )


def _argument(call: CallExpr) -> Expression | None:
    for argument, name in zip(call.args, call.arg_names, strict=True):
        if name in (None, "dependency"):
            return argument
    return None


def _names(expression: Expression, wanted: Type | None, scope: Scope, program: Program) -> bool:
    """Whether a call is given the class that is wanted, to make an object of that class."""
    proper = get_proper_type(wanted) if wanted is not None else None
    return (
        isinstance(expression, CallExpr)
        and isinstance(proper, Instance)
        and any(
            isinstance(each, RefExpr) and program.referent(each, scope) is proper.type
            for each in expression.args
        )
    )


def may_be_alias(index: IndexExpr) -> bool:
    """Whether this may be ``Annotated[T, Depends(f)]``: a quick look."""
    return isinstance(index.index, TupleExpr) and any(
        isinstance(item, CallExpr) for item in index.index.items[1:]
    )


def _is_overrides(node: Node) -> bool:
    return isinstance(node, MemberExpr) and node.name == "dependency_overrides"
