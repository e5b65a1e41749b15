"""Properties in the place of methods, and methods in the place of properties."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mypy.nodes import Decorator, FuncDef

from mypy_asyncsession.detectors.object_info import object_info
from mypy_asyncsession.detectors.provider_records import Override
from mypy_asyncsession.semantic.values import (
    ClassValue,
    FunctionValue,
    ManagerFactory,
    TypedCallable,
)

if TYPE_CHECKING:
    from mypy.nodes import Node, TypeInfo

    from mypy_asyncsession.detectors.object_record import ObjectInfo
    from mypy_asyncsession.findings import Span
    from mypy_asyncsession.semantic.interpreter import Interpreter
    from mypy_asyncsession.semantic.scopes import Scope


def is_of_another_kind(here: Node, there: Node | None) -> bool:
    """Whether one of two members is a property, and the other a method."""
    return isinstance(there, (FuncDef, Decorator)) and _is_property(here) is not _is_property(there)


def in_place_of(
    name: str,
    info: TypeInfo,
    base: TypeInfo,
    scope: Scope,
    span: Span,
    interpreter: Interpreter,
) -> Override | None:
    """A member beside the one of another kind that it overrides, if one of them gives anything."""
    if not all(_is_known(each, name, interpreter) for each in (info, base)):
        return None
    here, there = (_given(each, name, scope, interpreter) for each in (info, base))
    given = here or there
    node = info.names[name].node
    if given is None or node is None:
        return None
    return Override(
        method=name,
        owner=info.name,
        base=base.name,
        here=here or given,
        there=there or given,
        span=span,
        function=f"{info.name}.{name}",
        lines=tuple(range(span.line, span.end_line + 1)),
        called=_is_property(node),
    )


def _is_known(info: TypeInfo, name: str, interpreter: Interpreter) -> bool:
    """Whether a member is a property, or surely a method: a decorator may make anything of it."""
    node = info.names[name].node
    if not isinstance(node, Decorator) or _is_property(node):
        return True
    member = interpreter.attribute(ClassValue(info.fullname, info), name)
    return isinstance(member, (FunctionValue, ManagerFactory, TypedCallable))


def _given(info: TypeInfo, name: str, scope: Scope, interpreter: Interpreter) -> ObjectInfo | None:
    """What a property gives, or a method when it is called."""
    member = interpreter.attribute(ClassValue(info.fullname, info), name)
    node = info.names[name].node
    if node is None or not _is_property(node):
        member = interpreter.called(member, [], scope)
    return object_info(member, interpreter, scope)


def _is_property(node: Node) -> bool:
    return isinstance(node, Decorator) and node.var.is_property
