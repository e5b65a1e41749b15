"""What a check costs of modules that are long in one way or another: no more than in proportion."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

IMPORTS = """\
from contextlib import asynccontextmanager

from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

Maker: async_sessionmaker[AsyncSession] = async_sessionmaker()


async def use(session: AsyncSession) -> None:
    await session.flush()


"""
HEAD = f"{IMPORTS}async def f() -> None:\n"
BLOCK = """\
    async with Maker() as s{number}:
        await s{number}.flush()
"""

NAMED = """\
    m{number} = Maker.begin()
    async with m{number} as s{number}:
        await s{number}.flush()
"""

USE = """\
    await session.flush()
    await use(session)
"""
AGAIN = """\
    async with Maker() as session:
        await use(session)
"""
#: Providers that hand on what the next one gives, and the last what the first does.
RINGS = {
    "managers": """\
@asynccontextmanager
async def p{number}():
    async with p{next}() as session:
        yield session


""",
    "generators": """\
async def p{number}():
    async for session in p{next}():
        yield session


""",
    "functions": """\
def p{number}():
    return p{next}()


""",
    "coroutines": """\
async def p{number}(session):
    await p{next}(session)
    await session.flush()


""",
}
#: Failures of a session that nobody heeds.
SWALLOWED = """\
    try:
        await session.flush()
    except Exception:
        print({number})
"""
MAPPED = """\
class Base(DeclarativeBase):
    pass


class User(Base):
    __tablename__ = "users"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]


"""
#: Instances that are read once their session has committed.
LOADED = """\
    u{number} = await session.get(User, {number})
    if u{number} is not None:
        await session.commit()
        print(u{number}.name)
"""
#: Conditions of a query, which comes of a library that is not at hand.
NARROWED = """\
    if given[{number}]:
        query = query.where(given[{number}])
"""
#: What is done with the session of a caller.
HANDED = {
    "helpers": """\
    await helper(session)
""",
    "handlers": """\
    try:
        await session.commit()
    except ValueError:
        await session.rollback()
""",
}
HELPER = """\
async def helper(session: AsyncSession) -> None:
    await session.flush()
    await session.commit()


"""
STEP = """\
    x = x + {number}
    if x > n:
        print(x)
    y{few} = x
"""


def _spent(folder: Path, text: str) -> float:
    """The time of the processor, in seconds, that a cold check of a module takes."""
    (folder / "module.py").write_text(text)
    begun = os.times()
    run = subprocess.run(
        [sys.executable, "-m", "mypy_asyncsession", "check", "module.py", "--workers", "0"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    ended = os.times()
    assert run.returncode in (0, 1), run.stdout + run.stderr
    assert "could not go through" not in run.stdout
    return ended.children_user - begun.children_user


def test_two_thousand_blocks_in_one_function(tmp_path: Path) -> None:
    blocks = "".join(BLOCK.format(number=number) for number in range(2_000))
    # A thousand took 25, and twice as many four times that, when each looked at all that follow.
    assert _spent(tmp_path, HEAD + blocks) < 45


def test_two_thousand_managers_with_a_name(tmp_path: Path) -> None:
    blocks = "".join(NAMED.format(number=number) for number in range(2_000))
    # Each was compared with all that is entered, and searched for in all of it: that took 57.
    assert _spent(tmp_path, HEAD + blocks) < 10


def _uses(number: int) -> str:
    """A function that uses one session again and again, and one that binds a name anew."""
    head = "async def g(session: AsyncSession) -> None:\n"
    return IMPORTS + head + USE * number + "\n\nasync def h() -> None:\n" + AGAIN * number


def _ring(kind: str, number: int, *, closed: bool) -> str:
    """Providers that call one another."""
    each = RINGS[kind]
    text = "".join(
        each.format(number=place, next=(place + 1) % number if closed else place + 1)
        for place in range(number)
    )
    last = "" if closed else f"async def p{number}(session=None):\n    yield Maker()\n"
    return IMPORTS + text + last


def test_four_thousand_uses_of_one_session(tmp_path: Path) -> None:
    # Each walked through all of the function, to see whether that has a lock, and through all
    # that binds the name: 2,000 took 19, and twice as many four times that.
    assert _spent(tmp_path, _uses(4_000)) < 30


def test_a_chain_of_three_hundred_calls(tmp_path: Path) -> None:
    chain = "".join(f".where(User.id > {number})" for number in range(300))
    head = "async def f(session: AsyncSession, query) -> None:\n"
    body = f"    await session.execute(query.select(User){chain})\n"
    # What each is called on was evaluated twice, and so four times what that is called on: 200
    # took 12.
    assert _spent(tmp_path, IMPORTS + head + body) < 6


def test_two_thousand_failures_that_are_swallowed(tmp_path: Path) -> None:
    blocks = "".join(SWALLOWED.format(number=number) for number in range(2_000))
    # Each was carried along to all that follow: 800 took 10.
    head = "async def f(session: AsyncSession) -> None:\n"
    assert _spent(tmp_path, IMPORTS + head + blocks) < 20


def test_a_thousand_instances_in_one_function(tmp_path: Path) -> None:
    imports = "from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column\n" + IMPORTS
    head = f"{MAPPED}async def f(session: AsyncSession) -> None:\n"
    body = "".join(LOADED.format(number=number) for number in range(1_000))
    # For each, all of the function was gone through, and all of its tests: 800 took 39.
    assert _spent(tmp_path, imports + head + body) < 20


def test_forty_conditions_of_a_query(tmp_path: Path) -> None:
    imports = "from elsewhere import select\nfrom fastapi import Depends\n" + IMPORTS
    head = "async def f(given: list[int], session: AsyncSession = Depends(Maker)) -> None:\n"
    conditions = "".join(NARROWED.format(number=number) for number in range(40))
    body = f"    query = select(1)\n{conditions}    await use(query, session)\n"
    # Each doubled what the query may be: 12 took 8, and 13 more than 50.
    assert _spent(tmp_path, imports + head + body) < 12


@pytest.mark.parametrize("kind", HANDED)
def test_a_long_function_that_is_called(tmp_path: Path, kind: str) -> None:
    steps = HANDED[kind] * 1_600
    head = f"{IMPORTS}{HELPER}async def f(session: AsyncSession) -> None:\n"
    last = "\n\nasync def g(session: AsyncSession) -> None:\n    await f(session)\n"
    # For each thing that is done, all that comes before it and after it was gone through: that
    # took 12 and 54.
    assert _spent(tmp_path, head + steps + last) < 10


@pytest.mark.long
@pytest.mark.parametrize("kind", RINGS)
def test_a_ring_of_two_thousand_providers(tmp_path: Path, kind: str) -> None:
    assert _spent(tmp_path, _ring(kind, 2_000, closed=True)) < 60


@pytest.mark.long
@pytest.mark.parametrize("kind", RINGS)
def test_a_delegation_that_is_a_thousand_deep(tmp_path: Path, kind: str) -> None:
    assert _spent(tmp_path, _ring(kind, 1_000, closed=False)) < 60


@pytest.mark.long
def test_a_function_of_fifty_thousand_lines(tmp_path: Path) -> None:
    steps = "".join(STEP.format(number=number, few=number % 50) for number in range(12_500))
    body = f"    x = 0\n{steps}    await session.flush()\n"
    head = "async def f(session: AsyncSession, n: int) -> None:\n"
    assert _spent(tmp_path, IMPORTS + head + body) < 80


@pytest.mark.long
@pytest.mark.parametrize("names", ["one", "many"])
def test_five_thousand_blocks_in_one_function(tmp_path: Path, names: str) -> None:
    blocks = "".join(
        BLOCK.format(number=number if names == "many" else "") for number in range(5_000)
    )
    assert _spent(tmp_path, HEAD + blocks) < 100
