"""Functions and their decorators: what the one is made into that the other cannot work with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mypy_asyncsession.detectors.decorators import need_of
from mypy_asyncsession.detectors.object_info import object_info
from mypy_asyncsession.detectors.provider_records import FaultyManager
from mypy_asyncsession.detectors.spans import span_of, written
from mypy_asyncsession.semantic.syntax import yields
from mypy_asyncsession.semantic.values import FunctionValue, ManagerFactory
from mypy_asyncsession.semantic.yield_faults import faulty_yield

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy.nodes import CallExpr, Decorator

    from mypy_asyncsession.detectors.pairings import Pairings
    from mypy_asyncsession.detectors.record import Use
    from mypy_asyncsession.findings import Span
    from mypy_asyncsession.semantic.interpreter import Interpreter
    from mypy_asyncsession.semantic.module_source import ModuleSource
    from mypy_asyncsession.semantic.program_point import ProgramPoint
    from mypy_asyncsession.semantic.shapes import YieldFault


class DecoratedFunctions:
    """Finds those of one module."""

    def __init__(self, interpreter: Interpreter, source: ModuleSource, pairings: Pairings) -> None:
        self._interpreter = interpreter
        self._source = source
        self._pairings = pairings

    def of_definition(
        self, statement: Decorator, point: ProgramPoint
    ) -> Iterator[Use | FaultyManager]:
        """What is wrong with a function for its innermost decorator."""
        if not statement.original_decorators:
            return  # mypy takes "classmethod" away
        yield from self._by_wrapper(statement, point)
        if statement.func.is_generator:
            yield from self._as_manager(statement, point)

    def _by_wrapper(self, statement: Decorator, point: ProgramPoint) -> Iterator[Use]:
        """What the decorator does with what a call of the function gives."""
        decorator = statement.original_decorators[-1]
        need = need_of(self._interpreter.value(decorator, point.scope, point.where))
        if need is None:
            return
        function = self._interpreter.defined(statement.func, point.scope)
        value = self._interpreter.called(function, [], point.scope)
        use = self._pairings.made(need.pairing, value, decorator, point, None)
        if use is not None:
            name = statement.func.name
            yield use._replace(text=name, callee=name, via=written(decorator))

    def of_call(self, call: CallExpr, point: ProgramPoint) -> Iterator[FaultyManager]:
        """``asynccontextmanager(get_db)`` of a function that yields never or twice."""
        value = self._interpreter.value(call, point.scope, point.where)
        made = value.function if isinstance(value, ManagerFactory) else None
        if not isinstance(value, ManagerFactory) or not isinstance(made, FunctionValue):
            return
        source = self._interpreter.program.source(made.scope.module)
        if source is None or not yields(made.node):
            return
        faulty = faulty_yield(source.flow_of(made.node))
        if faulty is None:
            return
        found = self._faulty(value, made, faulty.fault, span_of(call), point)
        first = min(point.statement.line, found.span.line)
        yield found._replace(lines=tuple(range(first, found.span.end_line + 1)), is_elsewhere=True)

    def _as_manager(self, statement: Decorator, point: ProgramPoint) -> Iterator[FaultyManager]:
        """A manager that is made of a generator function that yields never or twice."""
        function = statement.func
        faulty = faulty_yield(self._source.flow_of(function))
        if faulty is None:
            return
        value = self._interpreter.defined(statement, point.scope)
        made = value.function if isinstance(value, ManagerFactory) else None
        if not isinstance(value, ManagerFactory) or not isinstance(made, FunctionValue):
            return
        if made.node is not function:
            return
        found = self._faulty(value, made, faulty.fault, span_of(faulty.node), point)
        yield found._replace(function=point.body.inside(function).outermost())

    def _faulty(
        self,
        value: ManagerFactory,
        made: FunctionValue,
        fault: YieldFault,
        span: Span,
        point: ProgramPoint,
    ) -> FaultyManager:
        given = self._interpreter.called(value, [], point.scope)
        return FaultyManager(
            name=made.name,
            fault=fault,
            is_async=value.is_async,
            handed=object_info(given, self._interpreter, point.scope),
            span=span,
            function=point.body.outermost(),
            lines=tuple(range(span.line, span.end_line + 1)),
        )
