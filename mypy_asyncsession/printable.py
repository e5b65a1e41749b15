"""Text of others as it is printed: it cannot command a terminal, or whatever reads a log.

Names of files and pieces of source hold what their author likes. What is not printable is escaped,
as Python writes it, and so is what CI servers take for a command in a log: ``::`` at the beginning
of a line, and ``##[...]``, ``##vso[...]`` or ``##teamcity[...]`` anywhere in it.
"""

from __future__ import annotations

import json
import re
from dataclasses import fields, is_dataclass, replace
from typing import Any, Final, TypeVar

_COMMAND: Final = re.compile(r"^(\s*):(?=:)|#(?=#\w*\[)")

T = TypeVar("T")


def printable(text: str, keep: str = "") -> str:
    """A text as it can be printed, in a line of its own or in a part of one.

    Args:
        text: What somebody has written.
        keep: Characters that stay as they are, though they are not printable.
    """
    if not text.isprintable():
        text = "".join(
            char if char.isprintable() or char in keep else ascii(char)[1:-1] for char in text
        )
    return _COMMAND.sub(_escaped, text) if "::" in text or "##" in text else text


def json_text(value: object, indent: int | None = None) -> str:
    """A value as JSON, which says the same and holds no such command."""
    return json.dumps(value, indent=indent).replace("##", r"\u0023#")


def _escaped(match: re.Match[str]) -> str:
    return r"\x23" if match[1] is None else rf"{match[1]}\x3a"


def printable_record(record: T) -> T:
    """A record with all the texts in it as they can be printed."""
    result: Any = _printable(record)
    return result  # type: ignore[no-any-return]


def _printable(value: Any) -> Any:
    if isinstance(value, str):
        return value if type(value) is not str else printable(value)
    if isinstance(value, (list, tuple, set, frozenset)):
        return type(value)(map(_printable, value))
    if type(value) is dict:
        return {_printable(key): _printable(item) for key, item in value.items()}
    if is_dataclass(value) and not isinstance(value, type):
        changed = {
            item.name: _printable(getattr(value, item.name)) for item in fields(value) if item.init
        }
        return replace(value, **changed)
    return value
