"""The summaries of functions that are known, and which modules were read for each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from mypy_asyncsession.semantic.acts import NOTHING, Summary
from mypy_asyncsession.semantic.fixpoint import Fixpoints

if TYPE_CHECKING:
    from collections.abc import Callable

    from mypy.nodes import FuncDef

    from mypy_asyncsession.semantic.program import Program

#: How many functions a session is followed into.
_DEPTH: Final = 12


class KnownSummaries:
    """Keeps what was found of functions, for as long as no definition changes.

    Where mypy has analysed the module at hand, its types count there, and there alone: then this
    is of one module.
    """

    def __init__(self, program: Program) -> None:
        """Begin with none known.

        Args:
            program: Notes which modules are read.
        """
        self._program = program
        self._found = Fixpoints(NOTHING, _DEPTH)
        self._read: dict[FuncDef, set[str]] = {}
        #: The same of functions whose summary waits for that of another one.
        self._waiting: dict[FuncDef, set[str]] = {}

    def of(self, function: FuncDef, compute: Callable[[], Summary]) -> Summary | None:
        """The summary of a function; ``None`` where too many would be computed in one another.

        Args:
            function: The function.
            compute: Computes it.
        """
        with self._program.noting() as read:
            found = self._found.of(function, compute)
            for earlier in (self._read, self._waiting):
                read.update(earlier.get(function, ()))
        if not self._found.has_settled(function):
            self._waiting[function] = read
        elif function not in self._read:
            self._read[function] = read
            for each in [each for each in self._waiting if self._found.has_settled(each)]:
                del self._waiting[each]
                self._read[each] = read  # they have waited for this one
        return found
