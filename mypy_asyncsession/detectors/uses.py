"""The record of a use, made of what is used and of where that stands."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mypy.nodes import CallExpr, FuncDef

from mypy_asyncsession.detectors.record import Use
from mypy_asyncsession.detectors.spans import span_of, written

if TYPE_CHECKING:
    from mypy.nodes import Expression

    from mypy_asyncsession.detectors.object_record import ObjectInfo
    from mypy_asyncsession.detectors.record import Pairing
    from mypy_asyncsession.semantic.program_point import ProgramPoint


def use_of(
    pairing: Pairing,
    given: tuple[ObjectInfo, ...],
    expression: Expression,
    point: ProgramPoint,
    target: Expression | None,
    *,
    exact: bool = True,
) -> Use:
    """The record of one use.

    Args:
        pairing: How the expression is used.
        given: What it may be.
        expression: The expression.
        point: Where it stands.
        target: What the result is bound to.
        exact: Whether each of *given* is possible.
    """
    function = point.body.function()
    call = expression if isinstance(expression, CallExpr) else None
    return Use(
        pairing=pairing,
        given=given,
        exact=exact,
        text=written(expression),
        callee=written(call.callee) if call is not None else None,
        arguments=bool(call is not None and call.args),
        target=written(target) if target is not None else None,
        in_async=isinstance(function, FuncDef) and function.is_coroutine,
        function=point.body.outermost(),
        span=span_of(expression),
        lines=tuple(
            range(
                min(point.statement.line, expression.line),
                (expression.end_line or expression.line) + 1,
            )
        ),
    )
