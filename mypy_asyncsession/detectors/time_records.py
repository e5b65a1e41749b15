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
    ELSEWHERE = "elsewhere"


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


class LateCommit(NamedTuple):
    """A provider that commits once the response was sent, where it is depended on.

    Attributes:
        text: The dependency as written: ``get_db``.
        depends: What names it, as written: ``Depends``.
        provider: The provider, as a reader knows it.
        place: Where the provider is defined.
        commit: What commits after its yield, as written there.
        has_scope: Whether this FastAPI can be told to end it before, with ``scope``.
        in_generator: Whether a dependency that yields depends on it, which ends after it.
        role: Where it is named, by the name of a member of ``Role``.
        parameter: The parameter's name.
        span: Where it stands.
        function: As in ``Use``.
        lines: As in ``Use``.
    """

    text: str
    depends: str
    provider: str
    place: Place | None
    commit: str
    has_scope: bool
    in_generator: bool
    role: str
    parameter: str | None
    span: Span
    function: str
    lines: tuple[int, ...]


class Lacking(Enum):
    """Why an instance is without a relationship."""

    SELECT = "a select loaded it without"
    GET = "get loaded it without"
    NEW = "it is new, and was written without"


class LazyLoad(NamedTuple):
    """A relationship that would be loaded lazily through an async session.

    Attributes:
        text: Where it is read, as written: ``user.posts``.
        instance: The instance, as written.
        reader: What reads it, where that is a pydantic model.
        attribute: The relationship.
        entity: The class, as the query writes it.
        through: What was loaded on the way from what was asked for, each with its class, where
            the instance was got as the relationship of another one: ``Post.author``.
        nameable: Whether the module can name the class where it did not come from the query.
        how: Why it is without the relationship.
        session: The session, as written.
        assigned: Whether it is assigned to, which loads what a collection had.
        made: Where the query is made, or the instance: the call that makes it.
        made_text: That call, as written.
        place: The function that makes it, where it is another one.
        span: Where it is read.
        function: As in ``Use``.
        lines: As in ``Use``.
    """

    text: str
    instance: str
    reader: str | None
    attribute: str
    entity: str
    through: tuple[str, ...]
    nameable: bool
    how: Lacking
    session: str
    assigned: bool
    made: Span
    made_text: str
    place: Place | None
    span: Span
    function: str
    lines: tuple[int, ...]
