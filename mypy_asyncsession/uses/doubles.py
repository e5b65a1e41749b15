"""Doubles that tests put in the place of a provider."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mypy.nodes import CallExpr, MemberExpr, NameExpr, StrExpr

from mypy_asyncsession.providers.shapes import Can, Shape
from mypy_asyncsession.providers.values import (
    UNKNOWN,
    Function,
    Managed,
    Module,
    Value,
    fullname,
)
from mypy_asyncsession.uses.handed import handed
from mypy_asyncsession.uses.record import Double, Handed
from mypy_asyncsession.uses.spans import span_of, written

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy.nodes import Expression

    from mypy_asyncsession.providers.evaluate import Evaluator
    from mypy_asyncsession.uses.spots import Spot

_ASYNC_MOCKS = frozenset({"unittest.mock.AsyncMock", "mock.AsyncMock", "mock.mock.AsyncMock"})
_MOCKS = frozenset(
    {
        "unittest.mock.Mock",
        "unittest.mock.MagicMock",
        "mock.Mock",
        "mock.MagicMock",
        "mock.mock.Mock",
        "mock.mock.MagicMock",
    }
)
_COROUTINE = Handed(Shape.COROUTINE, Can.AWAIT, "coroutine")


class Doubles:
    """Compares doubles with what they stand for."""

    def __init__(self, evaluator: Evaluator) -> None:
        self._evaluator = evaluator

    def of_call(self, call: CallExpr, spot: Spot) -> Iterator[Double]:
        """A ``patch`` or ``setattr`` whose double has another shape than the provider."""
        if not isinstance(call.callee, (MemberExpr, NameExpr)):
            return
        name = call.callee.name
        if name not in ("patch", "object", "setattr"):
            return
        given = [a for a, n in zip(call.args, call.arg_names, strict=True) if n is None]
        named = {n: a for a, n in zip(call.args, call.arg_names, strict=True) if n is not None}
        if name == "patch" and given:
            target = self._dotted(given[0])
            new = given[1] if len(given) > 1 else named.get("new")
            text = _shown(given[0])
        elif name == "setattr" and len(given) == 2:
            target, new, text = self._dotted(given[0]), given[1], _shown(given[0])
        elif name in ("object", "setattr") and len(given) >= 2:
            target = self._member(given[0], given[1], spot)
            new = given[2] if len(given) > 2 else named.get("new")
            text = f"{written(given[0])}.{_shown(given[1])}"
        else:
            return
        real = self._handed_by(target, spot)
        if real is None:
            return
        double = self._double(new, named, spot)
        if double is None:
            return
        span = span_of(call)
        yield Double(
            target=text,
            there=real,
            here=double,
            double=written(new) if new is not None else "AsyncMock",
            span=span,
            function=spot.body.outermost(),
            lines=tuple(range(span.line, span.end_line + 1)),
        )

    def _dotted(self, expression: Expression) -> Value:
        """What a dotted name in a string stands for."""
        if not isinstance(expression, StrExpr):
            return UNKNOWN
        module, rest = self._evaluator.program.split(expression.value)
        if not module:
            return UNKNOWN
        value: Value = Module(module)
        for part in filter(None, rest.split(".")):
            value = self._evaluator.attribute(value, part)
        return value

    def _member(self, owner: Expression, name: Expression, spot: Spot) -> Value:
        if not isinstance(name, StrExpr):
            return UNKNOWN
        value = self._evaluator.value(owner, spot.scope, spot.where)
        return self._evaluator.attribute(value, name.value)

    def _handed_by(self, provider: Value, spot: Spot) -> Handed | None:
        """What a provider of sessions hands out, if this is one."""
        if not isinstance(provider, (Function, Managed)):
            return None
        found = handed(
            self._evaluator.called(provider, [], spot.scope), self._evaluator, spot.scope
        )
        if found is None or found.item is None:
            return None
        return found if found.item.resource is not None else None

    def _double(
        self, new: Expression | None, named: dict[str, Expression], spot: Spot
    ) -> Handed | None:
        """What a call of the double gives."""
        if new is None:
            made = named.get("new_callable")
            if made is None or "side_effect" in named:
                return None
            kind = fullname(self._evaluator.value(made, spot.scope, spot.where))
            return _COROUTINE if kind in _ASYNC_MOCKS else None
        if isinstance(new, CallExpr):
            kind = fullname(self._evaluator.value(new.callee, spot.scope, spot.where))
            options = dict(zip(new.arg_names, new.args, strict=True))
            if kind in _ASYNC_MOCKS:
                return None if "side_effect" in options else _COROUTINE
            if kind in _MOCKS:
                result = options.get("return_value")
                if result is None or "side_effect" in options:
                    return None
                value = self._evaluator.value(result, spot.scope, spot.where)
                return handed(value, self._evaluator, spot.scope)
        value = self._evaluator.value(new, spot.scope, spot.where)
        if not isinstance(value, (Function, Managed)):
            return None
        return handed(self._evaluator.called(value, [], spot.scope), self._evaluator, spot.scope)


def _shown(expression: Expression) -> str:
    return expression.value if isinstance(expression, StrExpr) else written(expression)
