"""Calls that do what a ``with``, a ``for`` or an ``await`` does."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mypy.nodes import ArgKind, CallExpr, MemberExpr, NameExpr, SuperExpr
from mypy.types import Instance

from mypy_asyncsession.detectors.record import Pairing
from mypy_asyncsession.models.asyncio import AWAITING, AWAITING_LATER, AWAITING_METHODS
from mypy_asyncsession.semantic.shapes import Shape
from mypy_asyncsession.semantic.values import ObjectValue, fullname

if TYPE_CHECKING:
    from collections.abc import Iterator
    from collections.abc import Set as AbstractSet

    from mypy.nodes import Expression

    from mypy_asyncsession.detectors.early_exits import EarlyExits
    from mypy_asyncsession.detectors.pairings import Pairings
    from mypy_asyncsession.detectors.record import Record, Use
    from mypy_asyncsession.detectors.reuse import Reuses
    from mypy_asyncsession.semantic.interpreter import Interpreter
    from mypy_asyncsession.semantic.program_point import ProgramPoint

_METHODS = {
    "__aenter__": Pairing.AENTER,
    "__enter__": Pairing.ENTER,
    "__aiter__": Pairing.AITER_METHOD,
    "__anext__": Pairing.ANEXT_METHOD,
    "__iter__": Pairing.ITER_METHOD,
    "__next__": Pairing.NEXT_METHOD,
}
_STACK_METHODS = {
    "enter_async_context": Pairing.ENTER_ASYNC_CONTEXT,
    "enter_context": Pairing.ENTER_CONTEXT,
    "enterAsyncContext": Pairing.TEST_ENTER_ASYNC_CONTEXT,
    "enterContext": Pairing.TEST_ENTER_CONTEXT,
    "push_async_exit": Pairing.PUSH_ASYNC_EXIT,
}
_AWAITING_NAMES = frozenset(name.rpartition(".")[2] for name in AWAITING | AWAITING_LATER)
#: The names of what does in a call what a statement does.
USING = (
    _METHODS.keys()
    | _STACK_METHODS.keys()
    | _AWAITING_NAMES
    | AWAITING_METHODS
    | {"anext", "asend", "next"}
)
_BUILTINS = {"builtins.anext": Pairing.ANEXT, "builtins.next": Pairing.NEXT}


class UsingCalls:
    """Finds the uses in calls."""

    def __init__(
        self, interpreter: Interpreter, pairings: Pairings, exits: EarlyExits, reuses: Reuses
    ) -> None:
        self._interpreter = interpreter
        self._pairings = pairings
        self._exits = exits
        self._reuses = reuses

    def of_call(self, call: CallExpr, point: ProgramPoint) -> Iterator[Record]:
        """The uses in a call of one of ``USING``."""
        callee = call.callee
        if isinstance(callee, MemberExpr):
            pairing = _STACK_METHODS.get(callee.name)
            if pairing is not None and len(call.args) == 1 and self._is_stack(callee.expr, point):
                yield from self._pairings.of(pairing, call.args[0], point, None)
                yield from self._reuses.of_use(pairing, call.args[0], point, None)
            pairing = _METHODS.get(callee.name)
            if pairing is not None and not call.args and not isinstance(callee.expr, SuperExpr):
                yield from self._pairings.of(pairing, callee.expr, point, None)
            if pairing is Pairing.AENTER:
                yield from self._exits.of_entering(callee.expr, call, point)
            if pairing is Pairing.ANEXT_METHOD or _is_first_send(call):
                yield from self._exits.of_step(callee.expr, call, point)
        elif isinstance(callee, NameExpr) and callee.name in ("anext", "next") and call.args:
            name = fullname(self._interpreter.value(callee, point.scope, point.where))
            if name in _BUILTINS:
                yield from self._pairings.of(_BUILTINS[name], call.args[0], point, None)
                if callee.name == "anext":
                    yield from self._exits.of_step(call.args[0], call, point)
                else:
                    yield from self._exits.of_sync_step(call.args[0], call, point)
        for argument in self._awaited(call, point, AWAITING):
            for use in self._pairings.of(Pairing.AWAIT, argument, point, None):
                # Until Python 3.12 asyncio takes a generator for a coroutine.
                if not any(each.shape is Shape.GENERATOR for each in use.given):
                    yield use

    def awaited_later(self, call: CallExpr, point: ProgramPoint) -> Iterator[Use]:
        """The arguments of a call that are awaited when what it gives is."""
        for argument in self._awaited(call, point, AWAITING_LATER):
            yield from self._pairings.of(Pairing.AWAIT, argument, point, None)

    def _awaited(
        self, call: CallExpr, point: ProgramPoint, functions: AbstractSet[str]
    ) -> list[Expression]:
        """The arguments that a call of one of *functions* awaits."""
        callee = call.callee
        if not isinstance(callee, (MemberExpr, NameExpr)) or not call.args:
            return []
        if isinstance(callee, MemberExpr) and callee.name in AWAITING_METHODS:
            return call.args[:1]
        if callee.name not in _AWAITING_NAMES:
            return []
        name = fullname(self._interpreter.value(callee, point.scope, point.where))
        if name not in functions:
            return []
        return [
            argument
            for argument, kind in zip(call.args, call.arg_kinds, strict=True)
            if kind is ArgKind.ARG_POS
        ][: None if callee.name == "gather" else 1]

    def _is_stack(self, receiver: Expression, point: ProgramPoint) -> bool:
        value = self._interpreter.value(receiver, point.scope, point.where)
        if not isinstance(value, ObjectValue):
            return True
        info = value.type.type if isinstance(value.type, Instance) else None
        return (
            value.label is None
            or "ExitStack" in value.label
            or (info is not None and info.get("addAsyncCleanup") is not None)
        )


def _is_first_send(call: CallExpr) -> bool:
    """Whether a call is ``generator.asend(None)``, which is ``anext(generator)``."""
    return (
        isinstance(call.callee, MemberExpr)
        and call.callee.name == "asend"
        and len(call.args) == 1
        and isinstance(call.args[0], NameExpr)
        and call.args[0].name == "None"
    )
