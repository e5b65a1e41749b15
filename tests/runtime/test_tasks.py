"""``TaskDetector``: it sees a session that two tasks use at once, and no other."""

from __future__ import annotations

import asyncio
import inspect
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession, async_scoped_session
from sqlalchemy.ext.asyncio import session as sqlalchemy_session

from mypy_asyncsession.runtime import SessionMonitor, SharedSession, TaskDetector
from tests.runtime.database import Database, insert

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable


class Uses(Database):
    """Right and wrong uses of a session in tasks."""

    async def waits(self, session: AsyncSession) -> None:
        await session.execute(self.slow)  # IN THE TASK

    @property
    def slow(self) -> Any:
        """A statement that is not answered at once."""
        if "postgres" in self.url:
            return text("select pg_sleep(0.05)")
        count = "with recursive n(i) as (select 1 union all select i + 1 from n where i < 200000)"
        return text(f"{count} select max(i) from n")

    async def gathers(self) -> None:
        async with self.maker() as session:
            both = asyncio.gather(self.waits(session), self.waits(session), return_exceptions=True)  # type: ignore[session-concurrent]
            await both

    async def gathers_methods(self) -> None:
        async with self.maker() as session:
            await asyncio.gather(  # type: ignore[session-concurrent]  # GATHERED
                session.execute(self.slow), session.execute(self.slow), return_exceptions=True
            )

    async def leaves_a_task_behind(self) -> None:
        async with self.maker() as session:
            task = asyncio.create_task(self.waits(session))
            await asyncio.sleep(0.01)
            with suppress(SQLAlchemyError):
                await session.execute(text("select 1"))  # type: ignore[session-concurrent]  # SECOND
            with suppress(SQLAlchemyError):
                await task

    async def shares_a_connection(self) -> None:
        async with self.maker.kw["bind"].connect() as connection:
            await asyncio.gather(
                self.waits(connection), self.waits(connection), return_exceptions=True
            )

    async def right(self) -> None:
        async def one(row: int) -> None:
            async with self.maker() as session:
                await insert(session, row)
                await session.commit()

        await asyncio.gather(*(one(row) for row in range(2)))
        async with self.maker() as session:
            await asyncio.create_task(self.waits(session))  # another task, and it is waited for
            await asyncio.wait_for(self.waits(session), 5)
            await session.run_sync(lambda inner: inner.execute(text("select 1")))
            async with session.begin_nested():
                await session.execute(text("select 1"))
            await asyncio.gather(self.waits(session))
            await session.rollback()
        scoped = async_scoped_session(self.maker, scopefunc=asyncio.current_task)

        async def in_its_own_scope() -> None:
            await scoped.execute(text("select 1"))
            await scoped.remove()

        await asyncio.gather(in_its_own_scope(), in_its_own_scope())

    async def is_cancelled(self) -> None:
        async with self.maker() as session:
            for _ in range(3):
                with suppress(asyncio.TimeoutError, SQLAlchemyError):
                    await asyncio.wait_for(self.waits(session), 0.005)
            with suppress(SQLAlchemyError):
                await session.rollback()

    async def one_after_the_other(self) -> None:
        async with self.maker() as session:
            for _ in range(5):
                await self.waits(session)


@pytest.fixture(params=["sqlite", "postgres"])
def uses(request: pytest.FixtureRequest, tmp_path: Any) -> Uses:
    if request.param == "postgres":
        return Uses(request.getfixturevalue("postgres_url"))
    return Uses(f"sqlite+aiosqlite:///{tmp_path / 'test.db'}")


def run(uses: Uses, work: Callable[[Uses], Awaitable[None]]) -> tuple[SharedSession, ...]:
    found: list[SharedSession] = []
    with TaskDetector(on_shared=found.append) as detector:
        with suppress(SQLAlchemyError):  # what SQLAlchemy does then is not for this test
            asyncio.run(uses.use(lambda: work(uses)))
        assert detector.take() == tuple(found)
    return tuple(found)


def line_of(method: Any, marker: str) -> str:
    lines, first = inspect.getsourcelines(method)
    (number,) = (number for number, line in enumerate(lines, first) if marker in line)
    return f"tests/runtime/test_tasks.py:{number}"


@pytest.mark.filterwarnings("ignore:The garbage collector")
@pytest.mark.parametrize(
    ("work", "first", "second"),
    [
        (Uses.gathers, (Uses.waits, "IN THE TASK"), (Uses.waits, "IN THE TASK")),
        (Uses.shares_a_connection, (Uses.waits, "IN THE TASK"), (Uses.waits, "IN THE TASK")),
        (
            Uses.gathers_methods,
            (Uses.gathers_methods, "GATHERED"),
            (Uses.gathers_methods, "GATHERED"),
        ),
        (
            Uses.leaves_a_task_behind,
            (Uses.waits, "IN THE TASK"),
            (Uses.leaves_a_task_behind, "SECOND"),
        ),
    ],
    ids=lambda it: getattr(it, "__name__", ""),
)
def test_what_two_tasks_use_at_once(work: Any, first: Any, second: Any, uses: Uses) -> None:
    shared, *_ = run(uses, work)
    assert (shared.first, shared.second) == (line_of(*first), line_of(*second))
    assert str(shared).startswith(f'{shared.second}: a "')
    assert "open a session in each task" in str(shared)


@pytest.mark.parametrize(
    "work", [Uses.right, Uses.is_cancelled, Uses.one_after_the_other], ids=lambda it: it.__name__
)
def test_what_is_right(work: Any, uses: Uses) -> None:
    assert run(uses, work) == ()


def test_nothing_is_in_place_without_it() -> None:
    before = vars(sqlalchemy_session)["greenlet_spawn"]
    with TaskDetector(), TaskDetector():
        assert vars(sqlalchemy_session)["greenlet_spawn"] is not before
    assert vars(sqlalchemy_session)["greenlet_spawn"] is before


def test_where_it_is_reported(uses: Uses, caplog: pytest.LogCaptureFixture) -> None:
    monitor = SessionMonitor()
    with TaskDetector(monitor=monitor) as detector:
        with pytest.raises(RuntimeError, match="running already"):
            detector.start()
        asyncio.run(uses.use(uses.gathers))
    assert monitor.summary().total == len(detector.shared) >= 1
    caplog.clear()
    with TaskDetector():
        asyncio.run(uses.use(uses.gathers))
    assert caplog.records[0].levelname == "WARNING"


def test_it_can_raise_at_the_second_use(uses: Uses) -> None:
    def fail(shared: SharedSession) -> None:
        raise RuntimeError(str(shared))

    async def work() -> None:
        async with uses.maker() as session:
            answers = await asyncio.gather(  # type: ignore[session-concurrent]
                uses.waits(session), uses.waits(session), return_exceptions=True
            )
        assert [type(each) for each in answers] == [type(None), RuntimeError]

    with TaskDetector(on_shared=fail):
        asyncio.run(uses.use(work))
