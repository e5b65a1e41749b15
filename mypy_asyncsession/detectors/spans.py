"""Where an expression stands, and how it was written."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mypy.nodes import (
    AwaitExpr,
    CallExpr,
    FuncDef,
    IndexExpr,
    LambdaExpr,
    MemberExpr,
    NameExpr,
    SuperExpr,
    TupleExpr,
)

from mypy_asyncsession.findings import Span

if TYPE_CHECKING:
    from mypy.nodes import Expression, Statement


def span_of(node: Expression | Statement) -> Span:
    """The stretch of source that something stands in; of a function the line of its ``def``."""
    line, column = node.line, max(node.column, 0)
    if isinstance(node, FuncDef):
        return Span(line, column, line, column + 1)
    return Span(
        line,
        column,
        node.end_line or line,
        node.end_column if node.end_column is not None else column + 1,
    )


def written(expression: Expression) -> str:
    """An expression as it was written, arguments and other details shortened to ``...``."""
    if isinstance(expression, NameExpr):
        # mypy marks a name that is bound anew.
        return expression.name.rstrip("'")
    if isinstance(expression, MemberExpr):
        return f"{written(expression.expr)}.{expression.name}"
    if isinstance(expression, SuperExpr):
        return f"super().{expression.name}"
    if isinstance(expression, CallExpr):
        return f"{written(expression.callee)}({'...' if expression.args else ''})"
    if isinstance(expression, AwaitExpr):
        return f"await {written(expression.expr)}"
    if isinstance(expression, IndexExpr):
        return f"{written(expression.base)}[...]"
    if isinstance(expression, LambdaExpr):
        return "lambda"
    if isinstance(expression, TupleExpr):
        return ", ".join(written(item) for item in expression.items)
    return "..."
