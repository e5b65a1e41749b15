"""From columns that count characters to those of the editor, and back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lsprotocol import types

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pygls.workspace import PositionCodec

    from mypy_asyncsession.findings import Span


def range_of(span: Span, lines: Sequence[str], codec: PositionCodec) -> types.Range:
    """A span as the editor has it; what lies beyond the text is taken back into it."""
    start = position(span.line, span.column, lines, codec)
    end = position(span.end_line, span.end_column, lines, codec)
    after = (end.line, end.character) > (start.line, start.character)
    return types.Range(start, end if after else types.Position(start.line, start.character + 1))


def position(line: int, column: int, lines: Sequence[str], codec: PositionCodec) -> types.Position:
    """A place, its line 1-based, as the editor has it."""
    at = min(max(line - 1, 0), max(len(lines) - 1, 0))
    text = lines[at] if lines else ""
    return types.Position(at, codec.client_num_units(text[: max(column, 0)]))


def column(at: types.Position, lines: Sequence[str], codec: PositionCodec) -> int:
    """The column of a place of the editor's, in characters."""
    if at.line >= len(lines):
        return 0
    units = 0
    for number, char in enumerate(lines[at.line]):
        if units >= at.character:
            return number
        units += codec.client_num_units(char)
    return len(lines[at.line])
