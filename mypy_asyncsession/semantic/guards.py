"""Whether something around a piece of code lets one task at a time through it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from mypy.nodes import CallExpr, IntExpr, MemberExpr, NameExpr

from mypy_asyncsession.semantic.combine import is_none
from mypy_asyncsession.semantic.values import NamedValue, ObjectValue, members

if TYPE_CHECKING:
    from mypy.nodes import Expression

    from mypy_asyncsession.semantic.function_body import FunctionBody
    from mypy_asyncsession.semantic.object_identity import Objects

#: Classes of managers that hold nobody up.
_OPEN: Final = frozenset({"TaskGroup", "Timeout", "timeout", "CancelScope", "nullcontext"})
#: How the classes of clients of other services are called.
_CLIENTS: Final = ("Client", "ClientSession")
_SEMAPHORES: Final = frozenset({"Semaphore", "BoundedSemaphore", "CapacityLimiter"})


class Guards:
    """Knows locks, and what may be one."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects

    def at(self, body: FunctionBody, point: int) -> bool:
        """Whether a point of a function may be kept from two tasks at a time."""
        return (
            any(
                self._may_be_lock(expression, body)
                for statement in body.managers_around(point)
                if statement.is_async
                for expression in statement.expr
            )
            or body.acquires
        )

    def _may_be_lock(self, expression: Expression, body: FunctionBody) -> bool:
        at = body.at(expression)
        if at is None:
            return True
        value = self._objects.value(expression, body, at)
        found = [each for each in members(value) if not is_none(each)]
        return not found or not all(self._is_open(each, expression, body) for each in found)

    def _is_open(self, value: object, expression: Expression, body: FunctionBody) -> bool:
        if isinstance(value, NamedValue):
            return value.fullname.removesuffix("()").endswith(_CLIENTS)
        if not isinstance(value, ObjectValue):
            return False
        if value.resource is not None or value.label in _OPEN:
            return True
        item = value.item
        if isinstance(item, ObjectValue) and item.resource is not None:
            return True  # a manager of a session
        if value.label in ("AsyncSessionTransaction", "AsyncTransaction"):
            return True
        if value.label in _SEMAPHORES:
            return self._lets_several(expression, body)
        return value.label is not None and value.label.endswith(_CLIENTS)

    def _lets_several(self, expression: Expression, body: FunctionBody) -> bool:
        """Whether a semaphore is made in sight, and lets more than one task through."""
        if not isinstance(expression, (MemberExpr, NameExpr)):
            return False
        made = _made_in_sight(expression, body)
        return (
            isinstance(made, CallExpr)
            and len(made.args) == 1
            and isinstance(made.args[0], IntExpr)
            and made.args[0].value > 1
        )


def _made_in_sight(expression: MemberExpr | NameExpr, body: FunctionBody) -> object:
    if not isinstance(expression, NameExpr):
        return None
    for scope in body.scope.chain():
        bindings = scope.names.bindings.get(expression.name)
        if bindings:
            return bindings[0].node if len(bindings) == 1 else None
    return None
