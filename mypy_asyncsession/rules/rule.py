"""What a rule is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mypy_asyncsession.codes import CODES

if TYPE_CHECKING:
    from collections.abc import Callable

    from mypy_asyncsession.detectors.record import Record
    from mypy_asyncsession.findings import Place


@dataclass(frozen=True, slots=True)
class Problem:
    """What a rule says of one record: what is wrong, and what to write instead."""

    message: str
    hint: str | None
    place: Place | None


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule.

    Attributes:
        code: The error code.
        doc: The four parts: What it does, Why is this bad, Example, Use instead.
        reads: The kinds of record that it looks at.
        check: Says what is wrong with a record, or ``None``.
    """

    code: str
    doc: str
    reads: tuple[type[Record], ...]
    check: Callable[[Any], Problem | None]

    @property
    def summary(self) -> str:
        """What it rejects, in one line without a full stop."""
        return CODES[self.code].summary

    @property
    def default(self) -> bool:
        """Whether it is on by default; else it is a strict rule."""
        return CODES[self.code].default
