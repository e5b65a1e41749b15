"""How statements steer: by conditions, assertions, and the subject of a ``match``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from mypy.nodes import (
    AssertStmt,
    BreakStmt,
    ContinueStmt,
    ForStmt,
    IfStmt,
    MatchStmt,
    RaiseStmt,
    ReturnStmt,
    TryStmt,
    WhileStmt,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mypy.nodes import Expression, Node


_STEERING: Final = frozenset(
    {
        AssertStmt,
        BreakStmt,
        ContinueStmt,
        ForStmt,
        IfStmt,
        MatchStmt,
        RaiseStmt,
        ReturnStmt,
        TryStmt,
        WhileStmt,
    }
)


def steers(statement: Node) -> bool:
    """Whether what follows a statement, as it is written, may not be what runs next."""
    return type(statement) in _STEERING


def conditions(statement: Node) -> Sequence[Expression]:
    """The expressions whose truth says which of its blocks a statement runs, once, if any."""
    return statement.expr if isinstance(statement, IfStmt) else ()


def chooses(statement: Node) -> bool:
    """Whether a statement runs one of its blocks at most, as a condition or a pattern decides."""
    return isinstance(statement, (IfStmt, MatchStmt))


def deciding(statement: Node) -> Sequence[Expression]:
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
