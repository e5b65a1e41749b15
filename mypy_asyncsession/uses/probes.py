"""Questions at run time about what a provider gave."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mypy.nodes import CallExpr, MemberExpr, NameExpr, StrExpr, TupleExpr

from mypy_asyncsession.providers import known
from mypy_asyncsession.providers.values import fullname
from mypy_asyncsession.uses.handed import handed
from mypy_asyncsession.uses.record import Probe
from mypy_asyncsession.uses.spans import span_of, written

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy.nodes import Expression

    from mypy_asyncsession.providers.evaluate import Evaluator
    from mypy_asyncsession.uses.spots import Spot

_SPECIAL = frozenset(
    {"__aenter__", "__aexit__", "__aiter__", "__anext__", "__await__", "__enter__", "__exit__"}
)
_INSPECTIONS = frozenset(
    {"isasyncgen", "isgenerator", "iscoroutine", "isawaitable", "isasyncgenfunction"}
)
_SHAPES = (
    known.ASYNC_CONTEXT_MANAGER_TYPES
    | known.CONTEXT_MANAGER_TYPES
    | known.ASYNC_GENERATOR_TYPES
    | known.ASYNC_ITERATOR_TYPES
    | known.COROUTINE_TYPES
    | known.GENERATOR_TYPES
)


class Probes:
    """Finds such questions where the definition answers them."""

    def __init__(self, evaluator: Evaluator) -> None:
        self._evaluator = evaluator

    def of_call(self, call: CallExpr, spot: Spot) -> Iterator[Probe]:
        """``hasattr(x, "__aenter__")`` and the like, where it is known what *x* is."""
        callee = call.callee
        if not isinstance(callee, (MemberExpr, NameExpr)) or not call.args:
            return
        if not self._asks(callee.name, call.args[1:], spot):
            return
        with self._evaluator.past_probes():
            value = self._evaluator.value(call.args[0], spot.scope, spot.where)
            found = handed(value, self._evaluator, spot.scope)
        if found is None or found.name is None or found.item is None:
            return
        if found.item.resource is None:
            return
        span = span_of(call)
        yield Probe(
            text=written(call.args[0]),
            question=written(callee),
            handed=found,
            span=span,
            function=spot.body.outermost(),
            lines=tuple(range(span.line, span.end_line + 1)),
        )

    def _asks(self, name: str, others: list[Expression], spot: Spot) -> bool:
        if name == "hasattr":
            return bool(others) and isinstance(others[0], StrExpr) and (others[0].value in _SPECIAL)
        if name == "isinstance":
            return bool(others) and self._is_shape(others[0], spot)
        return name in _INSPECTIONS

    def _is_shape(self, expression: Expression, spot: Spot) -> bool:
        if isinstance(expression, TupleExpr):
            return any(self._is_shape(item, spot) for item in expression.items)
        value = self._evaluator.value(expression, spot.scope, spot.where)
        return fullname(value) in _SHAPES
