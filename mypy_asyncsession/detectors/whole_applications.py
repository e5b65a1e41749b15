"""Modules that make an application and keep it to themselves: nobody overrides anything there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mypy.nodes import AssignmentStmt, CallExpr, MemberExpr, NameExpr

from mypy_asyncsession.semantic.syntax import walk

if TYPE_CHECKING:
    from mypy.nodes import MypyFile


def is_whole(module: MypyFile) -> bool:
    """Whether a module makes an application, overrides nothing, and gives it to nobody.

    An abstract class is often named in ``Depends`` for whoever makes the application to override.
    """
    names = {
        target.name
        for statement in module.defs
        if isinstance(statement, AssignmentStmt)
        and isinstance(statement.rvalue, CallExpr)
        and isinstance(statement.rvalue.callee, (MemberExpr, NameExpr))
        and statement.rvalue.callee.name == "FastAPI"
        for target in statement.lvalues
        if isinstance(target, NameExpr)
    }
    if not names:
        return False
    for node in walk(module):
        if isinstance(node, MemberExpr) and node.name == "dependency_overrides":
            return False
        if isinstance(node, CallExpr) and any(
            isinstance(each, NameExpr) and each.name in names for each in node.args
        ):
            callee = node.callee
            if not isinstance(callee, (MemberExpr, NameExpr)) or callee.name not in (
                "TestClient",
                "run",
            ):
                return False
    return True
