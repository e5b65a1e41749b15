"""What FastAPI makes of a dependency: how it drives it, and what it injects."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from mypy.nodes import (
    AssignmentStmt,
    CallExpr,
    FuncDef,
    IntExpr,
    MemberExpr,
    NameExpr,
    StrExpr,
)
from mypy.types import CallableType, Instance, has_type_vars

from mypy_asyncsession.detectors.dependency_records import Drive
from mypy_asyncsession.detectors.depends_calls import construction
from mypy_asyncsession.detectors.given_callables import (
    ITERATORS,
    MANAGERS,
    UNDRIVEN,
    has_call,
    holds_resource,
    is_call_of_one,
    is_declared,
    is_decorated,
    is_final_enough,
    is_lambda,
    is_made,
    is_raw,
    is_security,
    is_sessionmaker,
    is_unbound,
    makes_others,
)
from mypy_asyncsession.detectors.result_types import ResultTypes
from mypy_asyncsession.detectors.returned_objects import ReturnedObjects
from mypy_asyncsession.detectors.whole_applications import is_whole
from mypy_asyncsession.models.sqlalchemy import (
    ASYNC_SESSIONMAKERS,
    CONNECTING_METHODS,
    SCOPED_SESSIONS,
    SESSIONMAKERS,
)
from mypy_asyncsession.semantic.shapes import Shape, YieldFault
from mypy_asyncsession.semantic.syntax import (
    only_raises,
    says_nothing,
    yields,
)
from mypy_asyncsession.semantic.values import (
    UNKNOWN,
    AliasValue,
    CallableReturning,
    ClassValue,
    FunctionValue,
    LiteralValue,
    ManagerFactory,
    ObjectValue,
    TypedCallable,
    Value,
    members,
)
from mypy_asyncsession.semantic.yield_faults import faulty_yield

if TYPE_CHECKING:
    from mypy.nodes import Expression
    from mypy.types import Type

    from mypy_asyncsession.detectors.dependency_records import Dependency
    from mypy_asyncsession.models.dependency_framework import Release
    from mypy_asyncsession.semantic.interpreter import Interpreter
    from mypy_asyncsession.semantic.module_source import ModuleSource
    from mypy_asyncsession.semantic.scopes import Scope

#: What FastAPI stumbles over in a generator function because of where it yields. A request whose
#: session cannot be opened fails, whether that was swallowed or not.
_FAULTS: Final = {
    YieldFault.NEVER: Drive.UNYIELDED,
    YieldFault.TWICE: Drive.TWICE,
    YieldFault.AFTER_ERROR: Drive.REPEATED,
}


@dataclass(frozen=True, slots=True)
class Injection:
    """What FastAPI makes of a dependency: how it drives it, and what it injects.

    Attributes:
        drive: How it drives it.
        value: What it injects.
        type: mypy's type of that, as exact as it is known.
        opens: Whether the dependency makes a session itself and leaves it open.
        decorated: Whether it is a decorator that makes a context manager of the dependency.
        callable_class: Whether the dependency is a class whose instances are callable.
        none: Whether a ``None`` in the type can be believed.
        detail: What the rules have to know beside that.
        fresh: Whether the dependency makes the object itself, and does nothing else with it.
    """

    drive: Drive
    value: Value
    type: Type | None = None
    opens: bool = False
    decorated: bool = False
    callable_class: bool = False
    none: bool = True
    detail: str | None = None
    fresh: bool = False


class Driving:
    """Does with dependencies what FastAPI will do with them."""

    def __init__(self, interpreter: Interpreter, source: ModuleSource, release: Release) -> None:
        self._interpreter = interpreter
        self._source = source
        self._unwraps = release.unwraps
        self._returned = ReturnedObjects(interpreter)
        self._types = ResultTypes(interpreter)

    def each(self, value: Value, expression: Expression | None, scope: Scope) -> list[Injection]:
        """What FastAPI makes of each of the values that a dependency may be; none if not known."""
        options = list(members(value))
        makers = [each for each in options if is_sessionmaker(each)]
        if makers and all(is_sessionmaker(each) or is_call_of_one(each) for each in options):
            options = makers[:1]  # a partial of one, and what mypy says of that
        found = []
        for option in options:
            driven = self.driven(option, expression, scope)
            if driven is None:
                return []
            found.append(driven)
        return found

    def driven(
        self, value: Value, expression: Expression | None, scope: Scope, depth: int = 0
    ) -> Injection | None:
        """What FastAPI makes of a value, or ``None`` where that is not known."""
        if depth > 5:
            return None
        if isinstance(value, AliasValue):
            return Injection(Drive.ALIAS, UNKNOWN)
        if isinstance(value, ManagerFactory):
            made = self._interpreter.called(value, [], self._source.scope)
            return Injection(Drive.MANAGER, made, decorated=is_decorated(value.function))
        if isinstance(value, FunctionValue):
            if isinstance(expression, MemberExpr) and is_unbound(value):
                return Injection(Drive.UNBOUND, UNKNOWN)
            return self._driven_function(value, expression, scope, depth)
        if isinstance(value, ClassValue):
            return self._driven_class(value)
        if isinstance(value, TypedCallable):
            return self._driven_by_type(value)
        if isinstance(value, CallableReturning):
            made = value.result
            if isinstance(made, ObjectValue) and (is_raw(made) or holds_resource(made)):
                return Injection(Drive.RAW, made.made_by(value.origin))
            return None
        if isinstance(value, LiteralValue) and isinstance(value.value, (str, int)):
            return Injection(Drive.UNCALLABLE, value)
        if isinstance(value, ObjectValue):
            return self._driven_object(value, expression, scope, depth)
        return None

    def _driven_class(self, value: ClassValue) -> Injection | None:
        if value.fullname in SESSIONMAKERS | ASYNC_SESSIONMAKERS:
            return None
        if value.info is not None and makes_others(value.info):
            return None
        instance = self._interpreter.instance(value)
        if value.info is not None and value.info.is_abstract and is_whole(self._source.tree):
            return Injection(Drive.ABSTRACT, instance)
        is_callable = isinstance(instance, ObjectValue) and has_call(instance)
        return Injection(
            Drive.VALUE,
            instance,
            instance.type if isinstance(instance, ObjectValue) else None,
            callable_class=is_callable,
            detail="__call__" if is_callable and self._is_inert(instance) else None,
            fresh=True,
        )

    def _is_inert(self, instance: Value) -> bool:
        """Whether to make an object of a class does no more than to keep what it is given."""
        init = self._interpreter.attribute(instance, "__init__")
        call = self._interpreter.attribute(instance, "__call__")
        if not isinstance(call, FunctionValue):
            return False
        if not isinstance(init, FunctionValue):
            return True
        return all(
            says_nothing(each)
            or (
                isinstance(each, AssignmentStmt)
                and all(isinstance(target, MemberExpr) for target in each.lvalues)
                and isinstance(each.rvalue, (NameExpr, StrExpr, IntExpr))
            )
            for each in init.node.body.body
        ) and all(
            each.initializer is None or not isinstance(each.initializer, CallExpr)
            for each in init.node.arguments
        )

    def _driven_function(
        self, function: FunctionValue, expression: Expression | None, scope: Scope, depth: int
    ) -> Injection | None:
        node = function.node
        if only_raises(node) or is_declared(function):
            return None  # something else stands in for it, and may give anything
        result = self._interpreter.called(function, [], self._source.scope)
        type_ = self._types.result(function)
        is_generator = isinstance(node, FuncDef) and bool(yields(node))
        if function.cached and (is_generator or node.is_coroutine):
            return Injection(Drive.CACHED, result)
        none = self._gives_none(function, expression, scope)
        if is_generator:
            if function.partial and not self._unwraps and node.name == "__call__":
                return Injection(
                    Drive.RAW, result, result.type if isinstance(result, ObjectValue) else None
                )
            item = self._interpreter.iterated(result)
            type_ = self._types.exact(function, item, self._types.item(type_))
            if isinstance(item, ObjectValue) and is_raw(item):
                return Injection(Drive.RAW, item, type_)
            source = self._interpreter.program.source(function.scope.module)
            faulty = faulty_yield(source.flow_of(node)) if source is not None else None
            if faulty is not None and faulty.fault in _FAULTS:
                return Injection(_FAULTS[faulty.fault], result)
            return Injection(Drive.ENTERED, item, type_, none=none)
        if isinstance(node, FuncDef) and node.is_coroutine:
            if function.partial and not self._unwraps:
                return Injection(Drive.RAW, result)
            item = self._interpreter.awaited(result)
            type_ = self._types.exact(function, item, self._types.item(type_))
            if isinstance(item, ObjectValue) and is_raw(item):
                return Injection(Drive.RAW, item, type_)
            opens = isinstance(item, ObjectValue) and self._returned.opens(function, item)
            fresh = isinstance(item, ObjectValue) and self._returned.makes(function)
            if self._returned.starts(function):
                return Injection(Drive.UNSTARTED, item, type_)
            return Injection(Drive.AWAITED, item, type_, opens, none=none, fresh=fresh)
        if function.wraps is not UNKNOWN and self._unwraps:
            return self.driven(function.wraps, None, scope, depth + 1)
        type_ = self._types.exact(function, result, type_)
        if isinstance(result, FunctionValue) and not (is_lambda(function) or function.partial):
            return Injection(Drive.FACTORY, result, type_)
        if not isinstance(result, ObjectValue):
            return Injection(Drive.VALUE, result, type_, none=none)
        if is_raw(result):
            return Injection(Drive.RAW, result, type_)
        if self._returned.starts(function):
            return Injection(Drive.UNSTARTED, result, type_)
        opens, fresh = self._returned.opens(function, result), self._returned.makes(function)
        return Injection(Drive.VALUE, result, type_, opens, none=none, fresh=fresh)

    def _gives_none(
        self, function: FunctionValue, expression: Expression | None, scope: Scope
    ) -> bool:
        """Whether a ``None`` in what a function says to give can be believed.

        What a factory makes, and a method, may be told to give none: ``get_user(optional=False)``.
        """
        made = expression is not None and construction(expression, self._interpreter, scope)
        if function.receiver is not None or made or function.preset:
            return False
        if any(inner.values for inner in function.scope.chain()):
            return False
        return self._types.gives_none(function)

    def _driven_by_type(self, value: TypedCallable) -> Injection | None:
        if not isinstance(value.type, CallableType) or has_type_vars(value.type.ret_type):
            return None
        result = self._interpreter.types.value(value.type.ret_type)
        if value.origin is not None and value.origin.fullname in CONNECTING_METHODS:
            made = result if isinstance(result, ObjectValue) else UNKNOWN
            drive = Drive.UNSTARTED
            if isinstance(made, ObjectValue) and made.resource is None:
                drive = Drive.RAW
            return Injection(drive, made, made.type if isinstance(made, ObjectValue) else None)
        if not isinstance(result, ObjectValue) or result.shape in UNDRIVEN | ITERATORS:
            return None  # it may be a coroutine or generator function, or one that returns these
        if is_raw(result):
            return Injection(Drive.MANAGER, result.made_by(value.origin))
        return Injection(Drive.VALUE, result, result.type)

    def _driven_object(
        self, value: ObjectValue, expression: Expression | None, scope: Scope, depth: int
    ) -> Injection | None:
        if value.shape is Shape.SESSIONMAKER:
            return Injection(Drive.SESSIONMAKER, value)
        if isinstance(value.type, Instance) and value.type.type.fullname in SCOPED_SESSIONS:
            return Injection(Drive.SESSIONMAKER, value)
        called = isinstance(expression, CallExpr)
        if called and value.shape in MANAGERS and is_made(value):
            return Injection(Drive.CALLED, value)  # it has a __call__, to be used as a decorator
        if has_call(value):
            return self._driven_call(value, expression, scope, depth)
        if value.shape in UNDRIVEN | MANAGERS | {Shape.SESSION, Shape.SYNC_SESSION} and called:
            return Injection(Drive.CALLED, value)
        if value.shape is Shape.OTHER and isinstance(value.type, Instance):
            info = value.type.type
            # What is declared to be of a class may be of a child that can be called.
            if is_final_enough(info) and (called or self._is_made_here(expression, scope)):
                return Injection(Drive.UNCALLABLE, value)
        return None

    def _is_made_here(self, expression: Expression | None, scope: Scope) -> bool:
        """Whether an expression names what a call of a class has made."""
        if expression is None:
            return False
        call = construction(expression, self._interpreter, scope)
        return call is not None and isinstance(
            self._interpreter.value(call.callee, scope, None), ClassValue
        )

    def _driven_call(
        self, value: ObjectValue, expression: Expression | None, scope: Scope, depth: int
    ) -> Injection | None:
        """An object that FastAPI calls."""
        method = self._interpreter.attribute(value, "__call__")
        if not isinstance(value.type, Instance) or not is_security(value.type.type):
            return None if method is UNKNOWN else self.driven(method, None, scope, depth + 1)
        # They return ``str | None`` by type, and never ``None`` where they are strict.
        if isinstance(method, FunctionValue):
            driven = self.driven(method, None, scope, depth + 1)
            return replace(driven, none=False) if driven is not None else None
        entry = value.type.type.get("__call__")
        if entry is None or not isinstance(entry.node, FuncDef) or not entry.node.is_coroutine:
            return None
        called = self._interpreter.types.method_result(value.type, "__call__")
        item = self._types.item(called)
        if item is None:
            return None
        found = self._interpreter.types.value(item)
        return Injection(Drive.AWAITED, found, item, none=self._is_lenient(expression, scope))

    def _is_lenient(self, expression: Expression | None, scope: Scope) -> bool:
        """Whether a security scheme is told to give ``None`` rather than to answer 401."""
        made = construction(expression, self._interpreter, scope) if expression else None
        return made is not None and any(
            name == "auto_error" and isinstance(argument, NameExpr) and argument.name == "False"
            for name, argument in zip(made.arg_names, made.args, strict=True)
        )


def instead_of_session(found: Dependency, original: Injection | None) -> tuple[str, str] | None:
    """How types differ where a function is injected in place of a session."""
    value = original.value if original is not None else None
    if (
        found.drive is not Drive.FACTORY
        or not isinstance(value, ObjectValue)
        or value.resource is None
    ):
        return None
    return "function", value.label or "session"
