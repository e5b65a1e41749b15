"""What a sync session gives, awaited as if the session were an async one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mypy.nodes import CallExpr, MemberExpr, NameExpr

from mypy_asyncsession.models.sqlalchemy import COROUTINE_METHODS, SYNC_SESSIONS
from mypy_asyncsession.semantic.shapes import Shape
from mypy_asyncsession.semantic.values import ObjectValue, members

if TYPE_CHECKING:
    from mypy.nodes import Expression

    from mypy_asyncsession.semantic.interpreter import Interpreter
    from mypy_asyncsession.semantic.program_point import ProgramPoint


def is_of_sync_session(
    expression: Expression, interpreter: Interpreter, point: ProgramPoint
) -> bool:
    """Whether a call is of a method of a session that is a sync one, whatever is annotated."""
    if not isinstance(expression, CallExpr) or not isinstance(expression.callee, MemberExpr):
        return False
    session, name = expression.callee.expr, expression.callee.name
    if name not in COROUTINE_METHODS or not isinstance(session, NameExpr):
        return False
    bindings = point.scope.names.bindings.get(session.name, [])
    if not bindings or any(each.kind not in ("assign", "with") for each in bindings):
        return False
    found = list(members(interpreter.structural(session, point.scope, point.where)))
    return bool(found) and all(
        isinstance(each, ObjectValue)
        and each.shape is Shape.SYNC_SESSION
        and each.resource in SYNC_SESSIONS
        for each in found
    )
