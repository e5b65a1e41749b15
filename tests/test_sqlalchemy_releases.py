"""The cases about sessions over time, executed on the other release of SQLAlchemy."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.metadata import version
from typing import Final

import pytest

from tests.harness import prove
from tests.harness.case import read_cases
from tests.harness.environments import NoEnvironmentError, environment
from tests.harness.workspace import TEST_DATA, Workspace

_FILES: Final = (
    "concurrent",
    "expired",
    "expired-given",
    "lazy-load",
    "transaction",
    "units-of-work",
)
_CASES: Final = [
    case
    for name in _FILES
    for case in read_cases(TEST_DATA / f"session-{name}.test")
    if "proof" not in case.skips
]
#: What is installed beside pytest is the newest one.
_OTHER: Final = "sqlalchemy>=2.0,<2.1"


def _failing(python: str, workspace: Workspace) -> dict[tuple[str, str], bool]:
    """The functions of the cases, and whether each has failed."""
    done = subprocess.run(
        [python, "-B", prove.__file__, str(workspace.root), *(case.package for case in _CASES)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        timeout=300,
        check=True,
    )
    found = map(json.loads, done.stdout.splitlines())
    return {(each["package"], each["entry"]): each["error"] is not None for each in found}


@pytest.mark.long
def test_the_same_ones_fail(
    tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config
) -> None:
    folder = pytestconfig.cache.mkdir("environments")
    try:
        python = environment(folder, version("fastapi"), _OTHER)
    except NoEnvironmentError as error:
        pytest.skip(str(error))
    workspace = Workspace(tmp_path_factory.mktemp("releases"), _CASES)
    workspace.write(1)
    here = _failing(sys.executable, workspace)
    there = _failing(str(python), workspace)
    assert sum(here.values()) > 100
    assert {name for name in here if here[name] is not there.get(name)} == set()
