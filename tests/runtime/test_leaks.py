"""``LeakDetector``: it sees what is left to the collector, and nothing else."""

from __future__ import annotations

import asyncio
import gc
import inspect
import os
import subprocess
import sys
import threading
import time
from contextlib import aclosing, asynccontextmanager, suppress
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession
from sqlalchemy.orm import Session

from mypy_asyncsession.runtime import Leak, LeakDetector, SessionMonitor, provider, session_scope
from mypy_asyncsession.runtime.generators import GENERATORS
from tests.runtime.database import Database

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator


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

    async def drops_a_connection(self) -> None:
        connection = await self.maker.kw["bind"].connect()  # BEGUN AsyncConnection
        await connection.execute(text("select 1"))

    async def in_a_cycle(self) -> None:
        session: Any = self.maker()  # BEGUN Session
        session.info["self"] = session
        await session.execute(text("select 1"))

    async def streams_rows(self) -> None:
        async def streams_rows() -> AsyncIterator[int]:
            async with self.maker() as session:
                for number in range(3):
                    yield (await session.execute(text(f"select {number}"))).scalar_one()

        async for _ in streams_rows():  # BEGUN streams_rows
            break

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

    async def on_the_connection_of_somebody_else(self) -> None:
        """SQLAlchemy's own recipe for tests: one transaction around all, rolled back at the end."""
        engine = self.maker.kw["bind"]
        async with engine.connect() as connection:
            transaction = await connection.begin()
            for mode in ("create_savepoint", "control_fully", "rollback_only"):
                session = AsyncSession(bind=connection, join_transaction_mode=mode)
                await session.execute(text("select 1"))
                del session
                gc.collect()
            if transaction.is_active:
                await transaction.rollback()

    async def closes_a_connection(self) -> None:
        engine = self.maker.kw["bind"]
        async with engine.connect() as connection, engine.begin() as other:
            await connection.execute(text("select 1"))
            await other.execute(text("select 1"))
        connection = await engine.connect()
        await connection.close()

    async def never_begins(self) -> None:
        self.get_db()

    async def other_generators(self) -> None:
        async def numbers() -> AsyncIterator[int]:
            for number in range(3):
                yield number

        async def rows(session: AsyncSession) -> AsyncIterator[int]:
            # The session is its caller's, who closes it.
            yield (await session.execute(text("select 1"))).scalar_one()

        async def borrowed(service: Any) -> AsyncIterator[int]:
            session = service.session
            for number in range(3):
                yield (await session.execute(text(f"select {number}"))).scalar_one()

        async for _ in numbers():
            break
        async with self.maker() as session:
            async for _ in rows(session):
                break
            async for _ in borrowed(SimpleNamespace(session=session)):
                break


@pytest.fixture
def uses(tmp_path: Any) -> Uses:
    return Uses(f"sqlite+aiosqlite:///{tmp_path / 'test.db'}")


@pytest.fixture(params=["sqlite", "postgres"])
def on_each(request: pytest.FixtureRequest, uses: Uses) -> Uses:
    """The same on each engine."""
    if request.param == "postgres":
        return Uses(request.getfixturevalue("postgres_url"))
    return uses


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
    (Uses.drops_a_connection, "AsyncConnection"),
    (Uses.streams_rows, "streams_rows"),
]


# SQLAlchemy itself drops the connection of asyncpg, and does not wait for its socket.
@pytest.mark.filterwarnings("ignore:The garbage collector", "ignore:unclosed:ResourceWarning")
@pytest.mark.parametrize(("work", "name"), WRONG, ids=lambda it: getattr(it, "__name__", it))
def test_what_is_left_is_found_with_its_line(work: Any, name: str, on_each: Uses) -> None:
    with LeakDetector() as detector:
        run(on_each, lambda: work(on_each))
    gc.collect()
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
    [
        Uses.right,
        Uses.closes_by_hand,
        Uses.closes_a_connection,
        Uses.holds_nothing,
        Uses.never_begins,
        Uses.on_the_connection_of_somebody_else,
        Uses.other_generators,
    ],
    ids=lambda it: it.__name__,
)
def test_what_is_right_is_not(work: Any, on_each: Uses) -> None:
    with LeakDetector() as detector:
        run(on_each, lambda: work(on_each))
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


def test_detectors_that_stop_out_of_order(uses: Uses) -> None:
    before = (
        sys.set_asyncgen_hooks, sys.get_asyncgen_hooks(), Session.__init__, AsyncConnection.start,
    )  # fmt: skip
    first, second = LeakDetector().start(), LeakDetector().start()
    first.stop()
    run(uses, uses.returns)
    second.stop()
    assert len(second.leaks) == 1
    assert first.leaks == ()
    after = (
        sys.set_asyncgen_hooks, sys.get_asyncgen_hooks(), Session.__init__, AsyncConnection.start,
    )  # fmt: skip
    assert before == after


@pytest.mark.filterwarnings("ignore:The garbage collector")
def test_what_somebody_else_puts_around_stays(uses: Uses, monkeypatch: pytest.MonkeyPatch) -> None:
    """And nothing is seen twice, though ours is below that and in its old place."""
    with LeakDetector():
        inner: Any = Session.__init__

        def init(session: Any, *args: Any, **kwargs: Any) -> None:
            inner(session, *args, **kwargs)

        monkeypatch.setattr(Session, "__init__", init)
    assert Session.__init__ is init
    with LeakDetector() as detector:
        run(uses, uses.never_closes)
    assert len(detector.leaks) == 1


def test_a_session_that_is_closed_between_two_starts(uses: Uses) -> None:
    async def work() -> None:
        detector = LeakDetector().start()
        session = uses.maker()
        await session.execute(text("select 1"))
        detector.stop()
        await session.close()
        with detector:
            del session
            gc.collect()
        assert detector.leaks == ()

    run(uses, work)


@pytest.mark.filterwarnings("ignore:The garbage collector")
def test_a_generator_and_its_session_are_one_leak(uses: Uses) -> None:
    """No loop closes the generator, so that both are left, in one cycle of garbage."""

    async def work() -> None:
        with LeakDetector() as detector:
            generator = uses.get_db()
            session = await anext(generator)
            await session.execute(text("select 1"))
            session.info["cycle"] = generator
            del session, generator
            gc.collect()
            gc.collect()
        (leak,) = detector.leaks
        assert "get_db" in leak.what

    run(uses, work)


@pytest.mark.filterwarnings("ignore:The garbage collector")
def test_a_report_takes_no_lock_inside_the_collector(uses: Uses) -> None:
    """A handler of the log may hold one while the collector comes by."""
    lock = threading.Lock()
    found: list[Leak] = []

    def report(leak: Leak) -> None:
        with lock:
            found.append(leak)

    async def work() -> None:
        with lock:
            await uses.in_a_cycle()
            gc.collect()

    with LeakDetector(on_leak=report):
        thread = threading.Thread(target=run, args=(uses, work), daemon=True)
        thread.start()
        thread.join(10)
        assert not thread.is_alive()
        # A thread reports it, without being asked.
        until(lambda: len(found) == 1)


def until(true: Callable[[], bool]) -> None:
    for _ in range(200):
        if true():
            return
        time.sleep(0.02)
    pytest.fail("it did not come true")


FORKING = """
import os, threading
from mypy_asyncsession.runtime import LeakDetector, SessionMonitor

monitor = SessionMonitor()
held, done = threading.Event(), threading.Event()

def hold():
    with monitor._lock:
        held.set()
        done.wait()

with LeakDetector(monitor=monitor):
    threading.Thread(target=hold).start()
    held.wait()
    child = os.fork()
    if child == 0:
        monitor.check_session(None, "in the child")
        threads = [each.name for each in threading.enumerate()]
        os._exit(0 if monitor.summary().total == 1 and "mypy-asyncsession" in threads else 1)
    done.set()
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="nothing is forked here")
def test_a_forked_child_does_not_hang() -> None:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", FORKING],
        capture_output=True, text=True, timeout=20, check=False,
    )  # fmt: skip
    assert done.stdout == "0\n", done.stderr


def test_the_pool_of_asyncpg(postgres_url: str) -> None:
    """It hands out an object of another class, which is a connection to ``isinstance`` alone."""
    asyncpg = pytest.importorskip("asyncpg")
    resources = ["asyncpg.Connection"]

    async def get_connection(pool: Any) -> AsyncIterator[Any]:
        async with pool.acquire() as connection:
            yield connection

    async def work() -> None:
        url = postgres_url.replace("+asyncpg", "")
        async with asyncpg.create_pool(url, min_size=1, max_size=2) as pool:
            monitor = SessionMonitor(resources=resources)
            with LeakDetector(resources=resources) as detector:
                async for connection in get_connection(pool):
                    assert monitor.check_session(connection, "here")
                    break
                gc.collect()
            assert [leak.what.partition(" (")[0] for leak in detector.leaks] == [
                'the generator of "get_connection"'
            ]
            assert not monitor.check_session(pool.acquire(), "here")
            await asyncio.sleep(0.02)

    asyncio.run(work())
