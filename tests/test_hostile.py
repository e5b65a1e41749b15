"""A check of a tree that was made to harm who checks it."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from mypy_asyncsession.checking.place import FOLDER
from tests.harness.hostile import HostileTree

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.harness.hostile import Done

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="it has no such files")


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> HostileTree:
    return HostileTree(tmp_path_factory.mktemp("hostile"))


def inside(path: str, folder: Path) -> bool:
    return path == str(folder) or path.startswith(str(folder) + os.sep)


def places(done: Done) -> list[str]:
    found = [json.loads(line) for line in done.stdout.splitlines()]
    return [f"{each['file']}:{each['line']}" for each in found]


def is_ours(program: Sequence[str]) -> bool:
    """Whether a program that was started is our build, or mypy's worker."""
    ours = ("mypy_asyncsession.checking.build", "mypy.build_worker")
    return program[0] == sys.executable and program[1] == "-m" and program[2] in ours


def test_a_check_runs_and_changes_nothing_of_it(hostile: HostileTree) -> None:
    private = (hostile.root / FOLDER, hostile.home / ".cache", hostile.temporary)
    before = hostile.contents()
    for workers in ("0", "0", "2", "2"):  # the second one finds what the first one has kept
        done = hostile.run("check", "app", "--output", "json", "--workers", workers)
        assert done.owned == []
        assert done.status == 1
        assert places(done) == ["app/use.py:5"]
        assert all(is_ours(program) for program in done.programs)
        assert done.others == []
        wrong = {path for path in done.writes if not any(inside(path, each) for each in private)}
        assert wrong <= {os.devnull}
    after = hostile.contents()
    # What was there is as it was: the cache's own files among them, which somebody has made up.
    assert {path: found for path, found in after.items() if path in before} == before
    new = [path for path in after if path not in before]
    assert len({Path(path).relative_to(private[0]).parts[0] for path in new}) <= 2
    assert all(inside(path, private[0]) for path in new)


@pytest.mark.parametrize(
    "option",
    [
        "plugins = ./evil_plugin.py",
        "plugins = evil_package",
        "python_executable = ./evil/bin/python",
    ],
)
def test_no_option_of_mypy_alone_runs_anything(hostile: HostileTree, option: str) -> None:
    """Of several, the first one could be refused, and the others never be looked at."""
    whole = (hostile.root / "mypy.ini").read_text()
    (hostile.root / "mypy.ini").write_text(f"[mypy]\n{option}\n")
    try:
        done = hostile.run("check", "app", "--output", "json")
    finally:
        (hostile.root / "mypy.ini").write_text(whole)
    assert done.owned == []
    assert places(done) == ["app/use.py:5"]


@pytest.mark.parametrize(
    "arguments",
    [
        ("check", "."),
        ("fix", "app", "bare"),
        ("fix", "--restore"),
        ("audit", "app"),
        ("stubs", "app", "--output", "outside/more"),
        ("rollout", "--check", "app"),
        ("init", "--no-check"),
    ],
    ids=" ".join,
)
def test_no_command_runs_anything_of_it(hostile: HostileTree, arguments: Sequence[str]) -> None:
    done = hostile.run(*arguments)
    assert done.owned == []
    assert b"internal error" not in done.stderr
    assert all(is_ours(program) or Path(program[0]).name == "git" for program in done.programs)
    assert all(path.read_text() == "precious" for path in hostile.outside.iterdir())
