"""The bodies of functions, each made once for a module that asks about them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mypy_asyncsession.semantic.function_body import FunctionBody
from mypy_asyncsession.semantic.function_flow import FunctionFlow
from mypy_asyncsession.semantic.raising_calls import RaisingCalls

if TYPE_CHECKING:
    from mypy.nodes import FuncItem

    from mypy_asyncsession.semantic.interpreter import Interpreter
    from mypy_asyncsession.semantic.scopes import Scope


class FunctionBodies:
    """Makes them, and notes which modules are read for each: which of its calls come back."""

    def __init__(self, interpreter: Interpreter) -> None:
        """Begin with none made."""
        self._program = interpreter.program
        self._raising = RaisingCalls(interpreter)
        self._made: dict[int, tuple[FunctionBody, set[str]]] = {}

    def of(self, node: FuncItem, scope: Scope) -> FunctionBody:
        """The body of a function that stands in a scope."""
        if id(node) not in self._made:
            with self._program.noting() as read:
                source = self._program.source(scope.module)
                inner = source.scope_in(node, scope) if source is not None else scope
                flow = source.flow_of(node) if source is not None else FunctionFlow(node)
                graph = flow.ended_by(self._raising.of(node, inner))
                self._made[id(node)] = FunctionBody(node, inner, flow, graph), read
        made, read = self._made[id(node)]
        self._program.modules_read |= read
        return made
