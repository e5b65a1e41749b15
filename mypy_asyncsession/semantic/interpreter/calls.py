"""What a call gives, by what is called."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from mypy.nodes import ArgKind, CallExpr, IntExpr, MemberExpr, NameExpr, OverloadedFuncDef, StrExpr
from mypy.types import CallableType, Instance, Overloaded, ProperType, TypeVarType, get_proper_type

from mypy_asyncsession.models.sqlalchemy import ASYNC_SESSIONMAKERS, SESSIONMAKERS
from mypy_asyncsession.semantic import unresolved_annotations
from mypy_asyncsession.semantic.combine import without_none
from mypy_asyncsession.semantic.from_mypy_types import informative
from mypy_asyncsession.semantic.interpreter.call_types import (
    depends_on_types,
    result_type,
    type_arguments,
)
from mypy_asyncsession.semantic.interpreter.containers import held
from mypy_asyncsession.semantic.interpreter.context import ELLIPSIS, is_read_by_name
from mypy_asyncsession.semantic.interpreter.context_variables import (
    CONTEXT_VARIABLE,
    context_variable,
)
from mypy_asyncsession.semantic.interpreter.fields import (
    filled_fields,
    keeps_arguments,
    keeps_fields,
)
from mypy_asyncsession.semantic.interpreter.functions import result
from mypy_asyncsession.semantic.interpreter.instances import instance
from mypy_asyncsession.semantic.interpreter.known_calls import known_call
from mypy_asyncsession.semantic.interpreter.protocols import iterated, protocol
from mypy_asyncsession.semantic.shapes import Can, Shape
from mypy_asyncsession.semantic.values import (
    UNKNOWN,
    UNSURE,
    BoundMethod,
    CallableReturning,
    ClassValue,
    ContainerValue,
    FunctionValue,
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
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mypy_asyncsession.semantic.interpreter.context import Context

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


def call(expr: CallExpr, at: Context) -> Value:
    """What a call may give."""
    callee = at.value(expr.callee)
    if isinstance(expr.callee, MemberExpr) and expr.callee.name == "get" and expr.args:
        mapping = at.value(expr.callee.expr)
        key = expr.args[0]
        if isinstance(mapping, ContainerValue) and isinstance(key, (StrExpr, IntExpr, NameExpr)):
            return held(mapping, expr.callee.expr, key, at)
    if isinstance(expr.callee, MemberExpr) and expr.callee.name == "get":
        variable = at.value(expr.callee.expr)
        if isinstance(variable, ObjectValue) and variable.label == CONTEXT_VARIABLE:
            found = context_variable(expr.callee.expr, variable, at)
            if found is not None:
                return found
    if not any(_depends_on_arguments(member, at) for member in members(callee)):
        # How many there are may still count.
        return called(callee, [UNKNOWN for _ in expr.args], {}, at)
    arguments = [at.value(arg) for arg in expr.args[:ARGUMENTS]]
    if fullname(callee) == "builtins.getattr" and len(expr.args) >= 2:
        attribute = expr.args[1]
        if isinstance(attribute, StrExpr):
            found = at.attribute(arguments[0], attribute.value)
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
    return called(callee, positional, named, at)


def called(
    callee: Value, arguments: Sequence[Value], named: Mapping[str, Value], at: Context
) -> Value:
    """What a call of *callee* with *arguments* gives; ``None`` beside something else is none."""
    return map_members(without_none(callee), lambda member: _called(member, arguments, named, at))


def _called(
    callee: Value, arguments: Sequence[Value], named: Mapping[str, Value], at: Context
) -> Value:
    if isinstance(callee, (ObjectValue, TypedCallable)) and _is_ambiguous(callee.type):
        return UNSURE
    name = fullname(callee)
    if name is not None:
        special = known_call(name, arguments, named, at)
        if special is not None:
            return special
    if isinstance(callee, FunctionValue):
        found = result(callee, arguments, named, at)
        return map_members(found, enterable) if callee.entered else found
    if isinstance(callee, ManagerFactory):
        return _managed(callee, called(callee.function, arguments, named, at), at)
    if isinstance(callee, CallableReturning):
        return callee.result
    if isinstance(callee, WrapsMarker):
        wrapper = arguments[0] if arguments else UNKNOWN
        if isinstance(wrapper, FunctionValue):
            return replace(wrapper, wraps=callee.function)
        return wrapper
    if isinstance(callee, TypedCallable):
        return _typed(callee, arguments, named, at)
    if isinstance(callee, ClassValue):
        found = _instantiated(callee, arguments, named, at)
        if isinstance(found, ObjectValue):
            given = bool(arguments or named)
            fields = filled_fields(callee, found, arguments, named, at) if given else ()
            return replace(found, bare=not given, filled=given, fields=fields)
        return found
    if isinstance(callee, NamedValue):
        return _unresolved(callee, at)
    if isinstance(callee, BoundMethod):
        return protocol(callee)
    if isinstance(callee, ObjectValue):
        if callee.shape is Shape.SESSIONMAKER and (
            callee.item is not UNKNOWN or callee.by_definition
        ):
            return callee.item
        if isinstance(callee.type, Instance):
            method = at.attribute(callee, "__call__")
            if method is not UNKNOWN:
                return called(method, arguments, named, at)
    return UNKNOWN


def _managed(factory: ManagerFactory, made: Value, at: Context) -> Value:
    """What ``asynccontextmanager(f)`` gives, for what a call of ``f`` gives."""
    shape = Shape.ASYNC_CONTEXT_MANAGER if factory.is_async else Shape.CONTEXT_MANAGER
    item: Value = UNKNOWN
    origin = None
    if isinstance(factory.function, ObjectValue):
        item = factory.function.item  # ``asynccontextmanager(get_db())``
    if isinstance(made, ObjectValue):
        item = made.item
        origin = made.origin
        if _is_mismade(factory, made):
            label = "asynccontextmanager" if factory.is_async else "contextmanager"
            return ObjectValue(
                Shape.MISMADE, item=made, label=label, origin=origin, by_definition=True
            )
        if made.shape is Shape.COROUTINE:
            # A stub without a yield: it says what those yield that stand for it.
            item = iterated(made.item, at)
    can = Can.ASYNC_ENTER if factory.is_async else Can.ENTER
    return ObjectValue(shape, can, item, label=None, origin=origin)


def _unresolved(callee: NamedValue, at: Context) -> Value:
    """What a call of something gives of which only its full name is known."""
    name = callee.fullname
    if name in ASYNC_SESSIONMAKERS or name in SESSIONMAKERS:
        session = (
            "sqlalchemy.ext.asyncio.AsyncSession"
            if name in ASYNC_SESSIONMAKERS
            else "sqlalchemy.orm.Session"
        )
        return ObjectValue(
            Shape.SESSIONMAKER,
            label=name.rpartition(".")[2],
            item=unresolved_annotations.resource(session, at.types.resources),
        )
    if name in at.types.resources:
        return unresolved_annotations.resource(name, at.types.resources)
    return NamedValue(f"{name}()")


def _typed(
    callee: TypedCallable, arguments: Sequence[Value], named: Mapping[str, Value], at: Context
) -> Value:
    type_ = callee.type
    if not at.is_typed and depends_on_types(type_):
        result = result_type(type_, arguments, named, at)
        if result is not None:
            found = at.types.value(result)
            return found.made_by(callee.origin) if isinstance(found, ObjectValue) else found
    if isinstance(type_, Overloaded):
        options = [_typed(TypedCallable(item, callee.origin), (), {}, at) for item in type_.items]
        shapes = {option.shape if isinstance(option, ObjectValue) else None for option in options}
        # Which of several shapes it is only mypy can tell.
        return join(options, exact=False) if len(shapes) == 1 else UNKNOWN
    if not isinstance(type_, CallableType):
        return UNKNOWN
    found = at.types.value(type_.ret_type)
    if isinstance(found, ObjectValue):
        return found.made_by(callee.origin)
    return found


def _instantiated(
    callee: ClassValue, arguments: Sequence[Value], named: Mapping[str, Value], at: Context
) -> Value:
    if callee.fullname in ASYNC_SESSIONMAKERS and callee.info is None:
        return ObjectValue(Shape.SESSIONMAKER, label="async_sessionmaker")
    if callee.info is None:
        return unresolved_annotations.resource(callee.fullname, at.types.resources)
    made = instance(callee, at)
    if at.is_typed or not callee.info.type_vars or not isinstance(made, ObjectValue):
        return made
    type_ = type_arguments(at.attribute(made, "__init__"), made, arguments, named, at)
    return at.types.value(type_) if type_ is not None else made


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


def _depends_on_arguments(callee: Value, at: Context) -> bool:
    """Whether what a call gives may depend on what it is given."""
    if not at.is_typed:
        if isinstance(callee, TypedCallable) and depends_on_types(callee.type):
            return True
        if isinstance(callee, ClassValue) and callee.info is not None and callee.info.type_vars:
            return True
    if isinstance(callee, (FunctionValue, ManagerFactory, BoundMethod, WrapsMarker)):
        return True
    if (
        isinstance(callee, ClassValue)
        and callee.info is not None
        and (keeps_fields(callee.info) or keeps_arguments(callee.info, at))
    ):
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
