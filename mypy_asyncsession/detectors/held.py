"""How expressions lead to a session, and which of them read rows of it bit by bit."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Final

from mypy.nodes import CallExpr, MemberExpr, NameExpr

from mypy_asyncsession.models.sqlalchemy import CONNECTING_ATTRIBUTES, STREAMING_METHODS
from mypy_asyncsession.semantic.cfg.names import names_in
from mypy_asyncsession.semantic.syntax import walk

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mypy.nodes import Expression, GeneratorExpr

    #: Names, and how each leads to a session.
    Names = Mapping[str, "Held"]

#: Methods of a session that may be handed on as they are.
METHODS: Final = frozenset(
    {"aclose", "add", "add_all", "close", "commit", "delete", "flush", "rollback"}
)


class Held(Enum):
    """How something leads to a session; the value is what ``Escape`` calls it when it gets out."""

    #: The session itself, alone or in a literal.
    ITSELF = "returned"
    #: An object that keeps it.
    KEPT = "held"
    COROUTINE = "coroutine"
    GENERATOR = "generator"
    #: A result whose rows are got from the database one after the other.
    STREAM = "rows"
    #: A function that uses it when it is called.
    CALLABLE = "callable"
    #: A response that runs a task with it later.
    TASK = "task"
    #: A collection of sessions, and one of coroutines.
    SEVERAL = "several"
    COROUTINES = "coroutines"

    @property
    def reported(self) -> str:
        """How it is called where it gets out."""
        if self is Held.SEVERAL:
            return Held.ITSELF.value
        how: str = (Held.COROUTINE if self is Held.COROUTINES else self).value
        return how


def is_stream(call: Expression, names: Names) -> bool:
    """``session.stream(query)``, which is awaited."""
    return (
        isinstance(call, CallExpr)
        and isinstance(call.callee, MemberExpr)
        and call.callee.name in STREAMING_METHODS
        and isinstance(call.callee.expr, NameExpr)
        and names.get(call.callee.expr.name) is Held.ITSELF
    )


def generates_with(expression: GeneratorExpr, names: Names) -> bool:
    """Whether each element of a generator expression asks a session for something."""
    own = {name.name for index in expression.indices for name in names_in(index)}
    conditions = [each for conditions in expression.condlists for each in conditions]
    return any(
        isinstance(node, MemberExpr)
        and node.name in CONNECTING_ATTRIBUTES | METHODS
        and isinstance(node.expr, NameExpr)
        and node.expr.name not in own
        and names.get(node.expr.name) is Held.ITSELF
        for part in (expression.left_expr, *conditions, *expression.sequences[1:])
        for node in walk(part)
    )
