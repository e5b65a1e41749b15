"""Functions whose decorator gives them what holds a session in place of the session."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mypy.nodes import CallExpr, FuncDef

from mypy_asyncsession.detectors.held_sessions import held_in
from mypy_asyncsession.detectors.object_info import object_info
from mypy_asyncsession.detectors.record import Situation, UnenteredUse
from mypy_asyncsession.detectors.session_parameters import takes_session
from mypy_asyncsession.detectors.spans import span_of, written
from mypy_asyncsession.semantic.interpreter.evidence import suffices
from mypy_asyncsession.semantic.values import FunctionValue, ObjectValue, members
from mypy_asyncsession.semantic.wrapper_arguments import gifts

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy.nodes import Decorator

    from mypy_asyncsession.semantic.interpreter import Interpreter
    from mypy_asyncsession.semantic.program_point import ProgramPoint
    from mypy_asyncsession.semantic.wrapper_arguments import Gift


class WrappedFunctions:
    """Compares what the wrapper of a decorator gives with what the function takes."""

    def __init__(self, interpreter: Interpreter) -> None:
        self._interpreter = interpreter

    def of_definition(self, statement: Decorator, point: ProgramPoint) -> Iterator[UnenteredUse]:
        """What the innermost decorator gives to a function: others may put theirs between."""
        if not statement.original_decorators:
            return
        decorator = statement.original_decorators[-1]
        value = self._interpreter.value(decorator, point.scope, point.where)
        if not isinstance(value, FunctionValue) or not isinstance(value.node, FuncDef):
            return
        source = self._interpreter.program.source(value.scope.module)
        function = self._interpreter.defined(statement.func, point.scope)
        if source is None or not isinstance(function, FunctionValue):
            return
        bound = int(value.receiver is not None and not value.is_static)
        by_parameter: dict[str, list[Gift]] = {}
        for gift in gifts(value.node, value.scope, source, bound=bound):
            name = _parameter(gift.parameter, statement.func)
            if name is not None:
                by_parameter.setdefault(name, []).append(gift)
        for name, given in by_parameter.items():
            yield from self._of_parameter(name, given, function, statement, point)

    def _of_parameter(
        self,
        name: str,
        given: list[Gift],
        function: FunctionValue,
        statement: Decorator,
        point: ProgramPoint,
    ) -> Iterator[UnenteredUse]:
        """What one parameter is given, where each possibility holds a session and is none."""
        values = [each for gift in given for each in members(gift.value(self._interpreter))]
        held = [held_in(each) if isinstance(each, ObjectValue) else None for each in values]
        holder, session = values[0], held[0]
        if session is None or None in held or not isinstance(holder, ObjectValue):
            return
        if not takes_session(function, name, self._interpreter, declared_too=True):
            return
        body = [function.node.body]
        if all(isinstance(each, ObjectValue) and suffices(body, name, each) for each in values):
            return
        expression = given[0].expression
        decorator = statement.original_decorators[-1]
        span = span_of(decorator)
        yield UnenteredUse(
            situation=Situation.WRAPPED,
            text=written(expression),
            callee=written(expression.callee) if isinstance(expression, CallExpr) else None,
            detail=name,
            handed=object_info(holder, self._interpreter, point.scope),
            session=session.label or "session",
            span=span,
            function=point.body.inside(statement.func).outermost(),
            lines=tuple(range(span.line, span.end_line + 1)),
            via=written(decorator.callee if isinstance(decorator, CallExpr) else decorator),
        )


def _parameter(given: str | int, function: FuncDef) -> str | None:
    """The parameter that an argument is for."""
    formal = [each.variable.name for each in function.arguments]
    if isinstance(given, str):
        return given if given in formal else None
    return formal[given] if given < len(formal) else None
