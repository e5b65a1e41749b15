"""SQLAlchemy's sessions and connections: who made each, and whether it holds a connection."""

from __future__ import annotations

import functools
import sys
import time
import weakref
from typing import TYPE_CHECKING, Any, Protocol

from mypy_asyncsession.runtime.monitor import give_up
from mypy_asyncsession.runtime.objects import shown

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

    #: A file and a line, which become text only for a report.
    Place = tuple[str, int]
    Record = Callable[[Any, FrameType | None], "Opened | None"]

#: The packages whose frames are not the place that somebody looks for.
BETWEEN = (
    "asyncio", "anyio", "concurrent", "contextlib", "fastapi", "mypy_asyncsession", "sqlalchemy",
    "sqlmodel", "starlette", "threading",
)  # fmt: skip
#: Where a session or a connection keeps what is known of it.
_KEY = "_mypy_asyncsession"


class Watcher(Protocol):
    """Who wants to know of sessions."""

    #: What is going on as something is opened, such as a test.
    tag: object

    def samples(self) -> bool:
        """Whether the next one is among those that are watched."""

    def left_open(self, opened: Opened) -> None:
        """It was collected while it held a connection. The collector is calling: take no lock."""

    def began(self, opened: Opened) -> None:
        """It has got a connection."""

    def ended(self, opened: Opened) -> None:
        """It has given its connection back."""


class Opened:
    """A session or a connection, which is not kept alive by this.

    Attributes:
        name: The name of its class.
        created: The line that made it.
        watchers: Who watches it.
        tags: What was going on for each of them.
        since: When it got its connection, or ``None`` if it holds none.
        is_accounted_for: Whether it is part of a report on something else.
    """

    __slots__ = ("created", "held", "is_accounted_for", "name", "since", "tags", "watchers")

    def __init__(self, name: str, created: Place, watchers: tuple[Watcher, ...]) -> None:
        self.name = name
        self.created = created
        self.watchers = watchers
        self.tags = tuple(watcher.tag for watcher in watchers)
        self.since: float | None = None
        self.is_accounted_for = False
        #: The pool's record of a connection, which says whether it was given back.
        self.held: Any = None

    @property
    def is_open(self) -> bool:
        """Whether it holds a connection."""
        return self.since is not None if self.held is None else bool(self.held.is_valid)


class _Sessions:
    """What watches, in this process. What is put in place for it goes with the last watcher."""

    def __init__(self) -> None:
        self.watchers: tuple[Watcher, ...] = ()
        #: What exists, by the identity of its record.
        self.opened: dict[int, Opened] = {}
        self._undo: list[Callable[[], None]] = []
        #: Counts how often all was taken away: what somebody else keeps in place does nothing then.
        self._installed = 0

    def add(self, watcher: Watcher) -> None:
        """Have a watcher told of sessions, once SQLAlchemy is loaded."""
        self.watchers = (*self.watchers, watcher)
        self.install()

    def remove(self, watcher: Watcher) -> None:
        """Tell a watcher nothing more."""
        self.watchers = tuple(each for each in self.watchers if each is not watcher)
        if not self.watchers:
            while self._undo:
                self._undo.pop()()
            self._installed += 1
            self.opened.clear()

    def install(self) -> None:
        """Begin to watch, if somebody wants to know and SQLAlchemy is loaded."""
        if self.watchers and not self._undo and "sqlalchemy.orm" in sys.modules:
            record = functools.partial(self._record, self._installed)
            _watch_sessions(record, self._undo)
            _watch_connections(record, self._undo)

    def _record(self, installed: int, given: Any, frame: FrameType | None) -> Opened | None:
        """Keep in mind who made something, if that is wanted."""
        try:
            watchers = [each for each in self.watchers if each.samples()]
            if not watchers or installed != self._installed:
                return None
            name = type(given).__name__
            opened = Opened(name, place_of(frame), tuple(watchers))
            self.opened[id(opened)] = opened
            weakref.finalize(given, self._collected, opened).atexit = False
        except Exception:  # noqa: BLE001 - it is to be made, whatever this does
            give_up("a session could not be watched")
            return None
        return opened

    def _collected(self, opened: Opened) -> None:
        self.opened.pop(id(opened), None)
        if opened.is_open:
            for watcher in opened.watchers:
                watcher.left_open(opened)


SESSIONS = _Sessions()


def _watch_sessions(record: Record, undo: list[Callable[[], None]]) -> None:
    from sqlalchemy import event
    from sqlalchemy.orm import Session

    def around(original: Any) -> Any:
        @functools.wraps(original)
        def init(session: Any, *args: Any, **kwargs: Any) -> None:
            opened = record(session, sys._getframe(1))  # noqa: SLF001
            if opened is not None:
                session.__dict__[_KEY] = opened
            original(session, *args, **kwargs)

        return init

    def after_begin(session: Any, transaction: Any, connection: Any) -> None:
        opened = session.__dict__.get(_KEY)
        if opened is not None and opened.since is None and _is_own(transaction, connection):
            opened.since = time.monotonic()
            for watcher in opened.watchers:
                watcher.began(opened)

    def after_transaction_end(session: Any, transaction: Any) -> None:
        opened = session.__dict__.get(_KEY)
        if opened is not None and transaction.parent is None and opened.since is not None:
            for watcher in opened.watchers:
                watcher.ended(opened)
            opened.since = None

    # There is no event for a session that is made.
    undo.append(_patch(Session, "__init__", around))
    for listener in (after_begin, after_transaction_end):
        event.listen(Session, listener.__name__, listener)
        undo.append(functools.partial(event.remove, Session, listener.__name__, listener))


def _is_own(transaction: Any, connection: Any) -> bool:
    """Whether a session has taken a connection from a pool, and was not given somebody else's."""
    kept = getattr(transaction, "_connections", {}).get(connection)
    return True if kept is None else bool(kept[3])


def _watch_connections(record: Record, undo: list[Callable[[], None]]) -> None:
    if "sqlalchemy.ext.asyncio" not in sys.modules:
        return
    from sqlalchemy.ext.asyncio import AsyncConnection

    def around(original: Any) -> Any:
        @functools.wraps(original)
        async def start(connection: Any, *args: Any, **kwargs: Any) -> Any:
            opened = record(connection, sys._getframe(1))  # noqa: SLF001
            started = await original(connection, *args, **kwargs)
            if opened is not None:
                opened.held = connection.sync_connection._dbapi_connection  # noqa: SLF001
                opened.since = time.monotonic()
                connection.sync_connection.__dict__[_KEY] = opened
            return started

        return start

    undo.append(_patch(AsyncConnection, "start", around))


def _patch(owner: Any, name: str, around: Callable[[Any], Any]) -> Callable[[], None]:
    """Put a function around another one.

    Returns:
        What takes it away again, unless somebody else has put one around it.
    """
    original = getattr(owner, name)
    replacement = around(original)
    setattr(owner, name, replacement)

    def undo() -> None:
        if getattr(owner, name) is replacement:
            setattr(owner, name, original)

    return undo


def opened_by(given: object) -> Opened | None:
    """What is known of a session or a connection; nothing of it is called."""
    for attribute in ("sync_session", "sync_connection"):
        given = getattr(given, attribute, None) or given
    found = getattr(given, "__dict__", {}).get(_KEY)
    return found if isinstance(found, Opened) else None


def place_of(frame: FrameType | None) -> Place:
    """The line outside of the libraries between, from a frame upwards."""
    while frame is not None:
        module = frame.f_globals.get("__name__")
        if not isinstance(module, str) or module.partition(".")[0] not in BETWEEN:
            return frame.f_code.co_filename, frame.f_lineno
        frame = frame.f_back
    return "", 0


def text_of(place: Place) -> str:
    """A place as ``app/jobs.py:40``, or an empty string."""
    return f"{shown(place[0])}:{place[1]}" if place[0] else ""
