"""Which exceptions tell of a misuse, and what the guard does in places that a route has not."""

from __future__ import annotations

import asyncio
import importlib.util
import logging
import sys
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.endpoints import HTTPEndpoint
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from mypy_asyncsession.runtime import SessionGuardMiddleware, SessionMonitor
from mypy_asyncsession.runtime.gives import gives_session
from mypy_asyncsession.runtime.resources import Resources
from mypy_asyncsession.runtime.surfaced import surfaced
from tests.harness.workspace import TEST_DATA

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from sqlalchemy.ext.asyncio import AsyncSession
    from starlette.requests import Request
    from starlette.responses import Response

    from mypy_asyncsession.runtime.surfaced import Surfaced


def load() -> Any:
    """Code that is wrong on purpose is with the data, so that nobody checks it."""
    path = TEST_DATA / "runtime" / "misuses.py"
    spec = importlib.util.spec_from_file_location("misuses", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["misuses"] = module
    spec.loader.exec_module(module)
    return module


MISUSES = load()


def wrong(_request: Request) -> Response:
    return MISUSES.wrong()  # type: ignore[no-any-return]


def methods(owner: type) -> list[str]:
    return [name for name in vars(owner) if not name.startswith("_")]


def told(work: Callable[[], Awaitable[None]]) -> Surfaced | None:
    try:
        asyncio.run(work())  # type: ignore[arg-type]
    except Exception as error:  # noqa: BLE001
        return surfaced(error, Resources())
    pytest.fail("it is not wrong")


@pytest.mark.parametrize("name", methods(MISUSES.Uses))
def test_a_misuse_is_told_by_its_exception(name: str) -> None:
    found = told(getattr(MISUSES.Uses(), name))
    assert found is not None
    assert found.what
    assert found.remedy or "write" in found.what
    for provider_name in ("manager", "generator", "provided"):
        if found.origin is not None and found.origin.name == provider_name:
            assert "misuses.py:" in found.origin.place


@pytest.mark.parametrize("name", methods(MISUSES.Others))
def test_other_errors_do_not(name: str) -> None:
    assert told(getattr(MISUSES.Others(), name)) is None


def test_in_a_group() -> None:
    class Group(Exception):
        """As ``ExceptionGroup``, which Python 3.10 has not."""

        def __init__(self, *exceptions: Exception) -> None:
            self.exceptions = exceptions

    with pytest.raises(AttributeError) as caught:
        MISUSES.wrong()
    found = surfaced(Group(ValueError(), caught.value), Resources())
    assert found is not None
    assert found.origin is not None
    assert found.origin.name == "manager"


def test_resources_have_names_of_their_own() -> None:
    class Connection:
        def fetchrow(self) -> None: ...

    with pytest.raises(AttributeError) as caught:
        MISUSES.fetches()
    assert surfaced(caught.value, Resources()) is None
    assert surfaced(caught.value, Resources([Connection])) is not None


class Endpoint(HTTPEndpoint):
    async def get(self, request: Request) -> Response:
        return wrong(request)


class Hiding:
    """Hides errors, and hands a copy of the scope on."""

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        try:
            await self.app(dict(scope), receive, send)
        except Exception:  # noqa: BLE001
            await PlainTextResponse("hidden")(scope, receive, send)


@pytest.mark.parametrize("guards", [1, 2])
def test_starlette_alone(guards: int, caplog: pytest.LogCaptureFixture) -> None:
    monitor = SessionMonitor()
    app = Starlette(routes=[Route("/function", wrong), Route("/class", Endpoint)])
    app.add_middleware(Hiding)
    for _ in range(guards):
        app.add_middleware(SessionGuardMiddleware, monitor=monitor)
    with TestClient(app, raise_server_exceptions=False) as client:
        for path in ("/function", "/class"):
            assert client.get(path).status_code == 500
        assert client.get("/missing").status_code == 404
    assert monitor.summary().total == 2
    assert [record.levelname for record in caplog.records] == ["CRITICAL"] * 2
    assert [record.exc_info is not None for record in caplog.records] == [True, True]


def test_a_mounted_application_guards_itself() -> None:
    inner_monitor, outer_monitor = SessionMonitor(), SessionMonitor()
    inner = FastAPI()
    inner.add_route("/wrong", wrong)
    inner.add_middleware(SessionGuardMiddleware, monitor=inner_monitor)
    outer = FastAPI()
    outer.add_route("/wrong", wrong)
    outer.mount("/inner", inner)
    outer.add_middleware(SessionGuardMiddleware, monitor=outer_monitor)
    client = TestClient(outer, raise_server_exceptions=False)
    assert client.get("/inner/wrong").status_code == 500
    assert client.get("/wrong").status_code == 500
    assert inner_monitor.summary().total == outer_monitor.summary().total == 1


Messages = list[dict[str, Any]]


def serve(app: Any, kind: str = "http") -> tuple[Messages, BaseException | None]:
    """What an application sends through the guard, and what it raises."""
    sent: Messages = []

    async def receive() -> dict[str, Any]:
        return {"type": f"{kind}.request"}

    async def send(message: Any) -> None:
        sent.append(dict(message))

    async def main() -> BaseException | None:
        guard = SessionGuardMiddleware(app, monitor=SessionMonitor(logger=logging.Logger("none")))  # noqa: LOG001
        try:
            await guard({"type": kind}, receive, send)
        except BaseException as error:  # noqa: BLE001
            return error
        return None

    return sent, asyncio.run(main())


START = {"type": "http.response.start", "status": 200, "headers": []}
BODY = {"type": "http.response.body", "body": b"one", "more_body": True}
END = {"type": "http.response.body", "body": b"", "more_body": False}


def application(*steps: Any) -> Any:
    """An application that sends messages, and does wrong where there is a function."""

    async def app(_scope: Any, _receive: Any, send: Any) -> None:
        for step in steps:
            if callable(step):
                step()
            else:
                await send(step)

    return app


def test_before_the_response() -> None:
    sent, error = serve(application(MISUSES.wrong, START, END))
    assert isinstance(error, AttributeError)  # raised behind the answer, as Starlette does
    assert [message["type"] for message in sent] == [START["type"], END["type"]]
    assert sent[0]["status"] == 500


def test_in_the_response() -> None:
    sent, error = serve(application(START, BODY, MISUSES.wrong))
    assert sent == [START, BODY]
    assert isinstance(error, AttributeError)


def test_behind_the_response() -> None:
    sent, error = serve(application(START, END, MISUSES.wrong))
    assert sent == [START, END]
    assert isinstance(error, AttributeError)


def test_other_errors_pass() -> None:
    def fail() -> None:
        raise KeyError

    def stop() -> None:
        raise asyncio.CancelledError

    assert isinstance(serve(application(fail))[1], KeyError)
    assert isinstance(serve(application(stop))[1], asyncio.CancelledError)


def test_what_is_no_request_passes() -> None:
    message = {"type": "lifespan.startup.complete"}
    assert serve(application(message), "lifespan") == ([message], None)
    sent, error = serve(application(MISUSES.wrong), "lifespan")
    assert sent == []
    assert isinstance(error, AttributeError)


def test_websockets() -> None:
    accept, text = {"type": "websocket.accept"}, {"type": "websocket.send", "text": "in"}
    assert serve(application(accept, text), "websocket") == ([accept, text], None)
    sent, error = serve(application(MISUSES.wrong, accept, text), "websocket")
    assert (sent, error) == ([{"type": "websocket.close", "code": 1011, "reason": ""}], None)
    sent, error = serve(application(accept, text, MISUSES.wrong), "websocket")
    assert sent == [accept, text]
    assert isinstance(error, AttributeError)


def test_a_starlette_that_it_does_not_know(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    for name in ("starlette.routing", "starlette.middleware.exceptions", "fastapi.routing"):
        monkeypatch.delattr(f"{name}.wrap_app_handling_exceptions")
    SessionGuardMiddleware(application())
    (record,) = caplog.records
    assert "sees a misuse only if nothing inside it hides it" in record.getMessage()


DENIED = PermissionError("made once, and raised for every request")


def denies(*, misuse: bool, quietly: bool = False) -> None:
    if misuse:
        try:
            MISUSES.wrong()
        except AttributeError as error:
            if quietly:
                raise DENIED from None
            if isinstance(error, AttributeError):
                raise DENIED from error
    raise DENIED


def test_an_exception_that_is_made_once() -> None:
    """It keeps what was handled when it was raised before, and its traceback grows."""

    def raised(**how: bool) -> Surfaced | None:
        with pytest.raises(PermissionError) as caught:
            denies(**how)
        return surfaced(caught.value, Resources())

    assert raised(misuse=False) is None
    assert raised(misuse=True) is not None
    assert DENIED.__cause__ is not None
    for _ in range(3):
        assert raised(misuse=False) is None
        assert raised(misuse=True, quietly=True) is None
        assert raised(misuse=True) is not None


def test_an_exception_that_is_raised_again() -> None:
    """On its way, and as the same one: that is no earlier time."""

    def inner() -> None:
        try:
            MISUSES.wrong()
        except AttributeError:
            raise ValueError  # noqa: B904

    def outer() -> None:
        try:
            inner()
        except ValueError as error:
            error.args = ("again",)
            raise error  # noqa: TRY201

    with pytest.raises(ValueError) as caught:  # noqa: PT011
        outer()
    assert surfaced(caught.value, Resources()) is not None


async def numbers() -> AsyncIterator[int]:
    yield 1


async def unannotated():  # type: ignore[no-untyped-def]
    yield MISUSES.Maker()


async def of_another_module() -> AsyncIterator[AsyncSession]:
    yield MISUSES.Maker()


async def rows():  # type: ignore[no-untyped-def]
    async with MISUSES.Maker() as session:
        for row in await session.scalars("select 1"):
            yield row.name


async def begins():  # type: ignore[no-untyped-def]
    async with MISUSES.Maker.begin() as session:
        yield session


async def borrows(session: AsyncSession):  # type: ignore[no-untyped-def]
    yield await session.scalar("select 1")  # type: ignore[call-overload]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (numbers, False),
        (unannotated, True),
        (of_another_module, True),
        (MISUSES.manager, True),
        (MISUSES.provided, True),
        (MISUSES.Maker, True),
        (MISUSES.coroutine, True),
        (MISUSES.function, None),
        (rows, None),
        (begins, True),
        (borrows, None),
        (len, None),
        (partial(MISUSES.generator), True),
        (lambda: MISUSES.generator() or None, None),
        (MISUSES.Uses.enters_a_generator, None),
        (3, None),
    ],
)
def test_whether_a_provider_is_there_for_a_session(given: Any, expected: bool | None) -> None:
    assert bool(gives_session(given, Resources())) == bool(expected)
    if expected is False:
        assert gives_session(given, Resources()) is False
