"""Names that stand for whatever others put there: a default is one possible value of theirs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mypy.nodes import ArgKind, AssignmentStmt, ClassDef, FuncDef, MemberExpr, NameExpr

from mypy_asyncsession.semantic.syntax import definition_of, statements

if TYPE_CHECKING:
    from mypy.nodes import Expression

    from mypy_asyncsession.semantic.scopes import Scope


def is_open(expression: Expression, scope: Scope) -> bool:
    """Whether an expression is a parameter of a function around, or an attribute of ``self``.

    What the functions around were called with, as far as that is known, is no default.
    """
    if isinstance(expression, NameExpr):
        for inner in scope.chain():
            if isinstance(inner.node, ClassDef):
                continue
            if expression.name in inner.values:
                return False
            if expression.name in inner.names.bindings:
                return False
            if inner.node is not None and any(
                each.variable.name == expression.name and each.kind is not ArgKind.ARG_POS
                for each in inner.node.arguments
            ):
                return True
        return False
    if isinstance(expression, MemberExpr) and isinstance(expression.expr, NameExpr):
        if expression.expr.name not in ("self", "cls"):
            return False
        owner = next((each.node for each in scope.chain() if isinstance(each.node, ClassDef)), None)
        return owner is None or not _is_settled(owner, expression.name)
    return False


def _is_settled(owner: ClassDef, attribute: str) -> bool:
    """Whether an attribute is a method, or what ``__init__`` makes of no parameter."""
    for statement in owner.defs.body:
        method = definition_of(statement)
        if method is None:
            continue
        if method.name == attribute:
            return True
        if method.name == "__init__" and _is_made(method, attribute):
            return True
    return False


def _is_made(init: FuncDef, attribute: str) -> bool:
    parameters = {each.variable.name for each in init.arguments}
    for statement in statements(init.body):
        if isinstance(statement, AssignmentStmt) and any(
            isinstance(each, MemberExpr) and each.name == attribute for each in statement.lvalues
        ):
            value = statement.rvalue
            return not (isinstance(value, NameExpr) and value.name in parameters)
    return False
