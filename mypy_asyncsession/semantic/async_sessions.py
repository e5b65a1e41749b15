"""What counts as an asynchronous session or connection, which one task at a time may use."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mypy_asyncsession.models.sqlalchemy import (
    ASYNC_CONNECTIONS,
    ASYNC_SESSIONS,
    SCOPED_SESSIONS,
)
from mypy_asyncsession.semantic.combine import is_none
from mypy_asyncsession.semantic.shapes import Shape
from mypy_asyncsession.semantic.values import UNKNOWN, ObjectValue, members

if TYPE_CHECKING:
    from mypy_asyncsession.semantic.values import Value

_FOR_ONE_TASK = (ASYNC_SESSIONS | ASYNC_CONNECTIONS) - SCOPED_SESSIONS


def is_for_one_task(value: Value) -> bool:
    """Whether this is an ``AsyncSession`` or an ``AsyncConnection``, and no scoped session."""
    found = [each for each in members(value) if not is_none(each)]
    return bool(found) and all(
        isinstance(each, ObjectValue)
        and each.shape is Shape.SESSION
        and each.resource in _FOR_ONE_TASK
        for each in found
    )


def is_async_session(value: Value) -> bool:
    """Whether this is an ``AsyncSession``, and no scoped one."""
    return is_for_one_task(value) and not any(
        isinstance(each, ObjectValue) and each.resource in ASYNC_CONNECTIONS
        for each in members(value)
    )


def may_be_for_one_task(value: Value) -> bool:
    """Whether this is one, or nothing is known of it."""
    return value is UNKNOWN or is_for_one_task(value)
