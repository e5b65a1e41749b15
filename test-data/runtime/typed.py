"""What type checkers are to see."""

from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Annotated

from fastapi import Depends, FastAPI
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import Session, sessionmaker
from typing_extensions import assert_type

from mypy_asyncsession.runtime import provider, session_scope, validate_session

engine = create_async_engine("sqlite+aiosqlite://")
Maker = async_sessionmaker(engine)
SyncMaker = sessionmaker()
app = FastAPI()


@provider
async def get_db(tenant: str = "") -> AsyncIterator[AsyncSession]:
    async with Maker() as session:
        yield session


@provider
async def get_db_generator() -> AsyncGenerator[AsyncSession, None]:
    async with Maker() as session:
        yield session


@provider
def get_sync_db() -> Iterator[Session]:
    with SyncMaker() as session:
        yield session


class Database:
    @provider
    async def session(self, tenant: str) -> AsyncIterator[AsyncSession]:
        async with Maker() as session:
            yield session

    @classmethod
    @provider
    async def of_class(cls, tenant: str = "") -> AsyncIterator[AsyncSession]:
        async with Maker() as session:
            yield session

    @classmethod
    @provider
    def sync_of_class(cls) -> Iterator[Session]:
        with SyncMaker() as session:
            yield session

    @staticmethod
    @provider
    async def of_nobody() -> AsyncIterator[AsyncSession]:
        async with Maker() as session:
            yield session


async def plain_generator(tenant: str) -> AsyncIterator[AsyncSession]:
    async with Maker() as session:
        yield session


@asynccontextmanager
async def manager() -> AsyncIterator[AsyncSession]:
    async with Maker() as session:
        yield session


@contextmanager
def sync_manager() -> Iterator[Session]:
    with SyncMaker() as session:
        yield session


async def coroutine() -> AsyncSession:
    return Maker()


def sync_generator() -> Iterator[Session]:
    with SyncMaker() as session:
        yield session


DbDep = Annotated[AsyncSession, Depends(get_db)]


@app.get("/")
async def handler(
    db: DbDep,
    other: Annotated[AsyncSession, Depends(get_db_generator)],
    sync: Annotated[Session, Depends(get_sync_db)],
    method: Annotated[AsyncSession, Depends(Database().session)],
) -> None:
    assert_type(db, AsyncSession)
    assert_type(other, AsyncSession)
    assert_type(sync, Session)


app.dependency_overrides[get_db] = get_db_generator


@validate_session
async def use(session: AsyncSession, amount: int) -> str:
    return ""


@validate_session(resources=["app.db.Connection"])
def use_sync(session: Session) -> int:
    return 0


async def providers() -> None:
    async with get_db() as session:
        assert_type(session, AsyncSession)
        assert_type(await use(session, 1), str)
    async with get_db("acme") as session:
        assert_type(session, AsyncSession)
    async for session in get_db(tenant="acme"):
        assert_type(session, AsyncSession)
    async with get_db_generator() as session:
        assert_type(session, AsyncSession)
    async with Database().session("acme") as session:
        assert_type(session, AsyncSession)
    async with Database.of_class() as session:
        assert_type(session, AsyncSession)
    async with Database().of_class("acme") as session:
        assert_type(session, AsyncSession)
    async with Database.of_nobody() as session:
        assert_type(session, AsyncSession)
    async with Database().of_nobody() as session:
        assert_type(session, AsyncSession)
    with Database.sync_of_class() as sync:
        assert_type(sync, Session)
    with get_sync_db() as sync:
        assert_type(sync, Session)
        assert_type(use_sync(sync), int)
    for sync in get_sync_db():
        assert_type(sync, Session)


async def scopes() -> None:
    async with session_scope(get_db) as one:
        assert_type(one, AsyncSession)
    async with session_scope(get_db, "acme") as two:
        assert_type(two, AsyncSession)
    async with session_scope(plain_generator, tenant="acme") as three:
        assert_type(three, AsyncSession)
    async with session_scope(manager) as four:
        assert_type(four, AsyncSession)
    async with session_scope(coroutine) as five:
        assert_type(five, AsyncSession)
    async with session_scope(Maker) as six:
        assert_type(six, AsyncSession)
    async with session_scope(Database().session, "acme") as seven:
        assert_type(seven, AsyncSession)
    async with session_scope(plain_generator("acme")) as eight:
        assert_type(eight, AsyncSession)
    async with session_scope(manager()) as nine:
        assert_type(nine, AsyncSession)
    async with session_scope(coroutine()) as ten:
        assert_type(ten, AsyncSession)
    async with session_scope(get_db()) as eleven:
        assert_type(eleven, AsyncSession)
    async with session_scope(AsyncSession(engine)) as twelve:
        assert_type(twelve, AsyncSession)
    with session_scope(get_sync_db) as thirteen:
        assert_type(thirteen, Session)
    with session_scope(sync_generator) as fourteen:
        assert_type(fourteen, Session)
    with session_scope(sync_manager) as fifteen:
        assert_type(fifteen, Session)
    with session_scope(SyncMaker) as sixteen:
        assert_type(sixteen, Session)
    async with session_scope(get_db, app=app) as seventeen:
        assert_type(seventeen, AsyncSession)
    async with session_scope(plain_generator, app=app) as eighteen:
        assert_type(eighteen, AsyncSession)
    async with session_scope(sync_generator, app=app) as nineteen:
        assert_type(nineteen, Session)
