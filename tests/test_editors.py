"""What editors do: they run the daemon on files as they are edited, and read columns."""

from __future__ import annotations

import re
import subprocess
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

#: How the extensions for VS Code and PyCharm call it, the status file aside.
FLAGS = (
    "--show-column-numbers",
    "--show-error-end",
    "--no-error-summary",
    "--no-pretty",
    "--no-color-output",
    "--show-error-codes",
)

DB = "async def get_db():\n    yield 1\n"
USE = "from db import get_db\n\nasync def use() -> None:\n    async with get_db() as session:\n"


def places(output: str) -> list[tuple[str, ...]]:
    return re.findall(
        r"^(\S+):(\d+):(\d+):(\d+):(\d+): error: .*  \[([\w-]+)\]$", output, re.MULTILINE
    )


def test_the_daemon_in_an_editor(tmp_path: Path) -> None:
    (tmp_path / "mypy.ini").write_text("[mypy]\nplugins = mypy_asyncsession.plugin\n")
    (tmp_path / "db.py").write_text(DB)
    dmypy = [sys.executable, "-m", "mypy.dmypy", "--status-file", "editor.json"]

    def saved(body: str) -> list[tuple[str, ...]]:
        (tmp_path / "use.py").write_text(USE + body)
        done = subprocess.run(
            [*dmypy, "run", "--timeout", "60", "--", *FLAGS, "use.py"],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode in (0, 1), done.stdout + done.stderr
        return places(done.stdout)

    wrong = ("use.py", "4", "16", "4", "23", "async-with")
    try:
        assert saved("        print(session)\n") == [wrong]
        assert saved("        print(session)\n    async with get_db(): ...\n") == [
            wrong,
            ("use.py", "6", "16", "6", "23", "async-with"),
        ]
        assert saved("        print(session)\nx = 1\n") == [wrong]
    finally:
        subprocess.run([*dmypy, "stop"], cwd=tmp_path, capture_output=True, check=False)
