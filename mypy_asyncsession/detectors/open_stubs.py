"""Methods without a body that others are to fill in."""

from __future__ import annotations

from mypy.nodes import (
    NOT_ABSTRACT,
    FuncDef,
    TypeInfo,
)
from mypy.types import CallableType, Instance, NoneType, get_proper_type

from mypy_asyncsession.semantic.syntax import definition_of, is_stub_body, only_raises


def is_open_stub(function: FuncDef, info: TypeInfo) -> bool:
    """Whether this method of a class is an ``async def`` without a body, for others to fill in."""
    return (
        function.is_coroutine
        and not function.is_generator
        and is_stub_body(function)
        and (
            info.is_protocol
            or only_raises(function)
            or _is_abstract(function, info)
            or _promises(function, info)
        )
    )


def _promises(function: FuncDef, info: TypeInfo) -> bool:
    """Whether a method does not say that it returns nothing, although it does."""
    type_ = get_proper_type(_analyzed(function, info).type)
    declared = get_proper_type(type_.ret_type) if isinstance(type_, CallableType) else None
    if isinstance(declared, Instance) and declared.args:
        declared = get_proper_type(declared.args[-1])  # of the coroutine
    return not isinstance(declared, NoneType)


def _is_abstract(function: FuncDef, info: TypeInfo) -> bool:
    return _analyzed(function, info).abstract_status != NOT_ABSTRACT


def _analyzed(function: FuncDef, info: TypeInfo) -> FuncDef:
    """The same method as mypy has it: a tree that was only parsed knows less than the class."""
    entry = info.names.get(function.name)
    known = definition_of(entry.node) if entry is not None and entry.node is not None else None
    return known or function
