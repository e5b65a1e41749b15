"""Functions inside a block, and lambdas, that use the session of a variable around them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mypy.nodes import CallExpr, FuncDef, FuncItem, MemberExpr, NameExpr

from mypy_asyncsession.detectors.held import Held
from mypy_asyncsession.models.builtin import IDLE_FUNCTIONS
from mypy_asyncsession.models.sqlalchemy import CONNECTING_ATTRIBUTES
from mypy_asyncsession.semantic.function_flow import FunctionFlow
from mypy_asyncsession.semantic.syntax import statements, walk

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy.nodes import Block

    from mypy_asyncsession.detectors.held import Names


def closure(function: str, names: Names, block: Block) -> FuncDef | None:
    """The function of that name in a block, if it uses one of some variables around it."""
    for each in statements(block):
        if isinstance(each, FuncDef) and each.name == function and runs_on(each, names):
            return each
    return None


def runs_on(function: FuncItem, names: Names) -> bool:
    """Whether a function uses the session of some variables around it."""
    return any(_is_free(function, name) for name in _asked(function, names))


def _asked(function: FuncItem, names: Names) -> Iterator[str]:
    """The names of sessions that a function queries, or hands on to another function."""
    for node in walk(function.body):
        if isinstance(node, MemberExpr) and node.name in CONNECTING_ATTRIBUTES:
            if isinstance(node.expr, NameExpr) and names.get(node.expr.name) is Held.ITSELF:
                yield node.expr.name
        elif isinstance(node, CallExpr) and isinstance(node.callee, NameExpr):
            if node.callee.name in IDLE_FUNCTIONS:
                continue
            for argument in node.args:
                if isinstance(argument, NameExpr) and names.get(argument.name) is Held.ITSELF:
                    yield argument.name


def _is_free(function: FuncItem, name: str) -> bool:
    return not FunctionFlow(function).bindings.of(name) and all(
        argument.variable.name != name for argument in function.arguments
    )
