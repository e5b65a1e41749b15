"""The values that the interpreter computes with: an abstraction of what an expression may be."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from mypy_asyncsession.semantic.shapes import ABILITIES, Can, Shape
from mypy_asyncsession.semantic.value import Value as Value  # noqa: PLC0414 - for whoever imports the values

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mypy.nodes import ClassDef, Expression, FuncItem, IndexExpr, TypeInfo
    from mypy.types import ProperType

    from mypy_asyncsession.semantic.scopes import Scope


@dataclass(frozen=True, slots=True)
class Origin:
    """The definition that a value comes from.

    Attributes:
        name: The name as a reader knows it: ``get_db`` or ``Database.session``.
        fullname: The full name, module included.
        path: The file of the definition.
        line: Its line, 1-based.
        function: The function itself, where its source was read.
    """

    name: str
    fullname: str
    path: str
    line: int
    function: FunctionValue | None = field(default=None, compare=False, repr=False)


UNKNOWN = Value()
#: Not known either, and mypy's type is known to be wrong.
UNSURE = Value()
#: What stands for a value inside its own evaluation: it adds nothing to what it may be.
RECURSIVE = Value()


@dataclass(frozen=True, slots=True, eq=False)
class ObjectValue(Value):
    """An object whose shape is known.

    Attributes:
        shape: What it is.
        can: What the language lets one do with it.
        item: What entering it, iterating over it or awaiting it gives.
        type: Its type where mypy knows one.
        label: The name of its class, for messages.
        origin: The provider that handed it out.
        through: The last provider through whose hands it went, by its full name, if it was another.
        resource: The full name of the configured resource that it is, or ``None``.
        by_definition: Whether a definition says so, against an annotation.
        bare: Whether it was made by a call of its class without arguments.
        filled: Whether it was made by a call of its class with some.
        fields: What that call gave to which field, if the class has an ``__init__`` that just
            keeps what it is given.
    """

    shape: Shape
    can: Can = Can.NOTHING
    item: Value = UNKNOWN
    type: ProperType | None = None
    label: str | None = None
    origin: Origin | None = None
    through: str | None = None
    resource: str | None = None
    by_definition: bool = False
    bare: bool = False
    filled: bool = False
    fields: tuple[tuple[str, Value], ...] = ()

    def made_by(self, origin: Origin | None) -> ObjectValue:
        """The same object, attributed to the provider that handed it out."""
        return replace(self, origin=origin or self.origin)


def object_value(shape: Shape, item: Value = UNKNOWN, **more: object) -> ObjectValue:
    """An object that can do what its shape can do."""
    return ObjectValue(shape, ABILITIES.get(shape, Can.NOTHING), item, **more)  # type: ignore[arg-type]


def step(of: Value, item: Value, method: str = "__anext__") -> ObjectValue:
    """What a special method gives that is a coroutine by its type.

    A step of an async generator is none: it can be driven by hand, as an iterator.
    """
    made = object_value(Shape.COROUTINE, item, label="Coroutine")
    shape = of.shape if isinstance(of, ObjectValue) else Shape.ASYNC_ITERATOR
    if method == "__aenter__" or shape not in (Shape.ASYNC_GENERATOR, Shape.ASYNC_ITERATOR):
        return made
    return replace(made, can=made.can | Can.ITERATE | Can.NEXT)


@dataclass(frozen=True, slots=True, eq=False)
class FunctionValue(Value):
    """A function whose source is at hand, with what its free names and parameters stand for.

    Attributes:
        node: The definition.
        scope: The scope that the definition stands in.
        name: As in ``Origin.name``.
        fullname: As in ``Origin.fullname``.
        path: As in ``Origin.path``.
        receiver: The instance or class that it is bound to.
        preset: Arguments that ``functools.partial`` has filled in.
        partial: Whether this is a ``functools.partial`` of the function.
        wraps: What ``functools.wraps`` says that it wraps.
        entered: Whether what its calls give can be entered, too, for it is a provider of ours.
        cached: Whether each of its calls gives what the first one gave.
    """

    node: FuncItem
    scope: Scope
    name: str
    fullname: str
    path: str
    line: int
    receiver: Value | None = None
    is_static: bool = False
    is_class: bool = False
    is_property: bool = False
    preset: tuple[Value, ...] = ()
    partial: bool = False
    wraps: Value = UNKNOWN
    entered: bool = False
    cached: bool = False

    def origin(self) -> Origin:
        """The place of this definition."""
        return Origin(self.name, self.fullname, self.path, self.line, self)


@dataclass(frozen=True, slots=True, eq=False)
class ManagerFactory(Value):
    """What ``asynccontextmanager`` or ``contextmanager`` makes of a generator function.

    Attributes:
        function: The generator function.
        is_async: Whether its managers are async.
        cached: As in ``FunctionValue``.
    """

    function: Value
    is_async: bool
    cached: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class TypedCallable(Value):
    """A callable of which only mypy's type is known."""

    type: ProperType
    origin: Origin | None = None


@dataclass(frozen=True, slots=True, eq=False)
class CallableReturning(Value):
    """A callable of which only the result is known."""

    result: Value
    origin: Origin | None = None


@dataclass(frozen=True, slots=True, eq=False)
class ClassValue(Value):
    """A class, by mypy's record of it, or by name alone where its source is missing."""

    fullname: str
    info: TypeInfo | None = None
    node: ClassDef | None = None
    type: ProperType | None = None


@dataclass(frozen=True, slots=True, eq=False)
class ModuleValue(Value):
    """A module."""

    name: str


@dataclass(frozen=True, slots=True, eq=False)
class NamedValue(Value):
    """Something of which only the full name is known, such as what a missing package defines."""

    fullname: str


@dataclass(frozen=True, slots=True, eq=False)
class ContainerValue(Value):
    """A literal dict, list, tuple or set, whose elements are evaluated when they are asked for.

    Attributes:
        entries: The elements, each with its key or its position; ``None`` for a key that is no
            literal.
        scope: The scope that the literal stands in.
        where: The blocks around it.
        is_sequence: Whether iterating over it gives the elements, and not the keys.
    """

    entries: tuple[tuple[object, Expression], ...]
    scope: Scope
    where: tuple[tuple[int, int], ...] | None
    is_sequence: bool

    def element(self, key: object) -> Expression | None:
        """The element under a key or at a position, or ``None``."""
        return next((element for name, element in self.entries if name == key), None)


@dataclass(frozen=True, slots=True, eq=False)
class AliasValue(Value):
    """``Annotated[...]``, as an expression."""

    node: IndexExpr
    scope: Scope


@dataclass(frozen=True, slots=True, eq=False)
class WrapsMarker(Value):
    """``functools.wraps(function)``, which marks what it is given and hands it back."""

    function: Value


@dataclass(frozen=True, slots=True, eq=False)
class BoundMethod(Value):
    """A method of an object, by name: only what the object is decides what a call gives."""

    receiver: Value
    name: str


@dataclass(frozen=True, slots=True, eq=False)
class UnionValue(Value):
    """One of several values.

    Attributes:
        members: The values.
        exact: Whether each of them is possible where the value is used. What flow decides (a name
            that is bound in several places) is not exact.
    """

    members: tuple[Value, ...]
    exact: bool = True


@dataclass(frozen=True, slots=True, eq=False)
class LiteralValue(Value):
    """A string, a number, or another literal."""

    value: object
    node: Expression | None = None


#: How many values a name may have that are told apart.
_MOST: Final = 64


def join(values: list[Value] | tuple[Value, ...], *, exact: bool = True) -> Value:
    """One of *values*: unknown if there is none or if one of them is unknown.

    So many that nobody means each of them are not told apart: what a query may be after a dozen
    conditions, each of which may have narrowed it.
    """
    flat: list[Value] = []
    recursive = False
    for value in values:
        exact = exact and not (isinstance(value, UnionValue) and not value.exact)
        for member in members(value):
            if member is UNKNOWN or member is UNSURE:
                return member
            if member is RECURSIVE:
                recursive = True
                continue
            if not any(_same(member, other) for other in flat):
                flat.append(member)
                if len(flat) > _MOST:
                    return UNSURE
    if not flat:
        return RECURSIVE if recursive else UNKNOWN
    return flat[0] if len(flat) == 1 else UnionValue(tuple(flat), exact)


def members(value: Value) -> Iterator[Value]:
    """The values that *value* may be."""
    if isinstance(value, UnionValue):
        yield from value.members
    else:
        yield value


def map_members(value: Value, function: Callable[[Value], Value]) -> Value:
    """What *function* makes of each of the values that *value* may be."""
    exact = not isinstance(value, UnionValue) or value.exact
    if value is RECURSIVE or value is UNSURE:
        return value
    return join([function(member) for member in members(value)], exact=exact)


def enterable(value: Value) -> Value:
    """What a provider of ours makes of a generator: a context manager that is one still."""
    if isinstance(value, ObjectValue) and value.shape is Shape.ASYNC_GENERATOR:
        can = Can.ASYNC_ENTER | Can.ASYNC_ITERATE | Can.ASYNC_NEXT
        return replace(value, shape=Shape.ASYNC_CONTEXT_MANAGER, can=can, type=None, label=None)
    if isinstance(value, ObjectValue) and value.shape is Shape.GENERATOR:
        can = Can.ENTER | Can.ITERATE | Can.NEXT
        return replace(value, shape=Shape.CONTEXT_MANAGER, can=can, type=None, label=None)
    return value


def fullname(value: Value) -> str | None:
    """The full name of a function, a class or a module, or ``None``."""
    if isinstance(value, (FunctionValue, ClassValue, NamedValue)):
        return value.fullname
    if isinstance(value, TypedCallable) and value.origin is not None:
        return value.origin.fullname
    if isinstance(value, ModuleValue):
        return value.name
    return None


def _same(one: Value, other: Value) -> bool:
    if isinstance(one, ObjectValue) and isinstance(other, ObjectValue):
        return (
            one.shape is other.shape
            and one.can == other.can
            and one.label == other.label
            and one.origin == other.origin
            and _same(one.item, other.item)
            and one.fields == other.fields
        )
    if isinstance(one, FunctionValue) and isinstance(other, FunctionValue):
        return one.node is other.node and one.receiver is other.receiver
    if isinstance(one, NamedValue) and isinstance(other, NamedValue):
        return one.fullname == other.fullname
    return one is other
