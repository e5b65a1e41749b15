"""From a new text to the edits that make it of the old one."""

from __future__ import annotations

from difflib import SequenceMatcher
from typing import TYPE_CHECKING

from lsprotocol import types

if TYPE_CHECKING:
    from pygls.workspace import PositionCodec


def edits(old: str, new: str, codec: PositionCodec) -> list[types.TextEdit]:
    """The lines that differ, as edits.

    The ends of lines are part of what is compared: each stays as it is.
    """
    before, after = _lines(old), _lines(new)
    found = []
    matcher = SequenceMatcher(None, before, after, autojunk=False)
    for what, start, end, new_start, new_end in matcher.get_opcodes():
        if what != "equal":
            place = types.Range(_start(before, start, codec), _start(before, end, codec))
            found.append(types.TextEdit(place, "".join(after[new_start:new_end])))
    return found


def _lines(text: str) -> list[str]:
    """Lines with their ends, as editors count them."""
    result: list[str] = []
    start = 0
    for at, char in enumerate(text):
        if char == "\n" or (char == "\r" and text[at + 1 : at + 2] != "\n"):
            result.append(text[start : at + 1])
            start = at + 1
    if start < len(text):
        result.append(text[start:])
    return result


def _start(lines: list[str], number: int, codec: PositionCodec) -> types.Position:
    if number < len(lines) or not lines or lines[-1].endswith(("\n", "\r")):
        return types.Position(number, 0)
    return types.Position(number - 1, codec.client_num_units(lines[-1]))
