"""What a generator function does around its yield: whether it is a provider or a stream."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from mypy.nodes import (
    Block,
    BreakStmt,
    CallExpr,
    ClassDef,
    ContinueStmt,
    Decorator,
    ExpressionStmt,
    ForStmt,
    FuncDef,
    IfStmt,
    MatchStmt,
    MemberExpr,
    NameExpr,
    PassStmt,
    RaiseStmt,
    ReturnStmt,
    TryStmt,
    WhileStmt,
    WithStmt,
    YieldExpr,
)

from mypy_asyncsession.findings import Yields
from mypy_asyncsession.semantic.cfg import EdgeKind, Graph, PointKind
from mypy_asyncsession.semantic.dataflow import may_reach, reachable
from mypy_asyncsession.semantic.shapes import Can, Shape
from mypy_asyncsession.semantic.syntax import (
    children,
    expressions,
    says_nothing,
    statements,
    walk,
    yields,
)
from mypy_asyncsession.semantic.values import FunctionValue, ObjectValue

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy.nodes import Node

    from mypy_asyncsession.semantic.function_flow import FunctionFlow
    from mypy_asyncsession.semantic.interpreter import Interpreter
    from mypy_asyncsession.semantic.scopes import Scope
    from mypy_asyncsession.semantic.values import Value


#: Functions and methods that only say what has happened.
_LOGGING: Final = frozenset(
    {"critical", "debug", "error", "exception", "info", "log", "print", "warn", "warning"}
)


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


@dataclass(frozen=True, slots=True)
class _Step:
    """One statement around a yield: the block of it that the yield is in, and where."""

    statement: Node
    block: Block
    position: int


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
    paths = list(_paths(function.node.body, ()))
    if source is None or not paths or len(paths) < len(yields(function.node)):
        return None
    scope = source.scope_in(function.node, function.scope)
    flow = source.flow_of(function.node)
    places = [_places(flow, yielded) for _, yielded in paths]
    # One that is never reached is there to make a generator only.
    if not all(places) or not _exclusive(flow, places):
        return None
    code = closes = catches = handles = False
    for path, yielded in paths:
        for step in path:
            statement = step.statement
            if isinstance(statement, (ForStmt, WhileStmt)):
                if not _runs_once(flow, statement, yielded, interpreter, scope, depth):
                    return None
                closes = closes or _owns(function, statement)
            elif isinstance(statement, WithStmt):
                closes = True
            elif isinstance(statement, TryStmt):
                last = statement.finally_body
                if (
                    last is not None
                    and step.block is not last
                    and not all(map(says_nothing, last.body))
                ):
                    closes = True
                if step.block is statement.body:
                    catches = catches or bool(statement.handlers)
                    handles = handles or any(
                        _acts(handler, caught)
                        for handler, caught in zip(statement.handlers, statement.vars, strict=True)
                    )
                    code = code or statement.else_body is not None
        code = code or any(_more_follows(step) for step in path)
    at = set().union(*places)
    # What is thrown in ends in it, if the generator may come to its end then.
    thrown = EdgeKind.ERROR | EdgeKind.CANCEL
    swallows = may_reach(flow.graph, at, Graph.EXIT, first=thrown)
    always = Graph.EXIT not in before_yield(flow.graph, function.node.body)
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


def _owns(function: FunctionValue, loop: ForStmt | WhileStmt) -> bool:
    """Whether a loop goes through a generator of the function's own, not one that it was given."""
    if not isinstance(loop, ForStmt) or not loop.is_async:
        return False
    parameters = {argument.variable.name for argument in function.node.arguments}
    return not (isinstance(loop.expr, NameExpr) and loop.expr.name in parameters)


def _paths(
    block: Block, around: tuple[_Step, ...]
) -> Iterator[tuple[tuple[_Step, ...], YieldExpr]]:
    """The yields in a block, each with the statements around it, outermost first.

    The last step of a path is the statement that holds the yield itself.
    """
    for position, statement in enumerate(block.body):
        for child in children(statement):
            if isinstance(child, Block):
                yield from _inner(statement, child, block, position, around)
            else:
                for inner in expressions(child, frozenset({YieldExpr})):
                    assert isinstance(inner, YieldExpr)
                    yield (*around, _Step(statement, block, position)), inner


def _inner(
    statement: Node, child: Block, block: Block, position: int, around: tuple[_Step, ...]
) -> Iterator[tuple[tuple[_Step, ...], YieldExpr]]:
    # What follows the statement counts as following the yield, so its place is a step as well.
    place = _Step(PassStmt(), block, position)
    yield from _paths(child, (*around, place, _Step(statement, child, -1)))


def _places(flow: FunctionFlow, yielded: YieldExpr) -> set[int]:
    points = flow.graph.points
    return {
        index for index in flow.graph.points_of(yielded) if points[index].kind is PointKind.YIELD
    }


def _exclusive(flow: FunctionFlow, places: list[set[int]]) -> bool:
    """Whether at most one yield is reached: none comes after another."""
    if len(places) == 1:
        return True
    every = set().union(*places)
    return not any(may_reach(flow.graph, each, every - each) for each in places)


def before_yield(graph: Graph, body: Block) -> set[int]:
    """The points that are reached before anything is yielded or raised.

    Loops and matches that yield are taken to come to what is in them.
    """
    closed = set(graph.of_kind(PointKind.YIELD))
    for statement in statements(body):
        if isinstance(statement, MatchStmt) and _yields_in(statement):
            closed.update(graph.points_of(statement.patterns[0]))
        elif isinstance(statement, (ForStmt, WhileStmt)) and _yields_in(statement):
            closed.update(graph.points_of(statement))
    return reachable(graph, Graph.ENTRY, avoiding=closed, along=EdgeKind.QUIET)


def _runs_once(
    flow: FunctionFlow,
    loop: ForStmt | WhileStmt,
    yielded: YieldExpr,
    interpreter: Interpreter,
    scope: Scope,
    depth: int,
) -> bool:
    """Whether a yield in a loop is reached once at most, unless something is raised."""
    places = _places(flow, yielded)
    if not may_reach(flow.graph, places, places, along=EdgeKind.QUIET):
        return True
    if not isinstance(loop, ForStmt) or not loop.is_async:
        return False
    target, value = loop.index, yielded.expr
    if not (
        isinstance(target, NameExpr) and isinstance(value, NameExpr) and target.name == value.name
    ):
        return False
    inner = interpreter.value(loop.expr, scope, scope.names.places.get(id(loop)))
    return traits(inner, interpreter, depth + 1) is not None


def _acts(handler: Block, caught: Node | None) -> bool:
    """Whether a handler does more than to log an exception, to pass it on or to drop it."""
    name = caught.name if isinstance(caught, NameExpr) else None
    for statement in statements(handler):
        if isinstance(statement, RaiseStmt):
            again = statement.expr
            if again is not None and not (isinstance(again, NameExpr) and again.name == name):
                return True
        elif isinstance(statement, ExpressionStmt):
            if not _logs(statement.expr):
                return True
        elif isinstance(statement, ReturnStmt):
            if statement.expr is not None:
                return True
        elif not isinstance(statement, (Block, BreakStmt, ContinueStmt, IfStmt, PassStmt)):
            return True
    return False


def _logs(expression: Node) -> bool:
    if not isinstance(expression, CallExpr):
        return False
    callee = expression.callee
    return isinstance(callee, (MemberExpr, NameExpr)) and callee.name in _LOGGING


def _yields_in(statement: Node) -> bool:
    return not isinstance(statement, (FuncDef, Decorator, ClassDef)) and any(
        isinstance(inner, YieldExpr) for inner in walk(statement, into_functions=False)
    )


def _more_follows(step: _Step) -> bool:
    """Whether something that does anything follows a statement in its block."""
    if step.position < 0:
        return False
    return any(
        not (
            says_nothing(statement)
            or isinstance(statement, BreakStmt)
            or (isinstance(statement, ReturnStmt) and statement.expr is None)
        )
        for statement in step.block.body[step.position + 1 :]
    )
