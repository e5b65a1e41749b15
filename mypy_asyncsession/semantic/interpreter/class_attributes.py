"""What a member of a class may be, as the class or an instance of it hands it out."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from mypy.nodes import (
    CallExpr,
    ClassDef,
    Decorator,
    FuncDef,
    OverloadedFuncDef,
    TypeInfo,
    Var,
)
from mypy.types import CallableType, Instance, Overloaded, get_proper_type

from mypy_asyncsession.models.builtin import PARTIAL_METHOD
from mypy_asyncsession.models.mapping import COLUMNS
from mypy_asyncsession.semantic.combine import is_none, is_opaque
from mypy_asyncsession.semantic.from_mypy_types import informative, with_self
from mypy_asyncsession.semantic.interpreter.call_types import bound_type
from mypy_asyncsession.semantic.interpreter.evidence import denied
from mypy_asyncsession.semantic.interpreter.fields import field_names, field_of, is_field
from mypy_asyncsession.semantic.interpreter.functions import result
from mypy_asyncsession.semantic.interpreter.instances import instance
from mypy_asyncsession.semantic.interpreter.names import bound
from mypy_asyncsession.semantic.interpreter.parameters import left_out
from mypy_asyncsession.semantic.interpreter.replaced_members import is_replaced
from mypy_asyncsession.semantic.interpreter.symbols import place
from mypy_asyncsession.semantic.scopes import qualname_in
from mypy_asyncsession.semantic.shapes import Shape
from mypy_asyncsession.semantic.syntax import definition_of, statements
from mypy_asyncsession.semantic.value_identity import environment
from mypy_asyncsession.semantic.values import (
    RECURSIVE,
    UNKNOWN,
    UNSURE,
    ClassValue,
    ContainerValue,
    FunctionValue,
    ManagerFactory,
    ObjectValue,
    TypedCallable,
    Value,
    fullname,
    join,
    members,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy_asyncsession.semantic.interpreter.context import Context
    from mypy_asyncsession.semantic.module_source import ModuleSource

#: The classes whose elements are evaluated where a literal is assigned.
_CONTAINERS = frozenset({"dict", "list"})


def class_attribute(
    klass: ClassValue,
    name: str,
    receiver: Value,
    type_: Instance | None,
    at: Context,
    *,
    after: bool = False,
) -> Value:
    """What a class, or an instance of it, has under a name.

    Args:
        klass: The class.
        name: The name.
        receiver: The class or the instance.
        type_: The type of the instance, if it is one.
        at: Where it is asked.
        after: Whether the class itself is left out, as ``super()`` does.
    """
    info = klass.info
    if info is None:
        return UNKNOWN
    if isinstance(receiver, ClassValue) and _is_enum_member(info, name):
        return instance(klass, at)
    if isinstance(receiver, ObjectValue) and receiver.fields:
        kept = field_of(receiver, name, at)
        if kept is not None:
            return kept
    if (
        isinstance(receiver, ObjectValue)
        and not receiver.bare
        and is_field(info, name)
        and (receiver.filled or not _field_default_stands(info, name, at))
    ):
        return UNKNOWN
    for base in info.mro[1:] if after else info.mro:
        source = at.source(base.module_name)
        located = source.class_named(base.fullname[len(base.module_name) + 1 :]) if source else None
        if located is not None:
            node, scope = located
            assert source is not None
            own = _own_attribute(source, node, name, receiver, at.within(scope))
            if own is not UNKNOWN:
                return own
        if base.names.get(name) is not None:
            return _typed_attribute(base, name, type_ or info, at)
    return UNKNOWN


def _is_enum_member(info: TypeInfo, name: str) -> bool:
    """Whether a class has one of its own objects under a name."""
    entry = info.names.get(name)
    return (
        entry is not None
        and isinstance(entry.node, Var)
        and not name.startswith("_")
        and info.has_base("enum.Enum")
    )


def _field_default_stands(info: TypeInfo, name: str, at: Context) -> bool:
    """Whether a call in the module of a class leaves a field to its default."""
    source = at.source(info.module_name)
    located = source.class_named(info.name) if source is not None else None
    if source is None or located is None or len(info.mro) > 2:
        return False
    fields = field_names(located[0])
    return name in fields and any(
        site.leaves_out(fields.index(name), name) for site in source.calls(info.name)
    )


def _own_attribute(
    source: ModuleSource, node: ClassDef, name: str, receiver: Value, at: Context
) -> Value:
    """What a class itself has under a name, *at* being where it stands."""
    inner = source.scope_in(node, at.scope)
    inside = at.within(inner)
    bindings = inner.names.bindings.get(name, [])
    described = None
    if bindings and isinstance(receiver, ObjectValue):
        described = _described(bound(bindings[-1], inside), at)
        if described is not None and described is not UNSURE:
            return described
    defs = [binding for binding in bindings if binding.kind in ("def", "class")]
    if defs:
        assert defs[-1].node is not None
        if is_replaced(source, node, name, at):
            return UNSURE
        # ``session = asynccontextmanager(session)`` may stand below the method.
        last = bindings[-1]
        value = bound(last, inside)
        if last is not defs[-1] and (value is UNKNOWN or len(last.blocks) > 1):
            return UNSURE
        if isinstance(receiver, ObjectValue) and not (
            isinstance(value, FunctionValue) and value.is_property
        ):
            if name in source.open_attributes(node):
                return UNSURE
            for _, method in source.attributes(node).get(name, ()):
                if method is not None:
                    return UNSURE  # the instance has one of its own in the method's place
        return bind(value, receiver, at)
    if bindings and _is_left_open(source, node, name):
        return UNSURE
    if bindings and _is_partial_method(bindings[-1].node, inside):
        return bind(bound(bindings[-1], inside), receiver, at)
    bare = isinstance(receiver, ObjectValue) and receiver.bare
    declared = at.program.symbol(f"{source.module}.{qualname_in(inner, name)}")
    type_ = at.program.type_of(declared) if isinstance(declared, Var) else None
    if isinstance(declared, Var) and informative(type_):
        value = at.types.value(type_)
        said = _described(value, at) if isinstance(receiver, ObjectValue) else None
        if said is not None:
            return said
        if any(denied(method.body, f"self.{name}", value) for method in _methods(node)):
            return UNSURE
        if value is not UNKNOWN and not is_opaque(value):
            if declared.is_inferred and len(source.attributes(node).get(name, ())) > 1:
                # mypy has inferred it from the first assignment; others may differ.
                others = assigned(source, node, name, inside)
                known_others = [m for m in members(others) if isinstance(m, ObjectValue)]
                return join([value, *known_others], exact=False)
            return _richer(source, node, name, value, inside)
    if described is not None:
        return described
    return assigned(source, node, name, inside, bare=bare)


def _described(value: Value, at: Context) -> Value | None:
    """What an instance has in place of a descriptor of its class; ``None`` for what is none."""
    if not isinstance(value, ObjectValue) or value.shape is not Shape.OTHER:
        return None
    if not isinstance(value.type, Instance):
        return None
    if value.type.type.fullname in COLUMNS:
        return UNSURE  # a mapping has put another object in its place, which no type tells of
    if value.type.type.get("__get__") is None:
        return None
    getter = at.attribute(value, "__get__")
    if isinstance(getter, FunctionValue):
        return result(getter, [], {}, at)
    found = at.types.method_type(value.type, "__get__")
    # Those for a class, which come with no instance, stand first.
    last = found.items[-1] if isinstance(found, Overloaded) else found
    if not isinstance(last, CallableType) or not informative(last.ret_type):
        return UNSURE
    return at.types.value(last.ret_type)


def _is_partial_method(node: object, at: Context) -> bool:
    """Whether this makes a method of another one: ``reader = partialmethod(session, True)``."""
    return isinstance(node, CallExpr) and fullname(at.value(node.callee)) == PARTIAL_METHOD


def _is_left_open(source: ModuleSource, node: ClassDef, name: str) -> bool:
    """Whether a class leaves an attribute to those that descend from it.

    One that has a class beside it which sets another, and which nobody makes an object of.
    """
    return any(
        name in source.attributes(child) or name in source.open_attributes(child)
        for child in source.subclasses(node.name)
    ) and not source.calls(node.name)


def _richer(source: ModuleSource, node: ClassDef, name: str, value: Value, at: Context) -> Value:
    """What is assigned to an attribute, where mypy's type has lost the definition."""
    if isinstance(value, TypedCallable):
        found = assigned(source, node, name, at)
        if found is not UNKNOWN:
            return found
    if isinstance(value, ObjectValue) and value.label in _CONTAINERS:
        found = assigned(source, node, name, at)
        if isinstance(found, ContainerValue):
            return found
    return value


def assigned(
    source: ModuleSource, node: ClassDef, name: str, at: Context, *, bare: bool = False
) -> Value:
    """What the body and the methods of a class assign to one of its attributes.

    Args:
        source: The module of the class.
        node: The class.
        name: The attribute.
        at: In the body of the class.
        bare: Whether the object was made without arguments, so that its defaults stand.
    """
    known = environment(at.scope)
    return at.once(
        ("attribute", id(node), name, bare, known),
        source.module,
        not known,
        lambda inner: _assigned(source, node, name, inner, bare=bare),
    )


def _assigned(source: ModuleSource, node: ClassDef, name: str, at: Context, *, bare: bool) -> Value:
    if name in source.open_attributes(node):
        return UNKNOWN
    found: list[Value] = []
    for rvalue, method in source.attributes(node).get(name, ()):
        inside = at.within(at.scope)
        if method is not None:
            scope = source.scope_in(method, at.scope)
            if bare and method.name == "__init__":
                scope = scope.with_values(left_out(method, frozenset(), inside))
            where = next(
                (
                    scope.names.places.get(id(statement))
                    for statement in statements(method.body)
                    if getattr(statement, "rvalue", None) is rvalue
                ),
                None,
            )
            inside = at.within(scope, where)
        found.append(inside.value(rvalue))
    if RECURSIVE in found:
        return UNKNOWN  # ``self.session = self.session()``: it is now the one, now the other
    known_values = [value for value in found if not is_none(value)]
    return join(known_values, exact=False)


def bind(value: Value, receiver: Value, at: Context) -> Value:
    """A member of a class as *receiver*, an instance or the class, hands it out."""
    if isinstance(value, FunctionValue):
        if value.is_property:
            return result(replace(value, receiver=receiver), [], {}, at)
        if value.is_static:
            return value
        if isinstance(receiver, ClassValue) and not value.is_class:
            return value
        return replace(value, receiver=receiver)
    if isinstance(value, ManagerFactory) and isinstance(value.function, FunctionValue):
        if value.function.is_property:
            function = replace(value.function, is_property=False, receiver=receiver)
            return at.called(ManagerFactory(function, value.is_async))
        return ManagerFactory(bind(value.function, receiver, at), value.is_async)
    return value


def _typed_attribute(info: TypeInfo, name: str, owner: Instance | TypeInfo, at: Context) -> Value:
    """What mypy says of a member of a class.

    Args:
        info: The class, or a base of it, that has the member.
        name: The name.
        owner: The type of the instance that is asked for it, or the class that is.
        at: Where it is asked.
    """
    entry = info.names.get(name)
    if entry is None or entry.node is None:
        return UNKNOWN
    node = entry.node
    tree = at.program.modules.get(info.module_name)
    origin = place(f"{info.fullname}.{name}", tree, at.program, getattr(node, "line", 1))
    if isinstance(owner, Instance):
        found = at.types.method_type(owner, name)
        if isinstance(found, CallableType):
            found = with_self(found, owner)
    else:
        raw = at.program.type_of(node)
        found = get_proper_type(raw) if raw is not None else None
    if found is None or not informative(found):
        return UNKNOWN
    is_property = (isinstance(node, Decorator) and node.var.is_property) or (
        isinstance(node, OverloadedFuncDef) and node.is_property
    )
    value = at.types.value(found)
    if isinstance(value, TypedCallable):
        if is_property and isinstance(found, CallableType):
            return at.types.value(found.ret_type)
        function = definition_of(node)
        if function is not None and not function.is_static:
            found = bound_type(found, owner, function.is_class, at)
        return TypedCallable(found, origin)
    described = _described(value, at) if isinstance(owner, Instance) else None
    return value if described is None else described


def _methods(node: ClassDef) -> Iterator[FuncDef]:
    """The methods of a class."""
    for statement in node.defs.body:
        method = definition_of(statement)
        if method is not None:
            yield method
