"""What a method gives at once, awaited as if it were a coroutine function."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from mypy.nodes import AwaitExpr, CallExpr, MemberExpr, NameExpr
from mypy.types import Instance

from mypy_asyncsession.models.sqlalchemy import (
    ASYNC_SESSIONS,
    COROUTINE_METHODS,
    PLAIN_METHODS,
    RESULT_GETTERS,
    SYNC_SESSIONS,
)
from mypy_asyncsession.semantic.shapes import Shape
from mypy_asyncsession.semantic.values import ObjectValue, members

if TYPE_CHECKING:
    from mypy.nodes import Expression

    from mypy_asyncsession.semantic.interpreter import Interpreter
    from mypy_asyncsession.semantic.program_point import ProgramPoint

#: What such methods are methods of, as messages call it.
_SYNC_SESSION: Final = "a sync session"
_SESSION: Final = "the session"
_RESULT: Final = "the result of a query"


def method_of(expression: Expression, interpreter: Interpreter, point: ProgramPoint) -> str | None:
    """What a call is a method of that gives nothing to await; ``None`` for any other call.

    Args:
        expression: What is awaited.
        interpreter: Says what expressions may be.
        point: Where it stands.
    """
    if not isinstance(expression, CallExpr) or not isinstance(expression.callee, MemberExpr):
        return None
    owner, name = expression.callee.expr, expression.callee.name
    if name in COROUTINE_METHODS and _is_sync_session(owner, interpreter, point):
        return _SYNC_SESSION
    if name in PLAIN_METHODS and _is_async_session(owner, name, interpreter, point):
        return _SESSION
    if name in RESULT_GETTERS and _is_result(owner, name, interpreter, point):
        return _RESULT
    return None


def _is_sync_session(session: Expression, interpreter: Interpreter, point: ProgramPoint) -> bool:
    """Whether a name is that of a session which is a sync one, whatever is annotated."""
    if not isinstance(session, NameExpr):
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


def _is_async_session(
    session: Expression, name: str, interpreter: Interpreter, point: ProgramPoint
) -> bool:
    """Whether this is an async session, whose method of that name is SQLAlchemy's own."""
    found = list(members(interpreter.value(session, point.scope, point.where)))
    return bool(found) and all(
        isinstance(each, ObjectValue)
        and each.shape is Shape.SESSION
        and each.resource in ASYNC_SESSIONS
        and _is_of_library(each, name)
        for each in found
    )


def _is_result(
    result: Expression, name: str, interpreter: Interpreter, point: ProgramPoint
) -> bool:
    """Whether this was awaited: then it is a result whose rows are there already."""
    if not _was_awaited(result, point):
        return False
    found = list(members(interpreter.value(result, point.scope, point.where)))
    return bool(found) and all(
        isinstance(each, ObjectValue) and each.shape is Shape.RESULT and _is_of_library(each, name)
        for each in found
    )


def _was_awaited(result: Expression, point: ProgramPoint) -> bool:
    """Whether what methods are called on, one after the other, is what an ``await`` has given."""
    while isinstance(result, CallExpr) and isinstance(result.callee, MemberExpr):
        result = result.callee.expr
    if isinstance(result, NameExpr):
        bindings = point.scope.names.bindings.get(result.name, [])
        made = bindings[0].node if len(bindings) == 1 and bindings[0].kind == "assign" else None
        return isinstance(made, (AwaitExpr, CallExpr)) and _was_awaited(made, point)
    return isinstance(result, AwaitExpr)


def _is_of_library(value: ObjectValue, name: str) -> bool:
    """Whether the class of an object has a method from SQLAlchemy, or from SQLModel."""
    symbol = value.type.type.get(name) if isinstance(value.type, Instance) else None
    module = symbol.node.fullname if symbol is not None and symbol.node is not None else ""
    return module.partition(".")[0] in ("sqlalchemy", "sqlmodel")
