"""What a call gives to a function, or to a class, that uses it in a way of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mypy.nodes import ClassDef, FuncDef

from mypy_asyncsession.detectors.parameter_needs import kept, needs
from mypy_asyncsession.detectors.spans import written
from mypy_asyncsession.semantic.call_arguments import matched
from mypy_asyncsession.semantic.values import (
    UNKNOWN,
    ClassValue,
    FunctionValue,
    ObjectValue,
    members,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mypy.nodes import CallExpr, Expression

    from mypy_asyncsession.detectors.parameter_needs import Need
    from mypy_asyncsession.detectors.record import Pairing, Use
    from mypy_asyncsession.semantic.interpreter import Interpreter
    from mypy_asyncsession.semantic.program_point import ProgramPoint
    from mypy_asyncsession.semantic.values import Value

    #: Makes the record of a use: of a value that stands for an expression at a point.
    Made = Callable[[Pairing, Value, Expression, ProgramPoint, Expression | None], Use | None]


class GivenProviders:
    """Compares what functions are given with what they do with it."""

    def __init__(self, interpreter: Interpreter) -> None:
        self._interpreter = interpreter
        self._needs: dict[FuncDef, dict[str, Need]] = {}

    def of_call(self, call: CallExpr, point: ProgramPoint, made: Made) -> Iterator[Use]:
        """The uses that a call of a function leads to."""
        callee = self._interpreter.value(call.callee, point.scope, point.where)
        klass = callee if isinstance(callee, ClassValue) else None
        if klass is not None:
            callee = self._interpreter.initializer(klass)
        if not isinstance(callee, FunctionValue) or not isinstance(callee.node, FuncDef):
            return
        wanted = self._wanted(callee.node, callee, klass)
        names = [argument.variable.name for argument in callee.node.arguments]
        for name, argument in matched(call, callee) if wanted else ():
            need = wanted.get(name)
            if need is None or self._denies(callee, names.index(name), need):
                continue
            value = self._interpreter.value(argument, point.scope, point.where)
            if need.called:
                value = self._interpreter.called(value, [], point.scope)
            use = made(need.pairing, value, argument, point, None)
            if use is not None:
                yield use._replace(
                    callee=written(argument) if need.called else use.callee,
                    via=callee.name if klass is None else _last(klass),
                )

    def _wanted(
        self, function: FuncDef, callee: FunctionValue, klass: ClassValue | None
    ) -> dict[str, Need]:
        known = self._needs.get(function)
        if known is None:
            known = self._needs[function] = needs(function)
            owner = callee.scope.node
            if klass is not None and isinstance(owner, ClassDef) and owner.name == _last(klass):
                known.update(kept(function, owner))
        return known

    def _denies(self, callee: FunctionValue, position: int, need: Need) -> bool:
        """Whether the annotation of a parameter says that what the body does with it is wrong."""
        declared = self._interpreter.declared_parameter(callee.node, position, callee.scope)
        if need.called and declared is not UNKNOWN:
            declared = self._interpreter.called(declared, [], callee.scope)
        return any(
            isinstance(each, ObjectValue)
            # That a session is asked for is compared elsewhere.
            and (not each.can & need.pairing.needs or (each.resource and not need.called))
            for each in members(declared)
        )


def _last(klass: ClassValue) -> str:
    """The name of a class, as it was defined."""
    return klass.fullname.rpartition(".")[2]
