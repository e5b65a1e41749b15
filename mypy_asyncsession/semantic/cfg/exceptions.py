"""How exceptions are raised, caught, and passed on: ``raise``, ``except`` and ``finally``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeAlias

from mypy.nodes import MemberExpr, NameExpr

from mypy_asyncsession.semantic.cfg.flow import KIND_OF, Frame
from mypy_asyncsession.semantic.cfg.graph import EdgeKind, PointKind, Way
from mypy_asyncsession.semantic.cfg.handlers import (
    RAISING,
    class_of,
    may_catch,
    must_catch,
    names,
    way_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from mypy.nodes import Block, RaiseStmt, Statement, TryStmt

    from mypy_asyncsession.semantic.cfg.expressions import Expressions, Steps
    from mypy_asyncsession.semantic.cfg.flow import Flow, Loose

    Blocks: TypeAlias = Callable[[Block | Sequence[Statement] | None], Steps]

#: The ways on which a block is left: all of them pass a ``finally`` and the end of a ``with``.
EVERY_WAY: Final = (Way.RETURN, Way.BREAK, Way.CONTINUE, *RAISING)
#: How deep a ``finally`` inside a ``finally`` is built once for each way that comes to it. Beyond
#: it the ways share one copy, and their ends are mixed: each level would multiply the graph.
_COPIED: Final = 2


class Exceptions:
    """Adds the points of ``raise`` and ``try`` to a graph."""

    def __init__(self, flow: Flow, expressions: Expressions, block: Blocks) -> None:
        """Begin outside of any handler.

        Args:
            flow: The graph as far as it is made.
            expressions: Adds the points of expressions.
            block: Adds those of the statements of a block.
        """
        self._flow = flow
        self._expressions = expressions
        self._block = block
        self._finally_depth = 0
        # The ways on which the handler around was come to, and the name of what it caught.
        self._caught: tuple[Sequence[Way], str | None] = ((), None)

    def raising(self, statement: RaiseStmt) -> Steps:
        """A ``raise``; one of what was caught takes the ways on which that came."""
        flow = self._flow
        for part in (statement.expr, statement.from_expr):
            if part is not None:
                yield self._expressions.value(part)
        if not flow.loose:
            return
        ways, name = self._caught
        raised = statement.expr
        again = raised is None or (isinstance(raised, NameExpr) and raised.name == name)
        if not (again and ways):
            ways = (way_of(raised),)
        kind = None if again else class_of(raised)
        if kind is not None and ways == (Way.ERROR,):
            point = flow.point(PointKind.RAISE, statement, way=Way.ERROR)
            flow.raise_named(point, kind)
        else:
            flow.point(PointKind.RAISE, statement, raises=ways, way=Way.ERROR)
        flow.dead()

    def attempt(self, statement: TryStmt) -> Steps:
        """A ``try`` with all that belongs to it."""
        flow = self._flow
        around = flow.frame
        last: Frame | None = None
        if statement.finally_body is not None:
            last = flow.frame = Frame(around, EVERY_WAY, PointKind.FINALLY, statement)
        before = flow.frame
        handlers: Frame | None = None
        if statement.handlers:
            handlers = flow.frame = Frame(before, RAISING, PointKind.DISPATCH, statement)
        yield self._block(statement.body)
        flow.frame = before
        yield self._block(statement.else_body)
        if handlers is not None and (handlers.landings or handlers.named):
            ends = flow.loose
            yield self._handlers(statement, handlers)
            flow.loose = ends + flow.loose
        if last is not None:
            flow.frame = around
            yield self._finally(statement, last.landings)

    def _handlers(self, statement: TryStmt, frame: Frame) -> Steps:
        """The handlers of a ``try``, and on which ways exceptions come to each."""
        flow = self._flow
        # Errors of a class that a handler names are apart from those of which no more is known.
        current: dict[tuple[Way, str | None], Loose] = {
            (way, None): [(point, KIND_OF[way])] for way, point in frame.landings.items()
        }
        for kind, point in frame.named.items():
            current[Way.ERROR, kind] = [(point, EdgeKind.ERROR)]
        before, caught_before = flow.frame, self._caught
        ends: Loose = []
        for position, (caught, variable, body) in enumerate(
            zip(statement.types, statement.vars, statement.handlers, strict=True)
        ):
            entering: Loose = []
            ways: list[Way] = []
            for landed in [landed for landed in current if may_catch(caught, landed[0])]:
                way, name = landed
                flow.loose = current[landed]
                if caught is not None and not isinstance(caught, (NameExpr, MemberExpr)):
                    yield self._expressions.value(caught)
                    flow.reads, flow.risky = [], False
                entering += flow.loose
                if way not in ways:
                    ways.append(way)
                is_sure = must_catch(caught, way) or (name is not None and names(caught, name))
                if is_sure and not statement.is_star:
                    del current[landed]
                else:
                    current[landed] = flow.loose
            if not ways:
                continue
            flow.loose = entering
            # With ``except*`` the handlers after this one may run as well, whatever it raises.
            rest = Frame(before, RAISING, PointKind.DISPATCH, statement)
            if statement.is_star:
                flow.frame = rest
            flow.point(PointKind.HANDLER, body, item=position)
            if caught is not None:
                flow.graph.points[-1].reads = (caught,)
            self._caught = (tuple(ways), variable.name if variable is not None else None)
            yield self._block(body)
            flow.frame, self._caught = before, caught_before
            ends += flow.loose
            if statement.is_star:
                for way, landing in rest.landings.items():
                    current[way, None] = [*current.get((way, None), ()), (landing, KIND_OF[way])]
                current[Way.ERROR, None] = [*current.get((Way.ERROR, None), ()), *flow.loose]
        for (way, _), loose in current.items():
            flow.loose = loose
            flow.jump(way)
        flow.loose = ends

    def _finally(self, statement: TryStmt, landings: dict[Way, int]) -> Steps:
        """A copy of the ``finally`` for each way that comes to it, so that none takes another's."""
        flow = self._flow
        around = flow.statement
        if self._finally_depth >= _COPIED:
            flow.loose = flow.loose + [(point, EdgeKind.NORMAL) for point in landings.values()]
            if not flow.loose:
                return
            flow.point(PointKind.FINALLY, statement)
            self._finally_depth += 1
            yield self._block(statement.finally_body)
            self._finally_depth -= 1
            if flow.loose:
                end = flow.point(PointKind.JOIN, statement)
                for way in landings:
                    flow.graph.connect(end, flow.target(way), KIND_OF[way])
            return
        self._finally_depth += 1
        if flow.loose:
            flow.point(PointKind.FINALLY, statement, way=Way.NORMAL)
            yield self._block(statement.finally_body)
        ends = flow.loose
        for way, landing in landings.items():
            flow.loose = [(landing, EdgeKind.NORMAL)]
            flow.statement = around
            yield self._block(statement.finally_body)
            flow.jump(way)
        self._finally_depth -= 1
        flow.loose = ends
