"""What happens between the start of a ``with`` block and its end, and after it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mypy.nodes import AwaitExpr, CallExpr, ForStmt, MemberExpr, NameExpr, WithStmt

from mypy_asyncsession.models.builtin import IDLE_FUNCTIONS
from mypy_asyncsession.models.sqlalchemy import CONNECTING_ATTRIBUTES
from mypy_asyncsession.semantic.cfg import EdgeKind, PointKind, WithItem
from mypy_asyncsession.semantic.dataflow import may_reach, on_every_path, reachable
from mypy_asyncsession.semantic.syntax import dotted, mentions
from mypy_asyncsession.semantic.typestate import Change, follow

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from mypy.nodes import Node

    from mypy_asyncsession.semantic.function_flow import FunctionFlow

    #: The ``with`` statement and the position of what a name is bound to, and whether it is open.
    _State = tuple[int, int, bool]
    #: A use of a name, with the point at which it happens.
    Use = tuple[int, Node]

#: Whatever else a name may be bound to.
_OTHER: _State = (0, 0, True)
#: The methods of an event loop that run it.
_RUNNING = frozenset({"run_forever", "run_until_complete"})
#: What may use an object that was stored before.
_DOING = frozenset({PointKind.AWAIT, PointKind.CALL, PointKind.YIELD, PointKind.RAISE})
#: Methods of a session that run nothing of others.
_IDLE_METHODS = frozenset({"begin", "commit", "flush", "rollback", "add", "get", "get_bind"})
#: What connects a session, and other objects have as well.
_LOADING = frozenset({"connection", "get", "get_one", "merge"})
#: Functions that make queries of what they are given.
_QUERIES = frozenset({"select", "text"})
#: The methods of a logger.
_LOGGING = frozenset({"critical", "debug", "error", "exception", "info", "log", "warn", "warning"})


def leaving(flow: FunctionFlow, item: WithItem) -> set[int]:
    """The points at which a manager is left."""
    points = flow.graph.points
    return {
        index
        for index in flow.graph.points_of(item.statement)
        if points[index].kind is PointKind.LEAVE and points[index].item == item.position
    }


def _entering(flow: FunctionFlow, item: WithItem) -> set[int]:
    """The points at which a manager is entered."""
    points = flow.graph.points
    return {
        index
        for index in flow.graph.points_of(item.statement)
        if points[index].kind is PointKind.ENTER and points[index].item == item.position
    }


def is_bound_in(flow: FunctionFlow, item: WithItem, name: str, left: Collection[int]) -> bool:
    """Whether a name that a manager is bound to is bound anew before that is left."""
    own = {
        index
        for index in (flow.graph.points_of(item.target) if item.target is not None else ())
        if flow.graph.points[index].kind is PointKind.BIND
    }
    bound = {*flow.bindings.of(name), *flow.entered.get(name, ())} - own
    if not bound:
        return False
    inside = reachable(flow.graph, _entering(flow, item), avoiding=left, along=~EdgeKind.RAISING)
    return not bound.isdisjoint(inside)


def waits(flow: FunctionFlow, call: CallExpr, left: Collection[int], name: str) -> bool:
    """Whether something else is waited for between a call and the end of its block."""
    for index in reachable(flow.graph, flow.graph.points_of(call), avoiding=left):
        point = flow.graph.points[index]
        if any(isinstance(read, MemberExpr) and read.name in _RUNNING for read in point.reads):
            return True
        if point.kind is PointKind.YIELD:
            return True
        if point.kind is PointKind.AWAIT:
            assert point.node is not None
            if not mentions(point.node, name):
                return True
        elif point.kind in (PointKind.ENTER, PointKind.LEAVE, PointKind.NEXT):
            node = point.node
            if isinstance(node, (ForStmt, WithStmt)) and node.is_async:
                return True
    return False


def does_something(
    flow: FunctionFlow, statement: Node, left: Collection[int], session: str
) -> bool:
    """Whether what was stored may be used between a statement and the end of its block.

    A line that is logged does not use it, nor does a query of the session itself.
    """
    after = reachable(flow.graph, flow.graph.points_of(statement), avoiding=left)
    points = [flow.graph.points[index] for index in after]
    return any(
        point.kind in _DOING and not (point.node is not None and _is_idle(point.node, session))
        for point in points
    )


def _is_idle(node: Node, session: str) -> bool:
    """Whether a call, or the ``await`` of one, leaves alone what is stored elsewhere."""
    call = node.expr if isinstance(node, AwaitExpr) else node
    if not isinstance(call, CallExpr):
        return False
    callee = call.callee
    if isinstance(callee, NameExpr):
        return callee.name in IDLE_FUNCTIONS | _QUERIES
    if not isinstance(callee, MemberExpr):
        return False
    owner = dotted(callee.expr)
    if owner == session:
        return callee.name in CONNECTING_ATTRIBUTES | _IDLE_METHODS
    return (
        callee.name in _LOGGING and owner is not None and "log" in owner.rpartition(".")[2].lower()
    )


def closes_on_return(flow: FunctionFlow, statement: Node, name: str) -> bool:
    """Whether a session is closed on every way from a ``return`` to the end of the function."""
    graph = flow.graph
    returning = graph.points_of(statement)
    closing = {
        index
        for index in graph.of_kind(PointKind.AWAIT)
        if isinstance(node := graph.points[index].node, AwaitExpr)
        and isinstance(node.expr, CallExpr)
        and dotted(node.expr.callee) in (f"{name}.close", f"{name}.aclose")
    }
    return may_reach(graph, returning, closing, along=~EdgeKind.RAISING) and on_every_path(
        graph, returning, closing, graph.EXIT, along=~EdgeKind.RAISING
    )


def is_bound_once(flow: FunctionFlow, name: str, statement: Node) -> bool:
    """Whether a statement is all that binds a name, in its function and in those inside it."""
    bound = set(flow.bindings.of(name))
    return (
        bool(bound)
        and name not in flow.shared
        and name not in flow.parameters
        and bound <= set(flow.graph.points_of(statement))
    )


def loop_ends(flow: FunctionFlow, loop: ForStmt) -> list[int]:
    """The points at which a loop asks for the next element."""
    points = flow.graph.points
    return [i for i in flow.graph.points_of(loop) if points[i].kind is PointKind.NEXT]


def connecting(flow: FunctionFlow, name: str) -> list[Use]:
    """Where a name is used as an open session, at the points that look it up."""
    return [
        (index, read)
        for index, read in flow.attributes.get(name, ())
        if read.name in CONNECTING_ATTRIBUTES | _LOADING
    ]


def used_closed(
    flow: FunctionFlow, name: str, uses: Sequence[Use], loop: ForStmt | None = None
) -> dict[tuple[int, int], Node]:
    """For the blocks that bind a name: where it is used first as a session after its end.

    Where it may be anything else as well, or nothing yet, a use is not counted.

    Args:
        flow: The control flow of the function.
        name: The name.
        uses: Its uses, each with the point at which it happens.
        loop: A loop that binds it to a session, which is closed when the loop comes to its end.
    """
    if not uses:
        return {}
    changes: dict[int, list[Change[_State]]] = {}
    for index in flow.bindings.of(name):
        point = flow.graph.points[index]
        changes[index] = [Change(_OTHER, begins=True, when=~EdgeKind.RAISING)]
        statement = point.statement
        if point.kind is not PointKind.BIND or not isinstance(point.node, NameExpr):
            continue
        if loop is not None and statement is loop and point.node is loop.index:
            opened: _State = id(loop), 0, True
            changes[index] = [Change(opened, begins=True, when=~EdgeKind.RAISING)]
            closed = Change((id(loop), 0, False), frozenset({opened}), EdgeKind.FALSE)
            for end in loop_ends(flow, loop):
                changes[end] = [closed]
            continue
        if not isinstance(statement, WithStmt):
            continue
        position = next((n for n, each in enumerate(statement.target) if each is point.node), None)
        if position is None:
            continue
        opened = id(statement), position, True
        changes[index] = [Change(opened, begins=True, when=~EdgeKind.RAISING)]
        for left in leaving(flow, WithItem(statement, position)):
            changes[left] = [Change((*opened[:2], False), frozenset({opened}))]
    for index in flow.entered.get(name, ()):
        changes[index] = [Change(_OTHER, begins=True)]  # what is entered again is open again
    entering = _OTHER if name in flow.parameters else None
    return _first_uses(flow, changes, uses, entering)


def used_after(
    flow: FunctionFlow, made: Collection[int], left: Collection[int], uses: Sequence[Use]
) -> Node | None:
    """Where what was made at some points is used first after a session that it needs was closed.

    Args:
        flow: The control flow of the function.
        made: The points that make it, in the block of the session.
        left: The points at which the session is closed.
        uses: Where it is used, each with its point.
    """
    if not uses:
        return None
    opened: _State = 1, 0, True
    closed: Change[_State] = Change((1, 0, False), frozenset({opened}))
    changes = {index: [closed] for index in left}
    for index in made:
        changes[index] = [Change(opened, begins=True, when=~EdgeKind.RAISING)]
    return _first_uses(flow, changes, uses, None).get((1, 0))


def _first_uses(
    flow: FunctionFlow,
    changes: dict[int, list[Change[_State]]],
    uses: Sequence[Use],
    entering: _State | None,
) -> dict[tuple[int, int], Node]:
    tracked = follow(
        flow.graph, changes, {index for index, _ in uses}, flow.flags, entering=entering
    )
    found: dict[tuple[int, int], Node] = {}
    for index, use in uses:
        states = tracked.states(index)
        if any(is_open for _, _, is_open in states):
            continue  # it may be another one, or open again
        for statement_id, position, _ in states:
            known = found.get((statement_id, position))
            if known is None or (use.line, use.column) < (known.line, known.column):
                found[statement_id, position] = use
    return found
