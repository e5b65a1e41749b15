"""Providers that are made in many ways, for the applications in ``dependencies.toml``."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import lru_cache, wraps
from typing import Annotated, Generic, TypeVar

from fastapi import Depends
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from app.db import Maker, db_manager, engine, get_db, open_db

T = TypeVar("T")


# Functions


async def found(db: AsyncSession = Depends(get_db)) -> AsyncSession:
    return db


def given(db: AsyncSession = Depends(get_db)) -> AsyncSession:
    return db


async def named(one: str, two: str) -> AsyncIterator[AsyncSession]:
    async with Maker() as session:
        yield session


async def entering() -> AsyncIterator[AsyncSession]:
    async with db_manager() as session:
        yield session


async def handing_on(db: AsyncSession = Depends(get_db)) -> AsyncIterator[AsyncSession]:
    yield db


async def handing_on_again(db: AsyncSession = Depends(handing_on)) -> AsyncSession:
    return db


async def yields_manager():
    yield db_manager()


def returns_generator():
    return get_db()


def returns_iterator() -> AsyncIterator[AsyncSession]:
    return get_db()


def returns_manager():
    return db_manager()


def returns_coroutine():
    return open_db()


def returns_function():
    return db_manager


def returns_maker() -> async_sessionmaker[AsyncSession]:
    return Maker


async def awaited_generator():
    return get_db()


async def awaited_manager():
    return db_manager()


async def awaited_coroutine():
    return open_db()


def number() -> int:
    return 1


@lru_cache
def cached() -> int:
    return 1


generate_by_lambda = lambda: get_db()
manager_by_name = asynccontextmanager(get_db)


# Decorators


def traced(function):
    @wraps(function)
    def wrapper(*args, **kwargs):
        return function(*args, **kwargs)

    return wrapper


def traced_without_wraps(function):
    def wrapper():
        return function()

    return wrapper


def traced_by_coroutine(function):
    @wraps(function)
    async def wrapper(*args, **kwargs):
        return function(*args, **kwargs)

    return wrapper


def traced_awaiting(function):
    @wraps(function)
    async def wrapper(*args, **kwargs):
        return await function(*args, **kwargs)

    return wrapper


def entered(function):
    @wraps(function)
    async def wrapper(*args, **kwargs):
        async with function(*args, **kwargs) as session:
            yield session

    return wrapper


@traced
async def traced_generator() -> AsyncIterator[AsyncSession]:
    async with Maker() as session:
        yield session


# Factories


def generator_of(name: str):
    async def dependency() -> AsyncIterator[AsyncSession]:
        async with Maker() as session:
            yield session

    return dependency


def manager_of(name: str):
    @asynccontextmanager
    async def dependency() -> AsyncIterator[AsyncSession]:
        async with Maker() as session:
            yield session

    return dependency


def raw_of(name: str):
    def dependency():
        return get_db()

    return dependency


# Classes


class Generate:
    async def __call__(self) -> AsyncIterator[AsyncSession]:
        async with Maker() as session:
            yield session


class Find:
    async def __call__(self, db: AsyncSession = Depends(get_db)) -> AsyncSession:
        return db


class Give:
    def __call__(self, db: AsyncSession = Depends(get_db)) -> AsyncSession:
        return db


class Manage:
    @asynccontextmanager
    async def __call__(self) -> AsyncIterator[AsyncSession]:
        async with Maker() as session:
            yield session


class Hand:
    def __call__(self):
        return get_db()


def generate_of(name: str) -> Generate:
    return Generate()


class Database:
    async def session(self) -> AsyncIterator[AsyncSession]:
        async with Maker() as session:
            yield session

    @asynccontextmanager
    async def scope(self) -> AsyncIterator[AsyncSession]:
        async with Maker() as session:
            yield session

    async def find(self, db: AsyncSession = Depends(get_db)) -> AsyncSession:
        return db

    @staticmethod
    async def static() -> AsyncIterator[AsyncSession]:
        async with Maker() as session:
            yield session

    @staticmethod
    @asynccontextmanager
    async def static_scope() -> AsyncIterator[AsyncSession]:
        async with Maker() as session:
            yield session

    @classmethod
    async def of_class(cls) -> AsyncIterator[AsyncSession]:
        async with Maker() as session:
            yield session

    @classmethod
    @asynccontextmanager
    async def class_scope(cls) -> AsyncIterator[AsyncSession]:
        async with Maker() as session:
            yield session


database = Database()


class Repo:
    def __init__(self, db: Annotated[AsyncSession, Depends(get_db)]) -> None:
        self.db = db


class Box(Generic[T]):
    def __init__(self) -> None:
        self.held: list[T] = []


class OwnSession(AsyncSession):
    def __init__(self) -> None:
        super().__init__(engine)


class Sessions:
    """Is not what it looks like."""

    def __new__(cls):
        return Maker()
