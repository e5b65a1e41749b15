"""Finds what is left to the garbage collector: providers that are left at their yield, sessions."""

from __future__ import annotations

import random
import threading
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from mypy_asyncsession.runtime.generators import GENERATORS
from mypy_asyncsession.runtime.monitor import Misuse, give_up, logger
from mypy_asyncsession.runtime.objects import readable, shown
from mypy_asyncsession.runtime.opened import SESSIONS, opened_by, text_of
from mypy_asyncsession.runtime.providing import DECORATED
from mypy_asyncsession.runtime.reports import REPORTS
from mypy_asyncsession.runtime.resources import Resources
from mypy_asyncsession.runtime.source import body_of

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Iterable
    from types import CodeType, FrameType, TracebackType

    from typing_extensions import Self

    from mypy_asyncsession.runtime.generators import Begun
    from mypy_asyncsession.runtime.monitor import SessionMonitor
    from mypy_asyncsession.runtime.opened import Opened, Place

#: How many leaks are kept; those after that are only counted.
_KEPT = 1000
#: How many may wait to be reported.
_WAITING = 10_000


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
    loop gets to it, if ever, and its connection is out of the pool until then. A session, or an
    ``AsyncConnection``, that is dropped while it holds a connection of its own keeps that until the
    garbage collector comes by.

    A generator counts if ``provider`` decorates its function, or if it has a session in a variable
    that it yields or that a ``with`` of its own has opened: one that yields rows of somebody
    else's session may be dropped. Of sessions, SQLAlchemy's are watched.

    Between ``start`` and ``stop``, or inside ``with``, it watches the event loops of all threads
    that start to run and the one that runs. Hooks that exist are called as before. What was begun
    before is not seen, and neither is what ends after. Leaks are reported by a thread of its own,
    a moment later, never from inside the collector; ``leaks``, ``count``, ``take`` and ``stop``
    report what is still to be reported.

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
        #: What watches, from one start to the next stop.
        self._watch: _Watch | None = None
        self._tag: object = None
        self._leaks: list[tuple[object, Leak]] = []
        self._count = 0

    @property
    def leaks(self) -> tuple[Leak, ...]:
        """What was found since it was started; the first 1,000 of it."""
        self._report()
        return tuple(leak for _, leak in self._leaks)

    @property
    def count(self) -> int:
        """How many were found since it was started."""
        self._report()
        return self._count

    def take(self) -> tuple[Leak, ...]:
        """What was found, which is forgotten by that."""
        return tuple(leak for _, leak in self._take())

    def start(self) -> Self:
        """Begin to watch.

        Raises:
            RuntimeError: It does so already.
        """
        if self._watch is not None:
            raise RuntimeError("the leak detector is running already")
        self._leaks, self._count = [], 0
        watch = self._watch = _Watch(self, self._sample, self._resources, self._tag)
        REPORTS.add(watch)
        GENERATORS.add(watch)
        SESSIONS.add(watch)
        return self

    def stop(self) -> None:
        """Stop watching; what exists is no longer looked at."""
        watch = self._watch
        if watch is None:
            return
        GENERATORS.remove(watch)
        SESSIONS.remove(watch)
        watch.report()
        REPORTS.remove(watch)
        self._watch = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def _report(self) -> None:
        if self._watch is not None:
            self._watch.report()

    def _take(self) -> list[tuple[object, Leak]]:
        """What was found, each with what was going on as it was begun."""
        self._report()
        found = []
        while self._leaks:  # the thread may add to it meanwhile
            found.append(self._leaks.pop(0))
        return found

    def _set_tag(self, tag: object) -> None:
        """Say what is going on, such as a test."""
        self._tag = tag
        SESSIONS.install()  # SQLAlchemy may be loaded by now
        if self._watch is not None:
            self._watch.tag = tag

    def _is_any_open(self, *tags: object) -> bool:
        """Whether something is open that was begun under a tag, or at all if none is given."""
        return self._watch is not None and self._watch.is_any_open(tags)

    def _found(self, leak: Leak, tag: object) -> None:
        """Keep a leak, and say so. Nothing is raised."""
        self._count += 1
        if len(self._leaks) < _KEPT:
            self._leaks.append((tag, leak))
        try:
            if self._on_leak is not None:
                self._on_leak(leak)
            elif self._monitor is not None:
                self._monitor.record(Misuse(str(leak), "", kind="leak"))
            else:
                logger.warning("%s", leak)
        except Exception:  # noqa: BLE001 - nobody could catch it
            give_up("a leak could not be reported")


class _Dropped(NamedTuple):
    """A generator, as the collector found it."""

    code: CodeType
    name: str
    #: The variables that hold a session.
    holding: frozenset[str]
    created: Place
    tag: object


class _Watch:
    """What a detector sees, from one start to the next stop."""

    def __init__(
        self, detector: LeakDetector, sample: float, resources: Resources, tag: object
    ) -> None:
        self.tag = tag
        self._detector = detector
        self._sample = sample
        self._resources = resources
        self._lock = threading.RLock()
        self._waiting: deque[_Dropped | tuple[Opened, object]] = deque(maxlen=_WAITING)

    def samples(self) -> bool:
        return self._sample >= 1 or random.random() < self._sample

    # What the collector calls.

    def dropped(self, generator: AsyncGenerator[Any, Any], begun: Begun, tag: object) -> None:
        inside: Any = generator
        holding = self._holding(inside)
        if not holding and inside.ag_code not in DECORATED:
            return
        for name in holding:
            opened = opened_by(inside.ag_frame.f_locals[name])
            if opened is not None:
                opened.is_accounted_for = True
        found = _Dropped(inside.ag_code, inside.__qualname__, holding, begun.created, tag)
        self._waiting.append(found)
        REPORTS.wake()

    def left_open(self, opened: Opened) -> None:
        tags = zip(opened.watchers, opened.tags, strict=True)
        self._waiting.append((opened, next(tag for each, tag in tags if each is self)))
        REPORTS.wake()

    def _holding(self, generator: Any) -> frozenset[str]:
        """The variables of a generator that hold a session and are not its parameters."""
        frame: FrameType | None = generator.ag_frame
        if frame is None:
            return frozenset()
        code: CodeType = generator.ag_code
        parameters = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
        return frozenset(
            name
            for name, value in frame.f_locals.items()
            if name not in parameters and self._resources.hold(value, quietly=True)
        )

    # What everybody else does.

    def began(self, opened: Opened) -> None:
        pass

    def ended(self, opened: Opened) -> None:
        pass

    def is_any_open(self, tags: tuple[object, ...]) -> bool:
        for opened in list(SESSIONS.opened.values()):
            if opened.is_open:
                for each, tag in zip(opened.watchers, opened.tags, strict=True):
                    if each is self and (tag in tags or not tags):
                        return True
        return any(
            self._is_provider(_code(generator), self._holding(generator))
            for generator, tag in GENERATORS.unfinished(self)
            if tag in tags or not tags
        )

    def report(self) -> None:
        """Report what was found. Nothing is raised."""
        with self._lock:
            while self._waiting:
                found = self._waiting.popleft()
                try:
                    if isinstance(found, _Dropped):
                        if self._is_provider(found.code, found.holding):
                            self._detector._found(_of_generator(found), found.tag)  # noqa: SLF001
                    elif not found[0].is_accounted_for:
                        self._detector._found(_of_session(found[0]), found[1])  # noqa: SLF001
                except Exception:  # noqa: BLE001 - the next one is to be reported all the same
                    give_up("a leak could not be looked at")

    def _is_provider(self, code: CodeType, holding: frozenset[str]) -> bool:
        """Whether a generator hands a session out, or has opened one: others only borrow it."""
        if code in DECORATED:
            return True
        body = body_of(code) if holding else None
        return body is not None and bool(holding & (body.handed_names | body.entered))


def _code(generator: Any) -> CodeType:
    code: CodeType = generator.ag_code
    return code


def _of_generator(found: _Dropped) -> Leak:
    name = readable(found.name)
    place = f"{shown(found.code.co_filename)}:{found.code.co_firstlineno}"
    return Leak(
        f'the generator of "{name}" ({place})',
        text_of(found.created),
        f'write "async with session_scope({name}) as session"',
    )


def _of_session(opened: Opened) -> Leak:
    maker = "engine.connect() as connection" if opened.held is not None else "maker() as session"
    remedy = f'close it, or write "async with {maker}"'
    return Leak(f'a "{opened.name}" that holds a connection', text_of(opened.created), remedy)
