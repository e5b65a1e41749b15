"""Which of several definitions of one name in a row is the one that runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mypy.nodes import Decorator, MemberExpr, NameExpr

if TYPE_CHECKING:
    from mypy.nodes import Node, OverloadedFuncDef


def implementation_of(node: OverloadedFuncDef) -> Node | None:
    """The definition that overloads are of, which a tree that was only parsed has among them.

    Returns:
        ``None`` in a stub, where there is none, and for a property with its setter.
    """
    if node.impl is not None or not node.items:
        return node.impl
    last = node.items[-1]
    if isinstance(last, Decorator):
        for each in last.original_decorators:
            if isinstance(each, (MemberExpr, NameExpr)) and each.name == "overload":
                return None
            if (
                isinstance(each, MemberExpr)
                and isinstance(each.expr, NameExpr)
                and each.expr.name == last.func.name
            ):
                return None  # ``@name.setter`` adds to the first of them
    return last
