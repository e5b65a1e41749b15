"""A run of mypy that is ended at any point leaves no old findings for the next one to believe."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

ENDED = 9
#: A plugin that ends the run where mypy has checked the bodies of a module, and says nothing yet.
ENDING = f"""
import os
from mypy.plugin import Plugin

class Ending(Plugin):
    def get_additional_indirect_deps(self, file):
        if file.fullname == os.environ.get("END_AT"):
            os._exit({ENDED})
        return set()

def plugin(version):
    return Ending
"""
WRONG = "async def get():\n    yield 1\n"
RIGHT = f"from contextlib import asynccontextmanager\n\n@asynccontextmanager\n{WRONG}"
USE = "async def use() -> None:\n    async with get() as s:\n        print(s)\n"
FILES = {
    "mypy.ini": "[mypy]\nplugins = mypy_asyncsession.plugin, ending.py\n",
    "ending.py": ENDING,
    "db.py": WRONG,
    "use.py": f"from db import get\n\n{USE}",
    "deep.py": "import use\n",
}


def mypy(folder: Path, *flags: str, end_at: str = "") -> tuple[int, list[str]]:
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--no-error-summary", *flags, "."],
        cwd=folder,
        env={**os.environ, "END_AT": end_at},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    return done.returncode, [line for line in done.stdout.splitlines() if ": error: " in line]


#: After each of these edits there is something else to be found in ``use``, and nothing at last.
EDITS = (
    ("use.py", FILES["use.py"].replace("async with", "with")),
    ("use.py", f"\n\n{FILES['use.py']}"),
    ("db.py", RIGHT),
)


@pytest.mark.parametrize(
    "flag", ["--sqlite-cache", pytest.param("--no-sqlite-cache", marks=pytest.mark.long)]
)
def test_ended_before_the_errors_are_written(tmp_path: Path, flag: str) -> None:
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)
    found = [mypy(tmp_path, flag)]
    for name, text in EDITS:
        (tmp_path / name).write_text(text)
        assert mypy(tmp_path, flag, end_at="use")[0] == ENDED
        found.append(mypy(tmp_path, flag))
    assert [status for status, _ in found] == [1, 1, 1, 0]
    assert [[error.partition(" error: ")[0] for error in errors] for _, errors in found] == [
        ["use.py:4:"], ["use.py:4:"], ["use.py:6:"], [],
    ]  # fmt: skip
    assert found[0] != found[1]
