"""Sessions that are returned, and that a ``finally`` closes all the same."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mypy.nodes import AwaitExpr, CallExpr, FuncDef, NameExpr

from mypy_asyncsession.detectors.block_flow import closes_on_return
from mypy_asyncsession.detectors.escape_record import escape_of
from mypy_asyncsession.semantic.shapes import Shape
from mypy_asyncsession.semantic.values import ObjectValue

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy.nodes import ReturnStmt

    from mypy_asyncsession.detectors.record import Escape
    from mypy_asyncsession.semantic.interpreter import Interpreter
    from mypy_asyncsession.semantic.program_point import ProgramPoint


class ClosedReturns:
    """Finds the sessions that a ``finally`` closes once they are returned."""

    def __init__(self, interpreter: Interpreter) -> None:
        self._interpreter = interpreter

    def of_statement(self, statement: ReturnStmt, point: ProgramPoint) -> Iterator[Escape]:
        """A session that is returned, and that a ``finally`` closes before the caller has it."""
        name = statement.expr.name if isinstance(statement.expr, NameExpr) else None
        bindings = point.scope.names.bindings.get(name, []) if name is not None else []
        function = point.body.function()
        if name is None or len(bindings) != 1 or bindings[0].kind != "assign":
            return
        made = bindings[0].node
        made = made.expr if isinstance(made, AwaitExpr) else made
        if not isinstance(function, FuncDef) or not isinstance(made, CallExpr):
            return
        flow = point.body.flow()
        if flow.is_generator or name in flow.shared:
            return
        if not closes_on_return(flow, statement, name) or statement.expr is None:
            return
        session = self._interpreter.value(statement.expr, point.scope, point.where)
        if isinstance(session, ObjectValue) and session.shape is Shape.SESSION:
            yield escape_of("finally", statement, name, session, made, point)
