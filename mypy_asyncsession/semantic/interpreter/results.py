"""What the statements of a body give that return or yield something."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mypy.nodes import Block, ReturnStmt, YieldExpr

from mypy_asyncsession.semantic.combine import is_none
from mypy_asyncsession.semantic.syntax import children, statements, walk
from mypy_asyncsession.semantic.values import UNKNOWN, Value, join

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy.nodes import FuncItem, Node

    from mypy_asyncsession.semantic.interpreter.context import Context


def returned_by(node: FuncItem, at: Context) -> Value:
    """What a function returns, *at* being in its body; ``None`` beside something else aside."""
    found: list[Value] = []
    for statement in statements(node.body):
        if isinstance(statement, ReturnStmt):
            if statement.expr is None:
                return UNKNOWN
            place = at.scope.names.places.get(id(statement))
            found.append(at.within(at.scope, place).value(statement.expr))
    found = [value for value in found if not is_none(value)] or found
    return join(found, exact=False)


def yielded_by(node: FuncItem, at: Context) -> Value:
    """What a generator function yields, *at* being in its body."""
    found: list[Value] = []
    for statement in statements(node.body):
        inside = at.within(at.scope, at.scope.names.places.get(id(statement)))
        found.extend(
            inside.value(inner.expr)
            for inner in _own_expressions(statement)
            if isinstance(inner, YieldExpr) and inner.expr is not None
        )
    return join(found, exact=False)


def _own_expressions(statement: Node) -> Iterator[Node]:
    """The expressions of a statement, those of the blocks inside it aside."""
    for child in children(statement):
        if isinstance(child, Block):
            continue
        yield from walk(child, into_functions=False)
