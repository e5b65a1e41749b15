"""Pools of connections: how much of each is in use, and who holds a connection for how long."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mypy_asyncsession.runtime.monitor import Misuse, give_up
from mypy_asyncsession.runtime.opened import SESSIONS, text_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from types import TracebackType

    from typing_extensions import Self

    from mypy_asyncsession.runtime.monitor import SessionMonitor
    from mypy_asyncsession.runtime.opened import Opened

#: How often, in seconds, all that is open is looked at.
_EVERY = 1.0
# OpenTelemetry's names for pools of connections to databases.
_COUNT = "db.client.connection.count"
_MAX = "db.client.connection.max"
_USE_TIME = "db.client.connection.use_time"
_POOL = "db.client.connection.pool.name"
_STATE = "db.client.connection.state"


@dataclass(frozen=True)
class OpenSession:
    """A session or a connection that holds a connection of a pool.

    Attributes:
        name: The name of its class.
        opened: The line that made it, as ``app/jobs.py:40``; empty if unknown.
        seconds: How long it has held its connection.
    """

    name: str
    opened: str
    seconds: float

    def __str__(self) -> str:
        return f'a "{self.name}" made at {self.opened or "?"}, open for {self.seconds:.1f} s'


@dataclass(frozen=True)
class PoolUse:
    """How much of a pool is in use.

    Attributes:
        name: The host and the name of the database, without user and password.
        used: How many connections are out.
        idle: How many are waiting in it.
        most: How many there can be, or ``None`` where there is no limit.
    """

    name: str
    used: int
    idle: int
    most: int | None


def open_sessions(longer_than: float = 0.0) -> tuple[OpenSession, ...]:
    """What is open in this process, the longest first."""
    found = (
        OpenSession(opened.name, text_of(opened.created), seconds)
        for opened, seconds in _open()
        if seconds >= longer_than
    )
    return tuple(sorted(found, key=lambda each: -each.seconds))


def _open() -> Iterator[tuple[Opened, float]]:
    now = time.monotonic()
    for opened in list(SESSIONS.opened.values()):
        since = opened.since
        if since is not None and opened.is_open:
            yield opened, now - since


class Pools:
    """Watches the pools of some engines, and all sessions.

    Args:
        monitor: Where it is recorded that one is open for too long.
        engines: Engines, async or not.
        longest: For how many seconds one may be.
        full: The part of a pool that may be in use.
    """

    tag: object = None

    def __init__(
        self, monitor: SessionMonitor, engines: Iterable[Any], longest: float, full: float
    ) -> None:
        self._monitor = monitor
        self._engines = [getattr(each, "sync_engine", each) for each in engines]
        self._longest = longest
        self._full = full
        self._is_full: dict[str, bool] = {}
        self._looked = time.monotonic()
        self._told: set[int] = set()
        self._is_running = False
        self._use_time: Any = None

    def __enter__(self) -> Self:
        self._is_running = True
        self._measure()
        SESSIONS.add(self)
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._is_running = False
        SESSIONS.remove(self)

    def use(self) -> tuple[PoolUse, ...]:
        """How much of each pool is in use."""
        return tuple(_use(each) for each in self._engines) if self._is_running else ()

    # What sessions tell.

    def samples(self) -> bool:
        """Look at what is open, now and then."""
        # A session is made: where the pool is empty it will have to wait, and tell nothing more.
        if time.monotonic() - self._looked >= _EVERY:
            self._look()
        return True

    def left_open(self, opened: Opened) -> None:
        """Leave it to a detector of leaks."""

    def began(self, opened: Opened) -> None:  # noqa: ARG002
        """Look at the pools."""
        for pool in self.use():
            is_full = pool.most is not None and pool.used >= pool.most * self._full
            if is_full and not self._is_full.get(pool.name):
                self._tell_full(pool)
            self._is_full[pool.name] = is_full

    def ended(self, opened: Opened) -> None:
        """Look how long it took."""
        assert opened.since is not None
        seconds = time.monotonic() - opened.since
        if self._use_time is not None:
            name = _name(self._engines[0]) if len(self._engines) == 1 else ""
            self._use_time.record(seconds, {_POOL: name})
        if seconds >= self._longest:
            self._tell_long(opened)
        self._told.discard(id(opened))

    def _look(self) -> None:
        self._looked = time.monotonic()
        opened = list(_open())
        self._told &= {id(each) for each, _ in opened}
        for each, seconds in opened:
            if seconds >= self._longest:
                self._tell_long(each)

    def _tell_long(self, opened: Opened) -> None:
        if id(opened) in self._told:
            return
        self._told.add(id(opened))
        self._monitor.record(
            Misuse(
                what=f'a "{opened.name}" held a connection for more than {self._longest:g} s',
                context=text_of(opened.created),
                remedy="end the transaction before anything slow, or close it sooner",
                kind="held too long",
            )
        )

    def _tell_full(self, pool: PoolUse) -> None:
        first = next(iter(open_sessions()), None)
        self._monitor.record(
            Misuse(
                what=f'nearly all {pool.most} connections to "{pool.name}" are in use',
                context=first.opened if first is not None else "",
                remedy="this line has held one of them longest",
                kind="pool",
            )
        )

    def _measure(self) -> None:
        """Have OpenTelemetry ask for it, where that is installed."""
        try:
            from opentelemetry.metrics import Observation, get_meter
        except ImportError:
            return

        def count(_options: Any) -> Iterator[Any]:
            for pool in self.use():
                yield Observation(pool.used, {_POOL: pool.name, _STATE: "used"})
                yield Observation(pool.idle, {_POOL: pool.name, _STATE: "idle"})

        def most(_options: Any) -> Iterator[Any]:
            for pool in self.use():
                if pool.most is not None:
                    yield Observation(pool.most, {_POOL: pool.name})

        try:
            meter = get_meter("mypy_asyncsession")
            unit = "{connection}"
            meter.create_observable_up_down_counter(_COUNT, callbacks=[count], unit=unit)
            meter.create_observable_up_down_counter(_MAX, callbacks=[most], unit=unit)
            self._use_time = meter.create_histogram(_USE_TIME, unit="s")
        except Exception:  # noqa: BLE001 - an application does not fail for its metrics
            give_up("the pools could not be measured")


def _use(engine: Any) -> PoolUse:
    pool = engine.pool
    used = pool.checkedout() if hasattr(pool, "checkedout") else 0
    idle = pool.checkedin() if hasattr(pool, "checkedin") else 0
    size = pool.size() if hasattr(pool, "size") else 0
    overflow = getattr(pool, "_max_overflow", -1)
    return PoolUse(_name(engine), used, idle, size + overflow if overflow >= 0 and size else None)


def _name(engine: Any) -> str:
    url = engine.url
    host = f"{url.host}:{url.port}" if url.host and url.port else url.host or ""
    return f"{host}/{url.database or ''}" if host else str(url.database or "")
