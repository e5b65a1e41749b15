"""Fails closed: a request in which a provider was misused is answered 500, whoever hides that."""

from __future__ import annotations

import functools
import importlib
import logging
import sys
from typing import TYPE_CHECKING, Any

from mypy_asyncsession.runtime.audit import undriven_guard
from mypy_asyncsession.runtime.dependencies import Endpoint, route_of
from mypy_asyncsession.runtime.errors import SessionTypeError
from mypy_asyncsession.runtime.monitor import Misuse, SessionMonitor, give_up, logger
from mypy_asyncsession.runtime.objects import origin_of
from mypy_asyncsession.runtime.resources import Resources
from mypy_asyncsession.runtime.surfaced import surfaced

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, MutableMapping

    Scope = MutableMapping[str, Any]
    Message = MutableMapping[str, Any]
    Receive = Callable[[], Awaitable[Message]]
    Send = Callable[[Message], Awaitable[None]]
    App = Callable[[Scope, Receive, Send], Awaitable[None]]

_KEY = "mypy_asyncsession.watch"
_ANSWER = b"Internal Server Error"
#: Where an exception of a handler or a dependency passes by first. Both frameworks look this
#: function up for each request, so that it can be replaced for routes that exist.
_PASSED_BY = "wrap_app_handling_exceptions"
_MODULES = ("starlette.routing", "starlette.middleware.exceptions", "fastapi.routing")


class SessionGuardMiddleware:
    """Answers 500 to a request in which the misuse of a provider has surfaced.

    Such a misuse is an ``AttributeError`` or ``TypeError`` that comes from taking a provider, or
    what it handed out, for a session or for the wrong kind of provider. It is noticed where the
    handler or the dependency raises it, so that middleware and exception handlers inside this one
    cannot hide it; and so is a dependency without a parameter that FastAPI cannot drive, which
    would let every request pass. The first time, it is logged as CRITICAL with what to write
    instead; after that as ERROR. The monitor counts it.

    A response that has begun is cut off; one that is complete stays. A websocket that was not
    accepted is closed. All else is passed on as it is.

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
        #: What is known of a route's dependencies, by the identity of FastAPI's record of it.
        self._guards: dict[int, tuple[Any, Any]] = {}
        _watch_routes()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request, as ASGI has it."""
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        outer = scope.get(_KEY)
        watch = scope[_KEY] = _Watch(self, scope, send)
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
            scope[_KEY] = outer  # another guard, outside of this one

    def passes(self, scope: Scope) -> tuple[Any, str, str] | None:
        """A dependency of the route that lets every request pass, with what to say of it."""
        dependant = getattr(route_of(scope), "dependant", None)
        if dependant is None:
            return None
        overrides = getattr(scope.get("app"), "dependency_overrides", None)
        if overrides:  # in tests, and they come and go
            return self._look_at(Endpoint("", dependant, overrides))
        known = self._guards.get(id(dependant))
        if known is None:
            found = self._look_at(Endpoint("", dependant, {}))
            # With the record itself, so that its identity is not given to another one.
            known = self._guards[id(dependant)] = (dependant, found)
        return known[1]

    def _look_at(self, endpoint: Endpoint) -> tuple[Any, str, str] | None:
        try:
            return undriven_guard(endpoint, self.resources)
        except Exception:  # noqa: BLE001 - a FastAPI to come may keep its records in another way
            logger.warning("the dependencies of a route cannot be read", exc_info=True)
            return None


class _Watch:
    """One request."""

    def __init__(self, guard: SessionGuardMiddleware, scope: Scope, send: Send) -> None:
        self._guard = guard
        self._scope = scope
        #: What the routes have made of it: middleware may hand a copy on.
        self._inner = scope
        self._send = send
        self._misuse: Misuse | None = None
        self._started = False
        self._complete = False
        self._answered = False

    def around(self, app: App) -> App:
        """An application whose exceptions are noticed; that of one route, or of all."""

        async def watched(scope: Scope, receive: Receive, send: Send) -> None:
            self._inner = scope
            try:
                self._refuse_if_unguarded(scope)
                await app(scope, receive, send)
            except Exception as error:
                self.notice(error)
                raise

        return watched

    def notice(self, error: Exception) -> None:
        """Look whether an exception tells of a misuse; the first one of a request counts."""
        if self._misuse is not None:
            return
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
            )

    async def send(self, message: Message) -> None:
        """Pass a message on, unless the request is to be refused."""
        kind = message["type"]
        if self._misuse is not None and not self._complete:
            if self._started:
                self.cut_off()
            if kind in ("http.response.start", "websocket.accept", "websocket.http.response.start"):
                await self.close()
            if self._answered or kind.startswith("http."):
                return
        if kind in ("http.response.start", "websocket.accept"):
            self._started = True
        elif kind == "http.response.body" and not message.get("more_body", False):
            self._complete = True
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

    def _refuse_if_unguarded(self, scope: Scope) -> None:
        found = self._guard.passes(scope)
        if found is None or self._misuse is not None:
            return
        call, message, remedy = found
        origin = origin_of(call)
        error = SessionTypeError(f"{message}: {remedy}")
        misuse = Misuse(
            what=message,
            context=self._context(),
            remedy=remedy,
            provider=origin.name if origin is not None else None,
            place=origin.place if origin is not None else None,
        )
        self._record(misuse, error)
        raise error

    def _record(self, misuse: Misuse, error: Exception) -> None:
        self._misuse = misuse
        self._guard.monitor.record(misuse, level=logging.CRITICAL, error=error, again=logging.ERROR)

    def _context(self) -> str:
        # The route's path, not the request's: there are only so many of them.
        path = getattr(route_of(self._inner), "path", None)
        method = self._scope.get("method", "WEBSOCKET")
        return f"{method} {path}" if path else str(method)


def _watch_routes() -> None:
    """Have the exceptions of all routes pass by the watch of their request, if it has one."""
    seen = False
    for name in _MODULES:
        if name.partition(".")[0] not in sys.modules:
            continue
        module = importlib.import_module(name)
        original = getattr(module, _PASSED_BY, None)
        if original is None:
            continue
        seen = True
        if not hasattr(original, _KEY):
            setattr(module, _PASSED_BY, _passing_by_watch(original))
    if not seen:
        logger.warning(
            "SessionGuardMiddleware finds no Starlette that it knows: "
            "it sees a misuse only if nothing inside it hides it"
        )


def _passing_by_watch(original: Callable[[App, Any], App]) -> Callable[[App, Any], App]:
    @functools.wraps(original)
    def wrap_app_handling_exceptions(app: App, conn: Any) -> App:
        watch = conn.scope.get(_KEY)
        return original(app if watch is None else watch.around(app), conn)

    setattr(wrap_app_handling_exceptions, _KEY, True)
    return wrap_app_handling_exceptions
