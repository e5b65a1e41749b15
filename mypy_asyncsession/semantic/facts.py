"""What other modules may read in the bodies of a module, summed up in one string.

mypy re-checks the importers of a module when its interface has changed. What an unannotated
provider hands out is no part of that interface; these facts are added to it.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from mypy.nodes import ClassDef, Decorator, FuncDef, OverloadedFuncDef, ReturnStmt, TypeInfo, Var
from mypy.types import Instance, NoneType, UnionType, get_proper_type

from mypy_asyncsession.models.typing import COROUTINE_TYPES, HOLDER_TYPES
from mypy_asyncsession.semantic.footprints import (
    asked,
    depends,
    footprint,
    initialised,
    injected,
    made,
    made_of_parameters,
)
from mypy_asyncsession.semantic.from_mypy_types import informative
from mypy_asyncsession.semantic.generator_summary import traits_of
from mypy_asyncsession.semantic.late_commits import LateCommits
from mypy_asyncsession.semantic.mapped_classes import MappedClasses, described, may_map
from mypy_asyncsession.semantic.session_ownership import closed_by, closes_own, opens_in
from mypy_asyncsession.semantic.shapes import Shape
from mypy_asyncsession.semantic.syntax import definition_of, is_stub_body, returned, statements
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

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from mypy.nodes import Node
    from mypy.types import Type

    from mypy_asyncsession.semantic.interpreter import Interpreter
    from mypy_asyncsession.semantic.module_source import ModuleSource
    from mypy_asyncsession.semantic.scopes import Scope


def facts(source: ModuleSource, interpreter: Interpreter) -> str:
    """A digest of what the bodies in *source* say; empty where they say nothing."""
    lines = list(_members(source, interpreter, source.tree.defs, source.scope, ""))
    if interpreter.passed_over:
        unguarded = interpreter.ignoring_runtime_checks()
        lines += _members(source, unguarded, source.tree.defs, source.scope, "")
    for name in source.loose_attributes():
        lines += _line(f"state.{name}", interpreter.loose(source, name), interpreter, source.scope)
    if not lines:
        return ""
    return hashlib.sha256("\n".join(sorted(lines)).encode()).hexdigest()[:16]


def _line(name: str, value: Value, interpreter: Interpreter, scope: Scope) -> Iterator[str]:
    text = signature(value, interpreter, scope)
    if text is not None:
        yield f"{name} {text}"


def _members(
    source: ModuleSource, interpreter: Interpreter, body: Sequence[Node], scope: Scope, prefix: str
) -> Iterator[str]:
    module = source.module
    for name, bindings in scope.names.bindings.items():
        for binding in bindings:
            if (told := made(binding)) is not None:
                yield f"{prefix}{name} is made with {told}"
            if (told := depends(binding)) is not None:
                yield f"{prefix}{name} depends on {told}"
        if _in_interface(interpreter, f"{module}.{prefix}{name}"):
            continue
        for binding in bindings:
            if binding.kind == "assign":
                yield from _line(
                    prefix + name, interpreter.bound(binding, scope), interpreter, scope
                )
    for statement in statements(body):
        if isinstance(statement, ClassDef):
            inner = source.scope_in(statement, scope)
            inside = f"{prefix}{statement.name}."
            yield from _members(source, interpreter, statement.defs.body, inner, inside)
            yield from _of_class(statement, source, interpreter, prefix)
            for attribute, assigned in source.attributes(statement).items():
                methods = {method.name for _, method in assigned if method is not None}
                if len(methods) > 1 and "__init__" in methods:
                    yield f"{inside}{attribute} is bound by {sorted(methods)}"
                if not _in_interface(interpreter, f"{module}.{inside}{attribute}"):
                    value = interpreter.assigned(source, statement, inner, attribute)
                    yield from _line(inside + attribute, value, interpreter, scope)
        elif isinstance(statement, (FuncDef, Decorator, OverloadedFuncDef)):
            yield from _function(statement, interpreter, scope, prefix)


def _function(
    statement: FuncDef | Decorator | OverloadedFuncDef,
    interpreter: Interpreter,
    scope: Scope,
    prefix: str,
) -> Iterator[str]:
    function = definition_of(statement)
    if function is None:
        return
    name = prefix + function.name
    if _says_more_than_its_type(function):
        yield from _line(name, interpreter.defined(statement, scope), interpreter, scope)
    if function.is_generator:
        # How it goes on after its yield decides how it may be left.
        value = interpreter.defined(statement, scope)
        inner = value.function if isinstance(value, ManagerFactory) else value
        if isinstance(inner, FunctionValue):
            yield f"{name} {traits_of(inner, interpreter)}"
            yield f"{name} {[opens_in(inner, interpreter, bare=bare) for bare in (True, False)]}"
            if late := LateCommits(interpreter).after_yield(inner):
                yield f"{name} commits {late}"
    elif "commit" in function.name:
        value = interpreter.defined(statement, scope)
        if isinstance(value, FunctionValue):
            yield f"{name} commits {LateCommits(interpreter).of_helper(value)}"
    elif is_stub_body(function):
        yield f"{name} says nothing"
    if function.name == "__init__" and (put := initialised(function)):
        yield f"{name} puts {put}"
    if done := footprint(function):
        yield f"{name} does {done}"
    source = interpreter.program.source(scope.module)
    if source is not None and returned(function) and (given := injected(function, source)):
        yield f"{name} is given {given}"
    if owners := asked(function):
        yield f"{name} asks {owners}"
    if made := made_of_parameters(function):
        yield f"{name} makes {made}"


def _of_class(
    node: ClassDef, source: ModuleSource, interpreter: Interpreter, prefix: str
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


def _says_more_than_its_type(function: FuncDef) -> bool:
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
    return any(
        isinstance(statement, ReturnStmt) and statement.expr is not None
        for statement in statements(function.body)
    )


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
