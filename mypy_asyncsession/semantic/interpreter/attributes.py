"""What an attribute of a value may be."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from mypy.nodes import ClassDef, FuncDef, MemberExpr, NameExpr, SuperExpr, Var
from mypy.types import Instance

from mypy_asyncsession.models.sqlalchemy import (
    ASYNC_SESSIONS,
    AWAITABLE,
    NO_AUTOFLUSH,
)
from mypy_asyncsession.semantic.combine import without_none
from mypy_asyncsession.semantic.interpreter.class_attributes import class_attribute
from mypy_asyncsession.semantic.interpreter.context import argument_of, scope_at
from mypy_asyncsession.semantic.interpreter.instances import class_of, instance
from mypy_asyncsession.semantic.interpreter.names import module_attribute
from mypy_asyncsession.semantic.interpreter.narrowing import past_tests
from mypy_asyncsession.semantic.shapes import Can, Shape
from mypy_asyncsession.semantic.values import (
    UNKNOWN,
    UNSURE,
    BoundMethod,
    CallableReturning,
    ClassValue,
    ModuleValue,
    NamedValue,
    ObjectValue,
    Origin,
    TypedCallable,
    Value,
    join,
    map_members,
    object_value,
)

if TYPE_CHECKING:
    from mypy.types import Type

    from mypy_asyncsession.semantic.interpreter.context import Context
    from mypy_asyncsession.semantic.module_source import ModuleSource

#: The methods of generators and managers that are read by name, whatever class has them.
PROTOCOL_METHODS = frozenset(
    {"__aenter__", "__enter__", "__anext__", "__next__", "__aiter__", "__iter__", "asend", "send"}
)
#: Where the attributes of ``awaitable_attrs`` come from.
_ATTRIBUTE = Origin(AWAITABLE, f"sqlalchemy.ext.asyncio.AsyncAttrs.{AWAITABLE}", "", 0)
#: Those of generators alone.
_SENDING = frozenset({"asend", "send"})


def super_attribute(expr: SuperExpr, at: Context) -> Value:
    """A method or attribute of the classes after the one around, in its method resolution."""
    for inner in at.scope.chain():
        if isinstance(inner.node, ClassDef) and inner.parent is not None:
            klass = class_of(inner.node, at.within(inner.parent))
            if klass.info is None:
                return UNKNOWN
            receiver = instance(klass, at)
            return class_attribute(klass, expr.name, receiver, None, at, after=True)
    return UNKNOWN


def member(expr: MemberExpr, at: Context) -> Value:
    """What ``a.b`` may be."""
    owner = expr.expr
    found = attribute(at.value(owner), expr.name, at)
    if found is UNKNOWN and isinstance(owner, MemberExpr) and owner.name == AWAITABLE:
        # What the instance is only mypy can tell, as a rule; nothing else has such a property.
        return object_value(Shape.COROUTINE, label="Coroutine", origin=_ATTRIBUTE)
    if found is UNKNOWN and isinstance(owner, (MemberExpr, NameExpr)) and owner.name == "state":
        return _loose(expr, at)
    return past_tests(expr, found, at)


def _loose(expr: MemberExpr, at: Context) -> Value:
    """``app.state.name``: what this module, or the one that ``app`` is from, assigns to it."""
    modules = [at.scope.module]
    owner = expr.expr.expr if isinstance(expr.expr, MemberExpr) else None
    if isinstance(owner, NameExpr):
        for inner in at.scope.chain():
            modules.extend(
                binding.target[0]
                for binding in inner.names.bindings.get(owner.name, ())
                if binding.kind == "from"
            )
    sources = [source for module in modules if (source := at.source(module))]
    found = [loose(s, expr.name, at) for s in sources if expr.name in s.loose_attributes()]
    return join(found, exact=False)


def loose(source: ModuleSource, name: str, at: Context) -> Value:
    """What a module assigns to ``x.state.NAME``."""
    found: list[Value] = []
    for rvalue, chain in source.loose_attributes()[name]:
        if isinstance(rvalue, NameExpr) and any(
            isinstance(node, FuncDef) and argument_of(node, rvalue.name) for node in chain
        ):
            return UNKNOWN  # each caller may give another
        found.append(at.within(scope_at(source, chain)).value(rvalue))
    return join(found, exact=False)


def attribute(base: Value, name: str, at: Context) -> Value:
    """What an attribute of *base* may be: ``None`` beside something else has none of its own."""
    return map_members(without_none(base), lambda each: _attribute(each, name, at))


def _attribute(base: Value, name: str, at: Context) -> Value:
    if isinstance(base, ModuleValue):
        return module_attribute(base.name, name, None, at)
    if isinstance(base, NamedValue):
        return NamedValue(f"{base.fullname}.{name}")
    if isinstance(base, ClassValue):
        return class_attribute(base, name, base, None, at)
    if isinstance(base, ObjectValue):
        if name == NO_AUTOFLUSH and base.shape in (Shape.SESSION, Shape.SYNC_SESSION):
            return object_value(Shape.CONTEXT_MANAGER, base, label=name, by_definition=True)
        if base.shape is Shape.SESSIONMAKER and base.by_definition:
            return _of_maker(base, name)
        if name in _SENDING and base.shape not in (Shape.ASYNC_GENERATOR, Shape.GENERATOR):
            pass  # a stream's own
        elif name in PROTOCOL_METHODS and base.shape is not Shape.OTHER:
            return BoundMethod(base, name)
        if isinstance(base.type, Instance):
            klass = ClassValue(base.type.type.fullname, base.type.type)
            found = class_attribute(klass, name, base, base.type, at)
            is_begin = base.shape is Shape.SESSIONMAKER and name == "begin"
            return _beginning(base, found, at) if is_begin else found
    return UNKNOWN


def _of_maker(maker: ObjectValue, name: str) -> Value:
    """An attribute of ``sessionmaker(engine, class_=AsyncSession)``, whose type says less."""
    session = maker.item
    if name != "begin" or not isinstance(session, ObjectValue):
        return UNSURE
    if session.resource not in ASYNC_SESSIONS:
        return UNSURE
    return CallableReturning(
        ObjectValue(
            Shape.ASYNC_CONTEXT_MANAGER,
            Can.ASYNC_ENTER,
            item=session,
            label="_AsyncSessionContextManager",
            by_definition=True,
        )
    )


def _beginning(maker: ObjectValue, begin: Value, at: Context) -> Value:
    """``maker.begin``, which gives a manager of what the maker makes, by any type of it."""
    if at.program.current is None or not isinstance(begin, TypedCallable):
        return begin
    manager = at.called(begin)
    session = at.called(maker)
    if not isinstance(manager, ObjectValue) or session is UNKNOWN:
        return begin
    return CallableReturning(replace(manager, item=session), begin.origin)


def declared_attribute(expr: MemberExpr, at: Context) -> Type | None:
    """The type that an attribute is declared with, or ``None``."""
    if at.is_typed:
        return at.frame.evaluator.type_of(expr, at.scope.module)
    owner = at.value(expr.expr)
    if not isinstance(owner, ObjectValue) or not isinstance(owner.type, Instance):
        return None
    entry = owner.type.type.get(expr.name)
    if entry is None or not isinstance(entry.node, Var):
        return None
    return at.types.method_type(owner.type, expr.name)
