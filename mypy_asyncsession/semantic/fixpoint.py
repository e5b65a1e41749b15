"""Values of what refers to itself: each is computed once, and those of a cycle until none changes.

So what is found of a function does not depend on which function of a cycle was asked for first.
Nor does it depend on what was asked for before: what takes too many computations in one another is
cut off although a part of it may be known.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

_S = TypeVar("_S")

#: How often the members of a cycle are computed before the last values are taken for the answer.
_ROUNDS: Final = 16


class Fixpoints(Generic[_S]):
    """Computes values that need one another."""

    def __init__(self, bottom: _S, depth: int) -> None:
        """Begin with nothing computed.

        Args:
            bottom: What a value is taken for while it is computed for the first time.
            depth: How many computations may be inside one another.
        """
        self._bottom = bottom
        self._depth = depth
        #: Each with how many computations in one another it has taken.
        self._settled: dict[Hashable, tuple[_S, int]] = {}
        #: What depends on a computation under way, with the outermost of these by its place.
        self._passing: dict[Hashable, tuple[_S, int]] = {}
        self._running: dict[Hashable, int] = {}
        #: What the members of cycles were found to be the last time.
        self._last: dict[Hashable, _S] = {}
        self._reached = depth
        #: How many computations have been inside one another, at most.
        self._deepest = 0
        self._changed = False
        #: What was found where some computation inside would have been one too many, each with how
        #: many more there could have been: asked for from elsewhere, it may be more.
        self._cut_off: dict[tuple[Hashable, int], _S] = {}
        self._is_cut_off = False

    def of(self, key: Hashable, compute: Callable[[], _S]) -> _S | None:
        """The value of a key; ``None`` where it would take too many computations in one another.

        Args:
            key: Says what is computed.
            compute: Computes it from the values of others.
        """
        place, outside = len(self._running), self._reached
        settled = self._settled.get(key)
        if settled is not None and place + settled[1] <= self._depth:
            self._deepest = max(self._deepest, place + settled[1])
            return settled[0]
        if key in self._running:
            self._reached = min(self._reached, self._running[key])
            return self._last.get(key, self._bottom)
        if key in self._passing:
            passing, head = self._passing[key]
            self._reached = min(self._reached, head)
            return passing
        if place >= self._depth or (key, place) in self._cut_off:
            self._is_cut_off = True
            return self._cut_off.get((key, place))
        cut_off_outside, self._is_cut_off = self._is_cut_off, False
        self._running[key] = place
        self._reached = self._depth
        deepest_outside, self._deepest = self._deepest, place + 1
        try:
            found = self._computed(key, place, compute)
        finally:
            del self._running[key]
            reached, self._reached = self._reached, outside
            cut_off, self._is_cut_off = self._is_cut_off, self._is_cut_off or cut_off_outside
            height = self._deepest - place
            self._deepest = max(self._deepest, deepest_outside)
        if reached >= place and cut_off:
            self._forget(place)
            self._last.pop(key, None)
            self._cut_off[key, place] = found
        elif reached >= place:
            self._settle(key, found, place, height)
        else:
            self._reached = min(outside, reached)
            # They wait for what this one waits for.
            waiting = {k: (v, min(head, reached)) for k, (v, head) in self._passing.items()}
            self._passing = {**waiting, key: (found, reached)}
        return found

    def _computed(self, key: Hashable, place: int, compute: Callable[[], _S]) -> _S:
        """Compute a value; if it is where a cycle was begun, until nothing in that changes."""
        changed_outside = self._changed
        for _ in range(_ROUNDS):
            self._changed = False
            found = compute()
            if found != self._last.get(key, self._bottom):
                self._changed = True
            self._last[key] = found
            if self._reached != place or not self._changed:
                break
            self._passing = {k: v for k, v in self._passing.items() if v[1] < place}
        self._changed = self._changed or changed_outside
        return self._last[key]

    def _forget(self, place: int) -> None:
        """Drop what waited for a value that is not the last word."""
        for each in [key for key, (_, head) in self._passing.items() if head >= place]:
            del self._passing[each]
            self._last.pop(each, None)

    def has_settled(self, key: Hashable) -> bool:
        """Whether the value of a key is known for good."""
        return key in self._settled

    def _settle(self, key: Hashable, found: _S, place: int, height: int) -> None:
        """Keep the value of what waits for nothing, and of all that waited for it."""
        inside = {each: value for each, (value, head) in self._passing.items() if head >= place}
        for each, value in ((key, found), *inside.items()):
            self._settled[each] = value, height
            self._passing.pop(each, None)
            self._last.pop(each, None)
