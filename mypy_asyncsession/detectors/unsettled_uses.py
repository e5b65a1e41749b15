"""Uses that point to a provider, and that only mypy can decide: see ``Program.unsettled``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from mypy.nodes import CallExpr, Expression, FuncItem, MemberExpr, NameExpr
from mypy.types import CallableType, Instance, UnionType, get_proper_type

from mypy_asyncsession.detectors.dependency_records import Role
from mypy_asyncsession.detectors.result_types import ResultTypes
from mypy_asyncsession.detectors.type_mismatch import COMPARED, is_given_class, is_wanted
from mypy_asyncsession.semantic.from_mypy_types import classes_in, informative
from mypy_asyncsession.semantic.interpreter.call_types import depends_on_types
from mypy_asyncsession.semantic.syntax import walk
from mypy_asyncsession.semantic.values import (
    UNKNOWN,
    ContainerValue,
    FunctionValue,
    ManagerFactory,
    ObjectValue,
    TypedCallable,
    members,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mypy.types import Type

    from mypy_asyncsession.detectors.dependency_place import DependencyPlace
    from mypy_asyncsession.detectors.depends_calls import Named
    from mypy_asyncsession.detectors.injection import Injection
    from mypy_asyncsession.semantic.interpreter import Interpreter, Where
    from mypy_asyncsession.semantic.scopes import Scope
    from mypy_asyncsession.semantic.values import Value

#: How far what an expression is made of is followed.
_DEPTH: Final = 3


class UnsettledUses:
    """Notes the uses in one module that are for mypy to decide."""

    def __init__(self, interpreter: Interpreter) -> None:
        self._interpreter = interpreter
        self._results = ResultTypes(interpreter)

    def of_use(self, expression: Expression, value: Value, scope: Scope, where: Where) -> None:
        """Note the use of an expression, if it may be a provider, and mypy may know.

        Args:
            expression: What is used.
            value: What it may be.
            scope: The scope that it stands in.
            where: The blocks around it.
        """
        program = self._interpreter.program
        if program.analysed or value is not UNKNOWN or expression.line in program.unsettled:
            return
        if self._interpreter.undecided(expression, scope, where) and self._points_to_provider(
            expression, scope, where
        ):
            program.unsettled.add(expression.line)

    def of_dependency(
        self, named: Named, driven: Sequence[Injection], place: DependencyPlace
    ) -> None:
        """Note a dependency whose type is not known, and would have to be that of the parameter.

        Args:
            named: The dependency.
            driven: What is made of it; nothing where that is not known.
            place: Where it is named.
        """
        program = self._interpreter.program
        if program.analysed or place.role is Role.OVERRIDE or not is_wanted(place.wanted):
            return
        if is_given_class(named.expression, place.wanted, place.scope, self._interpreter):
            return
        functions = [each for each in members(named.value) if isinstance(each, FunctionValue)]
        if driven:
            is_open = any(
                each.drive in COMPARED and not informative(each.type) for each in driven
            ) and any(map(self._results.is_undecided, functions))
        elif isinstance(named.value, TypedCallable):
            is_open = depends_on_types(named.value.type)
        else:
            is_open = self._interpreter.undecided(named.expression, place.scope, place.where)
        if is_open:
            program.unsettled.add(place.span.line if place.span else named.expression.line)

    def _points_to_provider(
        self, expression: Expression, scope: Scope, where: Where, depth: int = 0
    ) -> bool:
        """Whether a provider is among what an expression is made of."""
        if depth > _DEPTH:
            return False
        for node in walk(expression, into_functions=False):
            if not isinstance(node, (CallExpr, MemberExpr, NameExpr)):
                continue
            value = self._interpreter.value(node, scope, where)
            if value is not UNKNOWN:
                if self._holds_provider(value, scope):
                    return True
            elif isinstance(node, MemberExpr):
                if self._mentions_one(self._interpreter.declared_attribute(node, scope, where)):
                    return True
            elif isinstance(node, NameExpr):
                for inner in scope.chain():
                    if self._mentions_one(self._declared(node.name, inner)):
                        return True
                    bindings = inner.names.bindings.get(node.name, ())
                    if any(
                        isinstance(each.node, Expression)
                        and self._points_to_provider(each.node, inner, each.blocks, depth + 1)
                        for each in bindings
                    ):
                        return True
                    if bindings:
                        break
        return False

    def _declared(self, name: str, scope: Scope) -> Type | None:
        """The type that a name of a scope is declared with."""
        if isinstance(scope.node, FuncItem):
            names = [argument.variable.name for argument in scope.node.arguments]
            type_ = self._interpreter.signature(scope.node, scope.parent or scope)
            if name in names and isinstance(type_, CallableType):
                return type_.arg_types[names.index(name)]
        written = scope.names.annotated.get(name)
        return self._interpreter.program.annotation(written, scope) if written is not None else None

    def _holds_provider(self, value: Value, scope: Scope, depth: int = 0) -> bool:
        if depth > _DEPTH:
            return False
        for member in members(value):
            if isinstance(member, ObjectValue):
                found = member.resource is None and (
                    self._mentions_one(member.type)
                    or (isinstance(member.item, ObjectValue) and member.item.resource is not None)
                )
            elif isinstance(member, TypedCallable):
                found = self._mentions_one(member.type)
            elif isinstance(member, ContainerValue):
                found = any(
                    self._points_to_provider(each, member.scope, member.where, _DEPTH)
                    for _, each in member.entries
                )
            elif isinstance(member, (FunctionValue, ManagerFactory)):
                given = self._interpreter.called(member, [], scope)
                found = self._holds_provider(given, scope, depth + 1)
            else:
                found = False
            if found:
                return True
        return False

    def _mentions_one(self, type_: Type | None) -> bool:
        """Whether a type has a resource in it; what a session itself gives is data."""
        resource = self._interpreter.types.resource
        proper = get_proper_type(type_) if type_ is not None else None
        if isinstance(proper, UnionType):
            return any(map(self._mentions_one, proper.items))
        if proper is None or (isinstance(proper, Instance) and resource(proper.type) is not None):
            return False
        return any(resource(info) is not None for info in classes_in(proper))
