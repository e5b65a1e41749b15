"""A check without what Linux alone has, on files as Windows writes them, in its encodings."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

if TYPE_CHECKING:
    from collections.abc import Mapping

SHOP: Final = Path(__file__).resolve().parent.parent / "test-data" / "demo" / "shop"

#: Put in ``sitecustomize``, it takes away what Windows does not have.
_LACKING: Final = """\
import os, signal, sys

for name in ("fcntl", "grp", "posix_spawn", "pty", "pwd", "resource", "termios", "tty"):
    sys.modules[name] = None
for name in ("chown", "fchmod", "fork", "getegid", "geteuid", "getpgid", "getuid", "killpg",
             "mkfifo", "setsid", "uname", "O_NOFOLLOW", "O_DIRECTORY"):
    if hasattr(os, name):
        delattr(os, name)
for name in ("SIGALRM", "SIGHUP", "SIGPIPE", "SIGQUIT", "SIGUSR1"):
    if hasattr(signal, name):
        delattr(signal, name)
"""


def run(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-m", "mypy_asyncsession", *arguments],
        cwd=folder,
        env={**os.environ, **environment},
        capture_output=True,
        check=False,
    )


def findings(folder: Path, **environment: str) -> list[Mapping[str, Any]]:
    command = ("check", "shop", "--output", "json", "--workers", "0")
    done = run(folder, *command, **environment)
    assert done.returncode == 1, done.stderr.decode(errors="replace")
    assert b"\r\r\n" not in done.stdout
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> list[Mapping[str, Any]]:
    folder = tmp_path_factory.mktemp("linux")
    shutil.copytree(SHOP, folder / "shop")
    (folder / ".git").mkdir()
    return findings(folder)


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    """The shop with the line endings of Windows, and what takes away what it lacks."""
    shutil.copytree(SHOP, tmp_path / "shop")
    (tmp_path / ".git").mkdir()
    for path in (tmp_path / "shop").rglob("*.py"):
        path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    (tmp_path / "lacking").mkdir()
    (tmp_path / "lacking" / "sitecustomize.py").write_text(_LACKING)
    return tmp_path


def test_the_findings_are_the_same(elsewhere: Path, expected: list[Mapping[str, Any]]) -> None:
    lacking = {"PYTHONPATH": str(elsewhere / "lacking"), "PYTHONUTF8": "0", "LC_ALL": "C"}
    assert findings(elsewhere, **lacking, PYTHONIOENCODING="cp1252") == expected


def test_a_fix_keeps_the_line_endings(elsewhere: Path) -> None:
    done = run(elsewhere, "fix", "shop/orders.py", PYTHONPATH=str(elsewhere / "lacking"))
    assert done.returncode == 0, done.stderr.decode(errors="replace")
    text = (elsewhere / "shop" / "orders.py").read_bytes()
    assert b"asynccontextmanager(get_db)()" in text
    assert text.count(b"\n") == text.count(b"\r\n")
