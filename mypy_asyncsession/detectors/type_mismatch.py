"""Whether what is injected fits the parameter."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mypy.subtypes import is_subtype
from mypy.types import (
    AnyType,
    Instance,
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


def mismatch(driven: Injection, wanted: Type | None) -> tuple[str, str] | None:
    """The types of what is injected and of what is wanted, if they do not go together."""
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
    if is_subtype(found, expected):
        return None
    if (
        isinstance(found, Instance)
        and isinstance(expected, Instance)
        and found.type is expected.type
        and is_subtype(expected, found)
    ):
        # The same class, its arguments narrowed: a dependency made for the purpose does that.
        return None
    shown = (_shown(found), _shown(expected))
    return shown if shown[0] != shown[1] else (str(found), str(expected))


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
