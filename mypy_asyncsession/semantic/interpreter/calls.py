"""What a call gives, by what is called."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from mypy.nodes import ArgKind, CallExpr, IntExpr, MemberExpr, OverloadedFuncDef, StrExpr
from mypy.types import CallableType, Instance, Overloaded, ProperType, TypeVarType, get_proper_type
from mypy.typevars import fill_typevars

from mypy_asyncsession.models.asyncio import AS_COMPLETED, AWAITS_FIRST_ARGUMENT, TASK_MAKERS
from mypy_asyncsession.models.builtin import CACHING, ITERATOR_MAKERS, PARTIALS, TRANSPARENT
from mypy_asyncsession.models.contextlib import (
    ASYNC_CLOSING,
    ASYNC_CONTEXT_MANAGER_DECORATORS,
    CLOSING,
    CONTEXT_MANAGER_DECORATORS,
    NULL_CONTEXT,
)
from mypy_asyncsession.models.provider import PROVIDER_DECORATORS
from mypy_asyncsession.models.pydantic import FIELDS
from mypy_asyncsession.models.sqlalchemy import ASYNC_SESSIONMAKERS, SESSIONMAKERS
from mypy_asyncsession.semantic import unresolved_annotations
from mypy_asyncsession.semantic.from_mypy_types import informative
from mypy_asyncsession.semantic.interpreter.base import ELLIPSIS, Base, Where, is_read_by_name
from mypy_asyncsession.semantic.shapes import Can, Shape
from mypy_asyncsession.semantic.values import (
    UNKNOWN,
    UNSURE,
    BoundMethod,
    CallableReturning,
    ClassValue,
    ContainerValue,
    FunctionValue,
    LiteralValue,
    ManagerFactory,
    NamedValue,
    ObjectValue,
    TypedCallable,
    Value,
    WrapsMarker,
    enterable,
    fullname,
    join,
    map_members,
    members,
    object_value,
    step,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mypy_asyncsession.semantic.scopes import Scope

#: How many arguments of a call are looked at.
ARGUMENTS = 6

#: What a function surely gives that ``contextmanager`` cannot make a manager of.
_UNSUITED = frozenset(
    {
        Shape.ASYNC_CONTEXT_MANAGER,
        Shape.ASYNC_GENERATOR,
        Shape.CONTEXT_MANAGER,
        Shape.GENERATOR,
    }
)


class Calls(Base):
    """Evaluates calls."""

    def call(self, expr: CallExpr, scope: Scope, where: Where) -> Value:
        """What a call may give."""
        callee = self.value(expr.callee, scope, where)
        if isinstance(expr.callee, MemberExpr) and expr.callee.name == "get" and expr.args:
            mapping = self.value(expr.callee.expr, scope, where)
            key = expr.args[0]
            if isinstance(mapping, ContainerValue) and isinstance(key, (StrExpr, IntExpr)):
                return self.held(mapping, expr.callee.expr, key, scope)
        if not any(_depends_on_arguments(member) for member in members(callee)):
            # How many there are may still count.
            return self.called(callee, [UNKNOWN for _ in expr.args], scope)
        arguments = [self.value(arg, scope, where) for arg in expr.args[:ARGUMENTS]]
        if fullname(callee) == "builtins.getattr" and len(expr.args) >= 2:
            attribute = expr.args[1]
            if isinstance(attribute, StrExpr):
                found = self.attribute(arguments[0], attribute.value)
                return found if len(expr.args) == 2 else join([found, arguments[2]])
            return UNKNOWN
        positional: list[Value] = []
        named: dict[str, Value] = {}
        for name, kind, argument in zip(expr.arg_names, expr.arg_kinds, arguments, strict=False):
            if name is not None:
                named[name] = argument
            elif kind is ArgKind.ARG_POS:
                positional.append(argument)
        if ArgKind.ARG_STAR in expr.arg_kinds or ArgKind.ARG_STAR2 in expr.arg_kinds:
            named[ELLIPSIS] = UNKNOWN
        return self.called(callee, positional, scope, named)

    def called(
        self,
        callee: Value,
        arguments: list[Value],
        scope: Scope,
        named: Mapping[str, Value] | None = None,
    ) -> Value:
        """What a call of *callee* with *arguments* gives."""
        return map_members(
            callee, lambda member: self._called(member, arguments, scope, named or {})
        )

    def _called(
        self, callee: Value, arguments: list[Value], scope: Scope, named: Mapping[str, Value]
    ) -> Value:
        if isinstance(callee, (ObjectValue, TypedCallable)) and _is_ambiguous(callee.type):
            return UNSURE
        name = fullname(callee)
        if name is not None:
            special = self._special(name, arguments, named, scope)
            if special is not None:
                return special
        if isinstance(callee, FunctionValue):
            result = self.result(callee, arguments, named)
            return map_members(result, enterable) if callee.entered else result
        if isinstance(callee, ManagerFactory):
            inner = self.called(callee.function, arguments, scope, named)
            shape = Shape.ASYNC_CONTEXT_MANAGER if callee.is_async else Shape.CONTEXT_MANAGER
            item: Value = UNKNOWN
            origin = None
            if isinstance(callee.function, ObjectValue):
                item = callee.function.item  # ``asynccontextmanager(get_db())``
            if isinstance(inner, ObjectValue):
                item = inner.item
                origin = inner.origin
                if _is_mismade(callee, inner):
                    label = "asynccontextmanager" if callee.is_async else "contextmanager"
                    return ObjectValue(
                        Shape.MISMADE, item=inner, label=label, origin=origin, by_definition=True
                    )
                if inner.shape is Shape.COROUTINE:
                    # A stub without a yield: it says what those yield that stand for it.
                    item = self.iterated(inner.item)
            return ObjectValue(
                shape,
                Can.ASYNC_ENTER if callee.is_async else Can.ENTER,
                item,
                label=None,
                origin=origin,
            )
        if isinstance(callee, CallableReturning):
            return callee.result
        if isinstance(callee, WrapsMarker):
            wrapper = arguments[0] if arguments else UNKNOWN
            if isinstance(wrapper, FunctionValue):
                return replace(wrapper, wraps=callee.function)
            return wrapper
        if isinstance(callee, TypedCallable):
            return self._typed(callee)
        if name in ASYNC_SESSIONMAKERS or name in SESSIONMAKERS:
            made = self._sessionmaker(name, named)
            if made is not None:
                return made
        if isinstance(callee, ClassValue):
            found = self._instantiated(callee)
            if isinstance(found, ObjectValue):
                given = bool(arguments or named)
                return replace(found, bare=not given, filled=given)
            return found
        if isinstance(callee, NamedValue):
            if name in ASYNC_SESSIONMAKERS or name in SESSIONMAKERS:
                resource = (
                    "sqlalchemy.ext.asyncio.AsyncSession"
                    if name in ASYNC_SESSIONMAKERS
                    else "sqlalchemy.orm.Session"
                )
                return ObjectValue(
                    Shape.SESSIONMAKER,
                    label=callee.fullname.rpartition(".")[2],
                    item=unresolved_annotations.resource(resource, self.types.resources),
                )
            if callee.fullname in self.types.resources:
                return unresolved_annotations.resource(callee.fullname, self.types.resources)
            return NamedValue(f"{callee.fullname}()")
        if isinstance(callee, BoundMethod):
            return self.protocol(callee)
        if isinstance(callee, ObjectValue):
            if callee.shape is Shape.SESSIONMAKER and (
                callee.item is not UNKNOWN or callee.by_definition
            ):
                return callee.item
            if isinstance(callee.type, Instance):
                method = self.attribute(callee, "__call__")
                if method is not UNKNOWN:
                    return self.called(method, arguments, scope, named)
        return UNKNOWN

    def _sessionmaker(self, name: str, named: Mapping[str, Value]) -> Value | None:
        """A sessionmaker that is told which class to make: SQLAlchemy's types miss some of these.

        ``sessionmaker(engine, class_=AsyncSession)`` is how async sessions were made before
        ``async_sessionmaker``.
        """
        if "class_" not in named and ELLIPSIS not in named:
            return None
        klass = named.get("class_", UNKNOWN)
        item = self.instance(klass)
        if item is UNKNOWN and isinstance(klass, (ClassValue, NamedValue)):
            item = unresolved_annotations.resource(klass.fullname, self.types.resources)
        if isinstance(item, ObjectValue):
            item = replace(item, by_definition=True)
        label = name.rpartition(".")[2]
        return ObjectValue(Shape.SESSIONMAKER, item=item, label=label, by_definition=True)

    def _special(
        self, name: str, arguments: list[Value], named: Mapping[str, Value], scope: Scope
    ) -> Value | None:
        first = arguments[0] if arguments else UNKNOWN
        if name in ASYNC_CONTEXT_MANAGER_DECORATORS:
            return ManagerFactory(first, True)
        if name in CONTEXT_MANAGER_DECORATORS:
            return ManagerFactory(first, False)
        if name in PROVIDER_DECORATORS:
            return replace(first, entered=True) if isinstance(first, FunctionValue) else first
        if name in FIELDS:
            factory = named.get("default_factory", UNKNOWN)
            if isinstance(factory, (FunctionValue, ManagerFactory, ObjectValue)):
                return self.called(factory, [], scope)
            return named.get("default", UNKNOWN)
        if name in PARTIALS:
            if isinstance(first, ObjectValue):  # an object that is called
                method = self.attribute(first, "__call__")
                first = method if isinstance(method, FunctionValue) else first
            if isinstance(first, FunctionValue):
                return replace(first, preset=(*first.preset, *arguments[1:]), partial=True)
            return first
        if name == "functools.wraps":
            return WrapsMarker(first)
        if name in ITERATOR_MAKERS:
            return map_members(first, self.iterator)
        if name in CACHING:
            if isinstance(first, FunctionValue):
                return replace(first, cached=True)
            if not arguments or isinstance(first, LiteralValue):
                return NamedValue(name)  # ``@lru_cache(maxsize=None)``
        if name in TRANSPARENT:
            return first
        if name in ASYNC_CLOSING:
            return object_value(Shape.ASYNC_CONTEXT_MANAGER, first, label="aclosing")
        if name in CLOSING:
            return object_value(Shape.CONTEXT_MANAGER, first, label="closing")
        if name == NULL_CONTEXT:
            return ObjectValue(
                Shape.ASYNC_CONTEXT_MANAGER,
                Can.ASYNC_ENTER | Can.ENTER,
                first,
                label="nullcontext",
            )
        if name in AWAITS_FIRST_ARGUMENT or name in TASK_MAKERS:
            return object_value(Shape.COROUTINE, self.awaited(first), label="Coroutine")
        if name in AS_COMPLETED:
            # From Python 3.13 on it can be gone through in both ways.
            can = Can.ITERATE | Can.NEXT | Can.ASYNC_ITERATE | Can.ASYNC_NEXT
            return ObjectValue(Shape.ITERATOR, can, label="Iterator", by_definition=True)
        if name == "builtins.anext":
            return step(first, self.iterated(first))
        if name == "builtins.next":
            return self.iterated(first)
        return None

    def _typed(self, callee: TypedCallable) -> Value:
        type_ = callee.type
        if isinstance(type_, Overloaded):
            options = [self._typed(TypedCallable(item, callee.origin)) for item in type_.items]
            shapes = {
                option.shape if isinstance(option, ObjectValue) else None for option in options
            }
            # Which of several shapes it is only mypy can tell.
            return join(options, exact=False) if len(shapes) == 1 else UNKNOWN
        if not isinstance(type_, CallableType):
            return UNKNOWN
        result = self.types.value(type_.ret_type)
        if isinstance(result, ObjectValue):
            return result.made_by(callee.origin)
        return result

    def _instantiated(self, callee: ClassValue) -> Value:
        if callee.fullname in ASYNC_SESSIONMAKERS and callee.info is None:
            return ObjectValue(Shape.SESSIONMAKER, label="async_sessionmaker")
        found = self.instance(callee)
        if callee.info is None:
            return unresolved_annotations.resource(callee.fullname, self.types.resources)
        return found

    def instance(self, klass: Value) -> Value:
        """An instance of a class."""
        if not isinstance(klass, ClassValue) or klass.info is None or not klass.info.mro:
            return UNKNOWN
        filled = get_proper_type(fill_typevars(klass.info))
        if not isinstance(filled, Instance):
            return UNKNOWN
        value = self.types.value(filled)
        if isinstance(value, ObjectValue):
            return value
        return ObjectValue(Shape.OTHER, type=filled, label=klass.info.name)


def _is_ambiguous(type_: ProperType | None) -> bool:
    """Whether a call of such an object fits several overloads, for want of a type argument.

    mypy takes the first of them: ``Task[P, Any]`` for a coroutine's task.
    """
    if not isinstance(type_, Instance):
        return False
    call = type_.type.get("__call__")
    return (
        call is not None
        and isinstance(call.node, OverloadedFuncDef)
        and any(
            not informative(argument) or isinstance(get_proper_type(argument), TypeVarType)
            for argument in type_.args
        )
    )


def _depends_on_arguments(callee: Value) -> bool:
    """Whether what a call gives may depend on what it is given."""
    if isinstance(callee, (FunctionValue, ManagerFactory, BoundMethod, WrapsMarker)):
        return True
    name = fullname(callee)
    return name is not None and is_read_by_name(name)


def _is_mismade(managed: ManagerFactory, made: ObjectValue) -> bool:
    """Whether a manager is made of what it cannot step through."""
    if made.can & (Can.ASYNC_NEXT if managed.is_async else Can.NEXT):
        return False
    if made.shape is Shape.COROUTINE:
        # One without a yield may stand for others that have it, unless it returns a session.
        return isinstance(made.item, ObjectValue) and made.item.resource is not None
    return made.shape in _UNSUITED
