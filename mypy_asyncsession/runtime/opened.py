"""SQLAlchemy's sessions that are collected while they hold a connection, and who made them."""

from __future__ import annotations

import functools
import sys
import weakref
from typing import TYPE_CHECKING, Any

from mypy_asyncsession.runtime.monitor import give_up
from mypy_asyncsession.runtime.objects import shown

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

    #: A file and a line, which become text only for a leak.
    Place = tuple[str, int]

#: The packages whose frames are not the place that somebody looks for.
_BETWEEN = ("contextlib", "asyncio", "sqlalchemy", "fastapi", "starlette", "mypy_asyncsession")


class _State:
    """A session: where it was made, and whether it holds a connection."""

    __slots__ = ("created", "is_open", "name")

    def __init__(self, created: Place, name: str) -> None:
        self.created = created
        self.name = name
        self.is_open = False


class Sessions:
    """Watches SQLAlchemy's sessions, from when it is made until it is stopped.

    Args:
        watches: Whether the next session is among those that are watched.
        left_open: Called for a session that is collected while it holds a connection, with the
            name of its class and the line that made it.
    """

    def __init__(
        self, watches: Callable[[], bool], left_open: Callable[[str, Place], None]
    ) -> None:
        self._watches = watches
        self._left_open = left_open
        self._states: weakref.WeakKeyDictionary[Any, _State] = weakref.WeakKeyDictionary()
        from sqlalchemy import event
        from sqlalchemy.orm import Session

        patched: Any = Session  # there is no event for a session that is made
        self._class = patched
        self._original = original = patched.__init__
        states, watched = self._states, self._watched

        @functools.wraps(original)
        def init(session: Any, *args: Any, **kwargs: Any) -> None:
            watched(session)
            original(session, *args, **kwargs)

        self._replacement = patched.__init__ = init

        def after_begin(session: Any, _transaction: Any, _connection: Any) -> None:
            state = states.get(session)
            if state is not None:
                state.is_open = True

        def after_transaction_end(session: Any, transaction: Any) -> None:
            state = states.get(session)
            if state is not None and transaction.parent is None:
                state.is_open = False

        self._listeners: list[tuple[str, Callable[..., Any]]] = [
            ("after_begin", after_begin),
            ("after_transaction_end", after_transaction_end),
        ]
        for name, listener in self._listeners:
            event.listen(Session, name, listener)

    def _watched(self, session: Any) -> None:
        try:
            if self._watches():
                place = place_of(sys._getframe(2))  # noqa: SLF001
                state = self._states[session] = _State(place, type(session).__name__)
                weakref.finalize(session, self._collected, state).atexit = False
        except Exception:  # noqa: BLE001 - the session is to be made, whatever this does
            give_up("a session could not be watched")

    def _collected(self, state: _State) -> None:
        if state.is_open:
            self._left_open(state.name, state.created)

    def stop(self) -> None:
        """Stop watching."""
        from sqlalchemy import event

        for name, listener in self._listeners:
            event.remove(self._class, name, listener)
        if self._class.__init__ is self._replacement:
            self._class.__init__ = self._original


def place_of(frame: FrameType | None) -> Place:
    """The line outside of the libraries between, from a frame upwards."""
    while frame is not None:
        module = frame.f_globals.get("__name__")
        if not isinstance(module, str) or module.partition(".")[0] not in _BETWEEN:
            return frame.f_code.co_filename, frame.f_lineno
        frame = frame.f_back
    return "", 0


def text_of(place: Place) -> str:
    """A place as ``app/jobs.py:40``, or an empty string."""
    return f"{shown(place[0])}:{place[1]}" if place[0] else ""
