"""What a generator function does around its yield: whether it is a provider or a stream."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from mypy.nodes import (
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

from mypy_asyncsession.findings import Yields
from mypy_asyncsession.semantic.cfg import EdgeKind, Graph, PointKind
from mypy_asyncsession.semantic.cfg.attempts import attempt_of, cleanup_of, raised_at
from mypy_asyncsession.semantic.dataflow import may_reach
from mypy_asyncsession.semantic.shapes import Can, Shape
from mypy_asyncsession.semantic.syntax import says_nothing, statements, yields
from mypy_asyncsession.semantic.values import FunctionValue, ObjectValue
from mypy_asyncsession.semantic.yield_points import (
    after_yield,
    again,
    are_exclusive,
    before_yield,
    yields_at,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mypy.nodes import Node

    from mypy_asyncsession.semantic.cfg import Point
    from mypy_asyncsession.semantic.cfg.attempts import Handler
    from mypy_asyncsession.semantic.function_flow import FunctionFlow
    from mypy_asyncsession.semantic.index import Enclosing
    from mypy_asyncsession.semantic.interpreter import Interpreter
    from mypy_asyncsession.semantic.scopes import Scope
    from mypy_asyncsession.semantic.values import Value


#: Functions and methods that only say what has happened.
_LOGGING: Final = frozenset(
    {"critical", "debug", "error", "exception", "info", "log", "print", "warn", "warning"}
)
#: Where a statement with blocks of its own begins to do what it is there for.
_BEGINNING: Final = frozenset({PointKind.CASE, PointKind.ENTER, PointKind.ITERATE, PointKind.LOOP})
#: Where what follows a yield does something.
_FOLLOWING: Final = _BEGINNING | {
    PointKind.AWAIT,
    PointKind.BRANCH,
    PointKind.CALL,
    PointKind.RAISE,
}


@dataclass(frozen=True, slots=True)
class GeneratorSummary:
    """What follows the one yield of a provider.

    Attributes:
        code: Whether code follows it that runs only if the generator is run to its end.
        closes: Whether a ``finally``, a ``with`` or a generator of its own is open at the yield.
        catches: Whether an ``except`` around it sees the exceptions of whoever uses the provider.
        handles: Whether one of these does more about them than to say so.
        swallows: Whether one of these may end without raising again.
        always: Whether the yield is reached on every way to the end.
    """

    code: bool
    closes: bool
    catches: bool
    handles: bool = False
    swallows: bool = False
    always: bool = True

    @property
    def matters(self) -> bool:
        """Whether it makes a difference that the generator is left at its yield."""
        return self.code or self.closes or self.handles


def traits(value: Value, interpreter: Interpreter, depth: int = 0) -> GeneratorSummary | None:
    """The traits of the function that made a generator; ``None`` for a stream, or if not known.

    A stream yields again and again, and who reads it may stop when they like.
    """
    if not isinstance(value, ObjectValue):
        return None
    # A provider of ours gives a context manager that is a generator still.
    generators = (Shape.ASYNC_GENERATOR, Shape.ASYNC_ITERATOR)
    if value.shape not in generators and not value.can & Can.ASYNC_NEXT:
        return None
    function = value.origin.function if value.origin is not None else None
    if function is None or depth > 4:
        return None
    return traits_of(function, interpreter, depth)


def traits_of(
    function: FunctionValue, interpreter: Interpreter, depth: int = 0
) -> GeneratorSummary | None:
    """The traits of a generator function."""
    source = interpreter.program.source(function.scope.module)
    yielded = yields(function.node)
    if source is None or not yielded:
        return None
    scope = source.scope_in(function.node, function.scope)
    flow = source.flow_of(function.node)
    graph = flow.graph
    places = [yields_at(graph, each) for each in yielded]
    # One that is never reached is there to make a generator only.
    if not all(places) or not are_exclusive(graph, places):
        return None
    every = set().union(*places)
    repeated = {id(graph.points[top].node) for top in again(graph, every)}
    closes = catches = handles = False
    around: list[Enclosing] = []
    for each, at in zip(yielded, places, strict=True):
        if not isinstance(each, YieldExpr):
            return None
        own = list(flow.enclosing(graph.points[min(at)].statement))
        around += own
        for block in own:
            statement = block.statement
            if id(statement) in repeated and not _has_one_round(
                statement, each, interpreter, scope, depth
            ):
                return None
            closes = closes or isinstance(statement, WithStmt) or _owns(function, statement)
            last = cleanup_of(statement)
            if last is not None and last is not block.block:
                closes = closes or not all(map(says_nothing, last.body))
            attempt = attempt_of(statement)
            if attempt is not None and attempt.block is block.block:
                catches = True
                handles = handles or any(_acts(flow, handler) for handler in attempt.handlers)
    code = _more_follows(flow, every, around)
    # What is thrown in ends in it, if the generator may come to its end then.
    thrown = EdgeKind.ERROR | EdgeKind.CANCEL
    swallows = may_reach(graph, every, Graph.EXIT, first=thrown)
    always = Graph.EXIT not in before_yield(flow)
    return GeneratorSummary(code, closes, catches, handles, swallows, always)


def yields_of(value: Value, interpreter: Interpreter) -> Yields | None:
    """How the function yields that made a generator; ``None`` where its source was not read."""
    function = value.origin.function if isinstance(value, ObjectValue) and value.origin else None
    if function is None or not isinstance(function.node, FuncDef) or not yields(function.node):
        return None
    found = traits_of(function, interpreter)
    if found is None:
        return Yields(once=False)
    return Yields(True, found.code, found.catches, found.swallows, found.always)


def _owns(function: FunctionValue, statement: Node) -> bool:
    """Whether a loop goes through a generator of the function's own, not one that it was given."""
    if not isinstance(statement, ForStmt) or not statement.is_async:
        return False
    parameters = {argument.variable.name for argument in function.node.arguments}
    return not (isinstance(statement.expr, NameExpr) and statement.expr.name in parameters)


def _has_one_round(
    loop: Node, yielded: YieldExpr, interpreter: Interpreter, scope: Scope, depth: int
) -> bool:
    """Whether a loop has one round at most, as it hands on what another provider yields."""
    if not isinstance(loop, ForStmt) or not loop.is_async:
        return False
    target, value = loop.index, yielded.expr
    if not (
        isinstance(target, NameExpr) and isinstance(value, NameExpr) and target.name == value.name
    ):
        return False
    inner = interpreter.value(loop.expr, scope, scope.names.places.get(id(loop)))
    return traits(inner, interpreter, depth + 1) is not None


def _acts(flow: FunctionFlow, handler: Handler) -> bool:
    """Whether a handler does more than to log an exception, to pass it on or to drop it."""
    within = set(map(id, statements(handler.block)))
    return any(
        id(point.statement) in within and _is_act(point, handler.name)
        for point in flow.graph.points
    )


def _is_act(point: Point, name: str | None) -> bool:
    node = point.node
    if point.kind is PointKind.RAISE:
        raised = raised_at(point)
        if raised is None:
            return point.way is None  # an ``assert``
        return not (isinstance(raised, NameExpr) and raised.name == name)
    if point.kind is PointKind.STATEMENT and isinstance(node, ExpressionStmt):
        return not (_logs(node.expr) or says_nothing(node))
    return point.kind in _BEGINNING or _does_something(point)


def _does_something(point: Point) -> bool:
    """Whether a statement does anything at a point where it comes to its end."""
    if isinstance(point.node, ReturnStmt):
        return point.node.expr is not None
    is_end = point.kind is PointKind.STATEMENT and point.way is None
    return is_end and point.node is not None and not says_nothing(point.node)


def _logs(expression: Node) -> bool:
    if not isinstance(expression, CallExpr):
        return False
    callee = expression.callee
    return isinstance(callee, (MemberExpr, NameExpr)) and callee.name in _LOGGING


def _more_follows(flow: FunctionFlow, at: set[int], around: Sequence[Enclosing]) -> bool:
    """Whether something that does anything follows a yield, and only where it is resumed."""
    points = flow.graph.points
    cleaning = {
        id(each)
        for block in around
        if (last := cleanup_of(block.statement)) is not None and last is not block.block
        for each in statements(last)
    }
    own = {id(block.statement) for block in around}.union(
        cleaning, (id(points[index].statement) for index in at)
    )
    return any(
        id(points[index].statement) not in own
        and (points[index].kind in _FOLLOWING or _does_something(points[index]))
        for index in after_yield(flow.graph, at)
    )
