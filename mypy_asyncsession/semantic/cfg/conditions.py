"""What statements decide by: conditions, assertions, and the subject of a ``match``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mypy.nodes import AssertStmt, IfStmt, MatchStmt, WhileStmt

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mypy.nodes import Expression, Node


def conditions(statement: Node) -> Sequence[Expression]:
    """The expressions whose truth says which of its blocks a statement runs, once, if any."""
    return statement.expr if isinstance(statement, IfStmt) else ()


def tested(statement: Node) -> Sequence[Expression]:
    """The expressions whose truth decides how control passes a statement."""
    if isinstance(statement, (AssertStmt, WhileStmt)):
        return (statement.expr,)
    return conditions(statement)


def assertion(statement: Node) -> Expression | None:
    """What has to be true for control to pass a statement, and raises an exception if not."""
    return statement.expr if isinstance(statement, AssertStmt) else None


def subject(statement: Node) -> Expression | None:
    """What a statement compares with patterns to choose one of its blocks."""
    return statement.subject if isinstance(statement, MatchStmt) else None
