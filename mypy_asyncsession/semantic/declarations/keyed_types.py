"""The types of dicts with known keys, and of tuples with named elements, by their classes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from mypy.nodes import AssignmentStmt, NameExpr
from mypy.types import AnyType, Instance, TupleType, TypedDictType, TypeOfAny, UnboundType

from mypy_asyncsession.semantic.syntax import dotted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mypy.nodes import TypeInfo
    from mypy.types import Type

#: The marks of such classes, in mypy's records of them.
TYPED_DICT: Final = "typed-dict"
NAMED_TUPLE: Final = "named-tuple"
_ANY: Final = AnyType(TypeOfAny.special_form)


def is_keyed(info: TypeInfo) -> bool:
    """Whether a class is one of dicts with known keys, or of tuples with named elements."""
    return TYPED_DICT in info.metadata or NAMED_TUPLE in info.metadata


def instance_of(type_: TupleType | TypedDictType) -> Instance | None:
    """An object of such a class, as one of the class; ``None`` for a tuple that has none."""
    if isinstance(type_, TypedDictType):
        return type_.fallback
    return type_.partial_fallback if is_keyed(type_.partial_fallback.type) else None


class KeyedTypes:
    """The types of the objects of such classes, each made once."""

    def __init__(self, bind: Callable[[Type, TypeInfo], Type]) -> None:
        """Begin with none.

        Args:
            bind: Binds an annotation in the body of a class.
        """
        self._bind = bind
        self._known: dict[TypeInfo, Type | None] = {}

    def type_of(self, info: TypeInfo) -> Type | None:
        """The type of the objects of a class; ``None`` where an instance of it is all there is."""
        analysed = info.typeddict_type or info.tuple_type
        if analysed is not None:
            return analysed if not info.type_vars else None
        if not is_keyed(info):
            return None
        if info not in self._known:
            self._known[info] = _ANY  # inside itself
            self._known[info] = self._made(info)
        return self._known[info]

    def _made(self, info: TypeInfo) -> Type | None:
        fallback = Instance(info, [])
        is_plain = not (info.type_vars or info.fallback_to_any or "@" in info.fullname)
        if NAMED_TUPLE in info.metadata:
            items = [self._bind(written, owner) for _, written, owner in _fields(info)]
            return TupleType(items, fallback) if is_plain else None
        if not is_plain:
            return _ANY  # its keys decide what fits
        types: dict[str, Type] = {}
        required: set[str] = set()
        for name, written, owner in _fields(info):
            types[name] = self._bind(written, owner)
            (required.add if _is_required(written, owner) else required.discard)(name)
        return TypedDictType(types, required, set(), fallback)


def _fields(info: TypeInfo) -> Iterator[tuple[str, Type, TypeInfo]]:
    """The keys or elements of a class, each with its annotation and the class that has it."""
    for owner in filter(is_keyed, reversed(info.mro)):
        for statement in owner.defn.defs.body:
            if isinstance(statement, AssignmentStmt) and statement.unanalyzed_type is not None:
                for target in statement.lvalues:
                    if isinstance(target, NameExpr):
                        yield target.name, statement.unanalyzed_type, owner


def _is_required(written: Type, owner: TypeInfo) -> bool:
    name = written.name.rpartition(".")[2] if isinstance(written, UnboundType) else ""
    if name in ("Required", "NotRequired"):
        return name == "Required"
    total = owner.defn.keywords.get("total")
    return total is None or dotted(total) != "False"
