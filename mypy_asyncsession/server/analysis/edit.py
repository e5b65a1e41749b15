"""What is the same in two texts: where a line of the one is in the other."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

from mypy_asyncsession.server.analysis.texts import lines_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from mypy_asyncsession.findings import Finding


class Block(NamedTuple):
    """Lines next to each other that are in both texts.

    Attributes:
        old: How many lines are before them in the old text.
        new: How many are in the new one.
        size: How many they are.
    """

    old: int
    new: int
    size: int


@dataclass(frozen=True, slots=True)
class Edit:
    """What is the same in two texts.

    Attributes:
        blocks: The lines that are in both, in their order.
    """

    blocks: tuple[Block, ...]

    @classmethod
    def between(cls, old: str, new: str) -> Edit:
        """What is the same in these two."""
        return cls(tuple(_blocks(lines_of(old), lines_of(new))))

    def line(self, line: int) -> int | None:
        """Where a line, 1-based, is by now; ``None`` if it was edited."""
        for block in self.blocks:
            if block.old < line <= block.old + block.size:
                return line - block.old + block.new
        return None

    def back(self) -> Edit:
        """The same from the new text to the old one."""
        return Edit(tuple(Block(block.new, block.old, block.size) for block in self.blocks))

    def moved(self, findings: Iterable[Finding]) -> Iterator[Finding]:
        """Findings where they are by now, without those whose lines were edited."""
        for found in findings:
            first, last = self.line(found.span.line), self.line(found.span.end_line)
            if first is not None and last is not None and last >= first:
                yield replace(found, span=replace(found.span, line=first, end_line=last))


def _blocks(old: Sequence[str], new: Sequence[str]) -> Iterator[Block]:
    most = min(len(old), len(new))
    before = 0
    while before < most and old[before] == new[before]:
        before += 1
    behind = 0
    while behind < most - before and old[-1 - behind] == new[-1 - behind]:
        behind += 1
    yield Block(0, 0, before)
    yield from _between(old, new, before, behind)
    yield Block(len(old) - behind, len(new) - behind, behind)


def _between(old: Sequence[str], new: Sequence[str], before: int, behind: int) -> Iterator[Block]:
    """The same lines between those at the beginning and those at the end.

    They are found by lines that are unlike all others, as people find them. To compare all with
    all takes too long for something that is done at every key.
    """
    old_end, new_end = len(old) - behind, len(new) - behind
    at, new_at = before, before
    for first, second in _anchors(old, new, before, old_end, new_end):
        if first < at or second < new_at:
            continue  # in the block of the one before
        start, new_start = first, second
        while start > at and new_start > new_at and old[start - 1] == new[new_start - 1]:
            start, new_start = start - 1, new_start - 1
        end, new_stop = first, second
        while end < old_end and new_stop < new_end and old[end] == new[new_stop]:
            end, new_stop = end + 1, new_stop + 1
        yield Block(start, new_start, end - start)
        at, new_at = end, new_stop


def _anchors(
    old: Sequence[str], new: Sequence[str], before: int, old_end: int, new_end: int
) -> list[tuple[int, int]]:
    """Lines that are in each of the texts once, in an order that is that of both."""
    counts, new_counts = Counter(old[before:old_end]), Counter(new[before:new_end])
    places = {new[at]: at for at in range(before, new_end) if new_counts[new[at]] == 1}
    pairs = [
        (at, places[old[at]])
        for at in range(before, old_end)
        if counts[old[at]] == 1 and old[at] in places
    ]
    # The longest of their sequences that ascends: what ends each length, and what leads to it.
    ends: list[int] = []
    last: list[int] = []
    previous: list[int] = []
    for number, (_, place) in enumerate(pairs):
        length = bisect_left(ends, place)
        previous.append(last[length - 1] if length else -1)
        ends[length : length + 1] = [place]
        last[length : length + 1] = [number]
    result = []
    at = last[-1] if last else -1
    while at >= 0:
        result.append(pairs[at])
        at = previous[at]
    return result[::-1]
