"""What a decorator does with the results of what it decorates: ``await function(...)``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mypy.nodes import CallExpr, FuncDef, MemberExpr, NameExpr

from mypy_asyncsession.detectors.parameter_needs import Need, needed
from mypy_asyncsession.semantic.cfg.conditions import chooses
from mypy_asyncsession.semantic.syntax import statements, walk
from mypy_asyncsession.semantic.values import FunctionValue
from mypy_asyncsession.semantic.wrapper_arguments import wrapper_of

if TYPE_CHECKING:
    from mypy.nodes import FuncItem, Node

    from mypy_asyncsession.semantic.values import Value

#: What one may ask of a function and call it all the same.
_DESCRIBING = frozenset({"__doc__", "__module__", "__name__", "__qualname__"})


def need_of(decorator: Value) -> Need | None:
    """What a decorator does with each call of a function; ``None`` where that is not certain."""
    if not isinstance(decorator, FunctionValue) or not isinstance(decorator.node, FuncDef):
        return None
    node = decorator.node
    arguments = node.arguments
    if decorator.receiver is not None and not decorator.is_static:
        arguments = arguments[1:]
    wrapper = wrapper_of(node)
    if wrapper is None or len(arguments) != 1:
        return None
    name = arguments[0].variable.name
    if any(each.variable.name == name for each in wrapper.arguments):
        return None
    found = {need for each in walk(wrapper.body) for at, need in needed(each) if at == name}
    if len(found) != 1 or not next(iter(found)).called:
        return None
    return next(iter(found)) if _only_calls(node, wrapper, name) else None


def _only_calls(function: FuncItem, wrapper: FuncDef, name: str) -> bool:
    """Whether nothing else is done with the function, and no condition decides about it."""
    mentioned = sum(_is_name(node, name) for node in walk(function.body))
    described = sum(
        isinstance(node, MemberExpr) and node.name in _DESCRIBING and _is_name(node.expr, name)
        for node in walk(function.body)
    )
    copied = sum(
        isinstance(node, CallExpr)
        and isinstance(node.callee, (MemberExpr, NameExpr))
        and node.callee.name in ("wraps", "update_wrapper")
        and any(_is_name(each, name) for each in node.args)
        for node in walk(function)
    )
    called = sum(
        isinstance(node, CallExpr) and _is_name(node.callee, name) for node in walk(wrapper.body)
    )
    conditional = any(
        isinstance(each, CallExpr) and _is_name(each.callee, name)
        for statement in statements(wrapper.body)
        if chooses(statement)
        for each in walk(statement)
    )
    return called == 1 and not conditional and mentioned <= called + described + copied


def _is_name(node: Node, name: str) -> bool:
    return isinstance(node, NameExpr) and node.name == name
