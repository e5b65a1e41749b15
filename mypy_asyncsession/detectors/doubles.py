"""Doubles that tests put in the place of a provider."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mypy.nodes import AssignmentStmt, CallExpr, MemberExpr, NameExpr, StrExpr

from mypy_asyncsession.detectors.object_info import object_info
from mypy_asyncsession.detectors.object_record import ObjectInfo
from mypy_asyncsession.detectors.provider_records import Double
from mypy_asyncsession.detectors.spans import span_of, written
from mypy_asyncsession.semantic.call_sites import last_name
from mypy_asyncsession.semantic.shapes import Can, Shape
from mypy_asyncsession.semantic.syntax import dotted, statements
from mypy_asyncsession.semantic.values import (
    UNKNOWN,
    FunctionValue,
    ManagerFactory,
    ModuleValue,
    Value,
    fullname,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy.nodes import Expression

    from mypy_asyncsession.semantic.interpreter import Interpreter
    from mypy_asyncsession.semantic.program_point import ProgramPoint

_ASYNC_MOCKS = frozenset({"unittest.mock.AsyncMock", "mock.AsyncMock", "mock.mock.AsyncMock"})
_MOCKS = frozenset(
    {
        "unittest.mock.Mock",
        "unittest.mock.MagicMock",
        "mock.Mock",
        "mock.MagicMock",
        "mock.mock.Mock",
        "mock.mock.MagicMock",
    }
)
_COPYING = frozenset({"autospec", "create", "spec", "spec_set", "wraps"})
#: The names of the functions that put a double in the place of something.
DOUBLING = frozenset({"multiple", "object", "patch", "setattr"})
_COROUTINE = ObjectInfo(Shape.COROUTINE, Can.AWAIT, "coroutine")


class Doubles:
    """Compares doubles with what they stand for."""

    def __init__(self, interpreter: Interpreter) -> None:
        self._interpreter = interpreter

    def of_call(self, call: CallExpr, point: ProgramPoint) -> Iterator[Double]:
        """A ``patch`` or ``setattr`` whose double has another shape than the provider."""
        if not isinstance(call.callee, (MemberExpr, NameExpr)):
            return
        name = call.callee.name
        if name == "multiple" and isinstance(call.callee, MemberExpr):
            yield from self._of_several(call, point)
            return
        found = self._target(call, point)
        if found is not None:
            target, text, new, named = found
            yield from self._compared(call, target, text, new, named, point)

    def patched(self, call: CallExpr, point: ProgramPoint) -> tuple[ObjectInfo, str] | None:
        """What a ``patch`` puts a mock of its own making in the place of, with its name."""
        found = self._target(call, point)
        if found is None or found[2] is not None or not {"new_callable"}.isdisjoint(found[3]):
            return None
        real = self.handed_by(found[0], point)
        return None if real is None else (real, found[1])

    def is_mock(self, new: Expression, point: ProgramPoint) -> bool:
        """Whether a double is a mock, and not a function of the program's."""
        made = self._mock(new, point)
        kind = made and fullname(self._interpreter.value(made.callee, point.scope, point.where))
        return kind in _ASYNC_MOCKS | _MOCKS

    def gives_coroutines(self, double: Expression, point: ProgramPoint) -> bool:
        """Whether each method of a double is a coroutine function, for it is like nothing else."""
        made = self._mock(double, point)
        if made is None or not {None, "spec", "spec_set", "wraps"}.isdisjoint(made.arg_names):
            return False
        return fullname(self._interpreter.value(made.callee, point.scope, point.where)) in (
            _ASYNC_MOCKS
        )

    def double(self, new: Expression, real: ObjectInfo, point: ProgramPoint) -> ObjectInfo | None:
        """What a call of the double gives."""
        return self._double(new, {}, real, point)

    def _target(
        self, call: CallExpr, point: ProgramPoint
    ) -> tuple[Value, str, Expression | None, dict[str, Expression]] | None:
        """What a ``patch`` or ``setattr`` is for, as written, and what it is given."""
        name = last_name(call.callee)
        if name == "setattr" and isinstance(call.callee, NameExpr):
            return None  # the builtin function, with which programs put methods into classes
        given = [a for a, n in zip(call.args, call.arg_names, strict=True) if n is None]
        named = {n: a for a, n in zip(call.args, call.arg_names, strict=True) if n is not None}
        if name == "patch" and given:
            target = self._dotted(given[0])
            new = given[1] if len(given) > 1 else named.get("new")
            text = _shown(given[0])
        elif name == "setattr" and len(given) == 2:
            target, new, text = self._dotted(given[0]), given[1], _shown(given[0])
        elif name in ("object", "setattr") and len(given) >= 2:
            target = self._member(given[0], given[1], point)
            new = given[2] if len(given) > 2 else named.get("new")
            text = f"{written(given[0])}.{_shown(given[1])}"
        else:
            return None
        return target, text, new, named

    def _of_several(self, call: CallExpr, point: ProgramPoint) -> Iterator[Double]:
        """``patch.multiple("app.db", get_db=AsyncMock())``."""
        if not call.args or call.arg_names[0] is not None:
            return
        owner = (
            self._dotted(call.args[0])
            if isinstance(call.args[0], StrExpr)
            else self._interpreter.value(call.args[0], point.scope, point.where)
        )
        for name, new in zip(call.arg_names, call.args, strict=True):
            if name is not None and name not in _COPYING | {"new_callable"}:
                target = self._interpreter.attribute(owner, name)
                text = f"{_shown(call.args[0])}.{name}"
                yield from self._compared(call, target, text, new, {}, point)

    def _compared(
        self,
        call: CallExpr,
        target: Value,
        text: str,
        new: Expression | None,
        named: dict[str, Expression],
        point: ProgramPoint,
    ) -> Iterator[Double]:
        real = self.handed_by(target, point)
        if real is None:
            return
        double = self._double(new, named, real, point)
        if double is None:
            return
        span = span_of(call)
        yield Double(
            target=text,
            there=real,
            here=double,
            double=written(new) if new is not None else _made_name(named),
            span=span,
            function=point.body.outermost(),
            lines=tuple(range(span.line, span.end_line + 1)),
        )

    def _dotted(self, expression: Expression) -> Value:
        """What a dotted name in a string stands for."""
        if not isinstance(expression, StrExpr):
            return UNKNOWN
        module, rest = self._interpreter.program.split(expression.value)
        if not module:
            return UNKNOWN
        value: Value = ModuleValue(module)
        for part in filter(None, rest.split(".")):
            value = self._interpreter.attribute(value, part)
        return value

    def _member(self, owner: Expression, name: Expression, point: ProgramPoint) -> Value:
        if not isinstance(name, StrExpr):
            return UNKNOWN
        value = self._interpreter.value(owner, point.scope, point.where)
        return self._interpreter.attribute(value, name.value)

    def handed_by(self, provider: Value, point: ProgramPoint) -> ObjectInfo | None:
        """What a provider of sessions hands out, if this is one."""
        if not isinstance(provider, (FunctionValue, ManagerFactory)):
            return None
        found = object_info(
            self._interpreter.called(provider, [], point.scope), self._interpreter, point.scope
        )
        if found is None or found.item is None:
            return None
        return found if found.item.resource is not None else None

    def _double(
        self,
        new: Expression | None,
        named: dict[str, Expression],
        real: ObjectInfo,
        point: ProgramPoint,
    ) -> ObjectInfo | None:
        """What a call of the double gives."""
        if new is None:
            return self._made_by_patch(named, real, point)
        made = self._mock(new, point)
        if made is not None:
            kind = fullname(self._interpreter.value(made.callee, point.scope, point.where))
            options = dict(zip(made.arg_names, made.args, strict=True))
            if kind in _ASYNC_MOCKS:
                effect = options.get("side_effect")
                # It is a coroutine whatever its side effect is; one that only fails may do.
                if effect is not None and not self._is_function(effect, point):
                    return None
                return _COROUTINE._replace(item=self._awaited(new, options, effect, point))
            if kind in _MOCKS:
                if "side_effect" in options or self._is_changed(new, point):
                    return None
                result = options.get("return_value") or self._configured(new, point)
                return self._given(result, point) if result is not None else None
        value = self._interpreter.value(new, point.scope, point.where)
        if not isinstance(value, (FunctionValue, ManagerFactory)):
            return None
        return object_info(
            self._interpreter.called(value, [], point.scope), self._interpreter, point.scope
        )

    def _made_by_patch(
        self, named: dict[str, Expression], real: ObjectInfo, point: ProgramPoint
    ) -> ObjectInfo | None:
        """What a call of the mock gives that ``patch`` makes itself."""
        if "side_effect" in named:
            return None
        made = named.get("new_callable")
        if made is not None:
            kind = fullname(self._interpreter.value(made, point.scope, point.where))
            return _COROUTINE if kind in _ASYNC_MOCKS else None
        # It is an AsyncMock for a coroutine function, else a MagicMock; others copy what they are.
        if "return_value" not in named or real.shape is Shape.COROUTINE or _COPYING & set(named):
            return None
        return self._given(named["return_value"], point)

    def _awaited(
        self,
        new: Expression,
        options: dict[str | None, Expression],
        effect: Expression | None,
        point: ProgramPoint,
    ) -> ObjectInfo | None:
        """What awaiting a call of an ``AsyncMock`` gives, as far as it is known."""
        if effect is not None:
            made = self._interpreter.value(effect, point.scope, point.where)
            called = self._interpreter.called(made, [], point.scope)
            return object_info(called, self._interpreter, point.scope)
        result = options.get("return_value") or self._configured(new, point)
        return self._given(result, point) if result is not None else None

    def _given(self, result: Expression, point: ProgramPoint) -> ObjectInfo | None:
        value = self._interpreter.value(result, point.scope, point.where)
        return object_info(value, self._interpreter, point.scope)

    def _is_function(self, effect: Expression, point: ProgramPoint) -> bool:
        value = self._interpreter.value(effect, point.scope, point.where)
        return isinstance(value, (FunctionValue, ManagerFactory))

    def _is_changed(self, new: Expression, point: ProgramPoint) -> bool:
        """``mock.side_effect = ...``, and whatever else changes what a call gives."""
        if not isinstance(new, NameExpr):
            return False
        own = f"{new.name}.return_value"
        return any(
            each.startswith(f"{new.name}.") and each != own for each in point.scope.names.patched
        )

    def _configured(self, new: Expression, point: ProgramPoint) -> Expression | None:
        """What ``mock.return_value = ...`` says that a call gives."""
        function = point.body.function()
        if not isinstance(new, NameExpr) or function is None:
            return None
        own = f"{new.name}.return_value"
        found = [
            statement.rvalue
            for statement in statements(function.body)
            if isinstance(statement, AssignmentStmt)
            and any(dotted(target) == own for target in statement.lvalues)
        ]
        return found[0] if len(found) == 1 else None

    def _mock(self, new: Expression, point: ProgramPoint) -> CallExpr | None:
        """The call that made a double, here or where its name is bound, if nothing changes it."""
        if isinstance(new, CallExpr):
            return new
        if not isinstance(new, NameExpr):
            return None
        names = point.scope.names
        bindings = names.bindings.get(new.name, [])
        if len(bindings) != 1 or bindings[0].kind != "assign":
            return None
        made = bindings[0].node
        return made if isinstance(made, CallExpr) else None


def _made_name(named: dict[str, Expression]) -> str:
    return "AsyncMock" if "new_callable" in named else "MagicMock"


def _shown(expression: Expression) -> str:
    return expression.value if isinstance(expression, StrExpr) else written(expression)
