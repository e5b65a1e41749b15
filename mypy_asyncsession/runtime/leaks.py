"""Finds what is left to the garbage collector: providers that are left at their yield, sessions."""

from __future__ import annotations

import random
import sys
import threading
import weakref
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mypy_asyncsession.runtime.monitor import Misuse, give_up, logger
from mypy_asyncsession.runtime.objects import origin_of
from mypy_asyncsession.runtime.opened import Sessions, place_of, text_of
from mypy_asyncsession.runtime.resources import Resources

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Iterable
    from types import CodeType, FrameType, TracebackType

    from typing_extensions import Self

    from mypy_asyncsession.runtime.monitor import SessionMonitor
    from mypy_asyncsession.runtime.opened import Place

    Hook = Callable[[AsyncGenerator[Any, Any]], Any]

#: How many leaks are kept; those after that are only counted.
_KEPT = 1000
#: How many generators may die at once and still be known when the hooks are called for them.
_DYING = 10_000


@dataclass(frozen=True)
class Leak:
    """A provider or a session that was left to the garbage collector.

    Attributes:
        what: What was left, such as ``the generator of "get_db" (app/db.py:12)``.
        created: The line that created it or began it, as ``app/jobs.py:40``; empty if unknown.
        remedy: What to write instead.
    """

    what: str
    created: str
    remedy: str

    def __str__(self) -> str:
        begun = f", begun at {self.created}," if self.created else ""
        return f"{self.what}{begun} was left to the garbage collector: {self.remedy}"


class LeakDetector:
    """Notices providers that are dropped at their ``yield``, and sessions that nobody closes.

    The code behind the ``yield`` of an async generator that is dropped there runs when the event
    loop gets to it, if ever, and its connection is out of the pool until then. A session that is
    dropped while it holds a connection keeps that until the garbage collector comes by.

    A generator counts if it has a session in a variable that is not one of its parameters, or if
    ``provider`` decorates its function. Of sessions, SQLAlchemy's are watched.

    Between ``start`` and ``stop``, or inside ``with``, it watches the event loops of all threads
    that start to run and the one that runs. Hooks that exist are called as before. What was begun
    before is not seen.

    Args:
        sample: The part of all generators and sessions that is watched, from 0 to 1.
        resources: Classes that count as sessions besides SQLAlchemy's, or their full names.
        monitor: Where leaks are recorded; without one, each is logged as a warning.
        on_leak: Called with each leak, in place of the log.

    Raises:
        ValueError: *sample* is not between 0 and 1.
    """

    def __init__(
        self,
        *,
        sample: float = 1.0,
        resources: Iterable[str | type] = (),
        monitor: SessionMonitor | None = None,
        on_leak: Callable[[Leak], object] | None = None,
    ) -> None:
        if not 0 <= sample <= 1:
            raise ValueError(f"sample is a part of all, from 0 to 1, and not {sample!r}")
        self._sample = sample
        self._resources = Resources(resources)
        self._monitor = monitor
        self._on_leak = on_leak
        self._lock = threading.RLock()  # the collector may come by while it is held
        self._running = False
        self._leaks: list[Leak] = []
        self._count = 0
        # By identity, because a weak reference is dead when the collector says what it found.
        self._begun: dict[int, tuple[weakref.ref[Any], Place]] = {}
        self._dying: dict[int, Place] = {}
        self._set_hooks: Any = None
        self._sessions: Sessions | None = None

    @property
    def leaks(self) -> tuple[Leak, ...]:
        """What was found since it was started; the first 1,000 of it."""
        return tuple(self._leaks)

    @property
    def count(self) -> int:
        """How many were found since it was started."""
        return self._count

    def take(self) -> tuple[Leak, ...]:
        """What was found, which is forgotten by that."""
        with self._lock:
            found, self._leaks = tuple(self._leaks), []
            return found

    def start(self) -> Self:
        """Begin to watch.

        Raises:
            RuntimeError: It does so already.
        """
        if self._running:
            raise RuntimeError("the leak detector is running already")
        self._running = True
        self._leaks, self._count = [], 0
        self._watch_generators()
        self.watch_sessions()
        return self

    def watch_sessions(self) -> None:
        """Watch SQLAlchemy's sessions, too, if SQLAlchemy was not loaded before and is now."""
        if self._running and self._sessions is None and "sqlalchemy.orm" in sys.modules:
            self._sessions = Sessions(self.watches, self._left_open)

    def stop(self) -> None:
        """Stop watching; what exists is no longer looked at."""
        self._running = False
        if self._sessions is not None:
            self._sessions.stop()
            self._sessions = None
        if self._set_hooks is not None:
            original = self._set_hooks.original
            if sys.set_asyncgen_hooks is self._set_hooks:
                sys.set_asyncgen_hooks = original
        hooks = sys.get_asyncgen_hooks()
        if _is_of(hooks.firstiter, self) and _is_of(hooks.finalizer, self):
            first: Any = hooks.firstiter
            last: Any = hooks.finalizer
            sys.set_asyncgen_hooks(first.original, last.original)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def _watch_generators(self) -> None:
        # A loop sets hooks of its own whenever it begins to run, and it looks the function up in
        # `sys` for that: so this is where ours can go around them.
        hooks = sys.get_asyncgen_hooks()
        self._set_hooks = _SetHooks(self, sys.set_asyncgen_hooks)
        sys.set_asyncgen_hooks = self._set_hooks
        self._set_hooks(hooks.firstiter, hooks.finalizer)

    def watches(self) -> bool:
        """Whether the next one is among those that are watched."""
        return self._running and (self._sample >= 1 or random.random() < self._sample)

    def began(self, generator: AsyncGenerator[Any, Any]) -> None:
        """Remember where a generator was begun. Nothing is raised: a generator is about to run."""
        try:
            self._remember(generator)
        except Exception:  # noqa: BLE001 - whatever it is, it is no business of the generator's
            give_up("a generator could not be looked at")

    def dropped(self, generator: AsyncGenerator[Any, Any]) -> None:
        """Look at one that was found un-exhausted. Nothing is raised: it is to be closed yet."""
        try:
            self._look_at(generator)
        except Exception:  # noqa: BLE001 - or nobody would close the generator
            give_up("a generator could not be looked at")

    def _remember(self, generator: AsyncGenerator[Any, Any]) -> None:
        key = id(generator)
        self._dying.pop(key, None)
        self._begun.pop(key, None)
        if self.watches():
            reference = weakref.ref(generator, lambda _: self._died(key))
            self._begun[key] = (reference, place_of(sys._getframe(3)))  # noqa: SLF001

    def _died(self, key: int) -> None:
        """Keep what is known of a generator for the hook that is called next, if it is called."""
        known = self._begun.pop(key, None)
        if known is not None:
            self._dying[key] = known[1]
            if len(self._dying) > _DYING:
                self._dying.pop(next(iter(self._dying)), None)

    def _look_at(self, generator: AsyncGenerator[Any, Any]) -> None:
        key = id(generator)
        created = self._dying.pop(key, None)
        if created is None and key in self._begun:
            created = self._begun.pop(key)[1]
        if created is None or not self._running or not self._is_provider(generator):
            return
        origin = origin_of(generator)
        name = origin.name if origin is not None else "provider"
        place = f" ({origin.place})" if origin is not None else ""
        self.found(
            Leak(
                f'the generator of "{name}"{place}',
                text_of(created),
                f'write "async with session_scope({name}) as session"',
            )
        )

    def _is_provider(self, generator: AsyncGenerator[Any, Any]) -> bool:
        from mypy_asyncsession.runtime.providing import DECORATED

        inside: Any = generator
        code: CodeType = inside.ag_code
        if code in DECORATED:
            return True
        frame: FrameType | None = inside.ag_frame
        if frame is None:
            return False
        parameters = code.co_argcount + code.co_kwonlyargcount
        own = set(code.co_varnames[:parameters])
        return any(
            self._resources.include(type(value))
            for name, value in frame.f_locals.items()
            if name not in own
        )

    def _left_open(self, name: str, created: Place) -> None:
        if self._running:
            remedy = 'close it, or write "async with maker() as session"'
            self.found(Leak(f'a "{name}" that holds a connection', text_of(created), remedy))

    def found(self, leak: Leak) -> None:
        """Report a leak. Nothing is raised: the collector is calling."""
        with self._lock:
            self._count += 1
            if len(self._leaks) < _KEPT:
                self._leaks.append(leak)
        try:
            if self._on_leak is not None:
                self._on_leak(leak)
            elif self._monitor is not None:
                self._monitor.record(Misuse(str(leak), "", kind="leak"))
            else:
                logger.warning("%s", leak)
        except Exception:  # noqa: BLE001 - nobody could catch it
            give_up("a leak could not be reported")


class _First:
    """The hook for a generator that begins, around another one."""

    def __init__(self, detector: LeakDetector, original: Hook | None) -> None:
        self.detector = detector
        self.original = original

    def __call__(self, generator: AsyncGenerator[Any, Any]) -> None:
        self.detector.began(generator)
        if self.original is not None:
            self.original(generator)


class _Last:
    """The hook for a generator that is collected un-exhausted, around another one."""

    def __init__(self, detector: LeakDetector, original: Hook | None) -> None:
        self.detector = detector
        self.original = original

    def __call__(self, generator: AsyncGenerator[Any, Any]) -> None:
        self.detector.dropped(generator)
        if self.original is not None:
            self.original(generator)


class _SetHooks:
    """``sys.set_asyncgen_hooks`` that puts a detector's hooks around what it is given.

    Where no hook is given, there is no loop that closes what is dropped, and none is put there.
    """

    def __init__(self, detector: LeakDetector, original: Any) -> None:
        self.detector = detector
        self.original = original

    def __call__(self, *args: Any, **kwargs: Any) -> None:
        given = dict(zip(("firstiter", "finalizer"), args, strict=False)) | kwargs
        for name, around in (("firstiter", _First), ("finalizer", _Last)):
            hook = given.get(name)
            if hook is not None and not _is_of(hook, self.detector):
                given[name] = around(self.detector, hook)
        self.original(**given)


def _is_of(hook: Any, detector: LeakDetector) -> bool:
    return isinstance(hook, (_First, _Last)) and hook.detector is detector
