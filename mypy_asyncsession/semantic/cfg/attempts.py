"""Blocks whose exceptions are caught, and the handlers that look at what leaves them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from mypy.nodes import RaiseStmt, TryStmt

from mypy_asyncsession.semantic.cfg.graph import EdgeKind, PointKind

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from mypy.nodes import Block, Expression, Node

    from mypy_asyncsession.semantic.cfg.graph import Graph, Point


class Handler(NamedTuple):
    """One ``except``.

    Attributes:
        caught: The class of what it catches, or a tuple of them; ``None`` where it catches all.
        name: The name that the exception is bound to.
        block: What it does.
    """

    caught: Expression | None
    name: str | None
    block: Block


class Attempt(NamedTuple):
    """A block whose exceptions are caught.

    Attributes:
        block: The block.
        handlers: What catches its exceptions, in the order in which they are asked.
    """

    block: Block
    handlers: Sequence[Handler]

    def is_caught(self, catches: Callable[[Expression | None], bool]) -> bool:
        """Whether one of the handlers catches what is asked for, as *catches* says of each."""
        return any(catches(handler.caught) for handler in self.handlers)


def attempt_of(statement: Node | None) -> Attempt | None:
    """The block of a statement whose exceptions it catches itself, if there is one."""
    if not isinstance(statement, TryStmt) or not statement.handlers:
        return None
    handlers = [
        Handler(caught, variable.name if variable is not None else None, block)
        for caught, variable, block in zip(
            statement.types, statement.vars, statement.handlers, strict=True
        )
    ]
    return Attempt(statement.body, handlers)


def cleanup_of(statement: Node) -> Block | None:
    """The block of a statement that runs however its other blocks are left, if there is one."""
    return statement.finally_body if isinstance(statement, TryStmt) else None


def raised_at(point: Point) -> Expression | None:
    """The exception that a ``raise`` makes; ``None`` where it goes on with one that was caught."""
    return point.node.expr if isinstance(point.node, RaiseStmt) else None


def attempt_at(graph: Graph, point: int) -> Attempt | None:
    """The innermost block that a point is in whose handlers look at what is raised there.

    Where a ``finally`` or the end of a ``with`` comes first, there is none.
    """
    for target, kind in graph.after[point]:
        if kind & EdgeKind.RAISING and graph.points[target].kind is PointKind.DISPATCH:
            return attempt_of(graph.points[target].node)
    return None
