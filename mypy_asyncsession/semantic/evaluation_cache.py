"""What was evaluated already: for the module at hand, and for good."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mypy_asyncsession.semantic.values import Value


@dataclass(slots=True)
class Frame:
    """What an evaluation came across, for the one that it is a part of.

    Attributes:
        lasts: Whether it would come to the same from any module: it has not looked at the module
            at hand, was not cut short, and has not met itself.
        passed_over: Whether something counted as not known because the code asks about it at run
            time.
        calls: How many calls deep it went: meanwhile counted from the outermost evaluation, and
            from its own beginning when it is done.
        depth: How many expressions deep it went, counted in the same way.
        leaned: The modules whose bodies it has read.
    """

    lasts: bool = True
    passed_over: bool = False
    calls: int = 0
    depth: int = 0
    leaned: set[str] = field(default_factory=set)

    def add(self, part: Frame, calls: int, depth: int) -> None:
        """Take in what a part of this evaluation came across, which began that deep."""
        self.lasts = self.lasts and part.lasts
        self.passed_over = self.passed_over or part.passed_over
        self.calls = max(self.calls, calls + part.calls)
        self.depth = max(self.depth, depth + part.depth)


@dataclass(slots=True)
class Known:
    """A value that was found, and what finding it came across."""

    value: Value
    frame: Frame


#: What is known for good, by whether the questions that the code asks were passed over, and key.
ProgramCache = dict[tuple[bool, tuple[object, ...]], Known]
