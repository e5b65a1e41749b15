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
    from mypy_asyncsession.semantic.flags import Flags, Known

S = TypeVar("S")

#: Of how many points is it known, at one of them, that an object came into a state there: the first
#: ones in the order of the graph. Which states are possible does not depend on it.
_MOST: Final = 16
#: How much of what the ways to a point know of flags is told apart; more than that is nothing.
_MOST_KNOWN: Final = 4


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


#: The states that an object may be in, each with what the ways know that lead to it.
_Ways = dict[Held[S], "set[Known]"]


def follow(
    graph: Graph,
    changes: Mapping[int, Sequence[Change[S]]],
    asked: Collection[int],
    flags: Flags,
    *,
    entering: S | None = None,
    along: int = EdgeKind.ANY,
) -> Tracked[S]:
    """Follow one object.

    Args:
        graph: The graph of the body that it is in.
        changes: For the points that change its state, how, in this order.
        asked: The points at which its state will be asked for.
        flags: The flags of the graph: a way that knows one does not lead where it says otherwise.
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
    ways: dict[int, _Ways[S]] = {}
    if entering is not None:
        ways[graph.ENTRY] = {Held(entering, graph.ENTRY): {()}}
        starts.append(graph.ENTRY)
    waiting = sorted(set(starts), reverse=True)
    queued = set(waiting)
    while waiting:
        point = waiting.pop()
        queued.discard(point)
        held = ways.get(point, {})
        made = changes.get(point, ())
        for target, kind in graph.after[point]:
            if not kind & along or target not in wanted:
                continue
            carried = _passed(point, kind, held, flags)
            if made:
                started = begins.get(point, 0) & kind
                new = flags.after(point, kind, flags.always(point)) if started else None
                carried = _changed(point, kind, carried, made, tracked, new)
            if not _join(ways.setdefault(target, {}), carried, target, flags):
                continue
            if target not in queued:
                queued.add(target)
                waiting.append(target)
    tracked.before = {point: set(held) for point, held in ways.items()}
    return tracked


def _passed(point: int, kind: int, held: _Ways[S], flags: Flags) -> _Ways[S]:
    """What is left of some states on an edge, by what their ways know."""
    carried: _Ways[S] = {}
    for each, ways in held.items():
        after = {flags.after(point, kind, known) for known in ways} - {None}
        if after:
            carried[each] = {known for known in after if known is not None}
    return carried


def _join(known: _Ways[S], carried: _Ways[S], target: int, flags: Flags) -> bool:
    """Take in what comes along an edge; whether any of it is news."""
    new = carried.keys() - known.keys()
    if len(known) + len(new) > _MOST:
        # Else each of a thousand commits in a row would be carried to all that follows.
        count = Counter(each.state for each in known)
        room = set()
        for each in sorted(new, key=lambda one: one.since):
            if count[each.state] < _MOST:
                count[each.state] += 1
                room.add(each)
        new = room
    is_news = False
    for each, ways in carried.items():
        if each not in known and each not in new:
            continue
        there = known.setdefault(each, set())
        if () in there:
            continue
        living = {flags.living(target, way) for way in ways} - there
        if living:
            is_news = True
            there |= living
            if () in there or len(there) > _MOST_KNOWN:
                known[each] = {()}
    return is_news


def _changed(
    point: int,
    kind: int,
    held: _Ways[S],
    changes: Sequence[Change[S]],
    tracked: Tracked[S],
    new: Known | None,
) -> _Ways[S]:
    """The states after a point has changed them; *new* is what is known where it begins one."""
    for change in changes:
        if not kind & change.when:
            continue
        left: _Ways[S] = {}
        for each, ways in held.items():
            if change.frm and each.state not in change.frm:
                left.setdefault(each, set()).update(ways)
            elif change.to is not None:
                then = each if each.state == change.to else Held(change.to, point)
                left.setdefault(then, set()).update(ways)
                if then != each and not change.begins:
                    tracked.came_from.setdefault(then, set()).add(each)
        if change.begins and change.to is not None and new is not None:
            left.setdefault(Held(change.to, point), set()).add(new)
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
