"""Many requests at once to an application with a small pool; some fail, some are cancelled."""

from __future__ import annotations

import asyncio
import random
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from fastapi import Depends, FastAPI
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.pool import AsyncAdaptedQueuePool

from mypy_asyncsession.runtime import SessionGuardMiddleware, provider, session_scope

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

#: How a handler gets its session; the first is what one writes without this project.
WAYS = ("by hand", "provider", "scope", "guarded")

_CREATE = "create table if not exists loaded (id integer primary key)"
_INSERT = text("insert into loaded values (:row)")


class Failure(Exception):
    """What a handler raises after it has written."""


@dataclass
class Outcome:
    """What became of the requests.

    Attributes:
        seconds: How long all of them took.
        done: The rows of those that were answered.
        failed: The rows of those whose handler raised.
        cancelled: The rows of those that were cancelled.
        kept: The rows in the database afterwards.
        checked_out: How many connections are out of the pool afterwards.
    """

    seconds: float = 0.0
    done: set[int] = field(default_factory=set)
    failed: set[int] = field(default_factory=set)
    cancelled: set[int] = field(default_factory=set)
    kept: set[int] = field(default_factory=set)
    checked_out: int = -1


async def load(
    url: str, way: str, *, requests: int, concurrency: int = 100, pool: int = 10, seed: int = 0
) -> Outcome:
    """Send requests, one in ten of which fails and one in twenty of which is cancelled."""
    engine = create_async_engine(url, pool_size=pool, max_overflow=0, pool_timeout=60)
    assert isinstance(engine.pool, AsyncAdaptedQueuePool)
    maker = async_sessionmaker(engine, expire_on_commit=False)
    app = application(maker, way)
    chance = random.Random(seed)
    outcome = Outcome()
    numbers = iter(range(requests))

    async def one(row: int) -> None:
        fails = row % 10 == 3
        task = asyncio.create_task(post(app, f"/rows/{row}", b"fails=1" if fails else b""))
        if row % 20 == 7:
            await asyncio.sleep(chance.random() * 0.1)
            task.cancel()
        try:
            await task
        except asyncio.CancelledError:
            outcome.cancelled.add(row)
        except Failure:
            outcome.failed.add(row)
        else:
            outcome.done.add(row)

    async def client() -> None:
        for row in numbers:
            await one(row)

    try:
        async with engine.begin() as connection:
            await connection.execute(text("drop table if exists loaded"))
            await connection.execute(text(_CREATE))
        begun = time.perf_counter()
        await asyncio.gather(*(client() for _ in range(concurrency)))
        outcome.seconds = time.perf_counter() - begun
        outcome.checked_out = engine.pool.checkedout()
        async with maker() as session:
            outcome.kept = set((await session.execute(text("select id from loaded"))).scalars())
            await session.execute(text("drop table loaded"))
            await session.commit()
    finally:
        await engine.dispose()
    return outcome


def application(maker: async_sessionmaker[AsyncSession], way: str) -> Any:
    """An application whose handler writes a row."""
    app = FastAPI()

    async def get_db() -> AsyncGenerator[AsyncSession, None]:
        async with maker.begin() as session:
            yield session

    decorated = provider(get_db)

    async def write(session: AsyncSession, row: int, fails: bool) -> int:
        await session.execute(_INSERT, {"row": row})
        if fails:
            raise Failure(row)
        return row

    if way == "scope":

        @app.post("/rows/{row}")
        async def scoped(row: int, fails: bool = False) -> int:
            async with session_scope(get_db) as session:
                return await write(session, row, fails)

    else:
        dependency = get_db if way == "by hand" else decorated

        @app.post("/rows/{row}")
        async def injected(
            row: int,
            fails: bool = False,
            session: Any = Depends(dependency),  # noqa: B008  # session: ignore[session-late-commit]
        ) -> int:
            return await write(session, row, fails)

    if way == "guarded":
        app.add_middleware(SessionGuardMiddleware)
    return app


async def post(app: Any, path: str, query: bytes) -> None:
    """A request, without a client or a server between."""
    await _request(app, "POST", path, query)


async def get(app: Any, path: str) -> None:
    """The same for one that only reads."""
    await _request(app, "GET", path, b"")


async def _request(app: Any, method: str, path: str, query: bytes) -> None:
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": query,
        "headers": [],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80),
    }
    statuses = []

    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            statuses.append(message["status"])

    await app(scope, receive, send)
    assert statuses == [200], statuses
