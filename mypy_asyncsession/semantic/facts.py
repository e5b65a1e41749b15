"""What other modules may read in the bodies of a module, summed up in one string.

mypy re-checks the importers of a module when its interface has changed. What an unannotated
provider hands out is no part of that interface; these facts are added to it.
"""

from __future__ import annotations

import hashlib
from functools import partial
from typing import TYPE_CHECKING

from mypy.nodes import ClassDef, Decorator, FuncDef, OverloadedFuncDef, TypeInfo, Var
from mypy.types import Instance, NoneType, UnionType, get_proper_type

from mypy_asyncsession.models.sqlalchemy import CONNECTING_ATTRIBUTES
from mypy_asyncsession.models.typing import COROUTINE_TYPES, HOLDER_TYPES
from mypy_asyncsession.semantic.entering_methods import faulty_method, gives_nothing
from mypy_asyncsession.semantic.footprints import (
    asked,
    configured,
    depends,
    footprint,
    given_back,
    initialised,
    injected,
    is_plain,
    loads,
    made,
    made_of_parameters,
    told,
)
from mypy_asyncsession.semantic.from_mypy_types import informative
from mypy_asyncsession.semantic.generator_summary import traits_of
from mypy_asyncsession.semantic.initializers import FILLING, is_property
from mypy_asyncsession.semantic.late_commits import LateCommits
from mypy_asyncsession.semantic.mapped_classes import MappedClasses, described, may_map
from mypy_asyncsession.semantic.session_ownership import closed_by, closes_own, opens_in
from mypy_asyncsession.semantic.shapes import Shape
from mypy_asyncsession.semantic.syntax import definition_of, is_stub_body, statements
from mypy_asyncsession.semantic.values import (
    UNKNOWN,
    CallableReturning,
    ClassValue,
    ContainerValue,
    FunctionValue,
    ManagerFactory,
    ModuleValue,
    NamedValue,
    ObjectValue,
    TypedCallable,
    UnionValue,
    Value,
)
from mypy_asyncsession.semantic.wrapper_arguments import gifts, wrapper_of
from mypy_asyncsession.semantic.yield_faults import faulty_yield

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from mypy.nodes import Node
    from mypy.types import Type

    from mypy_asyncsession.semantic.bound_names import Binding
    from mypy_asyncsession.semantic.index import Contents
    from mypy_asyncsession.semantic.interpreter import Interpreter
    from mypy_asyncsession.semantic.module_source import ModuleSource
    from mypy_asyncsession.semantic.scopes import Scope


def facts(source: ModuleSource, interpreter: Interpreter) -> str:
    """A digest of what the bodies in *source* say; empty where they say nothing."""
    found = lines(source, interpreter)
    if not found:
        return ""
    return hashlib.sha256("\n".join(sorted(found)).encode()).hexdigest()[:16]


def lines(source: ModuleSource, interpreter: Interpreter) -> list[str]:
    """What the bodies in *source* say, in no order; each line begins with a name."""
    source.read_whole()
    return _Facts(source, interpreter).lines()


class _Facts:
    """Collects the facts of one module."""

    def __init__(self, source: ModuleSource, interpreter: Interpreter) -> None:
        self._source = source
        self._interpreter = interpreter
        self._asks = not source.index.words.isdisjoint(CONNECTING_ATTRIBUTES)
        #: Those of the bodies, and what they come to depends on what the code asks at run time.
        self._lines: list[str] = []
        self._asking: list[Callable[[Interpreter], Iterator[str]]] = []

    def lines(self) -> list[str]:
        """The facts, in no order."""
        source, interpreter = self._source, self._interpreter
        self._members(source.tree.defs, source.scope, "")
        self._lines += (f"{name} is configured" for name in configured(source))
        for name in source.loose_attributes():
            value = interpreter.loose(source, name)
            self._lines += _line(f"state.{name}", value, interpreter, source.scope)
        if self._asking:
            unguarded = interpreter.ignoring_runtime_checks()
            for evaluate in self._asking:
                self._lines += evaluate(unguarded)
        return self._lines

    def _evaluate(self, evaluate: Callable[[Interpreter], Iterator[str]]) -> None:
        """Take in what an evaluation says, and what it says if the code asked nothing."""
        self._interpreter.forget_passed_over()
        self._lines += evaluate(self._interpreter)
        if self._interpreter.passed_over:
            self._asking.append(evaluate)

    def _evaluate_value(
        self, name: str, value: Callable[[Interpreter], Value], scope: Scope
    ) -> None:
        self._evaluate(lambda interpreter: _line(name, value(interpreter), interpreter, scope))

    def _members(self, body: Sequence[Node], scope: Scope, prefix: str) -> None:
        source, interpreter = self._source, self._interpreter
        module = source.module
        for name, bindings in scope.names.bindings.items():
            assigned = [each for each in bindings if each.kind == "assign"]
            for binding in assigned:
                if (with_ := made(binding)) is not None:
                    self._lines.append(f"{prefix}{name} is made with {with_}")
                if (on := depends(binding)) is not None:
                    self._lines.append(f"{prefix}{name} depends on {on}")
            assigned = [each for each in assigned if not is_plain(each.node)]
            if not assigned or _in_interface(interpreter, f"{module}.{prefix}{name}"):
                continue
            for binding in assigned:
                self._evaluate_value(prefix + name, partial(_bound, binding, scope), scope)
        for statement in statements(body):
            if isinstance(statement, ClassDef):
                self._class(statement, scope, prefix)
            elif isinstance(statement, (FuncDef, Decorator, OverloadedFuncDef)):
                self._function(statement, scope, prefix)

    def _class(self, node: ClassDef, scope: Scope, prefix: str) -> None:
        source, interpreter = self._source, self._interpreter
        inner = source.scope_in(node, scope)
        inside = f"{prefix}{node.name}."
        self._members(node.defs.body, inner, inside)
        self._evaluate(partial(_of_class, node, source, prefix))
        for attribute, assigned in source.attributes(node).items():
            methods = {method.name for _, method in assigned if method is not None}
            if len(methods) > 1 and "__init__" in methods:
                self._lines.append(f"{inside}{attribute} is bound by {sorted(methods)}")
            self._lines += (
                f"{inside}{attribute} is made with {with_}"
                for value, _ in assigned
                if (with_ := told(value)) is not None
            )
            if all(is_plain(value) for value, _ in assigned):
                continue
            if not _in_interface(interpreter, f"{source.module}.{inside}{attribute}"):
                self._evaluate_value(
                    inside + attribute, partial(_assigned, source, node, inner, attribute), scope
                )

    def _function(
        self, statement: FuncDef | Decorator | OverloadedFuncDef, scope: Scope, prefix: str
    ) -> None:
        function = definition_of(statement)
        if function is None:
            return
        name = prefix + function.name
        found = self._source.contents(function)
        if _says_more_than_its_type(function, found) and not (
            isinstance(statement, FuncDef)
            and not found.yields
            and all(map(is_plain, found.returned))
        ):
            self._evaluate_value(name, partial(_defined, statement, scope), scope)
        if FuncDef in found.kinds:
            self._wrapper(function, scope, name)
        if function.is_generator or "commit" in function.name:
            self._evaluate(partial(_over_time, statement, function, scope, name))
        elif is_stub_body(function):
            self._lines.append(f"{name} says nothing")
        if function.name in FILLING and (put := initialised(found)):
            self._lines.append(f"{name} puts {put}")
        if isinstance(statement, Decorator) and is_property(statement):
            self._lines.append(f"{name} gives {given_back(found)} {initialised(found)}")
        if done := footprint(function, found):
            self._lines.append(f"{name} does {done}")
        if loaded := loads(function, found):
            self._lines.append(f"{name} loads {loaded}")
        if found.returned and (given := injected(function, found, self._source)):
            self._lines.append(f"{name} is given {given}")
        if self._asks and (owners := asked(found)):
            self._lines.append(f"{name} asks {owners}")
        if made := made_of_parameters(function, found):
            self._lines.append(f"{name} makes {made}")

    def _wrapper(self, function: FuncDef, scope: Scope, name: str) -> None:
        """What a decorator gives to what it decorates, and one that the function makes."""
        inside = self._source.scope_in(function, scope)
        for decorator, there in ((function, scope), (wrapper_of(function), inside)):
            bound = isinstance(there.node, ClassDef)
            for gift in gifts(decorator, there, self._source, bound=bound) if decorator else ():
                self._evaluate_value(f"{name} gives {gift.parameter}", gift.value, there)


def _bound(binding: Binding, scope: Scope, interpreter: Interpreter) -> Value:
    return interpreter.bound(binding, scope)


def _defined(statement: Node, scope: Scope, interpreter: Interpreter) -> Value:
    return interpreter.defined(statement, scope)


def _assigned(
    source: ModuleSource, node: ClassDef, scope: Scope, attribute: str, interpreter: Interpreter
) -> Value:
    return interpreter.assigned(source, node, scope, attribute)


def _line(name: str, value: Value, interpreter: Interpreter, scope: Scope) -> Iterator[str]:
    text = signature(value, interpreter, scope)
    if text is not None:
        yield f"{name} {text}"


def _over_time(
    statement: FuncDef | Decorator | OverloadedFuncDef,
    function: FuncDef,
    scope: Scope,
    name: str,
    interpreter: Interpreter,
) -> Iterator[str]:
    """How a generator goes on after its yield, or what a function commits by its name."""
    value = interpreter.defined(statement, scope)
    if function.is_generator:
        # How it goes on after its yield decides how it may be left.
        inner = value.function if isinstance(value, ManagerFactory) else value
        if isinstance(inner, FunctionValue):
            yield f"{name} {traits_of(inner, interpreter)}"
            source = interpreter.program.source(scope.module)
            flow = source.flow_of(function) if source is not None else None
            if flow is not None and (faulty := faulty_yield(flow)) is not None:
                yield f"{name} {faulty.fault.value}"
            yield f"{name} {[opens_in(inner, interpreter, bare=bare) for bare in (True, False)]}"
            if late := LateCommits(interpreter).after_yield(inner):
                yield f"{name} commits {late}"
    elif isinstance(value, FunctionValue):
        yield f"{name} commits {LateCommits(interpreter).of_helper(value)}"


def _of_class(
    node: ClassDef, source: ModuleSource, prefix: str, interpreter: Interpreter
) -> Iterator[str]:
    name = prefix + node.name
    if may_map(node):
        yield f"{name} maps {described(MappedClasses(interpreter).own(source, node, source.scope))}"
    if put := source.patched(node.name):
        yield f"{name} is given {sorted(put)}"
    info = interpreter.program.symbol(f"{source.module}.{name}")
    for enter, is_async in (("__aenter__", True), ("__enter__", False)):
        if isinstance(info, TypeInfo) and enter in info.names:
            yield f"{name} {enter} {closes_own(info, interpreter, is_async=is_async)}"
            if closed := closed_by(info, interpreter, is_async=is_async):
                yield f"{name} {enter} closes {sorted(closed)}"
            if faulty := faulty_method(info, interpreter.program, is_async=is_async):
                yield f"{name} {faulty.name} {faulty.fault.value}"
            if gives_nothing(info, interpreter.program, is_async=is_async):
                yield f"{name} {enter} gives nothing"
            if late := LateCommits(interpreter).in_exit(info):
                yield f"{name} {enter} commits {late}"


def _in_interface(interpreter: Interpreter, fullname: str) -> bool:
    """Whether mypy's own type of a variable says all that its values would."""
    symbol = interpreter.program.symbol(fullname)
    if not isinstance(symbol, Var) or not informative(symbol.type):
        return False
    type_ = get_proper_type(symbol.type)
    return all(map(_says_all, type_.items if isinstance(type_, UnionType) else (type_,)))


def _says_all(item: Type | None) -> bool:
    proper = get_proper_type(item)
    return isinstance(proper, NoneType) or (
        isinstance(proper, Instance)
        and all(isinstance(get_proper_type(argument), Instance) for argument in proper.args)
    )


_SHAPES = HOLDER_TYPES - COROUTINE_TYPES


def _says_more_than_its_type(function: FuncDef, found: Contents) -> bool:
    """Whether the body of a function may say what its annotation does not."""
    type_ = function.type
    result = getattr(type_, "ret_type", None)
    if function.is_generator:
        return result is None or not informative(result)
    if result is not None and informative(result):
        # What is returned may contradict an annotation of a shape, and is believed before it.
        proper = get_proper_type(result)
        if not isinstance(proper, Instance) or proper.type.fullname not in _SHAPES:
            return False
    return bool(found.returned)


def signature(value: Value, interpreter: Interpreter, scope: Scope, depth: int = 0) -> str | None:
    """A value in words, places left out; ``None`` where nothing is known."""
    if value is UNKNOWN or depth > 4:
        return None

    def inner(other: Value) -> str:
        return signature(other, interpreter, scope, depth + 1) or "?"

    if isinstance(value, ObjectValue):
        if value.shape in (Shape.OTHER, Shape.NONE) and value.item is UNKNOWN:
            return None
        origin = value.origin.fullname if value.origin else ""
        return (
            f"{value.shape.name}/{value.can.value}/{value.label}/{origin}"
            f"/{value.by_definition}({inner(value.item)})"
        )
    if isinstance(value, (FunctionValue, ManagerFactory, TypedCallable, CallableReturning)):
        result = inner(interpreter.called(value, [], scope))
        return None if result == "?" else f"call {result}"
    if isinstance(value, ClassValue):
        return f"class {value.fullname}"
    if isinstance(value, (NamedValue, ModuleValue)):
        return f"name {value.fullname if isinstance(value, NamedValue) else value.name}"
    if isinstance(value, ContainerValue):
        if depth > 0:
            return None
        entries = [f"{key}:{inner(interpreter.element(value, key))}" for key, _ in value.entries]
        return None if all(e.endswith(":?") for e in entries) else f"[{', '.join(entries)}]"
    if isinstance(value, UnionValue):
        return " | ".join(sorted(inner(member) for member in value.members))
    return None
