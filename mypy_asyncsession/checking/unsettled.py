"""What the core leaves to mypy in a program that was only parsed."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Unsettled:
    """The modules with a use that only mypy can decide.

    Attributes:
        asked: The paths of these modules.
        needed: The paths of the sources that mypy reads for them, their own among them.
    """

    asked: list[str] = field(default_factory=list)
    needed: list[str] = field(default_factory=list)
