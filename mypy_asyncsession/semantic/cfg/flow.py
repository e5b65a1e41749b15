"""The state of a builder: the edges that have no end yet, and what an exception or jump meets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from mypy.nodes import TryStmt

from mypy_asyncsession.semantic.cfg.graph import EdgeKind, Graph, PointKind, Way
from mypy_asyncsession.semantic.cfg.handlers import names

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from mypy.nodes import Node

    #: Edges without an end: the points where they start, with their kinds.
    Loose = list[tuple[int, int]]

KIND_OF: Final = {
    Way.NORMAL: EdgeKind.NORMAL,
    Way.RETURN: EdgeKind.NORMAL,
    Way.BREAK: EdgeKind.NORMAL,
    Way.CONTINUE: EdgeKind.NORMAL,
    Way.ERROR: EdgeKind.ERROR,
    Way.CANCEL: EdgeKind.CANCEL,
    Way.CLOSE: EdgeKind.CLOSE,
}


class Frame:
    """Something around a statement that stops some of the ways out of it.

    Attributes:
        outer: What is around it.
        landings: For the ways that were taken, the point where they come to it.
        named: The same for errors of a class that one of the handlers names.
        nearest: For each way, what stops it first: this frame, or one further out.
    """

    __slots__ = ("item", "kind", "landings", "named", "nearest", "node", "outer")

    def __init__(
        self,
        outer: Frame | None,
        stops: Iterable[Way],
        kind: PointKind,
        node: Node | None,
        item: int = -1,
    ) -> None:
        self.outer = outer
        self.landings: dict[Way, int] = {}
        self.named: dict[str, int] = {}
        self.nearest: dict[Way, Frame] = dict(outer.nearest) if outer is not None else {}
        for way in stops:
            self.nearest[way] = self
        self.kind = kind
        self.node = node
        self.item = item


class Branches:
    """Where a condition leads, as it holds or does not."""

    __slots__ = ("false", "true")

    def __init__(self) -> None:
        self.true: Loose = []
        self.false: Loose = []


class Flow:
    """What the builders of statements and expressions share.

    Attributes:
        graph: What is built.
        loose: The edges that the next point is the end of; where there are none, it is dead.
        frame: The innermost thing around that stops ways out.
        statement: The statement at hand.
        reads: What was looked up since the last point.
        risky: Whether one of these may have raised an exception.
        inner: The names that comprehensions around have for their own.
    """

    __slots__ = ("frame", "graph", "inner", "loose", "reads", "risky", "statement")

    def __init__(self) -> None:
        self.graph = Graph()
        self.loose: Loose = [(Graph.ENTRY, EdgeKind.NORMAL)]
        self.statement: Node | None = None
        self.reads: list[Node] = []
        self.risky = False
        self.inner: frozenset[str] = frozenset()
        self.frame = Frame(
            None, (Way.RETURN, Way.ERROR, Way.CANCEL, Way.CLOSE), PointKind.EXIT, None
        )
        self.frame.landings = {
            Way.RETURN: Graph.EXIT,
            Way.ERROR: Graph.RAISED,
            Way.CANCEL: Graph.RAISED,
            Way.CLOSE: Graph.RAISED,
        }

    def point(
        self,
        kind: PointKind,
        node: Node | None,
        *,
        raises: Sequence[Way] = (),
        item: int = -1,
        way: Way | None = None,
    ) -> int:
        """Add the next point; what raises goes to what is around, and the rest is left loose."""
        reads: Sequence[Node] = ()
        if self.reads:
            reads, self.reads = self.reads, []
        index = self.graph.add(kind, node, self.statement, reads, item, way, self.inner)
        for source, edge in self.loose:
            self.graph.connect(source, index, edge)
        self.loose = [(index, EdgeKind.NORMAL)]
        if raises or self.risky:
            self.raise_at(index, raises or (Way.ERROR,))
        self.risky = False
        return index

    def raise_at(self, point: int, ways: Iterable[Way]) -> None:
        """Let exceptions leave a point."""
        for way in ways:
            self.graph.connect(point, self.target(way), KIND_OF[way])

    def target(self, way: Way, frame: Frame | None = None) -> int:
        """The point to which a way leads from a frame: the innermost one, if none is given."""
        stops = (frame or self.frame).nearest.get(way)
        if stops is None:
            return Graph.EXIT  # a jump out of no loop: Python would not compile it
        landing = stops.landings.get(way)
        if landing is None:
            landing = self.graph.add(stops.kind, stops.node, stops.node, (), stops.item, way)
            stops.landings[way] = landing
        return landing

    def raise_named(self, point: int, name: str) -> None:
        """Let an error of a class leave a point, of which a handler around may be sure."""
        stops = self.frame.nearest[Way.ERROR]
        landing: int | None = None
        if (
            isinstance(stops.node, TryStmt)
            and stops.kind is PointKind.DISPATCH
            and not stops.node.is_star
            and any(names(caught, name) for caught in stops.node.types)
        ):
            landing = stops.named.get(name)
            if landing is None:
                landing = self.graph.add(
                    stops.kind, stops.node, stops.node, (), stops.item, Way.ERROR
                )
                stops.named[name] = landing
        target = self.target(Way.ERROR) if landing is None else landing
        self.graph.connect(point, target, EdgeKind.ERROR)

    def jump(self, way: Way) -> None:
        """Send all that is loose away."""
        kind = KIND_OF[way]
        if kind != EdgeKind.NORMAL and any(edge != kind for _, edge in self.loose):
            # An exception goes on after a ``finally``: what was last done there did not raise it.
            self.point(PointKind.JOIN, self.statement)
            self.loose = [(self.loose[0][0], kind)]
        if self.loose:
            target = self.target(way)
            for source, edge in self.loose:
                self.graph.connect(source, target, edge)
        self.dead()

    def dead(self) -> None:
        """What follows is never reached."""
        self.loose = []
        self.reads = []
        self.risky = False
