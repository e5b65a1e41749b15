"""Through a real server on the loopback interface."""

from __future__ import annotations

import asyncio
import logging
import socket
import threading
import time
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Any

import httpx
import pytest
import uvicorn
from fastapi import Depends, FastAPI, HTTPException
from fastapi.responses import JSONResponse, StreamingResponse
from sqlalchemy import text

from mypy_asyncsession.runtime import (
    LeakDetector,
    SessionGuardMiddleware,
    SessionMonitor,
    provider,
    session_scope,
)
from tests.runtime.database import Database, insert

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

    from sqlalchemy.ext.asyncio import AsyncSession


class HideErrors:
    """An authentication that lets a request through when it fails itself."""

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        try:
            await self.app(scope, receive, send)
        except Exception:  # noqa: BLE001
            await JSONResponse("let through")(scope, receive, send)


def application(database: Database, monitor: SessionMonitor) -> FastAPI:
    @provider
    async def get_db() -> AsyncIterator[AsyncSession]:
        async with database.maker.begin() as session:
            yield session

    @asynccontextmanager
    async def manager() -> AsyncIterator[AsyncSession]:
        async with database.maker.begin() as session:
            yield session

    undrivable = Depends(manager)  # type: ignore[session-depends]

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        started, ended = asyncio.Event(), asyncio.Event()

        async def serve() -> None:
            started.set()
            await ended.wait()

        with LeakDetector(monitor=monitor):
            task = asyncio.create_task(database.use(serve))
            await started.wait()
            yield
            ended.set()
            await task

    app = FastAPI(lifespan=lifespan)

    @app.get("/insert/{row}")
    async def write(
        row: int,
        db: Any = Depends(get_db),  # noqa: B008
    ) -> int:
        await insert(db, row)
        if row % 2:
            raise HTTPException(409)
        return row

    @app.get("/scope/{row}")
    async def scope(row: int) -> int:
        async with session_scope(get_db) as db:
            await insert(db, row)
        return row

    @app.get("/misuse")
    async def misuse(db: Any = undrivable) -> str:
        return str(await db.scalar(text("select 1")))

    @app.get("/stream/{count}")
    async def stream(count: int) -> StreamingResponse:
        async def rows() -> AsyncIterator[bytes]:
            async with session_scope(get_db) as db:
                for number in range(count):
                    yield f"{await db.scalar(text('select 1'))} {number}\n".encode()
                    await asyncio.sleep(0.001)

        return StreamingResponse(rows())

    @app.get("/begun")
    async def begun() -> StreamingResponse:
        async def rows() -> AsyncIterator[bytes]:
            yield b"one\n"
            await get_db().execute(text("select 1"))  # type: ignore[attr-defined, session-unentered]

        return StreamingResponse(rows())

    @app.get("/state")
    async def state() -> list[int]:
        return [database.pool.checkedout(), *sorted(await database.kept())]

    app.add_middleware(HideErrors)
    app.add_middleware(SessionGuardMiddleware, monitor=monitor)
    return app


@contextmanager
def served(app: FastAPI) -> Iterator[str]:
    config = uvicorn.Config(app, host="127.0.0.1", port=0, log_level="critical", ws="none")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        until(lambda: server.started or not thread.is_alive())
        assert server.started
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(20)
    assert not thread.is_alive()


def until(true: Callable[[], bool]) -> None:
    for _ in range(1000):
        if true():
            return
        time.sleep(0.01)
    pytest.fail("it did not come true")


@pytest.fixture
def monitor() -> SessionMonitor:
    return SessionMonitor()


@pytest.fixture
def url(database: Database, monitor: SessionMonitor) -> Iterator[str]:
    with served(application(database, monitor)) as url:
        yield url


def test_requests(url: str, monitor: SessionMonitor) -> None:
    async def send() -> list[int]:
        async with httpx.AsyncClient(timeout=20) as client:

            async def one(path: str) -> int:
                return (await client.get(f"{url}{path}")).status_code

            paths = [f"/insert/{row}" for row in range(40)]
            paths += [f"/scope/{row}" for row in range(100, 140)]
            requests: list[Awaitable[int]] = [one(path) for path in paths]
            return list(await asyncio.gather(*requests))

    assert asyncio.run(send()) == [200, 409] * 20 + [200] * 40
    assert httpx.get(f"{url}/state").json() == [0, *range(0, 40, 2), *range(100, 140)]
    assert monitor.summary().total == 0


@pytest.mark.filterwarnings("ignore:.*was never awaited:RuntimeWarning")
def test_a_misuse_is_not_let_through(url: str, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.CRITICAL, "mypy_asyncsession"):
        response = httpx.get(f"{url}/misuse")
    assert (response.status_code, response.text) == (500, "Internal Server Error")
    (record,) = (each for each in caplog.records if each.name == "mypy_asyncsession")
    assert record.levelname == "CRITICAL"
    assert "manager" in record.getMessage()


def test_a_client_that_goes_away(url: str, monitor: SessionMonitor) -> None:
    with httpx.stream("GET", f"{url}/stream/5000") as response:
        next(response.iter_lines())
    until(lambda: httpx.get(f"{url}/state").json() == [0])
    assert monitor.summary().total == 0


def test_a_client_that_goes_away_without_a_word(url: str) -> None:
    host, port = url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as connection:
        connection.sendall(b"GET /stream/5000 HTTP/1.1\r\nHost: here\r\n\r\n")
        assert connection.recv(10) == b"HTTP/1.1 2"
    until(lambda: httpx.get(f"{url}/state").json() == [0])


def test_a_response_that_has_begun_is_cut_off(url: str, monitor: SessionMonitor) -> None:
    with httpx.stream("GET", f"{url}/begun") as response:
        assert response.status_code == 200
        with pytest.raises(httpx.RemoteProtocolError):
            list(response.iter_bytes())
    assert monitor.summary().total == 1


def test_a_whole_stream(url: str) -> None:
    assert len(httpx.get(f"{url}/stream/50", timeout=20).text.splitlines()) == 50
