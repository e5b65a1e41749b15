"""What is put into ``app.dependency_overrides``, by hand or through a helper of the project."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mypy.nodes import (
    ArgKind,
    AssignmentStmt,
    CallExpr,
    Decorator,
    DictExpr,
    ForStmt,
    FuncDef,
    IndexExpr,
    MemberExpr,
    NameExpr,
    RefExpr,
    TupleExpr,
)

from mypy_asyncsession.detectors.dependency_place import DependencyPlace
from mypy_asyncsession.detectors.dependency_records import Role
from mypy_asyncsession.detectors.depends_calls import is_object_of
from mypy_asyncsession.detectors.spans import span_of
from mypy_asyncsession.models.frameworks import APPLICATIONS
from mypy_asyncsession.semantic.call_arguments import matched
from mypy_asyncsession.semantic.syntax import walk
from mypy_asyncsession.semantic.values import FunctionValue, ManagerFactory, NamedValue, members

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy.nodes import Expression, Node, OperatorAssignmentStmt, SymbolNode

    from mypy_asyncsession.detectors.dependencies import Dependencies
    from mypy_asyncsession.detectors.dependency_records import Dependency
    from mypy_asyncsession.semantic.interpreter import Interpreter, Where
    from mypy_asyncsession.semantic.scopes import Scope

_OVERRIDES = "dependency_overrides"


class DependencyOverrides:
    """Finds the overrides of dependencies in one module."""

    def __init__(self, interpreter: Interpreter, dependencies: Dependencies) -> None:
        self._interpreter = interpreter
        self._dependencies = dependencies
        #: For a function, the parameters that it puts there: as a dict, or a key and what is there.
        self._helpers: dict[FuncDef, list[tuple[str | None, str]]] = {}

    def of_statement(
        self,
        statement: AssignmentStmt | OperatorAssignmentStmt,
        scope: Scope,
        where: Where,
        owner: str,
    ) -> Iterator[Dependency]:
        """``app.dependency_overrides[get_db] = ...``, or all of them at once."""
        lvalues = statement.lvalues if isinstance(statement, AssignmentStmt) else [statement.lvalue]
        place = DependencyPlace(Role.OVERRIDE, scope, where, owner)
        for lvalue in lvalues:
            if isinstance(lvalue, IndexExpr) and self._is_overrides(lvalue.base, scope, where):
                yield from self._override(lvalue.index, statement.rvalue, place)
            elif self._is_overrides(lvalue, scope, where):
                yield from self._overrides(statement.rvalue, place)

    def may_be_one(self, call: CallExpr, node: SymbolNode | None) -> bool:
        """Whether a call may override something: a quick look.

        Args:
            call: The call.
            node: The definition that its callee names, if that is known.
        """
        callee = call.callee
        if isinstance(callee, MemberExpr) and callee.name in ("setdefault", "update"):
            return _named(callee.expr)
        if isinstance(node, FuncDef):
            program = self._interpreter.program
            return program.mentions(program.split(node.fullname)[0], _OVERRIDES)
        return isinstance(node, Decorator)

    def of_call(
        self, call: CallExpr, scope: Scope, where: Where, owner: str
    ) -> Iterator[Dependency]:
        """``.update({...})`` or ``.setdefault(...)`` of them, or a helper that does this."""
        callee = call.callee
        place = DependencyPlace(Role.OVERRIDE, scope, where, owner)
        if isinstance(callee, MemberExpr) and callee.name in ("setdefault", "update"):
            if not self._is_overrides(callee.expr, scope, where):
                return
            if callee.name == "update" and call.args:
                yield from self._overrides(call.args[0], place)
            elif len(call.args) == 2:
                yield from self._override(call.args[0], call.args[1], place)
            return
        yield from self._by_helper(call, place)

    def _by_helper(self, call: CallExpr, place: DependencyPlace) -> Iterator[Dependency]:
        if not isinstance(call.callee, RefExpr) or ArgKind.ARG_STAR in call.arg_kinds:
            return
        function = self._interpreter.value(call.callee, place.scope, place.where)
        if isinstance(function, ManagerFactory):
            function = function.function
        if not isinstance(function, FunctionValue) or not isinstance(function.node, FuncDef):
            return
        helped = self._helps(function.node)
        given = dict(matched(call, function)) if helped else {}
        for key, name in helped:
            if name not in given:
                continue
            if key is None:
                yield from self._overrides(given[name], place)
            else:
                yield from self._override(given.get(key), given[name], place)

    def _helps(self, function: FuncDef) -> list[tuple[str | None, str]]:
        if function not in self._helpers:
            self._helpers[function] = list(_put(function))
        return self._helpers[function]

    def _overrides(self, new: Expression, place: DependencyPlace) -> Iterator[Dependency]:
        for key, value in new.items if isinstance(new, DictExpr) else ():
            yield from self._override(key, value, place)

    def _override(
        self, key: Expression | None, expression: Expression, place: DependencyPlace
    ) -> Iterator[Dependency]:
        value = self._interpreter.value(expression, place.scope, place.where)
        yield from self._dependencies.of_override(
            value,
            expression,
            key,
            DependencyPlace(
                Role.OVERRIDE, place.scope, place.where, place.owner, span=span_of(expression)
            ),
        )

    def _is_overrides(self, node: Node, scope: Scope, where: Where) -> bool:
        """Whether this is ``dependency_overrides`` of FastAPI: other frameworks have theirs."""
        if not isinstance(node, MemberExpr) or node.name != _OVERRIDES:
            return False
        owner = self._interpreter.value(node.expr, scope, where)
        for each in members(owner):
            found = is_object_of(each, APPLICATIONS)
            if found is False:
                return False
            if found is None and isinstance(each, NamedValue) and each.fullname.endswith("()"):
                return False
        return True


def _put(function: FuncDef) -> Iterator[tuple[str | None, str]]:
    """The parameters that a function puts into ``dependency_overrides``."""
    names = {each.variable.name for each in function.arguments}

    def parameter(node: Node | None) -> str | None:
        return node.name if isinstance(node, NameExpr) and node.name in names else None

    for node in walk(function.body):
        if isinstance(node, AssignmentStmt):
            value = parameter(node.rvalue)
            for lvalue in node.lvalues if value else ():
                if isinstance(lvalue, IndexExpr) and _named(lvalue.base):
                    key = parameter(lvalue.index)
                    if key is not None:
                        yield key, value or ""
                elif _named(lvalue):
                    yield None, value or ""
        elif (
            isinstance(node, CallExpr)
            and isinstance(node.callee, MemberExpr)
            and node.callee.name == "update"
            and _named(node.callee.expr)
            and node.args
        ):
            value = parameter(node.args[0])
            if value is not None:
                yield None, value
        elif isinstance(node, ForStmt) and _puts_each(node):
            value = parameter(_items_of(node.expr))
            if value is not None:
                yield None, value


def _items_of(node: Node) -> Node | None:
    """``overrides`` in ``overrides.items()``."""
    callee = node.callee if isinstance(node, CallExpr) else None
    return callee.expr if isinstance(callee, MemberExpr) and callee.name == "items" else None


def _puts_each(loop: ForStmt) -> bool:
    """Whether a loop over keys and values puts these there: ``overrides[key] = value``."""
    pair = loop.index.items if isinstance(loop.index, TupleExpr) else []
    names = [each.name for each in pair if isinstance(each, NameExpr)]
    return len(names) == 2 and any(
        isinstance(node, AssignmentStmt)
        and isinstance(node.rvalue, NameExpr)
        and node.rvalue.name == names[1]
        and any(
            isinstance(each, IndexExpr)
            and _named(each.base)
            and isinstance(each.index, NameExpr)
            and each.index.name == names[0]
            for each in node.lvalues
        )
        for node in walk(loop.body)
    )


def _named(node: Node) -> bool:
    return isinstance(node, MemberExpr) and node.name == _OVERRIDES


def may_override(lvalue: Node) -> bool:
    """Whether something is assigned to overrides: a quick look."""
    return _named(lvalue.base if isinstance(lvalue, IndexExpr) else lvalue)
