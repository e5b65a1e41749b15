"""What commits when a provider goes on after its yield: itself, a manager of its, or a helper.

What is found here of one module, others rely on: it is part of the facts of that module.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from mypy.nodes import (
    AssignmentStmt,
    AwaitExpr,
    CallExpr,
    ExpressionStmt,
    ForStmt,
    FuncDef,
    MemberExpr,
    NameExpr,
    ReturnStmt,
    WithStmt,
    YieldExpr,
)
from mypy.types import Instance

from mypy_asyncsession.semantic.cfg import EdgeKind, Graph, PointKind
from mypy_asyncsession.semantic.cfg.conditions import conditions
from mypy_asyncsession.semantic.dataflow import reachable
from mypy_asyncsession.semantic.shapes import Shape
from mypy_asyncsession.semantic.syntax import blocks, dotted, is_stub_body, walk, yields
from mypy_asyncsession.semantic.values import ClassValue, FunctionValue, ObjectValue, members
from mypy_asyncsession.semantic.yield_points import after_yield

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from collections.abc import Set as AbstractSet

    from mypy.nodes import Node, TypeInfo

    from mypy_asyncsession.semantic.function_flow import FunctionFlow
    from mypy_asyncsession.semantic.index import Enclosing
    from mypy_asyncsession.semantic.interpreter import Interpreter
    from mypy_asyncsession.semantic.scopes import Scope
    from mypy_asyncsession.semantic.values import Value

#: How many managers and helpers are followed.
_DEPTH: Final = 4
#: The methods that give a manager which commits at its end.
_BEGINNING: Final = frozenset({"begin"})
_EXITS: Final = ("__aexit__", "__exit__")
#: Where the end of a block that a yield stands in does something of its own.
_ENDING: Final = frozenset({PointKind.LEAVE, PointKind.NEXT})
#: The statements in which a commit may stand.
_SIMPLE: Final = (AssignmentStmt, ExpressionStmt, ReturnStmt)


class _Look(NamedTuple):
    """A function that is looked through for a commit.

    Attributes:
        function: The function.
        scope: Its scope.
        flow: Its control flow.
        own: Names that stand for sessions, whatever is known of them.
        depth: How many managers and helpers have been followed.
        at: The yields that the commit comes after; none where it may stand anywhere.
        guarded: Whether a condition may stand before the commit, as in an ``__aexit__``.
    """

    function: FunctionValue
    scope: Scope
    flow: FunctionFlow
    own: AbstractSet[str]
    depth: int
    at: Sequence[int] = ()
    guarded: bool = False

    def enclosing(self, point: int) -> Iterator[Enclosing]:
        """The blocks that a point is in, innermost first."""
        return self.flow.enclosing(self.flow.graph.points[point].statement)


class LateCommits:
    """Follows a provider to what it does after its yield."""

    def __init__(self, interpreter: Interpreter) -> None:
        self._interpreter = interpreter

    def after_yield(self, function: FunctionValue, depth: int = 0) -> str | None:
        """What commits after the yield of a generator function, as written there, or ``None``.

        Args:
            function: The generator function.
            depth: How many managers and helpers it has been followed into.
        """
        scope = self._scope_in(function)
        if scope is None or depth > _DEPTH:
            return None
        own = _names_of_sessions(function, scope, self._interpreter)
        flow = self._flow(function)
        at = flow.graph.of_kind(PointKind.YIELD)
        return self._first(
            _Look(function, scope, flow, own, depth, at), after_yield(flow.graph, at)
        )

    def in_exit(self, info: TypeInfo, depth: int = 0) -> str | None:
        """What commits at the end of a manager's block, where its source is at hand."""
        for base in info.mro:
            if not any(name in base.names for name in _EXITS):
                continue
            for method in self._interpreter.program.methods(base):
                if method.name in _EXITS:
                    found = self._in_method(base, method, depth)
                    if found is not None:
                        return found
            return None
        return None

    def of_helper(self, function: FunctionValue, depth: int = 0) -> str | None:
        """What commits in a function that is called, whatever happens, or ``None``."""
        scope = self._scope_in(function)
        node = function.node
        if scope is None or depth > _DEPTH or not isinstance(node, FuncDef) or yields(node):
            return None
        if is_stub_body(node):
            return None
        given = {argument.variable.name for argument in node.arguments}
        flow = self._flow(function)
        return self._first(_Look(function, scope, flow, given, depth), _quietly(flow.graph))

    def _in_method(self, owner: TypeInfo, method: FuncDef, depth: int) -> str | None:
        value = self._interpreter.attribute(_instance(owner, self._interpreter), method.name)
        if not isinstance(value, FunctionValue) or value.node is not method:
            return None
        scope = self._scope_in(value)
        if scope is None or depth > _DEPTH:
            return None
        flow = self._flow(value)
        look = _Look(value, scope, flow, frozenset(), depth, guarded=True)
        return self._first(look, _quietly(flow.graph))

    def _scope_in(self, function: FunctionValue) -> Scope | None:
        source = self._interpreter.program.source(function.scope.module)
        if source is None:
            return None
        return source.scope_of(function)

    def _flow(self, function: FunctionValue) -> FunctionFlow:
        source = self._interpreter.program.source(function.scope.module)
        assert source is not None
        return source.flow_of(function.node)

    def _at_end_of(self, statement: WithStmt | ForStmt, scope: Scope, depth: int) -> str | None:
        """What commits at the end of a block that the yield stands in."""
        where = scope.names.places.get(id(statement))
        if isinstance(statement, ForStmt):
            return self._of_generator(self._interpreter.value(statement.expr, scope, where), depth)
        for expression in statement.expr:
            if isinstance(expression, CallExpr) and isinstance(expression.callee, MemberExpr):
                callee = expression.callee
                if callee.name in _BEGINNING and self._begins(
                    self._interpreter.value(callee.expr, scope, where)
                ):
                    return f"{dotted(callee) or callee.name}()"
            manager = self._interpreter.value(expression, scope, where)
            found = self._of_generator(manager, depth)
            if found is None and isinstance(manager, ObjectValue):
                type_ = manager.type
                if isinstance(type_, Instance) and manager.resource is None:
                    found = self.in_exit(type_.type, depth + 1)
            if found is not None:
                return found
        return None

    def _of_generator(self, value: Value, depth: int) -> str | None:
        if not isinstance(value, ObjectValue) or value.origin is None:
            return None
        function = value.origin.function
        if function is None or not yields(function.node):
            return None
        return self.after_yield(function, depth + 1)

    def _begins(self, value: Value) -> bool:
        """Whether ``begin`` of all that a value may be gives a manager that commits."""
        return all(
            isinstance(each, ObjectValue)
            and (each.resource is not None or each.shape in (Shape.SESSIONMAKER, Shape.ENGINE))
            for each in members(value)
        )

    def _first(self, look: _Look, points: Iterable[int]) -> str | None:
        """What commits first at some points, on a way that is no way of an exception."""
        around = [block for each in look.at for block in look.enclosing(each)]
        held = {id(block.statement) for block in around}
        entered = {id(block.block): True for block in around}
        seen = {id(look.flow.graph.points[each].statement) for each in look.at}
        for index in points:
            point = look.flow.graph.points[index]
            statement = point.statement
            if statement is None or id(statement) in seen:
                continue
            found: str | None = None
            if (
                point.kind in _ENDING
                and id(statement) in held
                and isinstance(statement, (ForStmt, WithStmt))
            ):
                found = self._at_end_of(statement, look.scope, look.depth)
            elif not isinstance(point.node, _SIMPLE):
                continue
            elif self._is_entered(look, index, entered):
                found = self._in_expression(statement, look)
            seen.add(id(statement))
            if found is not None:
                return found
        return None

    def _is_entered(self, look: _Look, index: int, entered: dict[int, bool]) -> bool:
        """Whether the blocks around a point are sure to be run by some request.

        Args:
            look: The function.
            index: The point.
            entered: What is known already, for blocks by id.
        """
        for block in look.enclosing(index):
            known = entered.get(id(block.block))
            if known is None:
                known = entered[id(block.block)] = _is_run(block.statement, look)
            if not known:
                return False
        return True

    def _in_expression(self, statement: Node, look: _Look) -> str | None:
        scope = look.scope
        where = scope.names.places.get(id(statement))
        awaited = {
            id(node.expr)
            for node in walk(statement, into_functions=False)
            if isinstance(node, AwaitExpr)
        }
        for call in walk(statement, into_functions=False):
            if not isinstance(call, CallExpr):
                continue
            callee = call.callee
            if isinstance(callee, MemberExpr) and callee.name == "commit":
                receiver = self._interpreter.value(callee.expr, scope, where)
                if _is_session(receiver) or (
                    not isinstance(receiver, ObjectValue)
                    and isinstance(callee.expr, NameExpr)
                    and callee.expr.name in look.own
                    and not self._is_project(callee, scope, where)
                ):
                    is_async = isinstance(receiver, ObjectValue) and (
                        receiver.shape is Shape.SESSION
                    )
                    if id(call) in awaited or not is_async:
                        return f"{dotted(callee) or 'commit'}()"
                    continue
            if isinstance(callee, (MemberExpr, NameExpr)):
                found = self._through(call, callee, statement, look)
                if found is not None:
                    return found
        return None

    def _is_project(self, callee: MemberExpr, scope: Scope, where: object) -> bool:
        value = self._interpreter.value(callee, scope, where)  # type: ignore[arg-type]
        return isinstance(value, FunctionValue)

    def _through(
        self,
        call: CallExpr,
        callee: MemberExpr | NameExpr,
        statement: Node,
        look: _Look,
    ) -> str | None:
        """What a helper commits; in another module its name has to speak of it."""
        where = look.scope.names.places.get(id(statement))
        value = self._interpreter.value(callee, look.scope, where)
        if not isinstance(value, FunctionValue):
            return None
        if value.scope.module != look.function.scope.module and "commit" not in value.node.name:
            return None
        if self.of_helper(value, look.depth + 1) is None:
            return None
        return f"{dotted(callee) or value.name}({'...' if call.args else ''})"


def _instance(info: TypeInfo, interpreter: Interpreter) -> Value:
    return interpreter.instance(ClassValue(info.fullname, info))


def _is_session(value: Value) -> bool:
    found = [
        each
        for each in members(value)
        if not (isinstance(each, ObjectValue) and each.shape is Shape.NONE)
    ]
    return bool(found) and all(
        isinstance(each, ObjectValue) and each.resource is not None for each in found
    )


def _names_of_sessions(function: FunctionValue, scope: Scope, interpreter: Interpreter) -> set[str]:
    """The names that a provider yields, if what it yields may be a session."""
    names: set[str] = set()
    for node in yields(function.node):
        if isinstance(node, YieldExpr) and isinstance(node.expr, NameExpr):
            value = interpreter.value(node.expr, scope, None)
            if not isinstance(value, ObjectValue) or value.resource is not None:
                names.add(node.expr.name)
    return names


def _is_run(statement: Node, look: _Look) -> bool:
    """Whether the blocks of a statement are sure to be run by some request."""
    decided = conditions(statement)
    if not decided or look.guarded:
        return True
    if any(
        isinstance(node, NameExpr) and node.name in look.own
        for condition in decided
        for node in walk(condition)
    ):
        return True
    # ``if failed: await session.rollback()``, and a commit in the other branch.
    branches = list(blocks(statement))
    return len(branches) > 1 and any(
        isinstance(node, MemberExpr) and node.name == "rollback"
        for branch in branches
        for node in walk(branch)
    )


def _quietly(graph: Graph) -> list[int]:
    """The points that are come to unless something is raised, in source order."""
    return sorted(reachable(graph, Graph.ENTRY, along=EdgeKind.QUIET))
