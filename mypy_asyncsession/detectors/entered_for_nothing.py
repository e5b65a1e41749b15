"""What a ``with`` binds of a manager that hands out nothing, used as if it were something."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mypy.nodes import MemberExpr, NameExpr, YieldExpr
from mypy.types import Instance

from mypy_asyncsession.detectors.record import Situation
from mypy_asyncsession.detectors.unentered_holders import unentered
from mypy_asyncsession.semantic.entering_methods import gives_nothing
from mypy_asyncsession.semantic.syntax import yields
from mypy_asyncsession.semantic.values import ObjectValue

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy.nodes import WithStmt

    from mypy_asyncsession.detectors.record import UnenteredUse
    from mypy_asyncsession.semantic.interpreter import Interpreter
    from mypy_asyncsession.semantic.program_point import ProgramPoint
    from mypy_asyncsession.semantic.values import Value


class EnteredForNothing:
    """Finds where an attribute of such a name is read."""

    def __init__(self, interpreter: Interpreter) -> None:
        self._interpreter = interpreter

    def of_block(self, statement: WithStmt, point: ProgramPoint) -> Iterator[UnenteredUse]:
        """The first read of an attribute of what a block binds, which is ``None``."""
        if point.body.function() is None:
            return
        for expression, target in zip(statement.expr, statement.target, strict=True):
            if not isinstance(target, NameExpr):
                continue
            manager = self._interpreter.value(expression, point.scope, point.where)
            method = self._empty(manager, is_async=statement.is_async)
            read = _first_read(target, point) if method is not None else None
            if read is None or method is None or not isinstance(manager, ObjectValue):
                continue
            yield unentered(
                Situation.NOTHING, read.expr, manager, manager, method, point, self._interpreter
            )

    def _empty(self, manager: Value, *, is_async: bool) -> str | None:
        """What hands out nothing where a manager is entered, as a reader knows it."""
        if not isinstance(manager, ObjectValue):
            return None
        function = manager.origin.function if manager.origin is not None else None
        if function is not None and (given := yields(function.node)):
            nothing = all(isinstance(each, YieldExpr) and each.expr is None for each in given)
            return function.name if nothing else None
        if not (manager.bare or manager.filled) or not isinstance(manager.type, Instance):
            return None
        info = manager.type.type
        if not gives_nothing(info, self._interpreter.program, is_async=is_async):
            return None
        return f"{info.name}.{'__aenter__' if is_async else '__enter__'}"


def _first_read(target: NameExpr, point: ProgramPoint) -> MemberExpr | None:
    """Where an attribute is read first of what a name has from one ``with`` alone."""
    flow = point.body.flow()
    bound = flow.bindings.of(target.name)
    if target.name in flow.shared or not set(bound) <= set(flow.graph.points_of(target)):
        return None
    reads = [
        read
        for index, read in flow.attributes.get(target.name, ())
        if not flow.bindings.reaching(index, target.name).isdisjoint(bound)
    ]
    return min(reads, key=lambda each: (each.line, each.column), default=None)
