"""Where a task that was started has come to its end, or may have."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mypy.nodes import (
    AssignmentStmt,
    CallExpr,
    DictionaryComprehension,
    Expression,
    ExpressionStmt,
    ForStmt,
    GeneratorExpr,
    MemberExpr,
    NameExpr,
    WithStmt,
)

from mypy_asyncsession.semantic.cfg import EdgeKind, PointKind
from mypy_asyncsession.semantic.syntax import walk

if TYPE_CHECKING:
    from mypy.nodes import Node

    from mypy_asyncsession.semantic.function_body import FunctionBody


def kept_as(call: CallExpr, body: FunctionBody) -> str | None:
    """The name of the task, or of its list, that a call which starts it is put into."""
    at = body.at(call)
    return _kept_in(body.graph.points[at].statement, call) if at is not None else None


def waits_after(start: int, later: set[int], waits: frozenset[int], body: FunctionBody) -> set[int]:
    """The first points that wait for something after a task was started."""
    return {
        target
        for index in (start, *later)
        for target, kind in body.graph.after[index]
        if target in waits and not kind & EdgeKind.RAISING
    }


def mentioning(name: str, call: CallExpr, body: FunctionBody) -> frozenset[int]:
    """The points that await a task, by the name of it or of its list, or go through that list."""
    found: set[int] = set()
    for index in body.graph.of_kind(PointKind.AWAIT, PointKind.NEXT):
        point = body.graph.points[index]
        node = point.node
        if isinstance(node, ForStmt):
            node = node.expr
        elif isinstance(node, (DictionaryComprehension, GeneratorExpr)):
            node = node.sequences[point.item]  # its elements may be what starts the tasks
        if isinstance(node, Expression) and any(
            each is call or (isinstance(each, NameExpr) and each.name == name)
            for each in walk(node)
        ):
            found.add(index)
    return frozenset(found)


def _kept_in(statement: Node | None, call: CallExpr) -> str | None:
    """The name of the task, or of the list, that a statement puts a task into."""
    if isinstance(statement, AssignmentStmt):
        target = statement.lvalues[0]
        return target.name if isinstance(target, NameExpr) else None
    if isinstance(statement, ExpressionStmt) and isinstance(statement.expr, CallExpr):
        callee = statement.expr.callee
        if isinstance(callee, MemberExpr) and isinstance(callee.expr, NameExpr):
            return callee.expr.name if call in statement.expr.args else None
    return None


def ends_with(group: WithStmt, call: CallExpr, body: FunctionBody) -> frozenset[int]:
    """The points at which the block of a task group, or a task in it, is over."""
    graph = body.graph
    points = graph.points_of(group)
    ends = frozenset(each for each in points if graph.points[each].kind is PointKind.LEAVE)
    kept = kept_as(call, body)
    return ends if kept is None else ends | mentioning(kept, call, body)
