"""Attributes of an injected object that are not there before somebody enters it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mypy.nodes import FuncDef, MemberExpr, NameExpr, Var
from mypy.types import Instance

from mypy_asyncsession.detectors.dependency_records import Drive
from mypy_asyncsession.semantic.shapes import Can
from mypy_asyncsession.semantic.syntax import walk
from mypy_asyncsession.semantic.values import ObjectValue

if TYPE_CHECKING:
    from mypy.nodes import FuncItem, TypeInfo

    from mypy_asyncsession.detectors.injection import Injection
    from mypy_asyncsession.semantic.interpreter import Interpreter

_ENTERING = frozenset({"__aenter__", "__enter__"})


def unentered_attribute(
    driven: Injection, function: FuncItem, name: str, interpreter: Interpreter
) -> str | None:
    """An attribute that a function reads of a parameter and that only entering the object sets.

    Args:
        driven: What is injected.
        function: The function.
        name: The parameter.
        interpreter: Reads the class of the object.
    """
    value = driven.value
    if driven.drive not in (Drive.VALUE, Drive.AWAITED) or not driven.fresh:
        return None
    if not isinstance(value, ObjectValue) or not isinstance(value.type, Instance):
        return None
    if not value.can & (Can.ASYNC_ENTER | Can.ENTER):
        return None
    info = value.type.type
    for node in walk(function.body):
        if (
            isinstance(node, MemberExpr)
            and isinstance(node.expr, NameExpr)
            and node.expr.name == name
            and _is_set_by_entering(info, node.name, interpreter)
        ):
            return node.name
    return None


def _is_set_by_entering(info: TypeInfo, attribute: str, interpreter: Interpreter) -> bool:
    """Whether nothing but ``__aenter__`` puts anything into an attribute of a class."""
    if info.fallback_to_any or info.get("__getattr__") is not None:
        return False
    setting: list[FuncDef | None] = []
    for base in info.mro:
        if base.module_name == "builtins":
            continue
        source = interpreter.program.source(base.module_name)
        located = source.class_named(base.fullname[len(base.module_name) + 1 :]) if source else None
        if source is None or located is None:
            return False
        entry = base.names.get(attribute)
        if entry is not None and not isinstance(entry.node, Var):
            return False
        node, _ = located
        if attribute in source.open_attributes(node) or attribute in source.patched(node.name):
            return False
        setting += [method for _, method in source.attributes(node).get(attribute, ())]
    return bool(setting) and all(
        method is not None and method.name in _ENTERING for method in setting
    )


def starts_itself(function: FuncItem, name: str) -> bool:
    """Whether a function starts the connection that one of its parameters is."""
    return any(
        isinstance(node, MemberExpr)
        and node.name == "start"
        and isinstance(node.expr, NameExpr)
        and node.expr.name == name
        for node in walk(function.body)
    )
