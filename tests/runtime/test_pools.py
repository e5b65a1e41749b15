"""``SessionMonitor.watching``: who holds a connection, and for how long, before a pool is empty."""

from __future__ import annotations

import asyncio
import sys
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any
from unittest.mock import MagicMock

from sqlalchemy import text
from sqlalchemy.orm import Session

from mypy_asyncsession.runtime import LeakDetector, PoolUse, SessionMonitor, session_scope

if TYPE_CHECKING:
    import pytest

    from tests.runtime.database import Database

HERE = "tests/runtime/test_pools.py:"


def engine_of(database: Database) -> Any:
    return database.maker.kw["bind"]


def test_what_is_open_on_request(database: Database) -> None:
    async def work() -> None:
        monitor = SessionMonitor()
        with monitor.watching(engine_of(database)):
            assert monitor.open_sessions() == ()
            async with database.maker() as session:
                assert monitor.open_sessions() == ()  # it holds no connection yet
                await session.execute(text("select 1"))
                await asyncio.sleep(0.01)
                async with engine_of(database).connect() as connection:
                    await connection.execute(text("select 1"))
                    first, second = monitor.open_sessions()
                    assert (first.name, second.name) == ("Session", "AsyncConnection")
                    assert first.opened.startswith(HERE)
                    assert second.opened.startswith(HERE)
                    assert first.seconds > second.seconds >= 0
                    assert monitor.open_sessions(longer_than=60) == ()
                    (pool,) = monitor.pools()
                    assert (pool.used, pool.idle, pool.most) == (2, 0, 2)
                    assert "@" not in pool.name
                    assert pool.name
                await session.commit()
                assert monitor.open_sessions() == ()
            (pool,) = monitor.pools()
            assert (pool.used, pool.idle) == (0, 2)
        assert monitor.pools() == ()

    asyncio.run(database.use(work))


def test_one_that_is_open_for_too_long(database: Database) -> None:
    async def work() -> None:
        monitor = SessionMonitor()
        with monitor.watching(longest=0.05):
            for _ in range(2):
                async with database.maker() as session:  # HELD
                    await session.execute(text("select 1"))
                    await asyncio.sleep(0.06)
            async with session_scope(database.get_db) as session:
                await session.execute(text("select 1"))
        ((misuse, times),) = monitor.summary().misuses.items()
        assert times == 2
        assert misuse.context.startswith(HERE)
        assert 'a "Session" held a connection for more than 0.05 s' in str(misuse)

    asyncio.run(database.use(work))


def test_one_that_is_not_closed_is_told_all_the_same(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the next session is made, at the latest: with an empty pool that is all it does."""
    monkeypatch.setattr("mypy_asyncsession.runtime.pools._EVERY", 0.01)

    async def work() -> None:
        monitor = SessionMonitor()
        with monitor.watching(longest=0.02):
            async with database.maker() as session:
                await session.execute(text("select 1"))
                await asyncio.sleep(0.03)
                for _ in range(3):
                    database.maker()
                assert monitor.summary().total == 1
            assert monitor.summary().total == 1  # and once

    asyncio.run(database.use(work))


def test_a_pool_that_is_nearly_empty(database: Database) -> None:
    async def work() -> None:
        monitor = SessionMonitor()
        with monitor.watching(engine_of(database)):
            for _ in range(3):
                async with database.maker() as one:
                    await one.execute(text("select 1"))
                    assert monitor.summary().total % 3 == 0 or monitor.summary().total < 3
                    async with database.maker() as two:
                        await two.execute(text("select 1"))
                        await two.commit()
                        await two.execute(text("select 1"))
        ((misuse, times),) = monitor.summary().misuses.items()
        assert misuse.what.startswith("nearly all 2 connections to ")
        assert misuse.context.startswith(HERE)
        assert times == 3

    asyncio.run(database.use(work))


class Meter:
    def __init__(self) -> None:
        self.instruments: dict[str, Any] = {}
        self.recorded: list[Any] = []

    def create_observable_up_down_counter(self, name: str, *, callbacks: Any, unit: str) -> None:
        self.instruments[name] = (callbacks[0], unit)

    def create_histogram(self, name: str, *, unit: str) -> Any:
        self.instruments[name] = unit
        return SimpleNamespace(record=lambda *given: self.recorded.append(given))


def test_opentelemetry_has_its_own_names(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    meter = Meter()
    metrics = MagicMock(get_meter=lambda _: meter, Observation=lambda *given: given)
    monkeypatch.setitem(sys.modules, "opentelemetry", MagicMock(metrics=metrics))
    monkeypatch.setitem(sys.modules, "opentelemetry.metrics", metrics)

    async def work() -> None:
        monitor = SessionMonitor()
        with monitor.watching(engine_of(database)):
            async with database.maker() as session:
                await session.execute(text("select 1"))
                observe, unit = meter.instruments["db.client.connection.count"]
                assert unit == "{connection}"
                name = monitor.pools()[0].name
                pool = {"db.client.connection.pool.name": name}
                assert list(observe(None)) == [
                    (1, {**pool, "db.client.connection.state": "used"}),
                    (0, {**pool, "db.client.connection.state": "idle"}),
                ]
                observe, _ = meter.instruments["db.client.connection.max"]
                assert list(observe(None)) == [(2, pool)]
            assert meter.instruments["db.client.connection.use_time"] == "s"
            ((seconds, attributes),) = meter.recorded
            assert 0 < seconds < 10
            assert attributes == pool
        assert list(observe(None)) == []

    asyncio.run(database.use(work))


def test_with_a_leak_detector(database: Database) -> None:
    async def work() -> None:
        monitor = SessionMonitor()
        with LeakDetector(monitor=monitor) as detector, monitor.watching(engine_of(database)):
            async with session_scope(database.get_db) as session:
                await session.execute(text("select 1"))
                assert len(monitor.open_sessions()) == 1
        assert detector.leaks == ()
        assert monitor.summary().total == 0

    before = Session.__init__
    asyncio.run(database.use(work))
    assert Session.__init__ is before


def test_pools_without_a_limit() -> None:
    from sqlalchemy import NullPool, create_engine
    from sqlalchemy.pool import StaticPool

    monitor = SessionMonitor()
    engines = [
        create_engine("sqlite://", poolclass=NullPool),
        create_engine("sqlite:///:memory:", poolclass=StaticPool),
    ]
    with monitor.watching(*engines):
        for engine in engines:
            with Session(engine) as session:
                session.execute(text("select 1"))
        assert monitor.pools() == (PoolUse("", 0, 0, None), PoolUse(":memory:", 0, 0, None))
    assert monitor.summary().total == 0
