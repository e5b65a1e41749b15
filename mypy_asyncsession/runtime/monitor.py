"""Looks at sessions in production: says what is wrong once, and counts it after that."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections import Counter
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

from mypy_asyncsession.runtime.objects import Kind, describe, kind_of, origin_of, remedy
from mypy_asyncsession.runtime.resources import Resources, is_mock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from mypy_asyncsession.runtime.pools import OpenSession, Pools, PoolUse

logger = logging.getLogger("mypy_asyncsession")

#: How many distinct misuses are told apart, and how many kinds of them are logged after that.
_DISTINCT = 1000
#: How many days are told apart; the oldest is dropped first.
_DAYS = 400
_DAY = 86400


def give_up(message: str) -> None:
    """Say, to whoever debugs this, that looking at something has failed; raise nothing."""
    with suppress(Exception):
        logger.debug("%s", message, exc_info=True)  # noqa: LOG014 - handlers call this


@dataclass(frozen=True)
class Misuse:
    """One kind of misuse at one place.

    Attributes:
        what: What was wrong, such as ``the async generator of "get_db" (app/db.py:12)``.
        context: Where it was noticed, in the words of whoever looked.
        remedy: What to write instead; empty where nobody can say.
        provider: The name of the provider, or ``None`` where it is not known.
        place: Where the provider is defined, as ``app/db.py:12``, or ``None``.
        kind: What the provider gave, such as ``an async generator``.
    """

    what: str
    context: str
    remedy: str = ""
    provider: str | None = None
    place: str | None = None
    kind: str = ""

    def __str__(self) -> str:
        text = f"{self.context}: {self.what}" if self.context else self.what
        return f"{text}: {self.remedy}" if self.remedy else text


@dataclass(frozen=True)
class Summary:
    """What a monitor has seen since it was made.

    Attributes:
        started: When that was, in seconds since the epoch.
        checked: How many objects were looked at.
        misuses: How often each misuse was seen; the first 1,000 are told apart.
        total: How many times any was seen.
        days: How many were seen on each day in UTC that had any, as ``2026-05-01``.
        quiet_seconds: How long ago the last one was, or the start if there was none.
    """

    started: float
    checked: int
    misuses: dict[Misuse, int]
    total: int
    days: dict[str, int]
    quiet_seconds: float

    @property
    def quiet_days(self) -> int:
        """How many whole days went by without a misuse, up to now."""
        return int(self.quiet_seconds // _DAY)


@dataclass
class _Seen:
    started: float
    last: float
    checked: int = 0
    total: int = 0
    misuses: Counter[Misuse] = field(default_factory=Counter)
    #: What has been logged, wherever it was noticed.
    kinds: set[Misuse] = field(default_factory=set)
    days: Counter[str] = field(default_factory=Counter)
    is_full: bool = False


class SessionMonitor:
    """Notices objects that are taken for sessions and are none.

    The first time that a misuse is seen, one record is logged, with the fields of ``Misuse`` as
    ``record.session_misuse``; after that it is counted. Where OpenTelemetry is installed, the
    counter ``mypy_asyncsession.misuses`` counts, too. No method raises, and no object that is
    looked at is kept. It can be used from many threads, and in forked processes.

    1,000 misuses are told apart. That there are more is logged once; after that only what is new
    but for its context is logged, and all is counted.

    Args:
        resources: Classes that count as sessions besides SQLAlchemy's, or their full names.
        logger: Where to log; ``mypy_asyncsession`` if not given.
        level: The level of the records.
        clock: The time in seconds since the epoch.
    """

    def __init__(
        self,
        *,
        resources: Iterable[str | type] = (),
        logger: logging.Logger = logger,
        level: int = logging.WARNING,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._resources = Resources(resources)
        self._logger = logger
        self._level = level
        self._clock = clock
        self._unlock()
        _MONITORS.add(self)
        now = clock()
        self._seen = _Seen(now, now)
        self._counter: Any = None
        self._pools: Pools | None = None

    def _unlock(self) -> None:
        # What counts may be looked at by the collector, while it is held.
        self._lock = threading.RLock()

    def check_session(self, obj: object, context: str = "") -> bool:
        """Whether an object is a session, or can pass for one; if not, it is logged and counted.

        Mocks pass.

        Args:
            obj: What is taken for a session.
            context: Where that is, for the log.
        """
        try:
            with self._lock:
                self._seen.checked += 1
            kind = kind_of(obj, self._resources)
            if kind is Kind.SESSION or is_mock(type(obj)):
                return True
            origin = origin_of(obj)
            self.record(
                Misuse(
                    what=f"{describe(obj, self._resources)} is taken for a session",
                    context=str(context),
                    remedy=remedy(obj, self._resources),
                    provider=origin.name if origin is not None else None,
                    place=origin.place if origin is not None else None,
                    kind=kind.value,
                )
            )
        except Exception:  # noqa: BLE001 - whoever looks must not fail because of it
            give_up("a session could not be looked at")
        return False

    def record(
        self,
        misuse: Misuse,
        *,
        level: int | None = None,
        error: BaseException | None = None,
        again: int | None = None,
    ) -> None:
        """Count a misuse, and log it if it is new.

        Args:
            misuse: What was seen.
            level: The level of the record, if not the monitor's.
            error: The exception that it surfaced as, for the log.
            again: The level at which it is logged where it has been seen before; it is not logged
                then if this is not given.
        """
        try:
            is_new, is_too_many = self._count(misuse)
            self._measure(misuse)
            if is_too_many:
                text = "more than %d misuses: their contexts are no longer told apart"
                self._logger.log(self._level if level is None else level, text, _DISTINCT)
            if is_new:
                level = self._level if level is None else level
                extra = {"session_misuse": vars(misuse)}
                self._logger.log(level, "%s", misuse, extra=extra, exc_info=error)
            elif again is not None:
                self._logger.log(again, "%s", misuse, extra={"session_misuse": vars(misuse)})
        except Exception:  # noqa: BLE001 - a handler of the log may fail, too
            give_up("a misuse could not be recorded")

    def summary(self) -> Summary:
        """What was seen since the monitor was made."""
        now = self._clock()
        with self._lock:
            seen = self._seen
            return Summary(
                started=seen.started,
                checked=seen.checked,
                misuses=dict(seen.misuses),
                total=seen.total,
                days=dict(seen.days),
                quiet_seconds=max(0.0, now - seen.last),
            )

    def open_sessions(self, longer_than: float = 0.0) -> tuple[OpenSession, ...]:
        """The sessions and connections that hold a connection of a pool, the longest first.

        Those are known that were made inside ``watching``, or while a ``LeakDetector`` was running,
        as far as that samples.

        Args:
            longer_than: How long they do so at least, in seconds.
        """
        from mypy_asyncsession.runtime.pools import open_sessions

        return open_sessions(longer_than)

    def pools(self) -> tuple[PoolUse, ...]:
        """How much of each pool is in use, of the engines that are watched."""
        return () if self._pools is None else self._pools.use()

    @contextmanager
    def watching(
        self, *engines: Any, longest: float = 30.0, full: float = 0.9
    ) -> Iterator[SessionMonitor]:
        """Watch sessions and pools while the block runs, which may be that of a lifespan.

        A session that holds a connection for too long is recorded with the line that made it, and
        so is, with the line of the one that holds its connection longest, a pool that is nearly
        empty. Where OpenTelemetry is installed, it is told of the pools under its names for these:
        ``db.client.connection.count``, ``db.client.connection.max`` and, for sessions,
        ``db.client.connection.use_time``.

        Args:
            *engines: Engines, async or not.
            longest: For how many seconds a session may hold a connection.
            full: The part of a pool that may be in use, from 0 to 1.
        """
        from mypy_asyncsession.runtime.pools import Pools

        self._pools = Pools(self, engines, longest, full)
        with self._pools:
            yield self

    def _count(self, misuse: Misuse) -> tuple[bool, bool]:
        """Whether this is the first one of its kind, and the first that is one too many."""
        now = self._clock()
        day = time.strftime("%Y-%m-%d", time.gmtime(now))
        kind = replace(misuse, context="")
        with self._lock:
            seen = self._seen
            seen.last = max(seen.last, now)
            seen.total += 1
            seen.days[day] += 1
            if len(seen.days) > _DAYS:
                del seen.days[min(seen.days)]
            is_known_kind = kind in seen.kinds
            if len(seen.kinds) < 2 * _DISTINCT:
                seen.kinds.add(kind)
            if misuse in seen.misuses or len(seen.misuses) < _DISTINCT:
                seen.misuses[misuse] += 1
                return seen.misuses[misuse] == 1, False
            was_full, seen.is_full = seen.is_full, True
            return not is_known_kind and kind in seen.kinds, not was_full

    def _measure(self, misuse: Misuse) -> None:
        """Count it with OpenTelemetry, where that is installed."""
        if self._counter is None:
            try:
                from opentelemetry.metrics import get_meter
            except ImportError:
                self._counter = False
                return
            self._counter = get_meter("mypy_asyncsession").create_counter(
                "mypy_asyncsession.misuses", unit="{misuse}", description="Misuses of sessions"
            )
        if self._counter is not False:
            self._counter.add(1, {"kind": misuse.kind, "provider": misuse.provider or ""})


_MONITORS: WeakSet[SessionMonitor] = WeakSet()


def _unlock_all() -> None:
    for monitor in _MONITORS:
        monitor._unlock()  # noqa: SLF001


if hasattr(os, "register_at_fork"):
    # A thread that is not in the child may have held a lock.
    os.register_at_fork(after_in_child=_unlock_all)
