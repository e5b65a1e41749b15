"""Which states an object may be in at a point, and where it came into each of them.

An object (a session, an instance, whatever is followed) is in one of a few states. Points change
it: ``Change`` says from which states to which, and along which edges, so that a ``commit`` that
fails may lead elsewhere than one that succeeds. Each object is followed by itself, and only where
somebody still asks for it later, so that a thousand short-lived ones cost no more than one.
"""

from __future__ import annotations

import functools
import operator
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Generic, TypeVar

from mypy_asyncsession.semantic.cfg import EdgeKind

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from mypy_asyncsession.semantic.cfg import Graph

S = TypeVar("S")

#: Of how many points is it known, at one of them, that an object came into a state there: the first
#: ones in the order of the graph. Which states are possible does not depend on it.
_MOST: Final = 16


@dataclass(frozen=True, slots=True)
class Held(Generic[S]):
    """A state that an object may be in, and the point at which it came into it."""

    state: S
    since: int


@dataclass(frozen=True, slots=True)
class Change(Generic[S]):
    """What a point does to the state of an object.

    Attributes:
        to: The state that it is in then; ``None`` where it is not to be followed any longer.
        frm: The states that are changed, all if there are none; others stay as they are.
        when: The kinds of edge on which the change has happened. On the others the state stays.
        begins: Whether it begins to be followed here, whatever state it is in, or none.
    """

    to: S | None
    frm: frozenset[S] = frozenset()
    when: int = EdgeKind.ANY
    begins: bool = False


@dataclass(slots=True)
class Tracked(Generic[S]):
    """The states of one object.

    Attributes:
        before: For the points between its beginning and the last one that asks: the states that
            it may be in just before the point.
        came_from: For each state but the first ones, those that it was changed from.
    """

    before: dict[int, set[Held[S]]] = field(default_factory=dict)
    came_from: dict[Held[S], set[Held[S]]] = field(default_factory=dict)

    def states(self, point: int) -> set[S]:
        """The states that it may be in just before a point; none where it is not followed."""
        return {held.state for held in self.before.get(point, ())}

    def held(self, point: int, state: S) -> list[Held[S]]:
        """How it may be in a state just before a point: where it came into it."""
        found = [held for held in self.before.get(point, ()) if held.state == state]
        return sorted(found, key=lambda held: held.since)

    def history(self, held: Held[S]) -> list[Held[S]]:
        """One way, and a shortest one, in which it came into a state: the first state first."""
        behind: dict[Held[S], Held[S] | None] = {held: None}
        level = [held]
        while level:
            following: list[Held[S]] = []
            for each in level:
                sources = self.came_from.get(each)
                if not sources:
                    result = []
                    current: Held[S] | None = each
                    while current is not None:
                        result.append(current)
                        current = behind[current]
                    return result
                for source in sorted(sources, key=lambda one: one.since):
                    if source not in behind:
                        behind[source] = each
                        following.append(source)
            level = following
        return [held]  # a circle: the object began to be followed in the middle of it


def follow(
    graph: Graph,
    changes: Mapping[int, Sequence[Change[S]]],
    asked: Collection[int],
    *,
    entering: S | None = None,
    along: int = EdgeKind.ANY,
) -> Tracked[S]:
    """Follow one object.

    Args:
        graph: The graph of the body that it is in.
        changes: For the points that change its state, how, in this order.
        asked: The points at which its state will be asked for.
        entering: The state that it is in where the body begins, if it is followed from there.
        along: The kinds of edge that count.
    """
    tracked: Tracked[S] = Tracked()
    begins = {
        point: functools.reduce(operator.or_, (each.when for each in made if each.begins))
        for point, made in changes.items()
        if any(each.begins for each in made)
    }
    wanted = region(graph, begins, asked, along=along)
    starts = [*begins]
    if entering is not None:
        tracked.before[graph.ENTRY] = {Held(entering, graph.ENTRY)}
        starts.append(graph.ENTRY)
    waiting = sorted(set(starts), reverse=True)
    queued = set(waiting)
    while waiting:
        point = waiting.pop()
        queued.discard(point)
        held = tracked.before.get(point, set())
        made = changes.get(point, ())
        for target, kind in graph.after[point]:
            if not kind & along or target not in wanted:
                continue
            carried = _changed(point, kind, held, made, tracked) if made else held
            known = tracked.before.setdefault(target, set())
            if not _join(known, carried):
                continue
            if target not in queued:
                queued.add(target)
                waiting.append(target)
    return tracked


def _join(known: set[Held[S]], carried: set[Held[S]]) -> bool:
    """Take in what comes along an edge; whether any of it is news."""
    new = carried - known
    if not new:
        return False
    if len(known) + len(new) <= _MOST:
        known |= new
        return True
    # Else each of a thousand commits in a row would be carried to all that follows.
    count = Counter(each.state for each in known)
    before = len(known)
    for each in sorted(new, key=lambda one: one.since):
        if count[each.state] < _MOST:
            count[each.state] += 1
            known.add(each)
    return len(known) > before


def _changed(
    point: int,
    kind: int,
    held: set[Held[S]],
    changes: Sequence[Change[S]],
    tracked: Tracked[S],
) -> set[Held[S]]:
    for change in changes:
        if not kind & change.when:
            continue
        left: set[Held[S]] = set()
        for each in held:
            if change.frm and each.state not in change.frm:
                left.add(each)
            elif change.to is not None:
                new = each if each.state == change.to else Held(change.to, point)
                left.add(new)
                if new != each and not change.begins:
                    tracked.came_from.setdefault(new, set()).add(each)
        if change.begins and change.to is not None:
            left.add(Held(change.to, point))
        held = left
    return held


def region(
    graph: Graph, begins: Mapping[int, int], asked: Collection[int], *, along: int = EdgeKind.ANY
) -> set[int]:
    """The points from which a way leads to one that asks, and on which it is not begun anew.

    What is not among them need not be known to follow an object.

    Args:
        graph: The graph of the body that it is in.
        begins: The points at which it begins to be followed, each with the edges on which it does.
        asked: The points at which its state will be asked for.
        along: The kinds of edge that count.
    """
    found = set(asked)
    expanded = set(asked)
    stack = list(asked)
    while stack:
        for source, kind in graph.before[stack.pop()]:
            if not kind & along:
                continue
            # What is before an object's beginning has nothing to say about it.
            if begins.get(source, 0) & kind:
                found.add(source)
            elif source not in expanded:
                expanded.add(source)
                found.add(source)
                stack.append(source)
    return found
