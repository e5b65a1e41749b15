"""How mypy's parser counts the columns of a line that holds more than ASCII."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

#: What is parsed to find out: by the column of ``f``.
PROBE: Final = '("ä", f)'


def _twice(line: str, position: int) -> int:
    # mypy 2.4 takes a position in the line for one in its bytes, and converts it once more.
    before = line.encode()[: position + 2]
    return position - sum(byte & 0xC0 == 0x80 for byte in before)  # all but first bytes


#: How columns are counted, by the column that ``f`` then has.
COLUMNS: Final[dict[int, Callable[[str, int], int]]] = {
    5: _twice,
    6: lambda _line, position: position,
    7: lambda line, position: len(line[:position].encode()),
}
