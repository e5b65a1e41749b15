"""Calls that leave a parameter to its ``Depends``, which only FastAPI fills in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mypy.nodes import (
    ArgKind,
    AssignmentStmt,
    CallExpr,
    Decorator,
    FuncDef,
    MemberExpr,
    NameExpr,
    SuperExpr,
    TypeInfo,
)

from mypy_asyncsession.detectors.dependency_records import DirectCall
from mypy_asyncsession.detectors.object_info import object_info, place_of
from mypy_asyncsession.detectors.parameter_use import fails_on_another, is_read
from mypy_asyncsession.detectors.spans import span_of, written
from mypy_asyncsession.models.asyncio import RUNNING_LATER, RUNNING_LATER_METHODS
from mypy_asyncsession.models.frameworks import DEPENDS, DEPENDS_NAMES, is_of_framework
from mypy_asyncsession.models.starlette import BACKGROUND_TASKS, RUNNING_IN_THREADS
from mypy_asyncsession.semantic.syntax import mentions, walk
from mypy_asyncsession.semantic.values import ClassValue, FunctionValue, ObjectValue, fullname

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy.nodes import Argument, Expression, SymbolNode

    from mypy_asyncsession.detectors.depends_calls import DependsCalls
    from mypy_asyncsession.detectors.object_record import ObjectInfo
    from mypy_asyncsession.semantic.interpreter import Interpreter, Where
    from mypy_asyncsession.semantic.scopes import Scope
    from mypy_asyncsession.semantic.values import Origin, Value

#: Names of functions and methods that call their first argument with the others, somewhere else.
#: The names of what calls what it is given.
RUNNING_NAMES = frozenset(
    name.rpartition(".")[2] for name in RUNNING_LATER | RUNNING_IN_THREADS
) | {"add_task", *RUNNING_LATER_METHODS}


#: The names of ``Depends``, and of where it is from.
_NAMING = DEPENDS_NAMES | {"fastapi"}


@dataclass(frozen=True, slots=True)
class _Formal:
    """A parameter, and the default that a call leaves it to."""

    name: str
    default: Expression | None
    read: bool


class DirectCalls:
    """Finds the direct calls of functions that FastAPI is meant to call."""

    def __init__(self, interpreter: Interpreter, depends: DependsCalls) -> None:
        self._interpreter = interpreter
        self._depends = depends
        self._naming = interpreter.program.answers_to("names Depends")

    def may_be_one(self, call: CallExpr, node: SymbolNode | None) -> bool:
        """Whether a call may leave a parameter to its ``Depends``: a quick look.

        Args:
            call: The call.
            node: The definition that it calls, as ``called`` has it.
        """
        callee = call.callee
        if isinstance(callee, SuperExpr):
            return True
        if isinstance(callee, (MemberExpr, NameExpr)) and callee.name in RUNNING_NAMES:
            return bool(call.args)
        if isinstance(node, Decorator):
            node = node.func
        if isinstance(node, TypeInfo):
            entry = node.get("__init__")
            node = entry.node if entry is not None else None
        if not isinstance(node, FuncDef) or not self._names_depends(node):
            return False
        required = sum(kind is ArgKind.ARG_POS for kind in node.arg_kinds)
        optional = sum(kind in (ArgKind.ARG_OPT, ArgKind.ARG_NAMED_OPT) for kind in node.arg_kinds)
        return optional > len(call.args) - required

    def may_name_depends(self, node: SymbolNode | None) -> bool:
        """Whether a function that is called is of a module that has a name for ``Depends``."""
        return isinstance(node, FuncDef) and self._names_depends(node)

    def _names_depends(self, function: FuncDef) -> bool:
        """Whether the module that a function is in has a name for ``Depends``."""
        known = self._naming.get(function)
        if known is None:
            known = self._naming[function] = self._is_of_naming(function.fullname)
        return known

    def _is_of_naming(self, function: str) -> bool:
        module = self._interpreter.program.split(function)[0]
        known = self._naming.get(module)
        if known is None:
            known = self._naming[module] = self._has_name(module)
        return known

    def _has_name(self, module: str) -> bool:
        return any(
            name in _NAMING or is_of_framework(fullname) or fullname in DEPENDS
            for name, fullname in self._interpreter.program.full_names(module)
        )

    def of_call(
        self, call: CallExpr, scope: Scope, where: Where, owner: str
    ) -> Iterator[DirectCall]:
        """A call that leaves a parameter to its ``Depends``, outside of FastAPI."""
        if ArgKind.ARG_STAR in call.arg_kinds or ArgKind.ARG_STAR2 in call.arg_kinds:
            return
        target, skipped = self._target(call, scope, where)
        if target is None:
            return
        callee = self._interpreter.value(target, scope, where)
        kinds, names = call.arg_kinds[skipped:], call.arg_names[skipped:]
        positional = sum(kind is ArgKind.ARG_POS for kind in kinds)
        found = self._left(callee, positional, frozenset(filter(None, names)))
        if found is not None:
            yield _direct_call(*found, written(target), call, owner)

    def of_handler(
        self, handler: Value, name: str, given: int, call: CallExpr, owner: str
    ) -> Iterator[DirectCall]:
        """A function that the application calls itself, such as an event handler.

        Args:
            handler: The function.
            name: How it is named.
            given: How many arguments it is given.
            call: What hands it to the application.
            owner: The function around.
        """
        found = self._left(handler, given, frozenset())
        if found is not None:
            yield _direct_call(*found, name, call, owner)._replace(by_application=True)

    def _left(
        self, callee: Value, positional: int, names: frozenset[str]
    ) -> tuple[_Formal, str, _Called, ObjectInfo | None] | None:
        """The first parameter that a call leaves to its ``Depends``, as messages write that."""
        formal, function = self._formal(callee)
        if function is None or not self._is_of_naming(function.fullname):
            return None
        given = {each.name for each in formal[:positional]} | names
        for each in formal:
            if each.name in given or not each.read:
                continue
            shown = self._default(each, function)
            if shown is not None:
                return each, shown, function, self._given(each, function)
        return None

    def _target(self, call: CallExpr, scope: Scope, where: Where) -> tuple[Expression | None, int]:
        """What a call calls in the end, and how many of its arguments are not for that."""
        callee = call.callee
        if not isinstance(callee, (MemberExpr, NameExpr)) or callee.name not in RUNNING_NAMES:
            return callee, 0
        if isinstance(callee, MemberExpr) and callee.name == "add_task":
            tasks = self._interpreter.value(callee.expr, scope, where)
            if isinstance(tasks, ObjectValue) and tasks.label in BACKGROUND_TASKS:
                return (call.args[0], 1) if call.args else (None, 0)
            return callee, 0
        if isinstance(callee, MemberExpr) and callee.name in RUNNING_LATER_METHODS:
            return (call.args[1], 2) if len(call.args) > 1 else (None, 0)
        name = fullname(self._interpreter.value(callee, scope, where))
        if name in RUNNING_LATER | RUNNING_IN_THREADS:
            return (call.args[0], 1) if call.args else (None, 0)
        return callee, 0

    def _formal(self, callee: Value) -> tuple[list[_Formal], _Called | None]:
        """The parameters of what is called, each with whether it is read there."""
        function: Value = callee
        if isinstance(callee, ClassValue):
            if callee.info is not None and "dataclass" in callee.info.metadata:
                return self._fields(callee)
            function = self._interpreter.initializer(callee)
        if not isinstance(function, FunctionValue) or not isinstance(function.node, FuncDef):
            return [], None
        if function.partial:
            return [], None
        arguments: list[Argument] = function.node.arguments
        node = function.node
        # In the module at hand mypy has taken "classmethod" and "staticmethod" away.
        is_static = function.is_static or node.is_static
        if node.is_class or (function.receiver is not None and not is_static):
            arguments = arguments[1:]
        return [
            _Formal(
                each.variable.name,
                each.initializer,
                each.initializer is not None
                and is_read(node, each.variable.name, function.scope, self._interpreter),
            )
            for each in arguments
        ], _Called(function.fullname, function.scope, function.origin(), node)

    def _fields(self, klass: ClassValue) -> tuple[list[_Formal], _Called | None]:
        """The parameters of a dataclass: its annotated attributes."""
        info = klass.info
        assert info is not None
        init = info.names.get("__init__")
        source = self._interpreter.program.source(info.module_name)
        if (
            init is None
            or not isinstance(init.node, FuncDef)
            or source is None
            or not init.plugin_generated
        ):
            return [], None
        located = source.class_named(info.fullname[len(info.module_name) + 1 :])
        if located is None:
            return [], None
        node, scope = located
        defaults = {
            lvalue.name: statement.rvalue
            for statement in node.defs.body
            if isinstance(statement, AssignmentStmt)
            for lvalue in statement.lvalues
            if isinstance(lvalue, NameExpr)
        }
        methods = list(self._interpreter.program.methods(info))
        formal = [
            _Formal(name, defaults.get(name), any(_uses(method, name) for method in methods))
            for name in init.node.arg_names[1:]
            if name is not None
        ]
        origin = self._interpreter.place(
            info.fullname, self._interpreter.program.modules.get(info.module_name), node.line
        )
        return formal, _Called(f"{info.fullname}.__init__", scope, origin, None)

    def _given(self, formal: _Formal, function: _Called) -> ObjectInfo | None:
        """What a call of the dependency gives that a default names."""
        depends = self._depends.call_in(formal.default, function.scope)
        if depends is None or not depends.args:
            return None
        provider = self._interpreter.value(depends.args[0], function.scope, None)
        called = self._interpreter.called(provider, [], function.scope)
        return object_info(called, self._interpreter, function.scope)

    def _default(self, formal: _Formal, function: _Called) -> str | None:
        """A default that only FastAPI replaces, as messages write it."""
        default = formal.default
        depends = self._depends.call_in(default, function.scope)
        if depends is not None:
            return f"Depends({', '.join(written(each) for each in depends.args[:1])})"
        if (
            isinstance(default, CallExpr)
            and function.node is not None
            and self._depends.is_parameter(default, function.scope, None)
            and fails_on_another(function.node, formal.name, function.scope, self._interpreter)
        ):
            return f"{written(default.callee)}({'...' if default.args else ''})"
        return None


@dataclass(frozen=True, slots=True)
class _Called:
    """What is called: its full name, the scope of its defaults, and where it is defined."""

    fullname: str
    scope: Scope
    origin: Origin | None
    node: FuncDef | None


def _direct_call(
    formal: _Formal,
    default: str,
    function: _Called,
    handed: ObjectInfo | None,
    callee: str,
    call: CallExpr,
    owner: str,
) -> DirectCall:
    return DirectCall(
        callee=callee,
        parameter=formal.name,
        default=default,
        place=place_of(function.origin),
        handed=handed,
        span=span_of(call),
        function=owner,
        lines=tuple(range(call.line, (call.end_line or call.line) + 1)),
    )


def _uses(method: FuncDef, attribute: str) -> bool:
    """Whether a method does anything with ``self.attribute``."""
    return mentions(method.body, "self") > 0 and any(
        isinstance(node, MemberExpr)
        and node.name == attribute
        and isinstance(node.expr, NameExpr)
        and node.expr.name == "self"
        for node in walk(method.body)
    )
