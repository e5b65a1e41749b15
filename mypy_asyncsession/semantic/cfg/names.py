"""The names that are bound, unbound and looked up at a point."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from mypy.nodes import (
    AssertStmt,
    AssignmentExpr,
    AssignmentStmt,
    BreakStmt,
    ClassDef,
    ContinueStmt,
    Decorator,
    DelStmt,
    ExpressionStmt,
    FuncDef,
    Import,
    ImportFrom,
    ListExpr,
    MatchStmt,
    MemberExpr,
    NameExpr,
    OperatorAssignmentStmt,
    OverloadedFuncDef,
    PassStmt,
    RaiseStmt,
    ReturnStmt,
    StarExpr,
    TempNode,
    TryStmt,
    TupleExpr,
    TypeAliasStmt,
)
from mypy.patterns import (
    AsPattern,
    ClassPattern,
    MappingPattern,
    OrPattern,
    SequencePattern,
    StarredPattern,
)

from mypy_asyncsession.semantic.cfg.graph import PointKind

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from mypy.nodes import Node

    from mypy_asyncsession.semantic.cfg.graph import Point


#: The statements that bind names through expressions alone.
BINDING_NOTHING: Final = frozenset(
    {AssertStmt, BreakStmt, ContinueStmt, ExpressionStmt, PassStmt, RaiseStmt, ReturnStmt}
)


def bound_at(point: Point) -> set[str]:
    """The names of the body's own that are bound or unbound at a point."""
    node = point.node
    if node is None or point.kind is PointKind.BIND_INNER:
        return set()
    if point.kind is PointKind.BIND:
        target = node.target if isinstance(node, AssignmentExpr) else node
        return {name.name for name in names_in(target)}
    if point.kind is PointKind.HANDLER:
        statement = point.statement
        variable = statement.vars[point.item] if isinstance(statement, TryStmt) else None
        return {variable.name} if variable is not None else set()
    if point.kind is PointKind.CASE:
        return {name.name for name in captured_by(node)}
    if point.kind is PointKind.STATEMENT:
        return set(_bound_by(node))
    return set()


def read_at(point: Point, name: str) -> Iterator[NameExpr]:
    """Where a name of the body's own is looked up at a point."""
    if name in point.inner:
        return
    for read in point.reads:
        if isinstance(read, NameExpr) and read.name == name:
            yield read


def caught_or_captured(statement: Node) -> Iterator[NameExpr]:
    """The names that the handlers or the patterns of a statement bind."""
    if isinstance(statement, TryStmt):
        yield from filter(None, statement.vars)
    elif isinstance(statement, MatchStmt):
        for pattern in statement.patterns:
            yield from captured_by(pattern)


def names_in(target: Node) -> Iterator[NameExpr]:
    """The names that a target binds."""
    stack = [target]
    while stack:
        top = stack.pop()
        if isinstance(top, NameExpr):
            yield top
        elif isinstance(top, (TupleExpr, ListExpr)):
            stack.extend(reversed(top.items))
        elif isinstance(top, StarExpr):
            stack.append(top.expr)


def captured_by(pattern: Node) -> Iterator[NameExpr]:
    """The names that a pattern binds."""
    stack: list[Node | None] = [pattern]
    while stack:
        top = stack.pop()
        if isinstance(top, NameExpr):
            yield top
        elif isinstance(top, AsPattern):
            stack += [top.name, top.pattern]
        elif isinstance(top, StarredPattern):
            stack.append(top.capture)
        elif isinstance(top, (OrPattern, SequencePattern)):
            stack += top.patterns
        elif isinstance(top, MappingPattern):
            stack += [top.rest, *top.values]
        elif isinstance(top, ClassPattern):
            stack += [*top.keyword_values, *top.positionals]


def _bound_by(statement: Node) -> Iterable[str]:
    targets: list[Node] = []
    if isinstance(statement, AssignmentStmt):
        if not isinstance(statement.rvalue, TempNode):  # ``name: type`` binds nothing
            targets = [*statement.lvalues]
    elif isinstance(statement, OperatorAssignmentStmt):
        targets = [statement.lvalue]
    elif isinstance(statement, DelStmt):
        targets = [statement.expr]
    elif isinstance(statement, TypeAliasStmt):
        targets = [statement.name]
    elif isinstance(statement, (FuncDef, ClassDef, OverloadedFuncDef)):
        return (statement.name,)
    elif isinstance(statement, Decorator):
        return (statement.func.name,)
    elif isinstance(statement, Import):
        return [alias or name.partition(".")[0] for name, alias in statement.ids]
    elif isinstance(statement, ImportFrom):
        return [alias or name for name, alias in statement.names]
    return (name.name for target in targets for name in names_in(target))


def attribute_of(read: Node, name: str) -> str | None:
    """The attribute that ``name.attribute`` looks up, if that is what a read is."""
    if isinstance(read, MemberExpr) and isinstance(read.expr, NameExpr) and read.expr.name == name:
        return read.name
    return None
