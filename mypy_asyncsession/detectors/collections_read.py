"""Whether what a collection holds is ever got out of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from mypy.nodes import (
    AssignmentStmt,
    CallExpr,
    ComparisonExpr,
    DelStmt,
    IndexExpr,
    MemberExpr,
    NameExpr,
)

from mypy_asyncsession.semantic.call_sites import last_name
from mypy_asyncsession.semantic.syntax import walk

if TYPE_CHECKING:
    from mypy.nodes import Expression, MypyFile

#: The functions that look at a collection, and use nothing in it.
_LOOKING: Final = frozenset({"bool", "id", "len", "print", "repr"})
#: The methods of a collection that give nothing of what it holds.
_FILLING: Final = frozenset({"add", "append", "clear", "discard", "extend", "insert", "remove"})


def is_taken_from(tree: MypyFile, collection: Expression) -> bool:
    """Whether a module does more with a collection than to fill it: a name, or an attribute.

    Args:
        tree: The module.
        collection: The collection, as it is written where it is filled.
    """
    if not isinstance(collection, (MemberExpr, NameExpr)):
        return False
    kind = type(collection)
    passed: set[int] = set()
    for node in walk(tree):
        if isinstance(node, MemberExpr) and node.name in _FILLING:
            passed.add(id(node.expr))
        elif isinstance(node, AssignmentStmt):
            passed.update(
                id(each.base if isinstance(each, IndexExpr) else each) for each in node.lvalues
            )
        elif isinstance(node, DelStmt) and isinstance(node.expr, IndexExpr):
            passed.add(id(node.expr.base))
        elif isinstance(node, ComparisonExpr):
            passed.update(map(id, node.operands))
        elif isinstance(node, CallExpr) and last_name(node.callee) in _LOOKING:
            passed.update(map(id, node.args))
        if type(node) is kind and last_name(node) == collection.name and id(node) not in passed:
            return True
    return False
