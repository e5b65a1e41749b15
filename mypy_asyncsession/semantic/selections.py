"""What a statement selects, followed through the names that it is built under."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from mypy.nodes import AssignmentStmt, CallExpr, MemberExpr, NameExpr

from mypy_asyncsession.semantic.cfg import Graph
from mypy_asyncsession.semantic.values import fullname

if TYPE_CHECKING:
    from mypy.nodes import Expression

    from mypy_asyncsession.semantic.function_body import FunctionBody
    from mypy_asyncsession.semantic.object_identity import Objects
    from mypy_asyncsession.semantic.values import Value

#: What makes another statement of a statement, with the same rows.
_BUILDING: Final = frozenset(
    {
        "distinct",
        "execution_options",
        "filter",
        "filter_by",
        "group_by",
        "join",
        "limit",
        "offset",
        "options",
        "order_by",
        "outerjoin",
        "where",
        "with_for_update",
    }
)
_SELECTS: Final = frozenset(
    {
        "sqlalchemy.select",
        "sqlalchemy.sql.select",
        "sqlalchemy.future.select",
        "sqlalchemy.sql._selectable_constructors.select",
        "sqlalchemy.sql.expression.select",
        "sqlmodel.select",
        "sqlmodel.sql.expression.select",
        "sqlmodel.sql._expression_select_gen.select",
    }
)
_DEPTH: Final = 6


def selected_class(
    statement: Expression, body: FunctionBody, at: int, objects: Objects, depth: int = 0
) -> Value | None:
    """The one class whose instances a statement selects; ``None`` for any other statement.

    Args:
        statement: An expression, or a name that is bound to it, once or step by step.
        body: The function that it stands in.
        at: The point of it.
        objects: Says what expressions may be.
        depth: How many names and steps it has been followed through.
    """
    if depth > _DEPTH:
        return None
    if isinstance(statement, NameExpr):
        found: list[Value | None] = []
        for defined in body.bindings.reaching(at, statement.name):
            node = body.graph.points[defined].node
            if defined == Graph.ENTRY or not isinstance(node, AssignmentStmt):
                return None
            found.append(selected_class(node.rvalue, body, defined, objects, depth + 1))
        names = {fullname(each) if each is not None else None for each in found}
        return found[0] if len(names) == 1 else None
    if not isinstance(statement, CallExpr):
        return None
    callee = statement.callee
    if isinstance(callee, MemberExpr) and callee.name in _BUILDING:
        return selected_class(callee.expr, body, at, objects, depth + 1)
    value = objects.value(callee, body, at)
    if fullname(value) in _SELECTS and len(statement.args) == 1:
        return objects.value(statement.args[0], body, at)
    return None
