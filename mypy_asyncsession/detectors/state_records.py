"""The records of who uses a session at once, and of what a transaction has left behind."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from mypy_asyncsession.findings import Place, Span


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


class ExpiredRead(NamedTuple):
    """An attribute that is read after a rollback or a commit has expired it.

    Attributes:
        instance: The instance, as written.
        attribute: The attribute.
        columns: The columns of the instance that the function reads.
        klass: The name of its class.
        session: The session, as written.
        reader: What reads it, where that is a pydantic model.
        method: What has expired it: ``commit`` or ``rollback``.
        by: The function that does so, if it is another one.
        line: The line at which it was expired.
        place: Where that is.
        ended: Whether the session was closed then, too.
        span: Where it is read.
        function: As in ``Use``.
        lines: As in ``Use``.
    """

    instance: str
    attribute: str
    columns: tuple[str, ...]
    klass: str
    session: str
    reader: str | None
    method: str
    by: str
    line: int
    place: Place
    ended: bool
    span: Span
    function: str
    lines: tuple[int, ...]


class Misplaced(Enum):
    """What is wrong with the time of a use."""

    ENDED = "ended"
    BEGUN = "begun"
    FAILED = "failed"


class TransactionMisuse(NamedTuple):
    """A use of a session at the wrong time of its transaction.

    Attributes:
        how: What is wrong.
        name: The session or connection, as written.
        method: What has ended or begun the transaction, or has failed.
        by: The function that does so, if it is another one.
        line: The line of that.
        place: Where that is.
        span: The use.
        function: As in ``Use``.
        lines: As in ``Use``.
    """

    how: Misplaced
    name: str
    method: str
    by: str
    line: int
    place: Place
    span: Span
    function: str
    lines: tuple[int, ...]
