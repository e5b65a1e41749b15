"""Whether what is injected fits the parameter."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from mypy.subtypes import is_subtype
from mypy.types import (
    AnyType,
    CallableType,
    Instance,
    LiteralType,
    NoneType,
    TypedDictType,
    UninhabitedType,
    UnionType,
    get_proper_type,
    has_type_vars,
)

from mypy_asyncsession.detectors.record import Drive
from mypy_asyncsession.semantic.from_mypy_types import informative
from mypy_asyncsession.semantic.values import ObjectValue

if TYPE_CHECKING:
    from mypy.types import Type

    from mypy_asyncsession.detectors.injection import Injection

#: Classes that functions are instances of.
_OF_FUNCTIONS: Final = frozenset({"builtins.function", "builtins.object", "types.FunctionType"})
#: What the body of a protocol has beside its members.
_NOT_MEMBERS: Final = frozenset({"__class_getitem__", "__match_args__", "__slots__"})


def mismatch(driven: Injection, wanted: Type | None, *, analysed: bool) -> tuple[str, str] | None:
    """The types of what is injected and of what is wanted, if they do not go together.

    Args:
        driven: What is injected.
        wanted: The type of the parameter.
        analysed: Whether mypy has analysed the classes. What their members decide is left open
            where it has not.
    """
    if driven.drive not in (Drive.VALUE, Drive.AWAITED, Drive.ENTERED, Drive.RAW):
        return None
    if isinstance(driven.value, ObjectValue) and driven.value.by_definition:
        return None
    found = get_proper_type(driven.type) if driven.type is not None else None
    expected = get_proper_type(wanted) if wanted is not None else None
    if found is None or expected is None or not (informative(found) and informative(expected)):
        return None
    if isinstance(found, (AnyType, UninhabitedType)) or _is_open(found):
        return None
    if isinstance(expected, NoneType):
        return None  # it is wanted for its effects alone
    if has_type_vars(expected):
        return None
    if isinstance(found, NoneType) and driven.drive is Drive.VALUE and driven.type is None:
        return None
    fits = is_subtype if analysed else _nominally
    if fits(found, expected) is not False:
        return None
    if (
        isinstance(found, Instance)
        and isinstance(expected, Instance)
        and found.type is expected.type
        and fits(expected, found)
    ):
        # The same class, its arguments narrowed: a dependency made for the purpose does that.
        return None
    shown = (_shown(found), _shown(expected))
    return shown if shown[0] != shown[1] else (str(found), str(expected))


def _nominally(found: Type, expected: Type) -> bool | None:
    """Whether one type is a subtype of another by their classes; ``None`` if more decides."""
    one, other = get_proper_type(found), get_proper_type(expected)
    if isinstance(one, UnionType):
        answers = [_nominally(item, other) for item in one.items]
        return False if False in answers else None if None in answers else True
    if isinstance(other, UnionType):
        return _any([_nominally(one, item) for item in other.items])
    if isinstance(one, Instance) and isinstance(other, Instance):
        if other.type.is_protocol and not one.type.has_base(other.type.fullname):
            names = [name for name in other.type.names if name not in _NOT_MEMBERS]
            return None if all(one.type.get(name) is not None for name in names) else False
        if any(_is_structural(each) for each in (*one.args, *other.args)):
            return None if one.type.has_base(other.type.fullname) else False
        return is_subtype(one, other)
    if isinstance(one, (AnyType, NoneType, Instance)) and isinstance(other, (NoneType, Instance)):
        return is_subtype(one, other)
    if isinstance(one, LiteralType) and isinstance(other, (Instance, LiteralType, NoneType)):
        return is_subtype(one, other)
    if isinstance(one, CallableType) and isinstance(other, Instance) and not other.type.is_protocol:
        return None if other.type.fullname in _OF_FUNCTIONS else False
    return None


def _any(answers: list[bool | None]) -> bool | None:
    return True if True in answers else None if None in answers else False


def _is_structural(type_: Type) -> bool:
    """Whether the members of classes may decide what fits a type."""
    proper = get_proper_type(type_)
    if isinstance(proper, Instance):
        return proper.type.is_protocol or any(_is_structural(each) for each in proper.args)
    return not isinstance(proper, (AnyType, NoneType))


def _is_open(type_: Type) -> bool:
    """Whether a type has parameters that were not filled in."""
    proper = get_proper_type(type_)
    if has_type_vars(proper):
        return True
    if isinstance(proper, Instance):
        return bool(proper.type.type_vars) and (
            not proper.args or any(not informative(argument) for argument in proper.args)
        )
    if isinstance(proper, UnionType):
        return any(_is_open(item) for item in proper.items)
    return False


def _shown(type_: Type) -> str:
    """A type as messages write it: without the modules of its names."""
    proper = get_proper_type(type_)
    if isinstance(proper, Instance):
        inner = ", ".join(_shown(argument) for argument in proper.args)
        return f"{proper.type.name}[{inner}]" if inner else proper.type.name
    if isinstance(proper, UnionType):
        return " | ".join(_shown(item) for item in proper.items)
    if isinstance(proper, NoneType):
        return "None"
    if isinstance(proper, AnyType):
        return "Any"
    if isinstance(proper, TypedDictType):
        return proper.fallback.type.name
    return str(proper)
