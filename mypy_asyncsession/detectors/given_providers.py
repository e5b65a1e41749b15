"""What a call gives to a function, or to a class, that uses it in a way of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from mypy.nodes import (
    ArgKind,
    AssignmentStmt,
    CallExpr,
    ClassDef,
    FuncDef,
    MemberExpr,
    NameExpr,
    ReturnStmt,
)

from mypy_asyncsession.detectors.parameter_needs import is_reference, kept, may_need, needs
from mypy_asyncsession.detectors.spans import written
from mypy_asyncsession.semantic.call_arguments import matched, spread
from mypy_asyncsession.semantic.shapes import Shape
from mypy_asyncsession.semantic.values import (
    UNKNOWN,
    ClassValue,
    ContainerValue,
    FunctionValue,
    ObjectValue,
    members,
    object_value,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mypy.nodes import Expression, SymbolNode

    from mypy_asyncsession.detectors.callees import Callees
    from mypy_asyncsession.detectors.candidates import Candidates
    from mypy_asyncsession.detectors.doubles import Doubles
    from mypy_asyncsession.detectors.parameter_needs import Need
    from mypy_asyncsession.detectors.record import Pairing, Use
    from mypy_asyncsession.semantic.interpreter import Interpreter
    from mypy_asyncsession.semantic.program_point import ProgramPoint
    from mypy_asyncsession.semantic.values import Value

    #: Makes the record of a use: of a value that stands for an expression at a point.
    Made = Callable[[Pairing, Value, Expression, ProgramPoint, Expression | None], Use | None]


#: The parameters that take any number of arguments.
_STARRED: Final = frozenset({ArgKind.ARG_STAR, ArgKind.ARG_STAR2})


class GivenProviders:
    """Compares what functions are given with what they do with it."""

    def __init__(
        self,
        interpreter: Interpreter,
        doubles: Doubles,
        callees: Callees,
        candidates: Candidates,
    ) -> None:
        self._interpreter = interpreter
        self._doubles = doubles
        self._callees = callees
        self._candidates = candidates
        self._needs: dict[FuncDef, dict[str, list[Need]]] = {}

    def of_call(
        self, call: CallExpr, node: SymbolNode | None, point: ProgramPoint, made: Made
    ) -> Iterator[Use]:
        """The uses that a call of a function leads to.

        Args:
            call: The call.
            node: What it calls, as far as mypy knows.
            point: Where it stands.
            made: Makes the record of a use.
        """
        if not may_need(call, point.scope, self._interpreter.program) and not (
            self._callees.is_own(node)
            and any(
                isinstance(each, CallExpr) or self._candidates.may_lead(each, point.body)
                for each in call.args
            )
        ):
            return
        callee = self._interpreter.value(call.callee, point.scope, point.where)
        klass = callee if isinstance(callee, ClassValue) else None
        if klass is not None:
            callee = self._interpreter.initializer(klass)
        if not isinstance(callee, FunctionValue) or not isinstance(callee.node, FuncDef):
            return
        wanted = self._wanted(callee.node, callee, klass, point)
        if not wanted:
            return
        given = [(name, argument, point) for name, argument in matched(call, callee)]
        given += spread(call, callee, point)
        via = callee.name if klass is None else _last(klass)
        for name, argument, there in given:
            for need in wanted.get(name, ()):
                use = self._of_argument(need, name, argument, there, callee, made)
                if use is not None:
                    yield use._replace(via=via)

    def _of_argument(
        self,
        need: Need,
        name: str,
        argument: Expression,
        point: ProgramPoint,
        callee: FunctionValue,
        made: Made,
    ) -> Use | None:
        """What a function does with one of its arguments."""
        names = [each.variable.name for each in callee.node.arguments]
        position = names.index(name)
        if callee.node.arguments[position].kind in _STARRED:
            return None
        if self._denies(callee, position, need):
            return None
        value = self._interpreter.value(argument, point.scope, point.where)
        text = written(argument)
        if need.part is not None:
            if isinstance(argument, NameExpr) and point.body.patches(argument.name, need.part):
                return None
            value = self._interpreter.attribute(value, need.part)
            text = f"{text}.{need.part}"
        if need.key is not None:
            if not isinstance(value, ContainerValue) or _is_filled(argument, point):
                return None
            value = self._interpreter.element(value, need.key)
            text = f'{text}["{need.key}"]'
        if need.called and self._doubles.gives_coroutines(argument, point):
            if need.methods and not _may_be_run(need.methods, point):
                return None
            value = object_value(Shape.COROUTINE, label="Coroutine")
        elif need.called:
            value = self._interpreter.called(value, [], point.scope)
        if not is_reference(argument, point.scope, self._interpreter.program) and not all(
            isinstance(each, ObjectValue) and _is_certain(each) for each in members(value)
        ):
            return None  # of what is no provider, only what a function gives is certain
        use = made(need.pairing, value, argument, point, None)
        if use is None or not need.called:
            return use
        return use._replace(callee=text, part=need.part is not None or need.key is not None)

    def _wanted(
        self,
        function: FuncDef,
        callee: FunctionValue,
        klass: ClassValue | None,
        point: ProgramPoint,
    ) -> dict[str, list[Need]]:
        known = self._needs.get(function)
        if known is None:
            known = self._needs[function] = needs(function)
            owner = callee.scope.node
            if klass is not None and isinstance(owner, ClassDef) and owner.name == _last(klass):
                known.update(kept(function, owner, point.body.replaces))
        return known

    def _denies(self, callee: FunctionValue, position: int, need: Need) -> bool:
        """Whether the annotation of a parameter says that what the body does with it is wrong."""
        declared = self._interpreter.declared_parameter(callee.node, position, callee.scope)
        if need.part is not None or need.key is not None:
            # What stands in for another class is compared with that.
            return declared is not UNKNOWN
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


def _is_certain(value: ObjectValue) -> bool:
    """Whether an object is a session, or gives one, or is what the method of a mock gives."""
    item = value.item
    return (
        value.shape is Shape.COROUTINE
        or value.resource is not None
        or (isinstance(item, ObjectValue) and item.resource is not None)
    )


def _may_be_run(methods: frozenset[str], point: ProgramPoint) -> bool:
    """Whether one of some methods of what is made here is called, as far as names tell."""
    if any(each.startswith("__") for each in methods):
        return True
    statement, function = point.statement, point.body.function()
    handed_out = isinstance(statement, ReturnStmt) or (
        isinstance(statement, AssignmentStmt) and isinstance(statement.lvalues[0], MemberExpr)
    )
    if function is None or handed_out:
        return point.body.may_mention(methods)
    return not point.body.contents(function).words.isdisjoint(methods)


def _is_filled(argument: Expression, point: ProgramPoint) -> bool:
    """Whether more is put into a container than it was made with."""
    return isinstance(argument, NameExpr) and point.body.puts_into(argument.name)
