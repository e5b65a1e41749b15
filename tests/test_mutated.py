"""Cases with something broken in them: the engine goes through them all, or says why it cannot.

Each is a case of ``test-data`` in which a line or a name was taken out, doubled or moved. Whatever
comes of that, there is no crash, and a file is either looked at or named as one that was not.
"""

from __future__ import annotations

import json
import re
from random import Random
from typing import TYPE_CHECKING, Final

import pytest

from mypy_asyncsession.checking.options import Engine, Options
from mypy_asyncsession.checking.run import check
from mypy_asyncsession.codes import PARENT
from tests.harness.case import read_cases
from tests.harness.workspace import TEST_DATA

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_NAME: Final = re.compile(r"\b[A-Za-z_]\w*\b")


def _without_a_line(lines: list[str], chance: Random) -> list[str]:
    at = chance.randrange(len(lines))
    return lines[:at] + lines[at + 1 :]


def _line_twice(lines: list[str], chance: Random) -> list[str]:
    at = chance.randrange(len(lines))
    return lines[: at + 1] + lines[at:]


def _lines_swapped(lines: list[str], chance: Random) -> list[str]:
    one, other = chance.randrange(len(lines)), chance.randrange(len(lines))
    found = list(lines)
    found[one], found[other] = found[other], found[one]
    return found


def _indented_otherwise(lines: list[str], chance: Random) -> list[str]:
    at = chance.randrange(len(lines))
    return [
        *lines[:at],
        chance.choice(["    ", "        ", ""]) + lines[at].lstrip(),
        *lines[at + 1 :],
    ]


def _another_name(lines: list[str], chance: Random) -> list[str]:
    names = _NAME.findall("\n".join(lines))
    at = chance.randrange(len(lines))
    changed = _NAME.sub(lambda _: chance.choice(names), lines[at], count=1) if names else lines[at]
    return [*lines[:at], changed, *lines[at + 1 :]]


_MUTATIONS: Final[tuple[Callable[[list[str], Random], list[str]], ...]] = (
    _without_a_line,
    _line_twice,
    _lines_swapped,
    _indented_otherwise,
    _another_name,
    _another_name,
)


def _mutated(count: int) -> list[str]:
    """So many cases with one to three mutations each; the same ones every time."""
    sources = [
        tree["main.py"]
        for file in sorted(TEST_DATA.glob("*.test"))
        for case in read_cases(file)
        for tree in case.trees[:1]
        if "main.py" in tree
    ]
    chance = Random(count)
    found = []
    for number in range(count):
        lines = sources[number * 7 % len(sources)].split("\n")
        for _ in range(chance.randint(1, 3)):
            lines = chance.choice(_MUTATIONS)(lines, chance) or [""]
        found.append("\n".join(lines))
    return found


@pytest.mark.parametrize("engine", Engine)
@pytest.mark.parametrize("count", [60, pytest.param(3000, marks=pytest.mark.long)])
def test_no_mutation_is_too_strange(count: int, engine: Engine, tmp_path: Path) -> None:
    (tmp_path / "app").mkdir()
    for file in (TEST_DATA / "app").glob("*.py"):
        (tmp_path / "app" / file.name).write_bytes(file.read_bytes())
    for number, text in enumerate(_mutated(count)):
        (tmp_path / f"mutated_{number}.py").write_text(text, encoding="utf-8")
    options = Options(cache_dir=str(tmp_path / "cache"), engine=engine, strict=True)
    report = check(["."], options, directory=str(tmp_path))
    crashes = [finding for finding in report.findings if finding.code == PARENT]
    assert not crashes, json.dumps([(each.path, each.message) for each in crashes[:5]], indent=1)
    assert report.checked > count / 4, "many mutations leave what can be parsed"
    assert len(report.findings) > count / 10
    named = {problem.path for problem in report.problems}
    unread = {f"mutated_{number}.py" for number in range(count)} - report.paths
    assert unread <= named
