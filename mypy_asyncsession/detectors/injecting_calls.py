"""What a call of a function has to do with the dependencies of FastAPI."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mypy_asyncsession.detectors.application_handlers import ApplicationHandlers
from mypy_asyncsession.detectors.direct_calls import DirectCalls
from mypy_asyncsession.detectors.router_factories import RouterFactories

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy.nodes import CallExpr, SymbolNode

    from mypy_asyncsession.detectors.callees import Callees
    from mypy_asyncsession.detectors.dependencies import Dependencies
    from mypy_asyncsession.detectors.dependency_overrides import DependencyOverrides
    from mypy_asyncsession.detectors.depends_calls import DependsCalls
    from mypy_asyncsession.detectors.record import Record
    from mypy_asyncsession.semantic.interpreter import Interpreter
    from mypy_asyncsession.semantic.program_point import ProgramPoint


class InjectingCalls:
    """Finds calls that name dependencies, replace them, or leave them out."""

    def __init__(
        self,
        interpreter: Interpreter,
        dependencies: Dependencies,
        overrides: DependencyOverrides,
        depends: DependsCalls,
        callees: Callees,
    ) -> None:
        """Begin with nothing found.

        Args:
            interpreter: Says what expressions may be.
            dependencies: Finds dependencies.
            overrides: Finds what is put in their place.
            depends: Knows the calls of ``Depends``.
            callees: Knows what is called.
        """
        self._dependencies = dependencies
        self._dependency_overrides = overrides
        self._callees = callees
        self._factories = RouterFactories(interpreter, dependencies, depends)
        self._direct_calls = DirectCalls(interpreter, depends)
        self._handlers = ApplicationHandlers(interpreter, self._direct_calls)

    def of_call(
        self, call: CallExpr, node: SymbolNode | None, point: ProgramPoint
    ) -> Iterator[Record]:
        """What is found in a call; *node* is what it calls, as far as mypy knows."""
        if call.args and self._dependencies.may_name_one(call):
            yield from self._dependencies.of_call(
                call, point.scope, point.where, point.body.outermost()
            )
        if call.args and self._dependency_overrides.may_be_one(
            call, self._callees.named(call.callee, point)
        ):
            yield from self._dependency_overrides.of_call(
                call, point.scope, point.where, point.body.outermost()
            )
        if self._direct_calls.may_name_depends(self._callees.named(call.callee, point)):
            yield from self._factories.of_call(
                call, point.scope, point.where, point.body.outermost()
            )
        yield from self._handlers.of_call(call, point)
        if id(call) in self._dependencies.called:
            return  # that it is called is the mistake, and has been said
        if self._direct_calls.may_be_one(call, node):
            yield from self._direct_calls.of_call(
                call, point.scope, point.where, point.body.outermost()
            )
