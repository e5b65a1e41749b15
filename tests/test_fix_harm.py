"""Fixes are right: the code before fails or leaks, the code after commits and rolls back.

Each snippet works on a database, and raises in its block if it is told to. It is run before and
after the fix, on SQLite and on PostgreSQL, and looked at before the garbage collector gets to
anything.
"""

from __future__ import annotations

import asyncio
import gc
import importlib
import itertools
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import pytest

from mypy_asyncsession.checking.options import Options as CheckOptions
from mypy_asyncsession.fixes.engine.driver import Options, fix
from mypy_asyncsession.fixes.engine.guard import Guard

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

pytestmark = pytest.mark.filterwarnings("ignore")

DB: Final = '''
from contextlib import asynccontextmanager
from collections.abc import AsyncGenerator, AsyncIterator
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

SessionLocal = async_sessionmaker()
EVENTS: list[str] = []

async def get_db() -> AsyncIterator[AsyncSession]:
    async with SessionLocal() as session:
        try:
            yield session
            await session.commit()
            EVENTS.append("commit")
        except Exception:
            await session.rollback()
            EVENTS.append("rollback")
            raise

async def get_plain() -> AsyncGenerator[AsyncSession, None]:
    async with SessionLocal() as session:
        yield session

def get_wrapped():
    return get_db()

@asynccontextmanager
async def manage() -> AsyncIterator[AsyncSession]:
    async with SessionLocal() as session:
        try:
            yield session
            await session.commit()
            EVENTS.append("commit")
        except Exception:
            await session.rollback()
            EVENTS.append("rollback")
            raise

async def open_db() -> AsyncSession:
    return SessionLocal()

class Committing(AsyncSession):
    """Commits what went well when it is left, so that a test need not."""

    async def __aexit__(self, kind: object, error: object, trace: object) -> None:
        if error is None:
            await self.commit()
            EVENTS.append("commit")
        else:
            await self.rollback()
            EVENTS.append("rollback")
        await self.close()

Opening = async_sessionmaker(class_=Committing)

async def open_committing() -> AsyncSession:
    return Opening()

TABLE = ""

def statement() -> object:
    return text(f"insert into {TABLE} values (1)")

async def work(session: AsyncSession, fail: bool) -> None:
    await session.execute(statement())
    if fail:
        raise ValueError("of the block")
'''

#: By name, the body of a module that defines ``use(fail)``.
SNIPPETS: Final = {
    "generator_entered": """
async def use(fail: bool) -> None:
    async with get_db() as session:
        await work(session, fail)
""",
    "wrapped_generator_entered": """
async def use(fail: bool) -> None:
    async with get_wrapped() as session:
        await work(session, fail)
""",
    "generator_on_a_stack": """
async def use(fail: bool) -> None:
    async with AsyncExitStack() as stack:
        session = await stack.enter_async_context(get_db())
        await work(session, fail)
""",
    "generator_given": """
async def run(provider, fail):
    async with provider() as session:
        await work(session, fail)

async def use(fail: bool) -> None:
    await run(get_db, fail)
""",
    "manager_iterated": """
async def use(fail: bool) -> None:
    async for session in manage():
        await work(session, fail)
        break
""",
    "coroutine_entered": """
async def use(fail: bool) -> None:
    async with open_committing() as session:
        await work(session, fail)
""",
    "uncalled": """
async def use(fail: bool) -> None:
    async with manage as session:
        await work(session, fail)
""",
    "sessionmaker_uncalled": """
async def use(fail: bool) -> None:
    async with Opening as session:
        await work(session, fail)
""",
    "sync_with": """
async def use(fail: bool) -> None:
    with manage() as session:
        await work(session, fail)
""",
    "manager_awaited": """
async def use(fail: bool) -> None:
    session = await manage()
    await work(session, fail)
""",
    "never_entered": """
async def use(fail: bool) -> None:
    session = get_db()
    await session.flush()
    await work(session, fail)
""",
    "given_as_a_session": """
async def use(fail: bool) -> None:
    await work(get_db(), fail)
""",
    "left_early": """
async def use(fail: bool) -> object:
    async for session in get_db():
        await work(session, fail)
        return 1
    return None
""",
    "stepped": """
async def use(fail: bool) -> None:
    session = await anext(get_db())
    KEPT.append(session)
    await work(session, fail)
""",
    "delegation": """
async def inner() -> AsyncIterator[AsyncSession]:
    async for session in get_db():
        yield session

async def use(fail: bool) -> None:
    async with asynccontextmanager(inner)() as session:
        await work(session, fail)
""",
    "depends_on_a_manager": """
app = FastAPI()

@app.get("/")
async def handler(fail: bool, db: AsyncSession = Depends(manage)) -> None:
    await work(db, fail)
""",
    "depends_on_what_a_call_gives": """
app = FastAPI()

@app.get("/")
async def handler(fail: bool, db: AsyncSession = Depends(lambda: get_db())) -> None:
    await work(db, fail)
""",
    "depends_on_a_wrapper": """
app = FastAPI()

@app.get("/")
async def handler(fail: bool, db: AsyncSession = Depends(get_wrapped)) -> None:
    await work(db, fail)
""",
    "depends_on_a_sessionmaker": """
app = FastAPI()

@app.get("/")
async def handler(fail: bool, db: AsyncSession = Depends(Opening)) -> None:
    await work(db, fail)
""",
    "depends_on_an_alias": """
app = FastAPI()
DbDep = Annotated[AsyncSession, Depends(get_db)]

@app.get("/")
async def handler(fail: bool = False, db: AsyncSession = Depends(DbDep)) -> None:
    await work(db, fail)
""",
}
#: What is written for a sync session: it fails now, and would go through without writing a row.
_FOR_SYNC: Final = """\
        session.execute(database.statement())
        session.commit()
"""
#: By name, what is left for that: what gives the session is fixed for nobody.
LEFT: Final = {
    "stepped": """
async def use(fail: bool) -> None:
    session = next(get_db())
    session.execute(database.statement())
    session.commit()
""",
    "with": f"""
async def use(fail: bool) -> None:
    with get_db() as session:
{_FOR_SYNC}""",
    "manager_with": f"""
async def use(fail: bool) -> None:
    with manage() as session:
{_FOR_SYNC}""",
    "sessionmaker_with": f"""
async def use(fail: bool) -> None:
    with Opening as session:
{_FOR_SYNC}""",
    "coroutine_with": f"""
async def use(fail: bool) -> None:
    async with open_committing() as session:
{_FOR_SYNC}""",
    "loop": f"""
async def use(fail: bool) -> None:
    for session in get_db():
{_FOR_SYNC}""",
    "manager_loop": f"""
async def use(fail: bool) -> None:
    for session in manage():
{_FOR_SYNC}""",
    "raw": """
async def use(fail: bool) -> None:
    session = get_db()
    session.execute(database.statement())
    session.commit()
""",
    "stack": """
async def use(fail: bool) -> None:
    async with AsyncExitStack() as stack:
        session = await stack.enter_async_context(get_db())
        session.execute(database.statement())
        session.commit()
""",
    "given": """
async def run(provider, fail):
    async with provider() as session:
        session.execute(database.statement())
        session.commit()

async def use(fail: bool) -> None:
    await run(get_db, fail)
""",
    "function": """
def write(session):
    session.execute(database.statement())
    session.commit()

async def use(fail: bool) -> None:
    with get_db() as session:
        write(session)
""",
    "object": """
class Store:
    def __init__(self, session):
        self.session = session

    def write(self):
        self.session.execute(database.statement())
        self.session.commit()

async def use(fail: bool) -> None:
    async with get_db() as session:
        Store(session).write()
""",
    "handler": """
app = FastAPI()

@app.get("/")
def handler(fail: bool, db: AsyncSession = Depends(manage)) -> None:
    db.execute(database.statement())
    db.commit()
""",
    "alias": """
app = FastAPI()
DbDep = Annotated[AsyncSession, Depends(manage)]

@app.get("/")
def handler(db: DbDep, fail: bool) -> None:
    db.execute(database.statement())
    db.commit()
""",
}
HEADER: Final = """
from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Annotated
from fastapi import Depends, FastAPI
from sqlalchemy.ext.asyncio import AsyncSession
from . import db as database
from .db import (
    Opening, get_db, get_plain, get_wrapped, manage, open_committing, open_db, work
)

KEPT: list[object] = []
"""
_FAILING: Final = {f"left_as_{name}": body for name, body in LEFT.items()}
NUMBERS: Final = itertools.count()
#: Before the fix an exception of the block is raised by these, but nothing is rolled back.
LOSES_EXCEPTIONS: Final = {"left_early", "stepped", "delegation"}


@dataclass(frozen=True)
class Ran:
    """What became of one run."""

    error: str | None
    events: tuple[str, ...]
    rows: int
    checked_out: int


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """The names of two packages: the snippets before the fix, and after it."""
    root = tmp_path_factory.mktemp("harm")
    for name in ("mends_before", "mends_after"):
        for snippet, body in (SNIPPETS | _FAILING).items():
            package = root / name / snippet
            package.mkdir(parents=True)
            for folder in (root / name, package):
                (folder / "__init__.py").touch()
            (package / "db.py").write_text(DB)
            (package / "main.py").write_text(HEADER + body)
    check = CheckOptions(cache_dir=str(root / "cache"), workers=0)
    result = fix(["mends_after"], Guard(str(root)), Options(check))
    # When they commit is another matter, which was so before.
    left = {
        each.finding.path.split("/")[1]: each.reason
        for each in result.left
        if each.finding.code != "session-late-commit"
    }
    assert left
    assert left.keys() <= _FAILING.keys(), left
    for edited in result.edited:
        (root / edited.path).write_bytes(edited.new)
    sys.path.insert(0, str(root))
    yield "mends_before", "mends_after"
    sys.path.remove(str(root))
    for module in [module for module in sys.modules if module.startswith("mends_")]:
        del sys.modules[module]


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Of an empty database."""
    if request.param == "sqlite":
        return f"sqlite+aiosqlite:///{tmp_path / 'fixed.db'}"
    found: str = request.getfixturevalue("postgres_url")
    return found


def run(package: str, snippet: str, url: str, *, fail: bool) -> Ran:
    """Run a snippet, and look at the database."""
    from sqlalchemy import text
    from sqlalchemy.ext.asyncio import create_async_engine
    from sqlalchemy.pool import AsyncAdaptedQueuePool

    db: Any = importlib.import_module(f"{package}.{snippet}.db")
    db.EVENTS.clear()
    # A table of its own: what was leaked before may hold locks on another.
    db.TABLE = f"entry_{next(NUMBERS)}"

    async def main() -> Ran:
        engine = create_async_engine(url, poolclass=AsyncAdaptedQueuePool)
        for maker in (db.SessionLocal, db.Opening):
            maker.configure(bind=engine)
        async with engine.begin() as connection:
            await connection.execute(text(f"create table {db.TABLE} (number int)"))
        error = None
        gc.disable()
        try:
            try:
                kept = await _use(importlib.import_module(f"{package}.{snippet}.main"), fail=fail)
            except Exception as raised:  # noqa: BLE001
                kept, error = raised, type(raised).__name__
            pool = engine.pool
            assert isinstance(pool, AsyncAdaptedQueuePool)
            checked_out, events = pool.checkedout(), tuple(db.EVENTS)
        finally:
            gc.enable()
        del kept
        gc.collect()
        await asyncio.sleep(0)
        async with engine.connect() as connection:
            rows = (await connection.execute(text(f"select count(*) from {db.TABLE}"))).scalar_one()
        await engine.dispose()
        return Ran(error, events, rows, checked_out)

    return asyncio.run(main())


async def _use(module: Any, *, fail: bool) -> object:
    if not hasattr(module, "app"):
        use: Callable[[bool], Any] = module.use
        return await use(fail)
    from httpx import ASGITransport, AsyncClient

    transport = ASGITransport(module.app)
    async with AsyncClient(transport=transport, base_url="http://test") as client:
        response = await client.get("/", params={"fail": fail})
        if response.status_code != 200:
            raise RuntimeError(response.text)
        return response


@pytest.mark.parametrize("snippet", SNIPPETS)
def test_before_it_fails_or_leaks(snippet: str, packages: tuple[str, str], url: str) -> None:
    ran = run(packages[0], snippet, url, fail=False)
    if ran.error is not None:
        return
    assert snippet in LOSES_EXCEPTIONS
    right = Ran(None, ("commit",), 1, 0), Ran("ValueError", ("rollback",), 0, 0)
    assert (ran, run(packages[0], snippet, url, fail=True)) != right


@pytest.mark.parametrize("snippet", SNIPPETS)
def test_after_it_commits_and_rolls_back(snippet: str, packages: tuple[str, str], url: str) -> None:
    assert run(packages[1], snippet, url, fail=False) == Ran(None, ("commit",), 1, 0)
    assert run(packages[1], snippet, url, fail=True) == Ran("ValueError", ("rollback",), 0, 0)


@pytest.mark.parametrize("snippet", _FAILING)
def test_what_fails_does_not_go_through_without_a_row(
    snippet: str, packages: tuple[str, str], tmp_path: Path
) -> None:
    ran = run(packages[1], snippet, f"sqlite+aiosqlite:///{tmp_path / 'left.db'}", fail=False)
    # It may be fixed to the end, with what it lacks awaited; or it is left.
    assert (ran.error is None) == (ran.rows == 1), ran


def test_a_closed_loop_gives_the_connection_back(tmp_path: Path) -> None:
    """What ``--style async-for`` writes, for a provider that only closes."""
    from mypy_asyncsession.fixes.fix import Style

    body = SNIPPETS["generator_entered"].replace("get_db", "get_plain")
    package = tmp_path / "mends_style" / "loop"
    package.mkdir(parents=True)
    for folder in (package, package.parent):
        (folder / "__init__.py").touch()
    (package / "db.py").write_text(DB)
    (package / "main.py").write_text(HEADER + body)
    check = CheckOptions(cache_dir=str(tmp_path / "cache"), workers=0)
    result = fix(["mends_style"], Guard(str(tmp_path)), Options(check, style=Style.ASYNC_FOR))
    assert [each.reason for each in result.left] == []
    for edited in result.edited:
        (tmp_path / edited.path).write_bytes(edited.new)
    assert "aclosing(get_plain())" in (package / "main.py").read_text()
    sys.path.insert(0, str(tmp_path))
    try:
        url = f"sqlite+aiosqlite:///{tmp_path / 'fixed.db'}"
        assert run("mends_style", "loop", url, fail=False) == Ran(None, (), 0, 0)
        assert run("mends_style", "loop", url, fail=True) == Ran("ValueError", (), 0, 0)
    finally:
        sys.path.remove(str(tmp_path))
