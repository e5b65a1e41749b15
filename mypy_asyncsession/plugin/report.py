"""What a rule says of a record, until it is put into mypy's error list."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mypy_asyncsession.detectors.record import Record
    from mypy_asyncsession.rules import Problem


@dataclass(frozen=True, slots=True)
class Report:
    """What a rule says of a record.

    Attributes:
        code: The code of the rule.
        record: The record.
        problem: What is wrong with it.
    """

    code: str
    record: Record
    problem: Problem
