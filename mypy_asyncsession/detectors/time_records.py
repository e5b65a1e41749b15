"""The records of what becomes of a session in time: whether it runs, and when."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from mypy_asyncsession.findings import Place, Span


class Neglect(Enum):
    """What is done with a coroutine instead of awaiting it."""

    DROPPED = "dropped"
    ASSIGNED = "assigned"
    TESTED = "tested"
    COMPARED = "compared"
    ATTRIBUTE = "attribute"
    INDEXED = "indexed"


class Unawaited(NamedTuple):
    """A coroutine of a session's that is never awaited.

    Attributes:
        how: What is done with it instead.
        text: The call that makes it, as written.
        callee: What is called, as written.
        detail: The name that it is assigned to, or the attribute that is asked of it.
        in_async: Whether it stands in an ``async def``, where ``await`` is allowed.
        span: Where the call stands.
        function: As in ``Use``.
        lines: As in ``Use``.
    """

    how: Neglect
    text: str
    callee: str
    detail: str | None
    in_async: bool
    span: Span
    function: str
    lines: tuple[int, ...]


class Together(Enum):
    """How several tasks come to run at once."""

    GATHERED = "gathered"
    STARTED = "started"
    BESIDE = "beside"


class ConcurrentUse(NamedTuple):
    """A session or connection that several tasks use at once.

    Attributes:
        how: How they come to run at once.
        name: The session, as written.
        kind: The name of its class.
        tasks: How many they are; ``0`` for one for each round of a loop.
        users: What uses it, as written, each once.
        methods: What is done with it, by the names of its methods.
        place: Where one of the functions uses it, if that is elsewhere.
        span: Where they are run, or the second of them is started.
        function: As in ``Use``.
        lines: As in ``Use``.
    """

    how: Together
    name: str
    kind: str
    tasks: int
    users: tuple[str, ...]
    methods: tuple[str, ...]
    place: Place | None
    span: Span
    function: str
    lines: tuple[int, ...]
