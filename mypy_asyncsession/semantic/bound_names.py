"""What binds a name, and all that binds it in a body: which of it may hold at a place."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from mypy.nodes import TempNode

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from mypy.nodes import Node

    #: The blocks around something, outermost first, each with the position inside.
    Blocks = tuple[tuple[int, int], ...]

#: The kinds of binding that are there once their statement is done.
_DONE_AT_ONCE: Final = frozenset({"assign", "class", "def", "from", "import"})


@dataclass(slots=True, eq=False)
class Binding:
    """One place where a name gets a value; never changed, and not frozen because that is slow.

    Attributes:
        kind: ``assign``, ``with``, ``async with``, ``for``, ``async for``, ``comprehension``,
            ``async comprehension``, ``def``, ``class``, ``import``, ``from`` or ``other``.
        node: The definition, the expression assigned, entered or iterated over, or the import.
        element: The position in a tuple target, or ``None``.
        blocks: The blocks around it, outermost first, each with the position inside.
        target: The module imported, and the name imported from it.
        fallback: Whether it stands in an ``except``, and so counts only if the ``try`` fails.
    """

    kind: str
    node: Node | None
    element: int | None = None
    blocks: tuple[tuple[int, int], ...] = ()
    target: tuple[str, str | None] = ("", None)
    line: int = 0
    fallback: bool = False


class BoundName:
    """The bindings of one name, found by where they stand.

    Attributes:
        own: Those that the body sees, not a comprehension alone, in source order.
        surely: Whether one of them stands in no block.
        unplaced: Those among them that stand in no statement: what a lambda binds.
    """

    __slots__ = ("_block", "_inner", "_placed", "_positions", "own", "surely", "unplaced")

    def __init__(self, bindings: Sequence[Binding]) -> None:
        """Put the bindings of a name in order."""
        self.own: list[Binding] = []
        self.unplaced: list[Binding] = []
        self._inner: dict[Blocks, Binding] = {}
        self._placed: dict[Blocks, list[int]] = {}
        for binding in bindings:
            if "comprehension" in binding.kind:
                self._inner[binding.blocks] = binding
                continue
            if binding.blocks:
                self._placed.setdefault(binding.blocks, []).append(len(self.own))
            else:
                self.unplaced.append(binding)
            self.own.append(binding)
        self.surely = any(len(each.blocks) <= 1 for each in self.own)
        self._block = _common_block(self.own)
        self._positions = (
            [each.blocks[-1][1] for each in self.own] if self._block is not None else []
        )

    def within(self, where: Blocks) -> Binding | None:
        """What a comprehension of a statement binds: it lives in that statement alone."""
        return self._inner.get(where)

    def last_in_block(self, where: Blocks | None) -> Binding | None:
        """The last binding before a use, where all stand in one block around it.

        No graph is needed to know that what is above it in its block has been done.

        Args:
            where: The blocks around the use; ``None`` for the end of the body.
        """
        if self._block is None:
            return None
        around, block = self._block
        depth = len(around)
        if where is None:
            return self.own[-1] if depth == 0 else None
        if len(where) <= depth or where[:depth] != around or where[depth][0] != block:
            return None
        before = bisect_left(self._positions, where[depth][1])
        return self.own[before - 1] if before else None

    def at(self, places: Collection[Blocks]) -> list[Binding]:
        """Those that stand in statements at some places, and those that stand in none."""
        found = [number for place in places for number in self._placed.get(place, ())]
        if not self.unplaced:
            return [self.own[number] for number in sorted(found)]
        wanted = {*map(id, self.unplaced), *(id(self.own[number]) for number in found)}
        return [each for each in self.own if id(each) in wanted]


def _common_block(bindings: Sequence[Binding]) -> tuple[Blocks, int] | None:
    """The block that all of some bindings stand in, if they do, and what is around it."""
    if not bindings or not bindings[0].blocks:
        return None
    # ``name: type`` binds nothing.
    if any(b.kind not in _DONE_AT_ONCE or isinstance(b.node, TempNode) for b in bindings):
        return None
    around, block = bindings[0].blocks[:-1], bindings[0].blocks[-1][0]
    depth = len(around)
    if not all(
        len(b.blocks) == depth + 1 and b.blocks[depth][0] == block and b.blocks[:depth] == around
        for b in bindings
    ):
        return None
    return around, block
