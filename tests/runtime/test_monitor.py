"""``SessionMonitor``: it says what is wrong once, counts, and never gets in the way."""

from __future__ import annotations

import gc
import logging
import sys
import threading
import weakref
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any
from unittest.mock import MagicMock

import pytest
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from mypy_asyncsession.runtime import SessionMonitor

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

DAY = 86400


class Clock:
    now = 1_000_000 * DAY / 50

    def __call__(self) -> float:
        return self.now


async def get_db() -> AsyncIterator[AsyncSession]:
    yield AsyncSession()


@asynccontextmanager
async def manager() -> AsyncIterator[AsyncSession]:
    yield AsyncSession()


def test_sessions_are_right() -> None:
    monitor = SessionMonitor()
    assert monitor.check_session(AsyncSession(), "here")
    assert monitor.check_session(MagicMock(), "here")
    summary = monitor.summary()
    assert (summary.checked, summary.total, summary.misuses) == (2, 0, {})


@pytest.mark.parametrize("given", [get_db(), manager(), get_db, async_sessionmaker(), None, 3])
def test_anything_else_is_not(given: Any, caplog: pytest.LogCaptureFixture) -> None:
    monitor = SessionMonitor()
    assert not monitor.check_session(given, "UserService.load")
    (record,) = caplog.records
    assert record.levelname == "WARNING"
    assert record.name == "mypy_asyncsession"
    assert record.getMessage().startswith("UserService.load: ")


def test_one_structured_record_and_a_counter(caplog: pytest.LogCaptureFixture) -> None:
    monitor = SessionMonitor()
    for context in ("first", "second"):
        for _ in range(1000):
            monitor.check_session(get_db(), context)
    records: list[Any] = caplog.records
    assert [record.session_misuse["context"] for record in records] == ["first", "second"]
    assert records[0].session_misuse["provider"] == "get_db"
    assert "test_monitor.py:" in records[0].session_misuse["place"]
    assert records[0].session_misuse["kind"] == "an async generator"
    summary = monitor.summary()
    assert sorted(summary.misuses.values()) == [1000, 1000]
    assert summary.total == summary.checked == 2000


def test_seven_quiet_days() -> None:
    clock = Clock()
    monitor = SessionMonitor(clock=clock, logger=_silent())
    clock.now += 3 * DAY
    assert monitor.summary().quiet_days == 3
    monitor.check_session(None)
    clock.now += DAY
    monitor.check_session(None)
    monitor.check_session(None)
    clock.now += 7 * DAY - 1
    summary = monitor.summary()
    assert summary.quiet_days == 6
    assert list(summary.days.values()) == [1, 2]
    clock.now += 1
    assert monitor.summary().quiet_days == 7


def test_there_is_a_limit_to_what_it_remembers(caplog: pytest.LogCaptureFixture) -> None:
    monitor = SessionMonitor()
    for number in range(3000):
        monitor.check_session(None, f"request {number}")
    summary = monitor.summary()
    assert summary.total == 3000
    assert len(summary.misuses) == 1000
    # That is said once, and what is new but for its context is said after that, too.
    assert len(caplog.records) == 1001
    assert "more than 1000 misuses" in caplog.records[-1].getMessage()
    for _ in range(2):
        monitor.check_session(get_db(), "a new kind")
    assert len(caplog.records) == 1002
    assert '"get_db"' in caplog.records[-1].getMessage()
    assert monitor.summary().total == 3002


class Hostile:
    """Fails whatever is asked of it."""

    def __getattribute__(self, name: str) -> Any:
        raise RuntimeError(name)


class BrokenHandler(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        raise RuntimeError(record)


def test_it_never_raises() -> None:
    class Context:
        def __str__(self) -> str:
            raise RuntimeError

    broken = logging.Logger("broken")  # noqa: LOG001 - one of its own
    broken.addHandler(BrokenHandler())
    monitor = SessionMonitor(logger=broken)
    context: Any = Context()
    assert not monitor.check_session(Hostile(), "here")
    assert not monitor.check_session(None, context)
    assert not monitor.check_session(None, "here")
    assert monitor.summary().checked == 3


def test_it_holds_nothing() -> None:
    monitor = SessionMonitor(logger=_silent())
    session, generator = AsyncSession(), get_db()
    dead: list[weakref.ref[Any]] = [weakref.ref(session), weakref.ref(generator)]
    monitor.check_session(session, "here")
    monitor.check_session(generator, "here")
    del session, generator
    gc.collect()
    assert [each() for each in dead] == [None, None]


def test_from_many_threads() -> None:
    monitor = SessionMonitor(logger=_silent())

    def look() -> None:
        for _ in range(500):
            monitor.check_session(None, "here")

    threads = [threading.Thread(target=look) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert monitor.summary().total == 4000


class Meter:
    def __init__(self) -> None:
        self.added: list[Any] = []

    def create_counter(self, name: str, **_: Any) -> Meter:
        assert name == "mypy_asyncsession.misuses"
        return self

    def add(self, amount: int, attributes: Any) -> None:
        self.added.append((amount, attributes))


def test_opentelemetry_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    meter = Meter()
    metrics = MagicMock(get_meter=lambda _: meter)
    monkeypatch.setitem(sys.modules, "opentelemetry", MagicMock(metrics=metrics))
    monkeypatch.setitem(sys.modules, "opentelemetry.metrics", metrics)
    monitor = SessionMonitor(logger=_silent())
    for _ in range(2):
        monitor.check_session(manager(), "here")
    monitor.check_session(AsyncSession(), "here")
    kind = "an async context manager"
    assert meter.added == [(1, {"kind": kind, "provider": "manager"})] * 2


def test_without_opentelemetry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.metrics", None)
    monitor = SessionMonitor(logger=_silent())
    for _ in range(2):
        monitor.check_session(None, "here")
    assert monitor.summary().total == 2


def _silent() -> logging.Logger:
    logger = logging.Logger("silent")  # noqa: LOG001 - one of its own
    logger.addHandler(logging.NullHandler())
    return logger
