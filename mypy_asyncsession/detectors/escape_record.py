"""The record of a session that gets out of its block."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mypy.nodes import FuncDef

from mypy_asyncsession.detectors.record import Escape
from mypy_asyncsession.detectors.spans import span_of, written

if TYPE_CHECKING:
    from mypy.nodes import Expression, Node

    from mypy_asyncsession.semantic.program_point import ProgramPoint
    from mypy_asyncsession.semantic.values import ObjectValue


def escape_of(
    how: str,
    node: Node,
    name: str,
    session: ObjectValue,
    opener: Expression,
    point: ProgramPoint,
) -> Escape:
    """The record of a session that gets out of its block.

    Args:
        how: As in ``Escape``.
        node: Where it gets out.
        name: Its name.
        session: What it is.
        opener: What opens it.
        point: The statement.
    """
    function = point.body.node
    span = span_of(node)  # type: ignore[arg-type]
    return Escape(
        how=how,
        name=name.rstrip("'"),
        session=session.label or "session",
        opener=written(opener),
        in_async=isinstance(function, FuncDef) and function.is_coroutine,
        span=span,
        function=point.body.outermost(),
        lines=tuple(range(span.line, span.end_line + 1)),
    )
