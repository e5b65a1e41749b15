"""Trees to measure on: applications of any number of modules, all of the same make.

A hundredth of the modules define providers, the others use them, rightly but for a few, and import
each other as layers do, so that the cost a module should stay the same however many there are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_PROVIDERS = """\
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Session{number}:
    async def execute(self, statement: str) -> list[int]:
        return [len(statement)]


async def get_db() -> AsyncIterator[Session{number}]:
    yield Session{number}()


@asynccontextmanager
async def session_scope() -> AsyncIterator[Session{number}]:
    yield Session{number}()


def wrapped():
    return session_scope()
"""
_USES = """\
from package{package}.providers import get_db, session_scope, wrapped
{imports}

class Service{number}:
    def __init__(self, name: str, limit: int = 10) -> None:
        self.name = name
        self.limit = limit
        self.seen: dict[str, int] = {{}}

    async def load(self, key: str) -> list[int]:
        async with session_scope() as session:
            found = await session.execute(key)
        return [value for value in found if value < self.limit]

    async def stream(self) -> int:
        total = 0
        async for session in get_db():
            total += sum(await session.execute(self.name))
        return total

    def count(self, keys: list[str]) -> dict[str, int]:
        for key in keys:
            self.seen[key] = self.seen.get(key, 0) + len(key)
        return {{key: count for key, count in self.seen.items() if count > 1}}


async def run{number}(name: str) -> list[int]:
    service = Service{number}(name)
    async with {entered}() as session:
        await session.execute(name)
    return await service.load(name)
"""
#: How many modules a package has, its providers included.
_IN_A_PACKAGE = 100


def sizes() -> Mapping[str, int]:
    """The number of modules of each tree, by its name."""
    return {"1x": 500, "3x": 1500, "10x": 5000}


def generate(folder: Path, modules: int) -> None:
    """Write a tree.

    Args:
        folder: Where; it is made.
        modules: How many modules it has, ``__init__`` aside.
    """
    for number in range(modules):
        package, place = divmod(number, _IN_A_PACKAGE)
        inside = folder / f"package{package}"
        if place == 0:
            inside.mkdir(parents=True)
            (inside / "__init__.py").write_text("")
            text, name = _PROVIDERS.format(number=number), "providers"
        else:
            below = [number - step for step in (1, 7) if place - step > 0]
            imports = "".join(
                f"from package{package}.module{other} import Service{other}\n" for other in below
            )
            entered = "get_db" if place % 25 == 1 else "wrapped"
            text = _USES.format(number=number, package=package, imports=imports, entered=entered)
            name = f"module{number}"
        (inside / f"{name}.py").write_text(text)
