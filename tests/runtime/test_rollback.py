"""``rolled_back``: what is committed in a test is gone after it."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest
from fastapi import Depends, FastAPI
from httpx import ASGITransport, AsyncClient
from sqlalchemy import create_engine, text
from sqlalchemy.orm import Session, sessionmaker

from mypy_asyncsession.runtime import LeakDetector, provider, rolled_back, session_scope
from tests.runtime.database import Database, insert

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class Failure(Exception):
    pass


def fail_if(true: bool) -> None:
    if true:
        raise Failure


def test_what_is_committed_is_gone(database: Database) -> None:
    async def work() -> None:
        async with database.maker() as session:
            await insert(session, 1)
            await session.commit()
        before = dict(database.maker.kw)
        for fails in (False, True, False):
            with LeakDetector() as detector, suppress(Failure):
                async with rolled_back(database.maker):
                    await one_test(database)
                    fail_if(fails)
            assert detector.leaks == ()
            assert database.maker.kw == before
            assert database.pool.checkedout() == 0
            assert await database.kept() == {1}

    asyncio.run(database.use(work))


async def one_test(database: Database) -> None:
    """Uses of all kinds, the failed ones among them."""
    async with database.maker() as session:
        await insert(session, 2)
        await session.commit()
        await insert(session, 3)
        await session.rollback()
        await insert(session, 4)
        await session.commit()
    async with database.provided() as session:
        await insert(session, 5)
    with suppress(Failure):
        async with session_scope(database.manager) as session:
            await insert(session, 6)
            fail_if(True)
    async with database.maker() as session:
        await insert(session, 7)  # and nobody commits it
    assert await database.kept() == {1, 2, 4, 5}


def test_in_a_request(database: Database) -> None:
    app = FastAPI()
    asked = provider(database.get_db)

    @app.post("/{row}")
    async def write(row: int, db: Any = Depends(asked)) -> int:  # noqa: B008
        await insert(db, row)
        await db.commit()
        return row

    async def work() -> None:
        async with (
            rolled_back(database.maker),
            AsyncClient(transport=ASGITransport(app), base_url="http://test") as client,
        ):
            assert (await client.post("/1")).json() == 1
            app.dependency_overrides[asked] = database.provided
            assert (await client.post("/2")).json() == 2
            assert await database.kept() == {1, 2}
        assert await database.kept() == set()

    asyncio.run(database.use(work))


def test_sync_sessions(tmp_path: Path) -> None:
    engine = create_engine(f"sqlite:///{tmp_path / 'test.db'}")
    maker = sessionmaker(engine)

    @provider
    def get_db() -> Iterator[Session]:
        with maker() as session:
            yield session

    with engine.begin() as connection:
        connection.execute(text("create table kept (id integer primary key)"))
    for _ in range(2):
        with rolled_back(maker):
            with get_db() as session:
                session.execute(text("insert into kept values (1)"))
                session.commit()
            with get_db() as session:
                assert session.scalar(text("select count(*) from kept")) == 1
        with maker() as session:
            assert session.scalar(text("select count(*) from kept")) == 0
    engine.dispose()


def test_a_sessionmaker_without_an_engine() -> None:
    with pytest.raises(ValueError, match="has no engine"):
        rolled_back(sessionmaker())
