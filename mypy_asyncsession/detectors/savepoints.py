"""Savepoints whose rollback expires what was changed since they began."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from mypy.nodes import AssignmentStmt, CallExpr, MemberExpr, NameExpr, WithStmt

from mypy_asyncsession.semantic.acts import Act
from mypy_asyncsession.semantic.cfg import EdgeKind, PointKind, Way
from mypy_asyncsession.semantic.syntax import dotted, statements

if TYPE_CHECKING:
    from mypy_asyncsession.semantic.cfg import Point
    from mypy_asyncsession.semantic.objects import Object

_FAILING: Final = frozenset({Way.ERROR, Way.CANCEL, Way.CLOSE})


def rolled_back(point: Point, session: Object, name: str) -> int:
    """On which edges from a point a savepoint is rolled back that has changed an instance.

    Where the block ends well, its flush may still fail.

    Args:
        point: The point.
        session: The session.
        name: The name of the instance.
    """
    block = point.node
    if point.kind is not PointKind.LEAVE or not isinstance(block, WithStmt):
        return 0
    call = block.expr[point.item]
    if (
        not isinstance(call, CallExpr)
        or not isinstance(call.callee, MemberExpr)
        or call.callee.name != "begin_nested"
        or dotted(call.callee.expr) != session.text
    ):
        return 0
    changed = any(
        isinstance(statement, AssignmentStmt)
        and any(
            isinstance(target, MemberExpr)
            and isinstance(target.expr, NameExpr)
            and target.expr.name == name
            for target in statement.lvalues
        )
        for statement in statements(block.body)
    )
    if not changed:
        return 0
    return EdgeKind.ANY if point.way in _FAILING else EdgeKind.RAISING


def rollback_of(point: Point, session: Object, name: str) -> Act | None:
    """The rollback of such a savepoint, as an act of its session."""
    if not rolled_back(point, session, name):
        return None
    return Act("rollback", session, line=point.line)
