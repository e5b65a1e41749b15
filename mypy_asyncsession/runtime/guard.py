"""Fails closed: a request in which a provider was misused is answered 500, whoever hides that."""

from __future__ import annotations

import logging
from types import CoroutineType
from typing import TYPE_CHECKING, Any

from mypy_asyncsession.runtime.dependencies import parts_of, route_of
from mypy_asyncsession.runtime.errors import SessionTypeError
from mypy_asyncsession.runtime.monitor import Misuse, SessionMonitor, give_up
from mypy_asyncsession.runtime.objects import kind_of, origin_of
from mypy_asyncsession.runtime.resources import Resources
from mypy_asyncsession.runtime.routes import CURRENT, watch_routes
from mypy_asyncsession.runtime.solved import RAW, may_drive, told
from mypy_asyncsession.runtime.surfaced import surfaced

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, MutableMapping

    Scope = MutableMapping[str, Any]
    Message = MutableMapping[str, Any]
    Receive = Callable[[], Awaitable[Message]]
    Send = Callable[[Message], Awaitable[None]]
    App = Callable[[Scope, Receive, Send], Awaitable[None]]

_ANSWER = b"Internal Server Error"
#: A client may call its method whatever it likes.
_METHODS = frozenset({"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE"})


class SessionGuardMiddleware:
    """Answers 500 to a request in which the misuse of a session's provider has surfaced.

    Such a misuse is an ``AttributeError`` or ``TypeError`` that comes from taking a provider, or
    what it handed out, for a session or for the wrong kind of provider. It is noticed where the
    handler or the dependency raises it, so that middleware, exception handlers and route classes
    inside this one cannot hide it. And it is a dependency that gives a coroutine, a generator or a
    context manager which nobody drives, whether for sessions or not: what it was to check is not
    checked. The first time, it is logged as CRITICAL with what to write instead; after that as
    ERROR. The monitor counts it.

    When it has answered, it raises the exception, as Starlette does behind its own 500, so that
    servers, error trackers and test clients see it. A response that has begun is cut off; one that
    is complete stays. A websocket that was not accepted is closed. All else is passed on as it is.

    Args:
        app: The application.
        monitor: What counts; ``monitor`` of the middleware if not given.
        resources: Classes that count as sessions besides SQLAlchemy's, or their full names.
    """

    def __init__(
        self,
        app: App,
        *,
        monitor: SessionMonitor | None = None,
        resources: Iterable[str | type] = (),
    ) -> None:
        self.app = app
        self.resources = Resources(resources)
        self.monitor = SessionMonitor() if monitor is None else monitor
        watch_routes()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request, as ASGI has it."""
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        outer = CURRENT.get()  # of another guard, outside of this one
        watch = _Watch(self, scope, send)
        token = CURRENT.set(watch)
        try:
            await self.app(scope, receive, watch.send)
        except Exception as error:
            watch.notice(error)
            if not await watch.close():
                raise
        else:
            if not await watch.close():
                watch.cut_off()
        finally:
            CURRENT.reset(token)
            misuse = watch.forget()
            if isinstance(outer, _Watch) and misuse is not None:
                outer.knows(misuse)
        if misuse is not None:
            try:
                raise misuse
            finally:
                del misuse  # it holds this frame


class _Watch:
    """One request."""

    __slots__ = (
        "_answered", "_complete", "_error", "_guard", "_inner", "_misuse", "_scope", "_seen",
        "_send", "_started", "_wanted",
    )  # fmt: skip

    def __init__(self, guard: SessionGuardMiddleware, scope: Scope, send: Send) -> None:
        self._guard = guard
        self._scope = scope
        #: What the routes have made of it: middleware may hand a copy on.
        self._inner = scope
        self._send = send
        self._misuse: Misuse | None = None
        #: What it surfaced as, and what was looked at last.
        self._error: BaseException | None = None
        self._seen: BaseException | None = None
        #: What a parameter gets, though it has still to be driven.
        self._wanted: set[int] = set()
        self._started = False
        self._complete = False
        self._answered = False

    def around(self, app: App) -> App:
        """An application whose exceptions are noticed; that of one route, or of all."""

        async def watched(scope: Scope, receive: Receive, send: Send) -> None:
            self._inner = scope
            try:
                await app(scope, receive, send)
            except Exception as error:
                self.notice(error)
                raise

        return watched

    async def solving(
        self, solve: Callable[..., Any], arguments: dict[str, Any], is_whole: bool
    ) -> Any:
        """Look at what the dependencies of a handler give, or of one of them."""
        try:
            solved = await solve(**arguments)
        except Exception as error:
            self.notice(error)
            raise
        values, errors, cache = parts_of(solved)
        if not errors:
            self._look_at(values, cache if is_whole else {}, arguments["dependant"])
        return solved

    async def running(self, run: Callable[..., Any], arguments: dict[str, Any]) -> Any:
        """Look at what a handler raises: a route class may hide it."""
        try:
            return await run(**arguments)
        except Exception as error:
            self.notice(error)
            raise

    def _look_at(self, values: dict[str, Any], all_values: dict[Any, Any], dependant: Any) -> None:
        for name, value in values.items():
            if type(value) in RAW:
                if not may_drive(dependant.call, name, value):
                    self._refuse(value, _giver(dependant, name))
                self._wanted.add(id(value))
        for value in all_values.values():
            if type(value) in RAW and id(value) not in self._wanted:
                self._refuse(value, None)  # no parameter gets it

    def _refuse(self, value: Any, giver: Any) -> None:
        """Refuse a request, one of whose dependencies nobody drives.

        Raises:
            SessionTypeError: Always.
        """
        what, advice = told(value, giver)
        origin = origin_of(value)
        error = SessionTypeError(f"{what}: {advice}")
        self._seen = error
        if isinstance(value, CoroutineType):
            value.close()  # nobody is going to await it
        misuse = Misuse(
            what=what,
            context=self._context(),
            remedy=advice,
            provider=origin.name if origin is not None else None,
            place=origin.place if origin is not None else None,
            kind=kind_of(value).value,
        )
        self._record(misuse, error, error)
        raise error

    def notice(self, error: Exception) -> None:
        """Look whether an exception tells of a misuse; the first one of a request counts."""
        if self._misuse is not None or error is self._seen:
            return
        self._seen = error
        try:
            found = surfaced(error, self._guard.resources)
        except Exception:  # noqa: BLE001 - whatever looking at it does, the request goes on
            give_up("an exception could not be looked at")
            return
        if found is not None:
            origin = found.origin
            self._record(
                Misuse(
                    what=found.what,
                    context=self._context(),
                    remedy=found.remedy,
                    provider=origin.name if origin is not None else None,
                    place=origin.place if origin is not None else None,
                    kind=found.kind,
                ),
                error,
                found.error or error,
            )

    def knows(self, error: BaseException | None) -> None:
        """Pass over an exception that another guard, inside of this one, has seen to."""
        self._seen = error

    def forget(self) -> BaseException | None:
        """Drop the exceptions that were seen, which hold the frames of the request.

        Returns:
            What a misuse surfaced as, if the request was refused for it.
        """
        error, self._error, self._seen = self._error, None, None
        # A websocket is closed, which is all that there is to see for a client of it.
        return error if self._answered and self._scope["type"] == "http" else None

    def send(self, message: Message) -> Awaitable[None]:
        """Pass a message on, unless the request is to be refused."""
        kind = message["type"]
        if self._misuse is not None and not self._complete:
            return self._send_after_misuse(message)
        if kind in ("http.response.start", "websocket.accept"):
            self._started = True
        elif kind == "http.response.body" and not message.get("more_body", False):
            self._complete = True
        return self._send(message)

    async def _send_after_misuse(self, message: Message) -> None:
        kind = message["type"]
        if self._started:
            self.cut_off()
        if kind in ("http.response.start", "websocket.accept", "websocket.http.response.start"):
            await self.close()
        if not self._answered and not kind.startswith("http."):
            await self._send(message)

    async def close(self) -> bool:
        """Refuse the request, if there was a misuse and there is still time.

        Returns:
            Whether it is refused.
        """
        if self._misuse is None or self._started or self._answered:
            return self._answered
        self._answered = True
        if self._scope["type"] == "websocket":
            await self._send({"type": "websocket.close", "code": 1011, "reason": ""})
            return True
        headers = [
            (b"content-type", b"text/plain; charset=utf-8"),
            (b"content-length", str(len(_ANSWER)).encode()),
        ]
        await self._send({"type": "http.response.start", "status": 500, "headers": headers})
        await self._send({"type": "http.response.body", "body": _ANSWER})
        return True

    def cut_off(self) -> None:
        """Break a response off that has begun, if there was a misuse.

        Raises:
            SessionTypeError: There was; the server closes the connection.
        """
        if self._misuse is not None and self._scope["type"] == "http" and not self._complete:
            raise SessionTypeError(f"the response is cut off: {self._misuse}")

    def _record(self, misuse: Misuse, error: Exception, origin: BaseException) -> None:
        self._misuse, self._error = misuse, origin
        self._guard.monitor.record(misuse, level=logging.CRITICAL, error=error, again=logging.ERROR)

    def _context(self) -> str:
        # The route's path, not the request's, and no method that a client made up: there are only
        # so many of them.
        path = getattr(route_of(self._inner), "path", None)
        method = self._scope.get("method", "WEBSOCKET")
        if self._scope["type"] == "http" and method not in _METHODS:
            method = "another method"
        return f"{method} {path}" if path else str(method)


def _giver(dependant: Any, parameter: str) -> Any:
    """The dependency that a parameter gets its value from."""
    for each in dependant.dependencies:
        if each.name == parameter:
            return each.call
    return None
