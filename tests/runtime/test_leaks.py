"""``LeakDetector``: it sees what is left to the collector, and nothing else."""

from __future__ import annotations

import asyncio
import gc
import inspect
import sys
import threading
from contextlib import aclosing, asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from mypy_asyncsession.runtime import Leak, LeakDetector, SessionMonitor, provider, session_scope
from mypy_asyncsession.runtime.generators import GENERATORS
from tests.runtime.database import Database

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

    from sqlalchemy.ext.asyncio import AsyncSession


class Failure(Exception):
    pass


class Uses(Database):
    """Right and wrong uses of a database."""

    async def delegating(self) -> AsyncIterator[AsyncSession]:
        async for session in self.get_db():  # type: ignore[session-delegate]
            yield session

    @provider
    async def without_variable(self) -> AsyncIterator[str]:
        yield "no session to be seen"

    async def returns(self) -> Any:
        async for session in self.get_db():  # BEGUN get_db
            return await session.execute(text("select 1"))  # type: ignore[session-early-exit]
        return None

    async def breaks(self) -> None:
        async for session in self.get_db():  # BEGUN get_db
            await session.execute(text("select 1"))
            break  # type: ignore[session-early-exit]

    async def raises(self) -> None:
        with suppress(Failure):
            async for _ in self.get_db():  # BEGUN get_db
                raise Failure  # type: ignore[session-early-exit]

    async def takes_the_first(self) -> None:
        session = await anext(self.get_db())  # type: ignore[session-early-exit] # BEGUN get_db
        await session.execute(text("select 1"))

    async def leaves_a_delegating_one(self) -> None:
        with suppress(Failure):
            async with asynccontextmanager(self.delegating)():
                raise Failure

    async def breaks_out_of_a_decorated_one(self) -> None:
        async for _ in self.without_variable():  # BEGUN without_variable
            break

    async def never_closes(self) -> None:
        session = self.maker()  # BEGUN Session
        await session.execute(text("select 1"))

    async def in_a_cycle(self) -> None:
        session: Any = self.maker()  # BEGUN Session
        session.info["self"] = session
        await session.execute(text("select 1"))

    async def right(self) -> None:
        async with session_scope(self.get_db) as session:
            await session.execute(text("select 1"))
        async with self.provided() as session:
            await session.execute(text("select 1"))
        async for session in self.get_db():
            await session.execute(text("select 1"))
        async with aclosing(self.get_db()) as generator:
            async for session in generator:
                await session.execute(text("select 1"))
                break
        with suppress(Failure):
            async with self.manager() as session:
                raise Failure
        generator = self.get_db()
        session = await anext(generator)
        await generator.aclose()

    async def closes_by_hand(self) -> None:
        session = self.maker()
        await session.execute(text("select 1"))
        await session.close()

    async def holds_nothing(self) -> None:
        session = self.maker()
        await session.execute(text("select 1"))
        await session.commit()
        self.maker()

    async def never_begins(self) -> None:
        self.get_db()

    async def other_generators(self) -> None:
        async def numbers() -> AsyncIterator[int]:
            for number in range(3):
                yield number

        async def rows(session: AsyncSession) -> AsyncIterator[int]:
            # The session is its caller's, who closes it.
            yield (await session.execute(text("select 1"))).scalar_one()

        async for _ in numbers():
            break
        async with self.maker() as session:
            async for _ in rows(session):
                break


@pytest.fixture
def uses(tmp_path: Any) -> Uses:
    return Uses(f"sqlite+aiosqlite:///{tmp_path / 'test.db'}")


def run(uses: Uses, work: Callable[[], Awaitable[object]]) -> None:
    async def once() -> None:
        await work()
        gc.collect()
        await asyncio.sleep(0.02)  # for the loop to close what was dropped

    asyncio.run(uses.use(once, size=5))


def line_of(method: Any, marker: str) -> str:
    lines, first = inspect.getsourcelines(method)
    (number,) = (number for number, line in enumerate(lines, first) if marker in line)
    return f"tests/runtime/test_leaks.py:{number}"


WRONG = [
    (Uses.returns, "get_db"),
    (Uses.breaks, "get_db"),
    (Uses.raises, "get_db"),
    (Uses.takes_the_first, "get_db"),
    (Uses.breaks_out_of_a_decorated_one, "without_variable"),
    (Uses.never_closes, "Session"),
    (Uses.in_a_cycle, "Session"),
]


@pytest.mark.filterwarnings("ignore:The garbage collector")
@pytest.mark.parametrize(("work", "name"), WRONG, ids=lambda it: getattr(it, "__name__", it))
def test_what_is_left_is_found_with_its_line(work: Any, name: str, uses: Uses) -> None:
    with LeakDetector() as detector:
        run(uses, lambda: work(uses))
    (leak,) = detector.leaks
    assert name in leak.what
    assert leak.created == line_of(work, f"# BEGUN {name}")
    assert "left to the garbage collector" in str(leak)
    if name == "get_db":
        assert "tests/runtime/database.py:" in leak.what


def test_a_delegation_is_found_where_it_is_begun(uses: Uses) -> None:
    with LeakDetector() as detector:
        run(uses, uses.leaves_a_delegating_one)
    (leak,) = detector.leaks
    assert '"Database.get_db"' in leak.what
    assert leak.created == line_of(Uses.delegating, "async for session in self.get_db()")


@pytest.mark.parametrize(
    "work",
    [Uses.right, Uses.closes_by_hand, Uses.holds_nothing, Uses.never_begins, Uses.other_generators],
    ids=lambda it: it.__name__,
)
def test_what_is_right_is_not(work: Any, uses: Uses) -> None:
    with LeakDetector() as detector:
        run(uses, lambda: work(uses))
    assert detector.leaks == ()
    assert detector.count == 0


def test_a_right_program_shows_none_in_many_uses() -> None:
    """A hundred thousand uses of providers, some of which fail and some of which are cancelled."""

    class Resource:
        pass

    async def get_db() -> AsyncIterator[Resource]:
        resource = Resource()
        yield resource

    decorated = provider(get_db)

    async def use(number: int) -> None:
        given: Any = (get_db, decorated, get_db())[number % 3]
        with suppress(Failure):
            async with session_scope(given):
                if number % 7 == 0:
                    raise Failure
                if number % 1000 == 0:
                    await asyncio.sleep(1)

    async def main() -> None:
        for start in range(0, 100_000, 1000):
            for number in range(start + 1, start + 1000):
                await use(number)
            task = asyncio.create_task(use(start))
            await asyncio.sleep(0)
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    with LeakDetector(resources=[Resource]) as detector:
        asyncio.run(main())
        gc.collect()
        assert not GENERATORS.begun  # nothing is kept of what has ended
    assert detector.count == 0


def test_inside_a_running_loop(uses: Uses) -> None:
    """As an application starts it: the loop is there already, with hooks of its own."""

    async def work() -> None:
        before = sys.get_asyncgen_hooks()
        with LeakDetector() as detector:
            await uses.returns()
        assert len(detector.leaks) == 1
        assert sys.get_asyncgen_hooks() == before
        await asyncio.sleep(0.02)
        assert uses.pool.checkedout() == 0  # the loop's own hook closed what was dropped

    asyncio.run(uses.use(work))


def test_loops_of_other_threads(uses: Uses) -> None:
    with LeakDetector() as detector:
        thread = threading.Thread(target=run, args=(uses, uses.breaks))
        thread.start()
        thread.join()
    assert len(detector.leaks) == 1


def test_all_is_as_before_when_it_stops(uses: Uses) -> None:
    before = (sys.set_asyncgen_hooks, sys.get_asyncgen_hooks(), Session.__init__)
    with LeakDetector() as detector:
        assert Session.__init__ is not before[2]
    assert (sys.set_asyncgen_hooks, sys.get_asyncgen_hooks(), Session.__init__) == before
    run(uses, uses.returns)
    assert detector.leaks == ()


def test_hooks_that_exist_are_called(uses: Uses) -> None:
    called = []

    async def work() -> None:
        hooks: Any = sys.get_asyncgen_hooks()

        def first(generator: Any) -> None:
            called.append("first")
            hooks.firstiter(generator)

        def last(generator: Any) -> None:
            called.append("last")
            hooks.finalizer(generator)

        with LeakDetector() as detector:
            sys.set_asyncgen_hooks(firstiter=first, finalizer=last)
            await uses.returns()
            sys.set_asyncgen_hooks(*hooks)
        assert len(detector.leaks) == 1

    run(uses, work)
    assert called == ["first", "last"]


def test_two_at_once(uses: Uses) -> None:
    with LeakDetector() as outer, LeakDetector() as inner:
        run(uses, uses.returns)
    assert len(outer.leaks) == len(inner.leaks) == 1


def test_a_sample(uses: Uses) -> None:
    async def often() -> None:
        for _ in range(200):
            await uses.breaks_out_of_a_decorated_one()

    found = []
    for sample in (0.0, 0.5, 1.0):
        with LeakDetector(sample=sample) as detector:
            run(uses, often)
        found.append(detector.count)
    assert found[0] == 0
    assert 20 < found[1] < 180
    assert found[2] == 200
    with pytest.raises(ValueError, match="from 0 to 1"):
        LeakDetector(sample=2)


def test_where_it_is_reported(uses: Uses, caplog: pytest.LogCaptureFixture) -> None:
    with LeakDetector():
        run(uses, uses.returns)
    (record,) = caplog.records
    assert record.levelname == "WARNING"
    assert "left to the garbage collector" in record.getMessage()
    monitor = SessionMonitor()
    with LeakDetector(monitor=monitor):
        run(uses, uses.returns)
    assert monitor.summary().total == 1
    found: list[Leak] = []
    with LeakDetector(on_leak=found.append) as detector:
        run(uses, uses.returns)
        assert detector.take() == tuple(found)
        assert detector.take() == ()
    assert len(caplog.records) == 2


def test_a_report_that_fails_does_no_harm(uses: Uses) -> None:
    def fail(leak: Leak) -> None:
        raise Failure(leak)

    with LeakDetector(on_leak=fail) as detector:
        run(uses, uses.returns)
    assert detector.count == 1


def test_it_is_started_once() -> None:
    with LeakDetector() as detector, pytest.raises(RuntimeError, match="running already"):
        detector.start()


def test_sync_providers_close_at_once() -> None:
    """A generator that is not async needs no loop, so that nothing is left."""
    log = []

    def get_db() -> Iterator[str]:
        try:
            yield "session"
        finally:
            log.append("closed")

    with LeakDetector() as detector:
        for _ in get_db():
            break
    assert log == ["closed"]
    assert detector.leaks == ()
