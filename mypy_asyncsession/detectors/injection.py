"""What FastAPI makes of a dependency: how it drives it, and what it injects."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mypy.nodes import CallExpr, ClassDef, FuncDef, MemberExpr, NameExpr, ReturnStmt
from mypy.types import CallableType, Instance, has_type_vars

from mypy_asyncsession.detectors.record import Drive
from mypy_asyncsession.detectors.result_types import ResultTypes
from mypy_asyncsession.models.fastapi import UNWRAPS
from mypy_asyncsession.models.sqlalchemy import ASYNC_SESSIONMAKERS, SESSIONMAKERS
from mypy_asyncsession.semantic.session_disposal import Closing
from mypy_asyncsession.semantic.shapes import Shape
from mypy_asyncsession.semantic.syntax import only_raises, statements, yields
from mypy_asyncsession.semantic.values import (
    UNKNOWN,
    AliasValue,
    ClassValue,
    FunctionValue,
    ManagerFactory,
    ObjectValue,
    TypedCallable,
    Value,
)

if TYPE_CHECKING:
    from mypy.nodes import Expression, TypeInfo
    from mypy.types import Type

    from mypy_asyncsession.models.fastapi import Version
    from mypy_asyncsession.semantic.interpreter import Interpreter, Where
    from mypy_asyncsession.semantic.module_source import ModuleSource
    from mypy_asyncsession.semantic.scopes import Scope

#: What has to be driven before there is anything in it.
UNDRIVEN = frozenset({Shape.ASYNC_GENERATOR, Shape.GENERATOR, Shape.COROUTINE})
MANAGERS = frozenset({Shape.ASYNC_CONTEXT_MANAGER, Shape.CONTEXT_MANAGER})
ITERATORS = frozenset({Shape.ASYNC_ITERATOR, Shape.ITERATOR})


@dataclass(frozen=True, slots=True)
class Injection:
    """What FastAPI makes of a dependency: how it drives it, and what it injects."""

    drive: Drive
    value: Value
    type: Type | None = None
    opens: bool = False
    decorated: bool = False
    callable_class: bool = False


class Driving:
    """Does with dependencies what FastAPI will do with them."""

    def __init__(self, interpreter: Interpreter, source: ModuleSource, version: Version) -> None:
        self._interpreter = interpreter
        self._source = source
        self._unwraps = version >= UNWRAPS
        self._closing = Closing(interpreter)
        self._types = ResultTypes(interpreter)

    def driven(
        self, value: Value, expression: Expression | None, depth: int = 0
    ) -> Injection | None:
        """What FastAPI makes of a value, or ``None`` where that is not known."""
        if depth > 5:
            return None
        if isinstance(value, AliasValue):
            return Injection(Drive.ALIAS, UNKNOWN)
        if isinstance(value, ManagerFactory):
            made = self._interpreter.called(value, [], self._source.scope)
            return Injection(Drive.MANAGER, made, decorated=_is_decorated(value.function))
        if isinstance(value, FunctionValue):
            if isinstance(expression, MemberExpr) and _is_unbound(value):
                return Injection(Drive.UNBOUND, UNKNOWN)
            return self._driven_function(value, depth)
        if isinstance(value, ClassValue):
            if value.fullname in SESSIONMAKERS | ASYNC_SESSIONMAKERS:
                return None
            if value.info is not None and _makes_others(value.info):
                return None
            instance = self._interpreter.instance(value)
            is_callable = isinstance(instance, ObjectValue) and _has_call(instance)
            return Injection(
                Drive.VALUE,
                instance,
                instance.type if isinstance(instance, ObjectValue) else None,
                callable_class=is_callable,
            )
        if isinstance(value, TypedCallable):
            return self._driven_by_type(value)
        if isinstance(value, ObjectValue):
            return self._driven_object(value, expression, depth)
        return None

    def _driven_function(self, function: FunctionValue, depth: int) -> Injection | None:
        node = function.node
        if only_raises(node):
            return None  # an override stands in for it, and may give anything
        result = self._interpreter.called(function, [], self._source.scope)
        type_ = self._types.result(function)
        if isinstance(node, FuncDef) and yields(node):
            if function.partial and not self._unwraps and node.name == "__call__":
                return Injection(
                    Drive.RAW, result, result.type if isinstance(result, ObjectValue) else None
                )
            item = self._interpreter.iterated(result)
            type_ = self._types.exact(function, item, self._types.item(type_))
            if isinstance(item, ObjectValue) and _is_raw(item):
                return Injection(Drive.RAW, item, type_)
            return Injection(Drive.ENTERED, item, type_)
        if isinstance(node, FuncDef) and node.is_coroutine:
            if function.partial and not self._unwraps:
                return Injection(Drive.RAW, result)
            item = self._interpreter.awaited(result)
            type_ = self._types.exact(function, item, self._types.item(type_))
            if isinstance(item, ObjectValue) and _is_raw(item):
                return Injection(Drive.RAW, item, type_)
            opens = isinstance(item, ObjectValue) and self._opens(function, item)
            return Injection(Drive.AWAITED, item, type_, opens)
        if function.wraps is not UNKNOWN and self._unwraps:
            return self.driven(function.wraps, None, depth + 1)
        type_ = self._types.exact(function, result, type_)
        if not isinstance(result, ObjectValue):
            return Injection(Drive.VALUE, result, type_)
        if _is_raw(result):
            return Injection(Drive.RAW, result, type_)
        return Injection(Drive.VALUE, result, type_, opens=self._opens(function, result))

    def _driven_by_type(self, value: TypedCallable) -> Injection | None:
        if not isinstance(value.type, CallableType) or has_type_vars(value.type.ret_type):
            return None
        result = self._interpreter.types.value(value.type.ret_type)
        if not isinstance(result, ObjectValue) or result.shape in UNDRIVEN | ITERATORS:
            return None  # it may be a coroutine or generator function, or one that returns these
        if _is_raw(result):
            return Injection(Drive.MANAGER, result.made_by(value.origin))
        return Injection(Drive.VALUE, result, result.type)

    def _driven_object(
        self, value: ObjectValue, expression: Expression | None, depth: int
    ) -> Injection | None:
        if value.shape is Shape.SESSIONMAKER:
            return Injection(Drive.SESSIONMAKER, value)
        called = isinstance(expression, CallExpr)
        if called and value.shape in MANAGERS and _is_made(value):
            return Injection(Drive.CALLED, value)  # it has a __call__, to be used as a decorator
        if _has_call(value):
            method = self._interpreter.attribute(value, "__call__")
            if method is UNKNOWN:
                return None
            if isinstance(value.type, Instance) and _is_security(value.type.type):
                # They return ``str | None`` by type, and never ``None`` where they are strict.
                return None
            return self.driven(method, None, depth + 1)
        if value.shape in UNDRIVEN | MANAGERS | {Shape.SESSION, Shape.SYNC_SESSION} and called:
            return Injection(Drive.CALLED, value)
        return None

    def _opens(self, function: FunctionValue, result: ObjectValue) -> bool:
        """Whether a function makes a session itself, and returns it as it is."""
        if result.shape is not Shape.SESSION:
            return False
        node = function.node
        source = self._interpreter.program.source(function.scope.module)
        if source is None:
            return False
        scope = source.scope_in(node, function.scope)
        found = []
        for statement in statements(node.body):
            if isinstance(statement, ReturnStmt) and statement.expr is not None:
                where = scope.names.places.get(id(statement))
                found.append(
                    self._is_construction(statement.expr, scope, where)
                    and not self._closing.keeps(node, statement.expr, function.scope)
                )
        return bool(found) and all(found)

    def _is_construction(self, expression: Expression, scope: Scope, where: Where) -> bool:
        if isinstance(expression, NameExpr):
            bindings = scope.names.bindings.get(expression.name, [])
            return len(bindings) == 1 and (
                bindings[0].kind == "assign"
                and isinstance(bindings[0].node, CallExpr)
                and self._is_construction(bindings[0].node, scope, bindings[0].blocks)
            )
        if not isinstance(expression, CallExpr):
            return False
        callee = self._interpreter.value(expression.callee, scope, where)
        if isinstance(callee, ClassValue):
            return True
        return isinstance(callee, ObjectValue) and callee.shape is Shape.SESSIONMAKER


def _is_unbound(function: FunctionValue) -> bool:
    """Whether this is a method that was asked of its class, and wants an object for ``self``."""
    arguments = function.node.arguments
    return (
        isinstance(function.scope.node, ClassDef)
        and function.receiver is None
        and not (function.is_static or function.is_class or function.partial)
        and bool(arguments)
        and arguments[0].variable.name == "self"
        and arguments[0].initializer is None
        and arguments[0].type_annotation is None
    )


def _is_decorated(value: Value) -> bool:
    return (
        isinstance(value, FunctionValue)
        and isinstance(value.node, FuncDef)
        and value.node.is_decorated
    )


def _has_call(value: ObjectValue) -> bool:
    return isinstance(value.type, Instance) and value.type.type.get("__call__") is not None


def _makes_others(info: TypeInfo) -> bool:
    """Whether a class has a ``__new__`` that does not say what it returns."""
    symbol = info.get("__new__")
    return symbol is not None and isinstance(symbol.node, FuncDef) and symbol.node.type is None


def _is_security(info: TypeInfo) -> bool:
    return any(base.fullname.startswith("fastapi.security.") for base in info.mro)


def _is_raw(value: ObjectValue) -> bool:
    """Whether there is nothing in it before somebody drives it, which FastAPI will not do."""
    if value.shape in ITERATORS:
        return isinstance(value.item, ObjectValue) and value.item.resource is not None
    return value.shape in UNDRIVEN or (value.shape in MANAGERS and _is_made(value))


def _is_made(value: ObjectValue) -> bool:
    """Whether ``contextmanager`` made it, or nothing is said but that it is a context manager."""
    return value.label is None or value.label in (
        "AbstractAsyncContextManager",
        "AbstractContextManager",
        "_AsyncGeneratorContextManager",
        "_GeneratorContextManager",
    )
