"""What holds a session that is yet to be got at, and the record of its use as that session."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mypy.nodes import (
    CallExpr,
    ConditionalExpr,
    NameExpr,
)

from mypy_asyncsession.detectors.held_sessions import (
    held_in,
)
from mypy_asyncsession.detectors.object_info import object_info
from mypy_asyncsession.detectors.record import Situation, UnenteredUse
from mypy_asyncsession.detectors.spans import span_of, written
from mypy_asyncsession.semantic.shapes import Shape
from mypy_asyncsession.semantic.values import (
    ObjectValue,
    members,
)

if TYPE_CHECKING:
    from mypy.nodes import Expression

    from mypy_asyncsession.semantic.interpreter import Interpreter
    from mypy_asyncsession.semantic.program_point import ProgramPoint


def holder_of(
    expression: Expression, point: ProgramPoint, interpreter: Interpreter
) -> tuple[ObjectValue, ObjectValue] | None:
    """What holds a session, and the session, where each possibility does."""
    value = interpreter.value(expression, point.scope, point.where)
    found = []
    possible = _is_conditional(expression, point)
    for member in members(value):
        if not isinstance(member, ObjectValue):
            return None
        if possible and member.resource is not None and len(list(members(value))) > 1:
            continue  # the other branch is wrong all the same
        session = held_in(member)
        if member.shape is Shape.SESSIONMAKER:
            made = interpreter.called(member, [], point.scope)
            session = made if isinstance(made, ObjectValue) and made.resource is not None else None
        if session is None:
            return None
        found.append((member, session))
    return found[0] if found else None


def unentered(
    situation: Situation,
    expression: Expression,
    holder: ObjectValue,
    session: ObjectValue,
    detail: str,
    point: ProgramPoint,
    interpreter: Interpreter,
) -> UnenteredUse:
    """The record of a use.

    Args:
        situation: In which way it is taken for the session.
        expression: What is used.
        holder: What that is.
        session: What it holds.
        detail: The attribute, the parameter or the function that is meant.
        point: Where it stands.
        interpreter: Says more of what holds the session.
    """
    span = span_of(expression)
    return UnenteredUse(
        situation=situation,
        text=written(expression),
        callee=written(expression.callee) if isinstance(expression, CallExpr) else None,
        detail=detail,
        handed=object_info(holder, interpreter, point.scope),
        session=session.label or "session",
        span=span,
        function=point.body.outermost(),
        lines=tuple(range(span.line, span.end_line + 1)),
    )


def _is_conditional(expression: Expression, point: ProgramPoint) -> bool:
    """Whether a name is bound once, to ``a if b else c``, so that it may be either of them."""
    if not isinstance(expression, NameExpr):
        return False
    bindings = point.scope.names.bindings.get(expression.name, [])
    return len(bindings) == 1 and isinstance(bindings[0].node, ConditionalExpr)
