"""Functions that an application calls itself, and fills in no dependency of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from mypy.nodes import CallExpr, Decorator, MemberExpr, NameExpr

from mypy_asyncsession.detectors.depends_calls import is_object_of
from mypy_asyncsession.detectors.spans import written
from mypy_asyncsession.models.frameworks import APPLICATIONS
from mypy_asyncsession.semantic.call_sites import last_name
from mypy_asyncsession.semantic.values import FunctionValue, ManagerFactory, fullname

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy.nodes import Expression

    from mypy_asyncsession.detectors.dependency_records import DirectCall
    from mypy_asyncsession.detectors.direct_calls import DirectCalls
    from mypy_asyncsession.semantic.interpreter import Interpreter
    from mypy_asyncsession.semantic.program_point import ProgramPoint
    from mypy_asyncsession.semantic.values import Value

#: The decorators and methods of applications, and how many arguments they call a function with.
_DECORATORS: Final = {"exception_handler": 2, "middleware": 2, "on_event": 0}
_METHODS: Final = {"add_event_handler": 0, "add_exception_handler": 2}
#: And how many they call a lifespan with.
_LIFESPAN: Final = 1
_ROUTERS: Final = APPLICATIONS | {"fastapi.routing.APIRouter", "fastapi.APIRouter"}


class ApplicationHandlers:
    """Finds the event handlers, exception handlers, middlewares and lifespans of applications."""

    def __init__(self, interpreter: Interpreter, calls: DirectCalls) -> None:
        self._interpreter = interpreter
        self._calls = calls

    def of_call(self, call: CallExpr, point: ProgramPoint) -> Iterator[DirectCall]:
        """What a call hands to an application that leaves a parameter to its ``Depends``."""
        owner = point.body.outermost()
        for handler, name, given in self._handed(call, point):
            value = handler.function if isinstance(handler, ManagerFactory) else handler
            if isinstance(value, FunctionValue):
                yield from self._calls.of_handler(value, name, given, call, owner)

    def _handed(self, call: CallExpr, point: ProgramPoint) -> Iterator[tuple[Value, str, int]]:
        """The functions that a call hands over, with how many arguments they are called with."""
        callee = call.callee
        if isinstance(callee, MemberExpr) and callee.name in _DECORATORS:
            statement = point.statement
            if (
                isinstance(statement, Decorator)
                and any(each is call for each in statement.original_decorators)
                and self._is_application(callee.expr, point)
            ):
                function = self._interpreter.defined(statement.func, point.scope)
                yield function, statement.func.name, _DECORATORS[callee.name]
        elif isinstance(callee, MemberExpr) and callee.name in _METHODS and len(call.args) > 1:
            if self._is_application(callee.expr, point):
                yield self._value(call.args[1], point), written(call.args[1]), _METHODS[callee.name]
        elif last_name(callee) in ("APIRouter", "FastAPI"):
            for name, argument in zip(call.arg_names, call.args, strict=True):
                if (
                    name == "lifespan"
                    and isinstance(argument, (MemberExpr, NameExpr))
                    and fullname(self._value(callee, point)) in _ROUTERS
                ):
                    yield self._value(argument, point), written(argument), _LIFESPAN

    def _is_application(self, expression: Expression, point: ProgramPoint) -> bool:
        return is_object_of(self._value(expression, point), _ROUTERS) is True

    def _value(self, expression: Expression, point: ProgramPoint) -> Value:
        return self._interpreter.value(expression, point.scope, point.where)
