"""A comment that ignores one of our codes says all that there is to say of its line."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

CONFIG = """\
[tool.mypy]
plugins = ["mypy_asyncsession.plugin"]
[tool.mypy-asyncsession]
resources = ["main.Session"]
"""
SOURCE = """\
from collections.abc import AsyncIterator

class Session:
    def execute(self) -> None: ...

async def get_db() -> AsyncIterator[Session]:
    yield Session()

async def use() -> None:
    get_db().execute(){comment}
"""


@pytest.mark.parametrize(
    ("comment", "expected"),
    [
        ("  # type: ignore[session-unentered]", []),
        ("", ["before it is entered  [session-unentered]", "Enter it"]),
        # mypy's own note about the error that we have put another in the place of is gone.
        (
            "  # type: ignore[misc]",
            ["[session-unentered]", '"session-unentered" not covered', "Enter it"],
        ),
    ],
)
def test_what_mypy_prints(tmp_path: Path, comment: str, expected: list[str]) -> None:
    (tmp_path / "pyproject.toml").write_text(CONFIG)
    (tmp_path / "main.py").write_text(SOURCE.format(comment=comment))
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--no-error-summary", "main.py"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    printed = done.stdout.splitlines()
    assert len(printed) == len(expected), done.stdout + done.stderr
    for line, part in zip(printed, expected, strict=True):
        assert part in line
