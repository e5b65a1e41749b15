"""Doubles that tests put in the place of a provider by an assignment, and not by a call."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from mypy.nodes import AssignmentStmt, CallExpr, ClassDef, MemberExpr, NameExpr

from mypy_asyncsession.detectors.object_info import object_info
from mypy_asyncsession.detectors.provider_records import Double
from mypy_asyncsession.detectors.spans import span_of, written
from mypy_asyncsession.semantic.shapes import Shape
from mypy_asyncsession.semantic.syntax import dotted, walk
from mypy_asyncsession.semantic.values import ModuleValue, ObjectValue

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy.nodes import Expression

    from mypy_asyncsession.detectors.doubles import Doubles
    from mypy_asyncsession.detectors.object_record import ObjectInfo
    from mypy_asyncsession.semantic.interpreter import Interpreter
    from mypy_asyncsession.semantic.program_point import ProgramPoint

#: What says what a call of a mock gives.
_CONFIGURING: Final = frozenset({"return_value", "side_effect"})


class AssignedDoubles:
    """Compares what is assigned to a provider's name, or to a mock of it, with the provider."""

    def __init__(self, interpreter: Interpreter, doubles: Doubles) -> None:
        self._interpreter = interpreter
        self._doubles = doubles

    def of_statement(self, statement: AssignmentStmt, point: ProgramPoint) -> Iterator[Double]:
        """The doubles that an assignment in a function puts in the place of a provider."""
        target = statement.lvalues[0]
        if point.body.function() is None or not isinstance(target, MemberExpr):
            return
        if target.name in _CONFIGURING:
            yield from self._of_mock(statement, target, point)
        elif not isinstance(point.body.node, ClassDef):
            yield from self._of_attribute(statement, target, point)

    def _of_mock(
        self, statement: AssignmentStmt, mock: MemberExpr, point: ProgramPoint
    ) -> Iterator[Double]:
        """``with patch("app.db.session_cm") as scope: scope.side_effect = get_db``."""
        if not isinstance(mock.expr, NameExpr):
            return
        bindings = point.scope.names.bindings.get(mock.expr.name, ())
        if len(bindings) != 1 or bindings[0].kind not in ("assign", "with"):
            return
        patched = bindings[0].node
        if not isinstance(patched, CallExpr):
            return
        found = self._doubles.patched(patched, point)
        # What is patched to be a coroutine function is an AsyncMock, which is awaited first.
        if found is None or found[0].shape is Shape.COROUTINE:
            return
        real, text = found
        given = self._interpreter.value(statement.rvalue, point.scope, point.where)
        if mock.name == "side_effect":
            given = self._interpreter.called(given, [], point.scope)
        double = object_info(given, self._interpreter, point.scope)
        if double is not None:
            yield _double(text, real, double, statement, point)

    def _of_attribute(
        self, statement: AssignmentStmt, target: MemberExpr, point: ProgramPoint
    ) -> Iterator[Double]:
        """``db.session_cm = fake``, and ``service.session = AsyncMock()``."""
        owner = self._interpreter.value(target.expr, point.scope, point.where)
        is_mock = self._doubles.is_mock(statement.rvalue, point)
        if not isinstance(owner, ModuleValue) and not (isinstance(owner, ObjectValue) and is_mock):
            return
        name = dotted(target)
        if name is None or _mentions(statement.rvalue, name):
            return  # the same in another form
        real = self._doubles.handed_by(self._interpreter.attribute(owner, target.name), point)
        if real is None:
            return
        double = self._doubles.double(statement.rvalue, real, point)
        if double is not None:
            yield _double(name, real, double, statement, point)


def _double(
    text: str,
    real: ObjectInfo,
    double: ObjectInfo,
    statement: AssignmentStmt,
    point: ProgramPoint,
) -> Double:
    span = span_of(statement.rvalue)
    return Double(
        target=text,
        there=real,
        here=double,
        double=written(statement.rvalue),
        span=span,
        function=point.body.outermost(),
        lines=tuple(range(statement.line, span.end_line + 1)),
    )


def _mentions(value: Expression, name: str) -> bool:
    """Whether a value is made of what has a name, or a dotted one."""
    return any(dotted(node) == name for node in walk(value))
