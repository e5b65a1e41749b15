"""Generator functions that FastAPI cannot drive because of where their yields stand."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mypy.nodes import (
    Block,
    BreakStmt,
    CallExpr,
    ForStmt,
    FuncDef,
    IntExpr,
    NameExpr,
    RaiseStmt,
    ReturnStmt,
    TryStmt,
    WhileStmt,
    YieldExpr,
)

from mypy_asyncsession.detectors.dependency_records import Drive
from mypy_asyncsession.semantic.function_flow import always_raises
from mypy_asyncsession.semantic.generator_summary import returns_without_yield
from mypy_asyncsession.semantic.syntax import (
    blocks,
    children,
    expressions,
    statements,
)

if TYPE_CHECKING:
    from mypy.nodes import FuncItem, Node

_YIELDS = frozenset({YieldExpr})


def broken_yield(function: FuncItem) -> Drive | None:
    """What FastAPI stumbles over in a generator function: no yield at all, or one too many."""
    if not isinstance(function, FuncDef):
        return None
    if returns_without_yield(function.body):
        return Drive.UNYIELDED
    for statement in statements(function.body):
        if isinstance(statement, (ForStmt, WhileStmt)) and _repeats(statement):
            return Drive.REPEATED
    return None


def _repeats(loop: ForStmt | WhileStmt) -> bool:
    """Whether a loop goes on to another yield when an exception was thrown in at the first."""
    if not _goes_on(loop):
        return False
    return _retries(loop.body) or _yields_on(loop.body)


def _goes_on(loop: ForStmt | WhileStmt) -> bool:
    """Whether a loop has another round whatever happens in this one: over numbers, or for ever."""
    if isinstance(loop, ForStmt):
        return (
            not loop.is_async
            and isinstance(loop.expr, CallExpr)
            and isinstance(loop.expr.callee, NameExpr)
            and loop.expr.callee.name == "range"
            and not (isinstance(loop.expr.args[-1], IntExpr) and loop.expr.args[-1].value < 2)
        )
    return isinstance(loop.expr, NameExpr) and loop.expr.name == "True"


def _retries(block: Block) -> bool:
    """Whether a block has a ``try`` around a yield with a handler that lets the loop go on."""
    for statement in statements(block):
        if not isinstance(statement, TryStmt) or not _has_yield(statement.body):
            continue
        last = statement.finally_body
        if last is not None and _leaves(last):
            continue
        if any(not _leaves(handler) for handler in statement.handlers):
            return True
    return False


def _yields_on(block: Block) -> bool:
    """Whether a block yields, and ends without leaving the loop around it."""
    return any(_yields_itself(each) for each in block.body) and not any(
        isinstance(each, (BreakStmt, RaiseStmt, ReturnStmt)) for each in statements(block)
    )


def _yields_itself(statement: Node) -> bool:
    return any(
        not isinstance(child, Block) and any(True for _ in expressions(child, _YIELDS))
        for child in children(statement)
    ) or any(any(map(_yields_itself, inner.body)) for inner in blocks(statement))


def _has_yield(block: Block) -> bool:
    return any(map(_yields_itself, block.body))


def _leaves(block: Block) -> bool:
    """Whether a block always ends in leaving the loop around it."""
    if always_raises(block):
        return True
    return bool(block.body) and isinstance(block.body[-1], (BreakStmt, RaiseStmt, ReturnStmt))
