"""Finds, in development and in tests, a session that two tasks use at once."""

from __future__ import annotations

import asyncio
import functools
import sys
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mypy_asyncsession.runtime.monitor import Misuse, give_up, logger
from mypy_asyncsession.runtime.opened import BETWEEN, text_of

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from types import FrameType, TracebackType

    from typing_extensions import Self

    from mypy_asyncsession.runtime.monitor import SessionMonitor
    from mypy_asyncsession.runtime.opened import Place

    #: A task, and the line in it, if it has any of its own.
    Use = tuple[Any, "Place | None"]

#: How many are kept; those after that are only counted.
_KEPT = 1000
#: Where SQLAlchemy's async sessions and connections do what they do, each by this function.
_MODULES = ("sqlalchemy.ext.asyncio.session", "sqlalchemy.ext.asyncio.engine")
_SPAWN = "greenlet_spawn"


@dataclass(frozen=True)
class SharedSession:
    """A session that two tasks have used at once.

    Attributes:
        name: The name of its class.
        first: The line of the use that had not ended, as ``app/jobs.py:40``.
        second: The line of the use in another task.
    """

    name: str
    first: str
    second: str

    def __str__(self) -> str:
        return (
            f'{self.second}: a "{self.name}" is used by a second task, while its use at '
            f"{self.first} has not ended: await one after the other, or open a session in each task"
        )


class TaskDetector:
    """Notices a session that a task uses while its use in another task has not ended.

    What SQLAlchemy does then depends on the driver and on the moment: it raises, or one task
    commits what is the other's. This sees each such use, at its line. It is for development and
    tests: ``pytest --session-tasks=error`` fails a test for it. Where none is running, nothing is
    put in place, and sessions cost what they cost without it.

    Args:
        monitor: Where such a use is recorded; without one, each is logged as a warning.
        on_shared: Called with each, in place of the log; what it raises reaches the second use.
    """

    def __init__(
        self,
        *,
        monitor: SessionMonitor | None = None,
        on_shared: Callable[[SharedSession], object] | None = None,
    ) -> None:
        self._monitor = monitor
        self._on_shared = on_shared
        self._shared: list[SharedSession] = []
        self._is_running = False

    @property
    def shared(self) -> tuple[SharedSession, ...]:
        """What was found since it was started; the first 1,000 of it."""
        return tuple(self._shared)

    def take(self) -> tuple[SharedSession, ...]:
        """What was found, which is forgotten by that."""
        found, self._shared = tuple(self._shared), []
        return found

    def start(self) -> Self:
        """Begin to watch; SQLAlchemy has to be loaded for it.

        Raises:
            RuntimeError: It does so already.
        """
        if self._is_running:
            raise RuntimeError("the task detector is running already")
        self._is_running = True
        self._shared = []
        _USES.add(self)
        return self

    def stop(self) -> None:
        """Stop watching."""
        self._is_running = False
        _USES.remove(self)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def _found(self, shared: SharedSession) -> None:
        if len(self._shared) < _KEPT:
            self._shared.append(shared)
        if self._on_shared is not None:
            self._on_shared(shared)
        elif self._monitor is not None:
            self._monitor.record(Misuse(str(shared), "", kind="shared by tasks"))
        else:
            logger.warning("%s", shared)


class _Uses:
    """The uses that go on, in this process."""

    def __init__(self) -> None:
        self._detectors: tuple[TaskDetector, ...] = ()
        self._lock = threading.Lock()
        self._going_on: dict[int, list[Use]] = {}
        self._undo: list[Callable[[], None]] = []

    def add(self, detector: TaskDetector) -> None:
        with self._lock:
            self._detectors = (*self._detectors, detector)
        self.install()

    def remove(self, detector: TaskDetector) -> None:
        with self._lock:
            self._detectors = tuple(each for each in self._detectors if each is not detector)
            while self._undo and not self._detectors:
                self._undo.pop()()

    def install(self) -> None:
        """Go around SQLAlchemy's own function, if it is loaded."""
        with self._lock:
            if self._detectors and not self._undo:
                for name in _MODULES:
                    module = sys.modules.get(name)
                    if module is not None and hasattr(module, _SPAWN):
                        self._undo.append(_patch(module, self._around(getattr(module, _SPAWN))))

    def _around(self, original: Callable[..., Coroutine[Any, Any, Any]]) -> Any:
        def greenlet_spawn(fn: Any, *args: Any, **kwargs: Any) -> Coroutine[Any, Any, Any]:
            used = self._used(fn, args) if self._detectors else None
            if used is None:
                return original(fn, *args, **kwargs)
            work = functools.partial(original, fn, *args, **kwargs)
            return self._use(used, sys._getframe(1), work)  # noqa: SLF001

        return greenlet_spawn

    def _used(self, fn: Any, args: tuple[Any, ...]) -> Any:
        """The session or the connection that a call is about."""
        from sqlalchemy.engine import Connection
        from sqlalchemy.orm import Session

        for given in (getattr(fn, "__self__", None), *args[:1]):
            if isinstance(given, (Session, Connection)):
                return given
        return None

    async def _use(self, used: Any, frame: Any, work: Callable[[], Any]) -> Any:
        mine = (asyncio.current_task(), _place(frame))
        del frame
        others = self._going_on.setdefault(id(used), [])
        first = next((each for each in others if each[0] is not mine[0]), None)
        others.append(mine)
        try:
            if first is not None:
                self._tell(used, first, mine)
            return await work()
        finally:
            others.remove(mine)
            if not others:
                self._going_on.pop(id(used), None)

    def _tell(self, used: Any, *uses: Use) -> None:
        first, second = (text_of(place or _awaited_at(task)) for task, place in uses)
        shared = SharedSession(type(used).__name__, first, second)
        for detector in self._detectors:
            detector._found(shared)  # noqa: SLF001


_USES = _Uses()


#: What runs a task.
_LOOPS = frozenset({"asyncio", "uvloop"})


def _place(frame: FrameType | None) -> Place | None:
    """The line of a task's own code that has come to a frame."""
    while frame is not None:
        package = str(frame.f_globals.get("__name__")).partition(".")[0]
        if package in _LOOPS:
            return None  # the task runs nothing but a method of the session
        if package not in BETWEEN:
            return frame.f_code.co_filename, frame.f_lineno
        frame = frame.f_back
    return None


def _awaited_at(task: Any) -> Place:
    """The line in another task that waits for one, by itself or in an ``asyncio.gather``."""
    for each in asyncio.all_tasks():
        waiter = getattr(each, "_fut_waiter", None)
        if waiter is task or task in getattr(waiter, "_children", ()):
            found: Place = ("", 0)
            coroutine: Any = each.get_coro()
            while coroutine is not None:
                frame = getattr(coroutine, "cr_frame", None)
                if frame is None:
                    break
                found = _place(frame) or found
                coroutine = getattr(coroutine, "cr_await", None)
            return found
    return "", 0


def _patch(module: Any, replacement: Any) -> Callable[[], None]:
    original = getattr(module, _SPAWN)
    setattr(module, _SPAWN, replacement)

    def undo() -> None:
        if getattr(module, _SPAWN) is replacement:
            setattr(module, _SPAWN, original)

    return undo


def install() -> None:
    """Watch what has been loaded since a detector was started."""
    try:
        _USES.install()
    except Exception:  # noqa: BLE001 - a release of SQLAlchemy may come that has no such function
        give_up("the uses of sessions could not be watched")
