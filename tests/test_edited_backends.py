"""Backends of a real shape, edited step by step: every way to run mypy says what a cold run says.

``check``, which leaves out a file that cannot be parsed and goes on, is compared with itself.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from difflib import unified_diff
from functools import partial
from random import Random
from typing import TYPE_CHECKING, Final

import pytest

from tests.harness.edited import Edited, anew, findings, history
from tests.harness.modes import AXES, Seeds

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from tests.harness.edited import State
    from tests.harness.modes import Run
    from tests.harness.workspace import Workspace

_WAYS: Final[Mapping[str, Callable[[Workspace, Seeds], Iterator[Run]]]] = {
    **AXES,
    "check anew": partial(anew, "check"),
    "parsed anew": partial(anew, "parsed"),
}
#: What each way has to agree with.
_EXPECTED: Final = {
    "warm": "cold",
    "workers": "cold",
    "daemon": "cold",
    "check": "check anew",
    "parsed": "parsed anew",
}


def disagreements(root: Path, states: Sequence[State], ways: Sequence[str]) -> list[str]:
    """What each way says otherwise than it should, with what was edited before."""
    seeds = Seeds(root / "seeds")
    (root / "seeds").mkdir()
    needed = sorted({*ways, *(_EXPECTED[way] for way in ways)})
    runs = {}
    for way in needed:
        (root / way).mkdir()
        runs[way] = _WAYS[way](Edited(root / way, states), seeds)
    found = []
    total = 0
    try:
        with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
            for state in states:
                got = dict(zip(needed, pool.map(lambda way: next(runs[way]), needed), strict=True))
                total += sum(len(findings(run)) for run in got.values())
                found += [
                    text
                    for way in ways
                    for text in _difference(way, got[_EXPECTED[way]], got[way], state)
                ]
    finally:
        for each in runs.values():
            each.close()  # type: ignore[attr-defined]
    assert total > len(states), "there is nothing in these backends to find"
    return found


def _difference(way: str, expected: Run, run: Run, state: State) -> Iterator[str]:
    for each in (expected, run):
        if each.status not in {0, 1, 2} or "Traceback" in each.output:
            yield f"{way}, {each.name}: {each.output[-3000:]}"
    wanted, got = findings(expected), findings(run)
    if wanted != got:
        lines = unified_diff(wanted, got, _EXPECTED[way], way, lineterm="", n=0)
        yield "\n".join([f"{way}, {run.name}, after:", *state.log, "", *lines])


def test_thirty_edits(tmp_path: Path) -> None:
    states = history(Random(11), packages=10, steps=3)
    found = disagreements(tmp_path, states, ("warm", "workers", "daemon", "parsed"))
    assert not found, "\n\n".join(found)


@pytest.mark.long
@pytest.mark.parametrize("seed", [100, 200])
def test_a_thousand_edits(seed: int, tmp_path: Path) -> None:
    states = history(Random(seed), packages=12, steps=84)
    found = disagreements(tmp_path, states, ("warm", "workers", "daemon", "check", "parsed"))
    assert not found, "\n\n".join(found)
