"""When the providers of the cases commit: what FastAPI does with them, in requests."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from tests.harness import answered
from tests.harness.answered import in_order, late
from tests.harness.case import read_cases
from tests.harness.environments import NoEnvironmentError, environment
from tests.harness.workspace import TEST_DATA, Workspace

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fastapi import FastAPI

_CASES: Final = [
    case
    for case in read_cases(TEST_DATA / "session-late-commit.test")
    if "requests" in case.skips.get("proof", "")
]


@pytest.fixture(scope="module")
def application(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FastAPI]:
    """The application of the cases."""
    workspace = Workspace(tmp_path_factory.mktemp("late"), _CASES)
    workspace.write(1)
    before = set(sys.modules)
    sys.path.insert(0, str(workspace.root))
    try:
        module = importlib.import_module(f"{_CASES[0].package}.main")
        yield module.app
    finally:
        sys.path.remove(str(workspace.root))
        for name in set(sys.modules) - before:
            if Path(getattr(sys.modules[name], "__file__", None) or "/").is_relative_to(
                workspace.root
            ):
                del sys.modules[name]


def test_the_wrong_ones_commit_after_the_response_and_no_other_does(application: FastAPI) -> None:
    found = in_order(application)
    assert len(found) > 40
    assert late(found) == {name for name in found if name.startswith("wrong")}


@pytest.mark.long
@pytest.mark.parametrize("sqlalchemy", ["sqlalchemy>=2.0,<2.1", "sqlalchemy>=2.1"])
def test_they_are_as_late_on_postgres(
    sqlalchemy: str,
    postgres_url: str,
    tmp_path: Path,
    pytestconfig: pytest.Config,
) -> None:
    folder = pytestconfig.cache.mkdir("environments")
    drivers = ("asyncpg>=0.30", "psycopg[binary]>=3.2")
    try:
        python = environment(folder, version("fastapi"), sqlalchemy, *drivers)
    except NoEnvironmentError as error:
        pytest.skip(str(error))
    workspace = Workspace(tmp_path, _CASES)
    workspace.write(1)
    done = subprocess.run(
        [python, "-B", answered.__file__, postgres_url, str(workspace.root), _CASES[0].package],
        stdout=subprocess.PIPE,
        text=True,
        timeout=300,
        check=True,
    )
    found: dict[str, list[str]] = json.loads(done.stdout)
    assert len(found) > 40
    assert late(found) == {name for name in found if name.startswith("wrong")}
