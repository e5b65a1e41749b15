"""Questions at run time about what a provider gave."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mypy.nodes import CallExpr, MemberExpr, NameExpr, StrExpr, TupleExpr

from mypy_asyncsession.detectors.object_info import object_info
from mypy_asyncsession.detectors.record import Probe
from mypy_asyncsession.detectors.spans import span_of, written
from mypy_asyncsession.models.typing import (
    ASYNC_CONTEXT_MANAGER_TYPES,
    ASYNC_GENERATOR_TYPES,
    ASYNC_ITERATOR_TYPES,
    CONTEXT_MANAGER_TYPES,
    COROUTINE_TYPES,
    GENERATOR_TYPES,
)
from mypy_asyncsession.semantic.values import fullname

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy.nodes import Expression

    from mypy_asyncsession.semantic.interpreter import Interpreter
    from mypy_asyncsession.semantic.program_point import ProgramPoint

_SPECIAL = frozenset(
    {"__aenter__", "__aexit__", "__aiter__", "__anext__", "__await__", "__enter__", "__exit__"}
)
_INSPECTIONS = frozenset(
    {"isasyncgen", "isgenerator", "iscoroutine", "isawaitable", "isasyncgenfunction"}
)
#: The names of the functions that ask.
PROBING = _INSPECTIONS | {"hasattr", "isinstance"}
_SHAPES = (
    ASYNC_CONTEXT_MANAGER_TYPES
    | CONTEXT_MANAGER_TYPES
    | ASYNC_GENERATOR_TYPES
    | ASYNC_ITERATOR_TYPES
    | COROUTINE_TYPES
    | GENERATOR_TYPES
)


class Probes:
    """Finds such questions where the definition answers them."""

    def __init__(self, interpreter: Interpreter) -> None:
        self._interpreter = interpreter
        self._unguarded = interpreter.ignoring_runtime_checks()

    def of_call(self, call: CallExpr, point: ProgramPoint) -> Iterator[Probe]:
        """``hasattr(x, "__aenter__")`` and the like, where it is known what *x* is."""
        callee = call.callee
        if not isinstance(callee, (MemberExpr, NameExpr)) or not call.args:
            return
        if not self._asks(callee.name, call.args[1:], point):
            return
        value = self._unguarded.value(call.args[0], point.scope, point.where)
        found = object_info(value, self._unguarded, point.scope)
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
            function=point.body.outermost(),
            lines=tuple(range(span.line, span.end_line + 1)),
        )

    def _asks(self, name: str, others: list[Expression], point: ProgramPoint) -> bool:
        if name == "hasattr":
            return bool(others) and isinstance(others[0], StrExpr) and (others[0].value in _SPECIAL)
        if name == "isinstance":
            return bool(others) and self._is_shape(others[0], point)
        return name in _INSPECTIONS

    def _is_shape(self, expression: Expression, point: ProgramPoint) -> bool:
        if isinstance(expression, TupleExpr):
            return any(self._is_shape(item, point) for item in expression.items)
        value = self._interpreter.value(expression, point.scope, point.where)
        return fullname(value) in _SHAPES
