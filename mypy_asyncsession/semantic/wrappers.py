"""Wrappers that do no more than to call what they wrap."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from mypy.nodes import (
    AwaitExpr,
    CallExpr,
    NameExpr,
    WithStmt,
)

from mypy_asyncsession.semantic.syntax import walk
from mypy_asyncsession.semantic.values import FunctionValue

if TYPE_CHECKING:
    from mypy.nodes import FuncItem


def undecorated(function: FunctionValue) -> FunctionValue:
    """The function that a wrapper hands all its arguments on to, and awaits."""
    inner = function.wraps
    if not isinstance(inner, FunctionValue) or not _hands_on(function.node):
        return function
    return replace(inner, receiver=function.receiver)


def _hands_on(wrapper: FuncItem) -> bool:
    """Whether a wrapper does no more than to await what it wraps, with all that it is given."""
    if not all(argument.kind.is_star() for argument in wrapper.arguments):
        return False
    nodes = list(walk(wrapper.body))
    if any(isinstance(node, WithStmt) and node.is_async for node in nodes):
        return False
    awaited = [node.expr for node in nodes if isinstance(node, AwaitExpr)]
    return len(awaited) == 1 and all(
        isinstance(call, CallExpr)
        and isinstance(call.callee, NameExpr)
        and bool(call.args)
        and all(kind.is_star() for kind in call.arg_kinds)
        for call in awaited
    )
