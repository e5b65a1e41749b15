"""What was evaluated already: for the module at hand, and for good."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mypy_asyncsession.semantic.interpreter.context import (
    CALLS,
    NESTING,
    Activation,
    Context,
    Trace,
)
from mypy_asyncsession.semantic.values import RECURSIVE

if TYPE_CHECKING:
    from collections.abc import Callable

    from mypy_asyncsession.semantic.program import Program
    from mypy_asyncsession.semantic.values import Value


@dataclass(frozen=True, slots=True)
class Known:
    """A value that was found, and what finding it came across."""

    value: Value
    trace: Trace


#: What is known for good, by whether the questions that the code asks were passed over, and key.
ProgramCache = dict[tuple[bool, tuple[object, ...]], Known]


class Memo:
    """Sees to it that each evaluation is done but once."""

    def __init__(self, program: Program, lasting: ProgramCache | None, *, asks: bool) -> None:
        """Begin with nothing evaluated.

        Args:
            program: Where definitions are looked up.
            lasting: What is known whichever module is at hand; ``None`` if nothing can be.
            asks: Whether what the code asks about at run time counts as known.
        """
        self._program = program
        self._lasting = lasting
        self._asks = asks
        self._memo: dict[tuple[object, ...], Known] = {}

    def once(
        self,
        key: tuple[object, ...],
        module: str,
        general: bool,
        evaluate: Callable[[Context], Value],
        at: Context,
    ) -> Value:
        """Evaluate under a key: see ``Context.once``."""
        program, frame = self._program, at.frame
        known = self._known(key, at)
        if known is not None:
            frame.trace.add(known.trace, frame.calls, at.depth)
            program.modules_read |= known.trace.modules_read
            return known.value
        if key in frame.active:
            frame.trace.lasts = False
            return RECURSIVE
        is_current = program.current is not None and program.current.module == module
        inner = Trace(not (program.analysed and is_current), calls=frame.calls, depth=at.depth)
        active = frame.active | {key}
        within = Activation(frame.evaluator, inner, active, frame.calls, frame.budget)
        try:
            value = evaluate(Context(at.scope, at.where, at.depth, within))
        finally:
            inner.calls -= frame.calls
            inner.depth -= at.depth
            frame.trace.add(inner, frame.calls, at.depth)
        found = self._memo[key] = Known(value, inner)
        if self._lasting is not None and general and self._lasts(inner):
            self._lasting[self._asks, key] = found
        return value

    def _known(self, key: tuple[object, ...], at: Context) -> Known | None:
        known = self._memo.get(key)
        if known is not None or self._lasting is None:
            return known
        known = self._lasting.get((self._asks, key))
        if known is None:
            return None
        # What would be cut short here was not, where it was found.
        if at.frame.calls + known.trace.calls > CALLS or at.depth + known.trace.depth > NESTING:
            return None
        return known

    def _lasts(self, trace: Trace) -> bool:
        """Whether what was found is known for good, once mypy has let go of all trees it is of."""
        if not trace.lasts or not self._program.analysed:
            return trace.lasts
        return not any(self._program.modules[module].defs for module in trace.modules_read)
