"""The cases about sessions over time, executed on the other release of SQLAlchemy."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.metadata import version
from typing import TYPE_CHECKING, Final

import pytest

from tests.harness import prove
from tests.harness.case import read_cases
from tests.harness.environments import NoEnvironmentError, environment
from tests.harness.workspace import TEST_DATA, Workspace

if TYPE_CHECKING:
    from collections.abc import Mapping

_FILES: Final = (
    "concurrent",
    "escape",
    "escape-later",
    "escape-requests",
    "expired",
    "expired-given",
    "lazy-load",
    "lazy-load-helpers",
    "lazy-load-responses",
    "transaction",
    "unawaited",
    "units-of-work",
)
CASES: Final = [
    case
    for name in _FILES
    for case in read_cases(TEST_DATA / f"session-{name}.test")
    if "proof" not in case.skips
]
#: What is installed beside pytest is the newest one.
_OTHER: Final = "sqlalchemy>=2.0,<2.1"


def failing(python: str, workspace: Workspace, *script: str) -> dict[tuple[str, str], str | None]:
    """The functions of the cases, with the error that each has failed with.

    Args:
        python: The interpreter.
        workspace: Where the cases are.
        script: What executes them, and what it is told first.
    """
    packages = [case.package for case in CASES]
    done = subprocess.run(
        [python, "-B", *(script or (prove.__file__,)), str(workspace.root), *packages],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        timeout=600,
        check=True,
    )
    found = map(json.loads, done.stdout.splitlines())
    return {(each["package"], each["entry"]): each["error"] for each in found}


def differing(
    here: Mapping[tuple[str, str], str | None], there: Mapping[tuple[str, str], str | None]
) -> dict[tuple[str, str], tuple[str | None, str | None]]:
    """The functions that fail in one place and not in the other, with both errors."""
    return {
        name: (here[name], there.get(name, "is not there"))
        for name in here
        if (here[name] is None) is not (there.get(name, "is not there") is None)
    }


@pytest.mark.long
def test_the_same_ones_fail(
    tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config
) -> None:
    folder = pytestconfig.cache.mkdir("environments")
    try:
        python = environment(folder, version("fastapi"), _OTHER, "pytest")  # one case imports it
    except NoEnvironmentError as error:
        pytest.skip(str(error))
    workspace = Workspace(tmp_path_factory.mktemp("releases"), CASES)
    workspace.write(1)
    here = failing(sys.executable, workspace)
    there = failing(str(python), workspace)
    assert sum(error is not None for error in here.values()) > 100
    assert differing(here, there) == {}
