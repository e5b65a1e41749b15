"""From mypy's types to values."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

from mypy.expandtype import expand_type, expand_type_by_instance
from mypy.maptype import map_instance_to_supertype
from mypy.nodes import Decorator, FuncDef, OverloadedFuncDef, TypeInfo, Var
from mypy.typeops import get_type_vars
from mypy.types import (
    AnyType,
    CallableType,
    Instance,
    LiteralType,
    NoneType,
    Overloaded,
    ProperType,
    TupleType,
    Type,
    TypeAliasType,
    TypedDictType,
    TypeType,
    TypeVarType,
    UnionType,
    get_proper_type,
)

from mypy_asyncsession.models.sqlalchemy import (
    ASYNC_CONNECTIONS,
    ASYNC_SESSIONMAKERS,
    ASYNC_SESSIONS,
    ENGINES,
    RESOURCES,
    RESULTS,
    SESSIONMAKERS,
    SYNC_SESSIONS,
)
from mypy_asyncsession.models.typing import (
    ASYNC_GENERATOR_TYPES,
    ASYNC_ITERATOR_TYPES,
    COROUTINE_TYPES,
    GENERATOR_TYPES,
    ITERATOR_TYPES,
)
from mypy_asyncsession.semantic.shapes import METHODS, Can, Shape
from mypy_asyncsession.semantic.values import (
    UNKNOWN,
    CallableReturning,
    ClassValue,
    ObjectValue,
    TypedCallable,
    Value,
    join,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from collections.abc import Set as AbstractSet

    from mypy.nodes import SymbolNode
    from mypy.types import TypeVarId


#: Types that do not say what an object is; ``_Wrapped`` forgets what it wraps too easily.
_SAY_NOTHING = frozenset(
    {
        "builtins.object",
        "builtins.function",
        "builtins.staticmethod",
        "builtins.classmethod",
        "functools._Wrapped",
    }
)
#: Callable objects, with the position of the type argument that a call gives.
_CALLABLES_OF = {"functools.partial": 0, "functools._lru_cache_wrapper": 0}


@dataclass(frozen=True, slots=True, eq=False)
class Bounded(ObjectValue):
    """What a type variable stands for: its bound says what it can do, not which class it is."""


def _bounded(value: Value) -> Value:
    if not isinstance(value, ObjectValue):
        return value
    return Bounded(**{field.name: getattr(value, field.name) for field in fields(value)})


class Types:
    """Reads types, given the full names of the resources that the project configured."""

    def __init__(
        self,
        resources: AbstractSet[str] = frozenset(),
        type_of: Callable[[SymbolNode], Type | None] | None = None,
    ) -> None:
        self.resources = RESOURCES | resources
        self._type_of = type_of or declared_type
        self._abilities: dict[TypeInfo, Can] = {}
        #: What is known of instances that are no providers: most are of this kind.
        self._plain: dict[Instance, ObjectValue] = {}
        self._async = (ASYNC_SESSIONS | ASYNC_CONNECTIONS) - SYNC_SESSIONS

    def value(self, type_: Type | None, depth: int = 0) -> Value:
        """What an expression of this type may be; unknown for ``Any`` and for what says nothing."""
        if type_ is None or depth > 6:
            return UNKNOWN
        proper = get_proper_type(type_)
        if isinstance(proper, Instance):
            return self._plain.get(proper) or self._instance(proper, depth)
        if isinstance(proper, UnionType):
            return join([self.value(item, depth + 1) for item in proper.items])
        if isinstance(proper, CallableType):
            made = get_proper_type(proper.ret_type)
            if proper.is_type_obj() and not isinstance(made, TypeVarType):  # no ``type[T]``
                return ClassValue(proper.type_object().fullname, proper.type_object(), type=proper)
            return TypedCallable(proper)
        if isinstance(proper, Overloaded):
            if proper.is_type_obj():
                return ClassValue(proper.type_object().fullname, proper.type_object(), type=proper)
            return TypedCallable(proper)
        if isinstance(proper, NoneType):
            return ObjectValue(Shape.NONE, type=proper, label="None")
        if isinstance(proper, TypeVarType):
            bound = self.value(proper.upper_bound, depth + 1)
            # A sessionmaker makes what its variable is bound to, unless it is told which class.
            return bound if proper.fullname.startswith("sqlalchemy.") else _bounded(bound)
        if isinstance(proper, TypeType):
            inner = get_proper_type(proper.item)
            if isinstance(inner, Instance):
                return ClassValue(inner.type.fullname, inner.type)
            return UNKNOWN
        if isinstance(proper, (LiteralType, TupleType)):
            return ObjectValue(Shape.OTHER, type=proper, label=None)
        return UNKNOWN

    def resource(self, info: TypeInfo) -> str | None:
        """The full name of the resource that a class is or descends from, or ``None``."""
        for base in info.mro:
            if base.fullname in self.resources:
                return base.fullname
        return None

    def _instance(self, type_: Instance, depth: int) -> Value:
        info = type_.type
        name = info.fullname
        if name in _SAY_NOTHING:
            return UNKNOWN
        if name in _CALLABLES_OF and type_.args:
            return CallableReturning(self.value(type_.args[_CALLABLES_OF[name]], depth + 1))
        can = self.can(info)
        resource = self.resource(info)
        if info.fallback_to_any and resource is None:
            # A base class is not known: it may bring any method.
            return UNKNOWN
        shape = self._shape(info, can, resource)
        item: Value = UNKNOWN
        if name in ASYNC_SESSIONMAKERS:
            item = self._unsaid(type_, depth)
        elif shape is Shape.OTHER and info.get("__call__") is None:
            item = UNKNOWN
        elif can & Can.ASYNC_ENTER:
            item = self._entered(type_, "__aenter__", depth)
        elif can & Can.ENTER:
            item = self._entered(type_, "__enter__", depth)
        elif can & Can.ASYNC_ITERATE:
            item = self._argument(type_, ASYNC_GENERATOR_TYPES | ASYNC_ITERATOR_TYPES, 0, depth)
        elif shape is Shape.COROUTINE:
            item = self._argument(type_, COROUTINE_TYPES, -1, depth)
        elif can & Can.ITERATE:
            item = self._argument(type_, GENERATOR_TYPES | ITERATOR_TYPES, 0, depth)
        value = ObjectValue(shape, can, item, type_, info.name, resource=resource)
        if shape is Shape.OTHER and item is UNKNOWN and type_.last_known_value is None:
            self._plain[type_] = value
        return value

    def _unsaid(self, maker: Instance, depth: int) -> Value:
        """What ``async_sessionmaker`` makes where nothing says which class: an ``AsyncSession``."""
        variables = maker.type.defn.type_vars
        if not maker.args or not variables:
            return UNKNOWN
        if not isinstance(get_proper_type(maker.args[0]), AnyType):
            return UNKNOWN  # its ``__call__`` says it
        bound = variables[0]
        return self.value(bound.upper_bound, depth + 1)

    def _shape(self, info: TypeInfo, can: Can, resource: str | None) -> Shape:
        name = info.fullname
        if name in ASYNC_SESSIONMAKERS or name in SESSIONMAKERS:
            return Shape.SESSIONMAKER
        if any(base.fullname in ENGINES for base in info.mro):
            return Shape.ENGINE
        if any(base.fullname in RESULTS for base in info.mro):
            return Shape.RESULT
        if resource is not None:
            return (
                Shape.SESSION
                if can & Can.ASYNC_ENTER or resource in self._async
                else (Shape.SYNC_SESSION)
            )
        if can & Can.ASYNC_ENTER:
            return (
                Shape.AWAITABLE_CONTEXT_MANAGER if can & Can.AWAIT else Shape.ASYNC_CONTEXT_MANAGER
            )
        if can & Can.ENTER:
            return Shape.CONTEXT_MANAGER
        if can & Can.AWAIT:
            return Shape.COROUTINE
        if can & Can.ASYNC_ITERATE:
            return (
                Shape.ASYNC_GENERATOR
                if info.has_base("typing.AsyncGenerator")
                else Shape.ASYNC_ITERATOR
            )
        if info.has_base("typing.Generator"):
            return Shape.GENERATOR
        if can & Can.NEXT or name in ITERATOR_TYPES:
            return Shape.ITERATOR
        return Shape.OTHER

    def _argument(self, type_: Instance, names: AbstractSet[str], index: int, depth: int) -> Value:
        for base in type_.type.mro:
            if base.fullname in names:
                mapped = map_instance_to_supertype(type_, base)
                if mapped.args:
                    return self.value(mapped.args[index], depth + 1)
        return UNKNOWN

    def _entered(self, type_: Instance, method: str, depth: int) -> Value:
        result = self.method_result(type_, method)
        if result is None:
            return UNKNOWN
        if method == "__aenter__":
            proper = get_proper_type(result)
            if isinstance(proper, Instance) and proper.type.fullname in COROUTINE_TYPES:
                result = proper.args[-1] if proper.args else result
        proper = get_proper_type(result)
        if isinstance(proper, TypeVarType) and proper not in type_.args:
            # ``-> Self``, in either spelling.
            return ObjectValue(
                self._shape(type_.type, self.can(type_.type), self.resource(type_.type)),
                self.can(type_.type),
                UNKNOWN,
                type_,
                type_.type.name,
                resource=self.resource(type_.type),
            )
        return self.value(proper, depth + 1)

    def can(self, info: TypeInfo) -> Can:
        """What the language lets one do with an instance of a class."""
        found = self._abilities.get(info)
        if found is None:
            found = Can.NOTHING
            for ability, method in METHODS.items():
                if info.get(method) is not None:
                    found |= ability
            if info.get("__getitem__") is not None:
                found |= Can.ITERATE  # by positions, until an IndexError
            self._abilities[info] = found
        return found

    def forget(self) -> None:
        """Forget what was found about classes: they may have changed."""
        self._abilities.clear()
        self._plain.clear()

    def item_type(self, type_: Instance) -> Type | None:
        """mypy's type of what entering, iterating over or awaiting an instance gives."""
        can = self.can(type_.type)
        if can & (Can.ASYNC_ENTER | Can.ENTER):
            method = "__aenter__" if can & Can.ASYNC_ENTER else "__enter__"
            result = self.method_result(type_, method)
            proper = get_proper_type(result) if result is not None else None
            if isinstance(proper, Instance) and proper.type.fullname in COROUTINE_TYPES:
                return proper.args[-1] if proper.args else None
            is_self = isinstance(proper, TypeVarType) and proper not in type_.args
            return type_ if is_self else proper
        for names, index in (
            (ASYNC_GENERATOR_TYPES | ASYNC_ITERATOR_TYPES, 0),
            (COROUTINE_TYPES, -1),
            (GENERATOR_TYPES | ITERATOR_TYPES, 0),
        ):
            for base in type_.type.mro:
                if base.fullname in names:
                    mapped = map_instance_to_supertype(type_, base)
                    return mapped.args[index] if mapped.args else None
        return None

    def method_type(self, type_: Instance, method: str) -> ProperType | None:
        """The type of a method, seen from this instance; ``None`` if there is none to be had."""
        symbol = type_.type.get(method)
        if symbol is None or symbol.node is None:
            return None
        node = symbol.node
        raw = self._type_of(node)
        if raw is None:
            return None
        found = getattr(node, "info", None)
        owner = found if isinstance(found, TypeInfo) else type_.type
        try:
            mapped = map_instance_to_supertype(type_, owner)
            return get_proper_type(expand_type_by_instance(raw, mapped))
        except (AssertionError, NotImplementedError, KeyError):
            return None

    def method_result(self, type_: Instance, method: str) -> Type | None:
        """What a call of a method gives, when it has one signature."""
        found = self.method_type(type_, method)
        if isinstance(found, CallableType):
            return found.ret_type
        if isinstance(found, Overloaded):
            return found.items[0].ret_type
        return None


def declared_type(symbol: SymbolNode) -> Type | None:
    """mypy's type of a symbol, or ``None``."""
    if isinstance(symbol, Decorator):
        return symbol.var.type
    if isinstance(symbol, (FuncDef, OverloadedFuncDef, Var)):
        return symbol.type
    return None


def classes_in(type_: Type) -> Iterator[TypeInfo]:
    """The classes that a type is made of."""
    return (part.type for part in _parts(type_) if isinstance(part, Instance))


def is_nominal(type_: Type) -> bool:
    """Whether a type is made of classes that are told apart by name, not by their members."""
    return all(
        not part.type.is_protocol
        if isinstance(part, Instance)
        else isinstance(part, (AnyType, NoneType, TypeVarType, UnionType))
        for part in _parts(type_)
    )


def _parts(type_: Type) -> Iterator[ProperType]:
    stack = [type_]
    # An alias may stand for what it is itself a part of, and a variable may be in its own bound.
    followed: set[TypeAliasType | TypeVarId] = set()
    while stack:
        part = stack.pop()
        if isinstance(part, (TypeAliasType, TypeVarType)):
            key = part if isinstance(part, TypeAliasType) else part.id
            if key in followed:
                continue
            followed.add(key)
        proper = get_proper_type(part)
        yield proper
        if isinstance(proper, Instance):
            stack += proper.args
        elif isinstance(proper, UnionType):
            stack += proper.items
        elif isinstance(proper, TupleType):
            stack += [*proper.items, proper.partial_fallback]
        elif isinstance(proper, CallableType):
            stack += [*proper.arg_types, proper.ret_type]
        elif isinstance(proper, TypedDictType):
            stack += [*proper.items.values(), proper.fallback]
        elif isinstance(proper, TypeType):
            stack.append(proper.item)
        elif isinstance(proper, TypeVarType):
            stack.append(proper.upper_bound)


def with_self(method: CallableType, receiver: Instance) -> CallableType:
    """The type of a method with the class of its object for ``Self``, in either spelling."""
    own = get_proper_type(method.arg_types[0]) if method.arg_types else None
    if isinstance(own, TypeType):
        own = own.item
    variables: dict[TypeVarId, Type] = {
        each.id: receiver
        for each in get_type_vars(method.ret_type)
        if each.id.is_self() or (isinstance(own, TypeVarType) and own.id == each.id)
    }
    if not variables:
        return method
    return method.copy_modified(ret_type=expand_type(method.ret_type, variables))


def informative(type_: Type | None) -> bool:
    """Whether a type says something: neither ``Any`` nor ``object``, nor a union with ``Any``."""
    if type_ is None:
        return False
    proper = get_proper_type(type_)
    if isinstance(proper, AnyType):
        return False
    if isinstance(proper, Instance):
        return proper.type.fullname not in _SAY_NOTHING
    if isinstance(proper, UnionType):
        return all(informative(item) for item in proper.items)
    return True
