"""What happens between the start of a ``with`` block and its end, and after it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mypy.nodes import ForStmt, MemberExpr, NameExpr, WithStmt

from mypy_asyncsession.models.sqlalchemy import CONNECTING_ATTRIBUTES
from mypy_asyncsession.semantic.cfg import EdgeKind, PointKind, WithItem
from mypy_asyncsession.semantic.dataflow import reachable
from mypy_asyncsession.semantic.syntax import mentions
from mypy_asyncsession.semantic.typestate import Change, follow

if TYPE_CHECKING:
    from collections.abc import Collection

    from mypy.nodes import CallExpr, Node

    from mypy_asyncsession.semantic.function_flow import FunctionFlow

    #: The ``with`` statement and the position of what a name is bound to, and whether it is open.
    _State = tuple[int, int, bool]

#: Whatever else a name may be bound to.
_OTHER: _State = (0, 0, True)
#: The methods of an event loop that run it.
_RUNNING = frozenset({"run_forever", "run_until_complete"})
#: What may use an object that was stored before.
_DOING = frozenset(
    {PointKind.AWAIT, PointKind.CALL, PointKind.YIELD, PointKind.RETURN, PointKind.RAISE}
)


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


def does_something(flow: FunctionFlow, statement: Node, left: Collection[int]) -> bool:
    """Whether what was stored may be used between a statement and the end of its block."""
    after = reachable(flow.graph, flow.graph.points_of(statement), avoiding=left)
    return any(flow.graph.points[index].kind in _DOING for index in after)


def used_closed(flow: FunctionFlow, name: str) -> dict[tuple[int, int], MemberExpr]:
    """For the blocks that bind a name: where it is used first as a session after its end.

    Where it may be anything else as well, or nothing yet, a use is not counted.
    """
    graph = flow.graph
    uses = [
        (index, read)
        for index, read in flow.attributes.get(name, ())
        if read.name in CONNECTING_ATTRIBUTES
    ]
    if not uses:
        return {}
    changes: dict[int, list[Change[_State]]] = {}
    for index in flow.bindings.of(name):
        point = graph.points[index]
        changes[index] = [Change(_OTHER, begins=True, when=~EdgeKind.RAISING)]
        statement = point.statement
        if point.kind is not PointKind.BIND or not isinstance(statement, WithStmt):
            continue
        position = next((n for n, each in enumerate(statement.target) if each is point.node), None)
        if position is None or not isinstance(point.node, NameExpr):
            continue
        opened: _State = id(statement), position, True
        changes[index] = [Change(opened, begins=True, when=~EdgeKind.RAISING)]
        for left in leaving(flow, WithItem(statement, position)):
            closed = id(statement), position, False
            changes[left] = [Change(closed, frozenset({opened}))]
    for index in flow.entered.get(name, ()):
        changes[index] = [Change(_OTHER, begins=True)]  # what is entered again is open again
    entering = _OTHER if name in flow.parameters else None
    tracked = follow(graph, changes, {index for index, _ in uses}, entering=entering)
    found: dict[tuple[int, int], MemberExpr] = {}
    for index, read in uses:
        states = tracked.states(index)
        if any(is_open for _, _, is_open in states):
            continue  # it may be another one, or open again
        for statement_id, position, _ in states:
            known = found.get((statement_id, position))
            if known is None or (read.line, read.column) < (known.line, known.column):
                found[statement_id, position] = read
    return found
