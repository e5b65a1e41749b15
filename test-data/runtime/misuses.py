"""Misuses of providers, and mistakes that are none: for what their exceptions tell."""

from contextlib import asynccontextmanager, contextmanager

from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from mypy_asyncsession.runtime import provider, session_scope, validate_session

Maker = async_sessionmaker()


async def generator():
    yield AsyncSession()


@asynccontextmanager
async def manager():
    yield AsyncSession()


@contextmanager
def sync_manager():
    yield AsyncSession()


@provider
async def provided():
    yield AsyncSession()


async def coroutine():
    return AsyncSession()


@validate_session
async def use(session: AsyncSession) -> AsyncSession:
    return session


class Uses:
    """Each is wrong in its own way."""

    async def enters_a_generator(self):
        async with generator():
            pass

    async def enters_a_function(self):
        async with generator:
            pass

    async def enters_a_provider(self):
        async with provided:
            pass

    async def enters_a_sessionmaker(self):
        async with Maker:
            pass

    async def enters_in_the_sync_form(self):
        with manager():
            pass

    async def enters_a_sync_one(self):
        async with sync_manager():
            pass

    async def iterates_over_a_manager(self):
        async for _ in manager():
            pass

    async def iterates_over_a_session(self):
        session = AsyncSession()
        async for _ in session:
            pass

    async def awaits_a_generator(self):
        await generator()

    async def awaits_a_manager(self):
        await manager()

    async def awaits_a_provider(self):
        await provided()

    async def asks_a_manager(self):
        manager().execute("select 1")

    async def asks_a_generator(self):
        generator().execute("select 1")

    async def asks_a_function(self):
        generator.execute("select 1")

    async def asks_a_sessionmaker(self):
        Maker.execute("select 1")

    async def asks_what_a_provider_gave(self):
        provided().commit()

    async def calls_with_a_generator(self):
        await use(generator())

    async def scopes_a_sync_one(self):
        async with session_scope(sync_manager):
            pass

    async def says_something_else(self):
        try:
            manager().execute("select 1")
        except AttributeError:
            raise PermissionError

    async def says_it_from_there(self):
        try:
            manager().execute("select 1")
        except AttributeError as error:
            raise PermissionError from error


def function():
    pass


class Others:
    """Wrong, but not with a provider."""

    async def asks_nothing(self):
        nothing = None
        nothingenerator.execute()

    async def asks_for_another_name(self):
        manager().no_such_thingenerator()

    async def asks_a_coroutine_for_a_common_name(self):
        waiting = coroutine()
        try:
            waiting.get("key")
        finally:
            waiting.close()

    async def asks_any_function(self):
        name = len
        name.execute()

    async def enters_any_function(self):
        name = function
        with name:
            pass

    async def calls_with_too_much(self):
        coroutine(1)

    async def adds(self):
        one = 1
        one + ""

    async def iterates_over_a_number(self):
        number = 1
        for _ in number:
            pass

    async def is_another(self):
        raise ValueError


def fetches():
    manager().fetchrow()


def wrong(*_):
    return manager().execute("select 1")
