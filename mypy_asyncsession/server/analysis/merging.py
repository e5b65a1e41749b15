"""What is shown of a file while mypy has not looked at its newest text.

The core that reads parsed trees answers at once; where only types tell, it says less, or, rarely,
more. What it would get wrong in the next text is what it got wrong in the one that mypy has seen,
as long as the line is the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mypy_asyncsession.server.analysis.edit import Edit

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mypy_asyncsession.findings import Finding


@dataclass(slots=True)
class Seen:
    """What is known of a text that mypy has seen.

    Attributes:
        text: The text.
        checked: What was found in it with mypy.
        parsed: What is found without; ``None`` where that was not asked.
    """

    text: str
    checked: list[Finding]
    parsed: list[Finding] | None = None


def merged(parsed: Iterable[Finding], text: str, seen: Seen | None) -> list[Finding]:
    """What to show of a text.

    Args:
        parsed: What was found in it without mypy.
        text: The text.
        seen: An older text that mypy has seen, if there is one.
    """
    if seen is None:
        return list(parsed)
    edit = Edit.between(seen.text, text)
    checked = {_key(found) for found in seen.checked}
    without = {_key(found) for found in seen.parsed or ()}
    denied = {
        _key(found)
        for found in edit.moved(each for each in seen.parsed or () if _key(each) not in checked)
    }
    result = [found for found in parsed if _key(found) not in denied]
    there = {_key(found) for found in result}
    missed = (each for each in seen.checked if _key(each) not in without)
    result += [found for found in edit.moved(missed) if _key(found) not in there]
    return sorted(result, key=lambda found: (found.span.line, found.span.column, found.code))


def _key(found: Finding) -> tuple[object, ...]:
    return found.code, found.span.line, found.span.column, found.message
