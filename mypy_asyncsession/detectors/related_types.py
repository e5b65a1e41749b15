"""What two types have to do with one another, and a type without ``None``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mypy.types import Instance, NoneType, UnionType, get_proper_type

if TYPE_CHECKING:
    from mypy.types import Type


def without_none(type_: Type) -> Type:
    """A type with ``None`` left out of what it may be."""
    proper = get_proper_type(type_)
    if not isinstance(proper, UnionType):
        return type_
    rest = [each for each in proper.items if not isinstance(get_proper_type(each), NoneType)]
    return UnionType.make_union(rest) if rest else type_


def is_stranger(one: Instance, other: Type) -> bool:
    """Whether a class whose bases are not all known has nothing of another one among the rest.

    A model of a package that is not installed, where a schema is declared.
    """
    declared = get_proper_type(other)
    return (
        isinstance(declared, Instance)
        and not declared.type.is_protocol
        and declared.type not in one.type.mro
        and one.type not in declared.type.mro
    )


def is_same_class(one: Type | None, other: Type) -> bool:
    """Whether two types are of one class, whatever it holds."""
    first = get_proper_type(one) if one is not None else None
    second = get_proper_type(other)
    return (
        isinstance(first, Instance) and isinstance(second, Instance) and first.type is second.type
    )
