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
_COPYING = frozenset({"autospec", "create", "spec", "spec_set", "wraps"})
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
        if name == "setattr" and isinstance(call.callee, NameExpr):
            return  # the builtin function, with which programs put methods into classes
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
        double = self._double(new, named, real, spot)
        if double is None:
            return
        span = span_of(call)
        yield Double(
            target=text,
            there=real,
            here=double,
            double=written(new) if new is not None else _made_name(named),
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
        self, new: Expression | None, named: dict[str, Expression], real: Handed, spot: Spot
    ) -> Handed | None:
        """What a call of the double gives."""
        if new is None:
            return self._made_by_patch(named, real, spot)
        made = self._mock(new, spot)
        if made is not None:
            kind = fullname(self._evaluator.value(made.callee, spot.scope, spot.where))
            options = dict(zip(made.arg_names, made.args, strict=True))
            if kind in _ASYNC_MOCKS:
                return None if "side_effect" in options else _COROUTINE
            if kind in _MOCKS:
                if "return_value" not in options or "side_effect" in options:
                    return None
                return self._given(options["return_value"], spot)
        value = self._evaluator.value(new, spot.scope, spot.where)
        if not isinstance(value, (Function, Managed)):
            return None
        return handed(self._evaluator.called(value, [], spot.scope), self._evaluator, spot.scope)

    def _made_by_patch(
        self, named: dict[str, Expression], real: Handed, spot: Spot
    ) -> Handed | None:
        """What a call of the mock gives that ``patch`` makes itself."""
        if "side_effect" in named:
            return None
        made = named.get("new_callable")
        if made is not None:
            kind = fullname(self._evaluator.value(made, spot.scope, spot.where))
            return _COROUTINE if kind in _ASYNC_MOCKS else None
        # It is an AsyncMock for a coroutine function, else a MagicMock; others copy what they are.
        if "return_value" not in named or real.shape is Shape.COROUTINE or _COPYING & set(named):
            return None
        return self._given(named["return_value"], spot)

    def _given(self, result: Expression, spot: Spot) -> Handed | None:
        value = self._evaluator.value(result, spot.scope, spot.where)
        return handed(value, self._evaluator, spot.scope)

    def _mock(self, new: Expression, spot: Spot) -> CallExpr | None:
        """The call that made a double, here or where its name is bound, if nothing changes it."""
        if isinstance(new, CallExpr):
            return new
        if not isinstance(new, NameExpr):
            return None
        names = spot.scope.names
        bindings = names.bindings.get(new.name, [])
        if len(bindings) != 1 or bindings[0].kind != "assign":
            return None
        if any(each.startswith(f"{new.name}.") for each in names.patched):
            return None  # ``mock.side_effect = ...``
        made = bindings[0].node
        return made if isinstance(made, CallExpr) else None


def _made_name(named: dict[str, Expression]) -> str:
    return "AsyncMock" if "new_callable" in named else "MagicMock"


def _shown(expression: Expression) -> str:
    return expression.value if isinstance(expression, StrExpr) else written(expression)
