"""The control-flow graph of one body: its points in evaluation order, and the edges between them.

A point is one event: a call, an ``await``, a ``yield``, a condition, a manager that is entered or
left, a statement that binds a name. An edge says how one event comes after another.
"""

from __future__ import annotations

import enum
import itertools
from typing import TYPE_CHECKING, Final, NamedTuple

from mypy.nodes import CallExpr, MemberExpr, NameExpr

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mypy.nodes import Expression, Node, WithStmt


class PointKind(enum.Enum):
    """What happens at a point."""

    #: The start of the body.
    ENTRY = "entry"
    #: The body is left by a ``return``, or at its end.
    EXIT = "exit"
    #: The body is left by an exception.
    RAISED = "raised"
    #: The body is never resumed after a ``yield``.
    ABANDONED = "abandoned"
    #: A simple statement does what it is there for; what it evaluates came before.
    STATEMENT = "statement"
    RETURN = "return"
    RAISE = "raise"
    CALL = "call"
    AWAIT = "await"
    YIELD = "yield"
    #: A condition is decided; its edges are ``TRUE`` and ``FALSE``.
    BRANCH = "branch"
    #: The top of a ``while``.
    LOOP = "loop"
    #: A ``for`` asks for an iterator.
    ITERATE = "iterate"
    #: A ``for`` asks for the next element: ``TRUE`` where there is one.
    NEXT = "next"
    #: A target of a ``for``, a ``with`` or ``:=`` gets its value.
    BIND = "bind"
    #: A target of a comprehension gets its value, which is seen in the comprehension alone.
    BIND_INNER = "bind inner"
    #: A manager of a ``with`` is entered.
    ENTER = "enter"
    #: A manager of a ``with`` is left; ``Point.way`` says on which way.
    LEAVE = "leave"
    #: An exception looks for its handler.
    DISPATCH = "dispatch"
    #: A handler begins, and binds the exception where it has a name for it.
    HANDLER = "handler"
    #: A ``finally`` begins; ``Point.way`` says on which way.
    FINALLY = "finally"
    #: A ``case`` is tried: ``TRUE`` where its pattern matches, whose names are then bound.
    CASE = "case"
    #: Several ways meet.
    JOIN = "join"

    #: As quick as that of any object: points are kept by it.
    __hash__ = object.__hash__


class EdgeKind:
    """The kinds of edge, as bits: a set of kinds is their sum."""

    NORMAL: Final = 1
    TRUE: Final = 2
    FALSE: Final = 4
    #: An ``Exception``.
    ERROR: Final = 8
    #: An exception from outside that is none of these: ``CancelledError``, ``KeyboardInterrupt``.
    CANCEL: Final = 16
    #: ``GeneratorExit``.
    CLOSE: Final = 32
    #: A manager has swallowed the exception: on to what follows its block.
    SWALLOW: Final = 64
    #: Never resumed.
    ABANDON: Final = 128

    RAISING: Final = ERROR | CANCEL | CLOSE
    #: All but exceptions, those that are swallowed among them.
    QUIET: Final = NORMAL | TRUE | FALSE
    ANY: Final = QUIET | RAISING | SWALLOW | ABANDON


_EDGE_NAMES: Final = {
    value: name.lower()
    for name, value in vars(EdgeKind).items()
    if isinstance(value, int) and name not in ("RAISING", "QUIET", "ANY", "NORMAL")
}


class Way(enum.Enum):
    """How a block is left, through the ``finally`` and the managers around."""

    NORMAL = "normal"
    RETURN = "return"
    BREAK = "break"
    CONTINUE = "continue"
    ERROR = "error"
    CANCEL = "cancel"
    CLOSE = "close"


class WithItem(NamedTuple):
    """One manager of a ``with`` statement."""

    statement: WithStmt
    position: int

    @property
    def expression(self) -> Expression:
        """What gives the manager."""
        return self.statement.expr[self.position]

    @property
    def target(self) -> Expression | None:
        """What is bound to what it gives when it is entered."""
        return self.statement.target[self.position]


class Point:
    """One event.

    Attributes:
        index: Its number in the graph.
        kind: What happens.
        node: The node that it is about; for ``ENTER`` and ``LEAVE`` the ``with`` statement, for
            ``BIND`` the target or the ``:=``, for ``HANDLER`` the block, for ``CASE`` the pattern.
        statement: The statement that it is part of.
        reads: What was looked up since the event before: names, attributes, elements, and the
            lambdas and generator expressions that were made.
        item: For ``ENTER`` and ``LEAVE`` the manager; for ``HANDLER`` and ``CASE`` which one.
        way: For ``LEAVE``, ``FINALLY`` and ``DISPATCH``: on which way the block is left. For
            ``return``, ``break``, ``continue`` and ``raise``: the way that they take, one for
            exceptions of all kinds.
        inner: The names in ``reads`` that are a comprehension's own.
    """

    __slots__ = ("index", "inner", "item", "kind", "node", "reads", "statement", "way")

    def __init__(
        self,
        index: int,
        kind: PointKind,
        node: Node | None,
        statement: Node | None,
        reads: Sequence[Node] = (),
        item: int = -1,
        way: Way | None = None,
        inner: frozenset[str] = frozenset(),
    ) -> None:
        self.index = index
        self.kind = kind
        self.node = node
        self.statement = statement
        self.reads = reads
        self.item = item
        self.way = way
        self.inner = inner

    @property
    def line(self) -> int:
        """The line that it stands in, or -1."""
        node = self.node or self.statement
        return node.line if node is not None else -1

    def __repr__(self) -> str:
        words = [str(self.index), self.kind.value]
        if isinstance(self.node, (CallExpr, NameExpr, MemberExpr)):
            words.append(_dotted(self.node))
        if self.item >= 0:
            words.append(f"#{self.item}")
        if self.way is not None and self.kind not in (PointKind.RAISE, PointKind.RETURN):
            words.append(f"({self.way.value})")
        if self.line >= 0:
            words.append(f"line {self.line}")
        return " ".join(words)


class Graph:
    """The points of one body, and what comes after and before each.

    Attributes:
        points: All that can be reached, and the four that every graph has; the first is the entry.
        after: For every point, the points that may come next, each with the kind of edge.
        before: The same edges backwards.
    """

    __slots__ = ("_kinds", "_places", "after", "before", "points")

    #: The indices of the points that every graph has.
    ENTRY: Final = 0
    EXIT: Final = 1
    RAISED: Final = 2
    ABANDONED: Final = 3
    #: How a body ends.
    ENDS: Final = (EXIT, RAISED, ABANDONED)

    def __init__(self) -> None:
        self.points: list[Point] = []
        self.after: list[list[tuple[int, int]]] = []
        self.before: list[list[tuple[int, int]]] = []
        self._places: dict[int, list[int]] | None = None
        self._kinds: dict[PointKind, list[int]] = {}
        for kind in (PointKind.ENTRY, PointKind.EXIT, PointKind.RAISED, PointKind.ABANDONED):
            self.add(kind, None, None)

    def add(
        self,
        kind: PointKind,
        node: Node | None,
        statement: Node | None,
        reads: Sequence[Node] = (),
        item: int = -1,
        way: Way | None = None,
        inner: frozenset[str] = frozenset(),
    ) -> int:
        """Add a point, and say which."""
        index = len(self.points)
        self.points.append(Point(index, kind, node, statement, reads, item, way, inner))
        self.after.append([])
        self.before.append([])
        self._kinds.setdefault(kind, []).append(index)
        return index

    def connect(self, source: int, target: int, kind: int) -> None:
        """Add an edge, unless it is there."""
        edge = (target, kind)
        edges = self.after[source]
        if edge not in edges:
            edges.append(edge)
            self.before[target].append((source, kind))

    def points_of(self, node: Node) -> Sequence[int]:
        """Where a node is evaluated or done: several times in a ``finally``, never where dead."""
        if self._places is None:
            self._places = {}
            for point in self.points:
                if point.node is not None:
                    self._places.setdefault(id(point.node), []).append(point.index)
                for read in point.reads:
                    self._places.setdefault(id(read), []).append(point.index)
        return self._places.get(id(node), ())

    def of_kind(self, *kinds: PointKind) -> list[int]:
        """The points of some kinds, in the order in which they were built."""
        found = [self._kinds.get(kind, ()) for kind in kinds]
        return list(found[0]) if len(found) == 1 else sorted(itertools.chain(*found))

    def text(self) -> str:
        """The graph for a reader: a line for each point, with the points that may come next."""
        return "\n".join(
            f"{point!r} -> "
            + ", ".join(
                str(target) if kind == EdgeKind.NORMAL else f"{target} {_EDGE_NAMES[kind]}"
                for target, kind in self.after[point.index]
            )
            for point in self.points
            if self.after[point.index] or self.before[point.index]
        )


def _dotted(node: Node) -> str:
    names: list[str] = []
    inner: Node = node
    while True:
        if isinstance(inner, CallExpr):
            inner = inner.callee
        elif isinstance(inner, MemberExpr):
            names.append(inner.name)
            inner = inner.expr
        else:
            names.append(inner.name if isinstance(inner, NameExpr) else "...")
            return ".".join(reversed(names))
