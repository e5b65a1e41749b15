"""Functions that nobody would write, run to see which way Python takes through each.

Every event that can be seen from outside (a call, a manager that is entered or left, an element
that is asked for, an ``await``, a ``yield``) has a number in the source, says so when it happens,
and does what the driver decides: it gives a value, raises, swallows, is closed.
"""

from __future__ import annotations

import contextlib
import random
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

#: What becomes of an event.
OK, TRUE, FALSE = "ok", "true", "false"
ERROR, CANCEL, CLOSE = "error", "cancel", "close"
SWALLOW, ABANDON = "swallow", "abandon"


class Odd(Exception):
    """An exception whose class the graph does not know."""


class CancelledError(BaseException):
    """Like the one of asyncio."""


@dataclass
class Event:
    """One thing that happened."""

    label: tuple[str, int]
    outcome: str = OK
    value: object = None


def outcome_of(error: BaseException) -> str:
    """What the graph calls an exception."""
    if isinstance(error, GeneratorExit):
        return CLOSE
    return ERROR if isinstance(error, Exception) else CANCEL


class Run:
    """One run of one function: decides, and writes down what happened."""

    def __init__(self, seed: int, budget: int = 60) -> None:
        self.random = random.Random(seed)
        self.budget = budget
        self.events: list[Event] = []

    def chance(self, chance: float) -> bool:
        """Whether something is to happen; nothing more does when the budget is spent."""
        return self.budget > 0 and self.random.random() < chance

    def event(self, kind: str, number: int, *, raises: float = 0.12, waits: bool = False) -> Event:
        """Write down that something happens, and raise an exception instead now and then."""
        self.budget -= 1
        event = Event((kind, number))
        self.events.append(event)
        if self.chance(raises):
            classes: list[type[BaseException]] = [Odd, ValueError, KeyError]
            if waits:
                classes.append(CancelledError)
            error = self.random.choice(classes)()
            event.outcome = outcome_of(error)
            raise error
        return event

    def t(self, number: int) -> int:
        """A call, of whatever kind."""
        self.event("call", number)
        return number

    def c(self, number: int) -> bool:
        """A condition."""
        event = self.event("call", number)
        event.value = self.random.random() < 0.5
        return bool(event.value)

    def more(self, number: int) -> bool:
        """The condition of a loop."""
        event = self.event("call", number)
        event.value = self.chance(0.6)
        return bool(event.value)

    def stop(self, number: int) -> bool:
        """A condition that ends a loop."""
        event = self.event("call", number)
        event.value = not self.chance(0.6)
        return bool(event.value)

    def v(self, number: int) -> int:
        """A number to match."""
        event = self.event("call", number)
        event.value = value = self.random.randrange(4)
        return value

    def it(self, number: int) -> _Iterable:
        """Something to iterate over."""
        self.event("call", number)
        return _Iterable(self, number)

    def m(self, number: int) -> _Manager:
        """A manager that swallows nothing."""
        self.event("call", number)
        return _Manager(self, number, swallows=False)

    def quiet(self, number: int) -> _Manager:
        """A manager that may swallow exceptions."""
        self.event("call", number)
        return _Manager(self, number, swallows=True)

    def w(self, number: int) -> _Awaitable:
        """Something to wait for."""
        self.event("call", number)
        return _Awaitable(self, number)

    def y(self, number: int) -> int:
        """What is yielded; the yield itself comes next."""
        self.event("call", number)
        return number


@dataclass
class _Iterable:
    run: Run
    number: int

    def __iter__(self) -> _Iterable:
        self.run.event("iterate", self.number)
        return self

    def __aiter__(self) -> _Iterable:
        return self.__iter__()

    def _next(self, *, waits: bool) -> int | None:
        event = self.run.event("next", self.number, waits=waits)
        event.outcome = TRUE if self.run.chance(0.6) else FALSE
        return 1 if event.outcome == TRUE else None

    def __next__(self) -> int:
        found = self._next(waits=False)
        if found is None:
            raise StopIteration
        return found

    async def __anext__(self) -> int:
        found = self._next(waits=True)
        if found is None:
            raise StopAsyncIteration
        return found


@dataclass
class _Awaitable:
    run: Run
    number: int

    def __await__(self) -> Iterator[None]:
        self.run.event("await", self.number, waits=True)
        return iter(())


@dataclass
class _Manager:
    run: Run
    number: int
    swallows: bool

    def _enter(self, *, waits: bool) -> int:
        self.run.event("enter", self.number, waits=waits)
        return self.number

    def _leave(self, error: BaseException | None, *, waits: bool) -> bool:
        event = self.run.event("leave", self.number, waits=waits)
        if error is None:
            return self.swallows
        if self.swallows and self.run.chance(0.6):
            event.outcome = SWALLOW
            return True
        event.outcome = outcome_of(error)
        return False

    def __enter__(self) -> int:
        return self._enter(waits=False)

    def __exit__(self, _: object, error: BaseException | None, __: object) -> bool:
        return self._leave(error, waits=False)

    async def __aenter__(self) -> int:
        return self._enter(waits=True)

    async def __aexit__(self, _: object, error: BaseException | None, __: object) -> bool:
        return self._leave(error, waits=True)


@dataclass
class Writer:
    """Writes one function.

    Attributes:
        exact: Whether it is to have nothing in it of which the graph can only say what may be.
    """

    seed: int
    exact: bool = False
    lines: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)
        self._number = 0
        self._size = 14
        self.is_async = self._random.random() < 0.5
        self.is_generator = self._random.random() < 0.5
        self._depth_of_finally = 0

    def source(self) -> str:
        """The whole of it."""
        self.lines = [f"{'async ' if self.is_async else ''}def f():"]
        self._block(1, loop=False)
        if self.is_generator:
            self.lines.append(f"    yield y({self._next()})")
        return "\n".join(self.lines) + "\n"

    def _next(self) -> int:
        self._number += 1
        return self._number

    def _call(self, name: str) -> str:
        return f"{name}({self._next()})"

    def _put(self, depth: int, text: str) -> None:
        self.lines.append("    " * depth + text)

    def _condition(self) -> str:
        made = self._random.random()
        if made < 0.6:
            return self._call("c")
        if made < 0.7:
            return f"not {self._call('c')}"
        if made < 0.8:
            return f"not ({self._call('c')} or {self._call('c')})"
        if made < 0.9:
            return f"({self._call('c')} and not {self._call('c')})"
        return f"({self._call('c')} if {self._call('c')} else {self._call('c')})"

    def _expression(self) -> str:
        kinds = ["t", "t", "and", "or", "if", "pair", "walrus", "list", "chain", "lambda"]
        if self.is_async:
            kinds += ["await", "await", "awaits"]
        if self.is_generator:
            kinds += ["yield"]
        if self.exact:
            kinds.remove("chain")  # to compare may raise
        kind = self._random.choice(kinds)
        if kind == "and":
            return f"{self._call('c')} and {self._call('t')}"
        if kind == "or":
            return f"({self._call('c')} and {self._call('c')}) or {self._call('t')}"
        if kind == "if":
            return f"{self._call('t')} if {self._condition()} else {self._call('t')}"
        if kind == "pair":
            return f"[{self._call('t')}, {{{self._call('t')}: {self._call('t')}}}]"
        if kind == "walrus":
            return f"(name := {self._call('t')})"
        if kind == "list":
            word = "async for" if self.is_async and self._random.random() < 0.5 else "for"
            end = f" if {self._condition()}" if self._random.random() < 0.5 else ""
            more = f" for z in {self._call('it')}" if self._random.random() < 0.3 else ""
            return f"[{self._call('t')} {word} x in {self._call('it')}{end}{more}]"
        if kind == "chain":
            return f"0 < {self._call('v')} < {self._call('v')}"
        if kind == "lambda":
            return f"lambda x={self._call('t')}: t(0)"
        if kind == "await":
            return f"await {self._call('w')}"
        if kind == "awaits":
            return f"({self._call('c')} and await {self._call('w')}, await {self._call('w')})"
        if kind == "yield":
            return f"(yield {self._call('y')})"
        return self._call("t")

    def _block(self, depth: int, *, loop: bool) -> None:
        for _ in range(self._random.choice([1, 1, 2, 3])):
            self._size -= 1
            self._statement(depth, loop=loop)

    def _statement(self, depth: int, *, loop: bool) -> None:
        choose = self._random
        if depth > 6 or self._size < 0 or choose.random() < 0.35:
            self._simple(depth, loop=loop)
            return
        kind = choose.choice(["if", "while", "for", "try", "try", "with", "match"])
        word = "async " if self.is_async and choose.random() < 0.5 else ""
        if kind == "if":
            self._put(depth, f"if {self._condition()}:")
            self._block(depth + 1, loop=loop)
            if choose.random() < 0.3:
                self._put(depth, f"elif {self._condition()}:")
                self._block(depth + 1, loop=loop)
            if choose.random() < 0.4:
                self._put(depth, "else:")
                self._block(depth + 1, loop=loop)
        elif kind == "while":
            if choose.random() < 0.3:
                self._put(depth, "while True:")
                end = choose.choice(["break", "return", "raise ValueError"])
                self._put(depth + 1, f"if {self._call('stop')}: {end}")
            else:
                self._put(depth, f"while {self._call('more')}:")
            self._block(depth + 1, loop=True)
            self._else(depth, loop=loop)
        elif kind == "for":
            self._put(depth, f"{word}for x in {self._call('it')}:")
            self._block(depth + 1, loop=True)
            self._else(depth, loop=loop)
        elif kind == "with":
            items = [
                self._call(choose.choice(["m", "quiet"])) + choose.choice(["", " as s"])
                for _ in range(choose.choice([1, 1, 2]))
            ]
            self._put(depth, f"{word}with {', '.join(items)}:")
            self._block(depth + 1, loop=loop)
        elif kind == "match":
            self._put(depth, f"match {self._call('v')}:")
            for value in range(choose.choice([1, 2])):
                guard = f" if {self._condition()}" if choose.random() < 0.3 else ""
                self._put(depth + 1, f"case {value}{guard}:")
                self._block(depth + 2, loop=loop)
            if choose.random() < 0.5:
                self._put(depth + 1, choose.choice(["case _:", "case other:"]))
                self._block(depth + 2, loop=loop)
        else:
            self._try(depth, loop=loop)

    def _else(self, depth: int, *, loop: bool) -> None:
        if self._random.random() < 0.4:
            self._put(depth, "else:")
            self._block(depth + 1, loop=loop)

    def _try(self, depth: int, *, loop: bool) -> None:
        choose = self._random
        has_handlers = choose.random() < 0.7
        has_finally = not has_handlers or choose.random() < 0.5
        if has_finally and self._depth_of_finally >= (2 if self.exact else 4):
            has_handlers, has_finally = True, False
        star = (
            has_handlers
            and not self.exact
            and sys.version_info >= (3, 11)
            and choose.random() < 0.1
        )
        self._put(depth, "try:")
        self._block(depth + 1, loop=loop)
        if has_handlers:
            classes = ["Exception", "BaseException", "GeneratorExit"]
            if not self.exact:
                classes += ["Odd", "ValueError", "(Odd, KeyError)", "CancelledError", "LookupError"]
            if star:
                classes = ["Odd", "ValueError", "Exception"]
            for caught in choose.sample(classes, choose.choice([1, 1, 2])):
                name = choose.choice(["", " as e"])
                self._put(depth, f"except{'*' if star else ''} {caught}{name}:")
                if star:
                    self._put(depth + 1, self._call("t"))
                    continue
                # A handler that catches exceptions of several ways may raise any of them again.
                if choose.random() < 0.25 and (caught == "Exception" or not self.exact):
                    again = "raise e" if name and choose.random() < 0.5 else "raise"
                    self._put(depth + 1, f"if {self._call('c')}: {again}")
                self._block(depth + 1, loop=loop)
            if choose.random() < 0.1 and not star:
                self._put(depth, "except:")
                self._block(depth + 1, loop=loop)
            self._else(depth, loop=loop)
        if has_finally:
            self._put(depth, "finally:")
            self._depth_of_finally += 1
            self._block(depth + 1, loop=loop)
            self._depth_of_finally -= 1

    def _simple(self, depth: int, *, loop: bool) -> None:
        kinds = ["expression"] * 5 + ["assign", "assert", "raise", "return", "pass", "def", "del"]
        if loop:
            kinds += ["break", "continue", "break"]
        if self.exact:
            kinds.remove("del")  # the name may not be bound
        kind = self._random.choice(kinds)
        if kind == "assign":
            self._put(depth, f"name = {self._expression()}")
        elif kind == "assert":
            self._put(depth, f"assert {self._condition()}, {self._call('t')}")
        elif kind == "raise":
            self._put(depth, f"raise {self._random.choice(['Odd', 'ValueError()', 'KeyError'])}")
        elif kind == "return":
            value = self._expression() if not (self.is_async and self.is_generator) else ""
            self._put(depth, f"return {value}")
        elif kind == "def":
            self._put(depth, f"def inner(x={self._call('t')}): return t(0)")
        elif kind == "del":
            self._put(depth, f"name = {self._call('t')}; del name")
        elif kind in ("break", "continue", "pass"):
            self._put(depth, kind)
        else:
            self._put(depth, self._expression())


#: How a function ended.
RETURNED: Final = "returned"
RAISED: Final = "raised"
ABANDONED: Final = "abandoned"


def run(source: str, writer: Writer, seed: int) -> tuple[list[Event], str]:
    """Run a function once.

    Returns:
        What happened, and how it ended.
    """
    now = Run(seed)
    names: dict[str, Any] = {
        name: getattr(now, name)
        for name in ("t", "c", "more", "stop", "v", "it", "m", "quiet", "w", "y")
    }
    names |= {"Odd": Odd, "CancelledError": CancelledError}
    exec(compile(source, "<flow>", "exec"), names)
    if writer.is_generator:
        made = names["f"]()
        end = _generator(made, now, is_async=writer.is_async)
        events = list(now.events)
        _close(made, now, is_async=writer.is_async)
        return events, end
    try:
        made = names["f"]()
        if writer.is_async:
            _finish(made)
    except BaseException as error:
        if isinstance(error, (KeyboardInterrupt, SystemExit)):
            raise
        return now.events, RAISED
    return now.events, RETURNED


def _finish(coroutine: Any) -> Any:
    """Run what never waits for a loop."""
    try:
        coroutine.send(None)
    except StopIteration as stop:
        return stop.value
    raise AssertionError("it waits")


def _close(made: Any, now: Run, *, is_async: bool) -> None:
    """Close a generator that was left: not when the garbage is collected, and as it may object."""
    now.budget = 0
    for _ in range(100):
        with contextlib.suppress(BaseException):
            if is_async:
                _finish(made.aclose())
            else:
                made.close()
            return


def _generator(made: Any, now: Run, *, is_async: bool) -> str:
    """Drive a generator: it is resumed, closed, forgotten, or something is thrown into it."""

    def step(method: str, *arguments: object) -> Any:
        result = getattr(made, ("a" if is_async else "") + method)(*arguments)
        return _finish(result) if is_async else result

    done = StopAsyncIteration if is_async else StopIteration
    method: str = "send"
    arguments: tuple[object, ...] = (None,)
    try:
        while True:
            number = step(method, *arguments)
            event = Event(("yield", number))
            now.events.append(event)
            choice = now.random.random() if now.budget > 0 else 0.0
            method, arguments = "send", (None,)
            if choice < 0.6:
                continue
            if choice < 0.7:
                event.outcome = ABANDON
                return ABANDONED
            thrown = [ValueError, CancelledError, GeneratorExit]
            error = thrown[int((choice - 0.7) * 10)]()
            event.outcome = outcome_of(error)
            method, arguments = "throw", (error,)
    except done:
        return RETURNED
    except RuntimeError as error:
        # ``StopIteration`` is never raised inside; this is Python's word about a closed one.
        raise AssertionError from error
    except BaseException as error:  # noqa: BLE001
        return RETURNED if isinstance(error, done) else RAISED
