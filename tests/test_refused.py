"""What the machine refuses: one line that is true, and status 2."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from mypy_asyncsession.refused import in_words, printed_in_words
from tests.test_check import DIRTY, tree

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="it needs a shell")

COMMAND = f'"{sys.executable}" -m mypy_asyncsession'
FILES = "no more files may be open at once: allow more (ulimit -n)"
STDOUT = "standard output cannot be written to: the disk is full"
GONE = "the working directory is not there any more"


def shell(directory: Path, script: str) -> tuple[int, str, str]:
    """Run a script, in which ``$M`` is our command."""
    done = subprocess.run(
        ["/bin/sh", "-c", script.replace("$M", COMMAND)],
        cwd=directory,
        capture_output=True,
        check=False,
        timeout=100,
    )
    stdout, stderr = done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace")
    assert "Traceback" not in stderr
    assert "internal error" not in stderr
    return done.returncode, stdout, stderr


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("refused")
    tree(root, {**DIRTY, "broken.py": "def :\n"})
    assert shell(root, "$M check")[0] == 2  # for what is broken; from now on it is quick
    return root


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("$M check >&-", "standard output is closed"),
        ("$M check >/dev/full", STDOUT),
        ("$M check --output sarif >/dev/full", STDOUT),
        ("$M fix --diff >/dev/full", STDOUT),
        ("$M audit >/dev/full", STDOUT),
        ("$M rollout >/dev/full", STDOUT),
        ("$M explain >/dev/full", STDOUT),
        ("$M --help >/dev/full", STDOUT),
        ("mkdir gone; cd gone; rmdir ../gone; $M check", GONE),
        ("mkdir gone; cd gone; rmdir ../gone; $M init", GONE),
        ("ulimit -n 8; $M check --strict", FILES),
        ("ulimit -n 30; $M check --engine mypy --cache-dir other", FILES),
        (
            "ulimit -f 30; $M check --engine mypy --cache-dir third",
            "the disk cannot be written to",
        ),
    ],
)
def test_one_line(root: Path, script: str, reason: str) -> None:
    if "/dev/full" in script and not Path("/dev/full").exists():
        pytest.skip("there is no such device here")
    status, stdout, stderr = shell(root, script)
    assert (status, stdout) == (2, "")
    lines = [line for line in stderr.splitlines() if ": warning: " not in line]
    assert lines == [f"mypy-asyncsession: error: {reason}"]


@pytest.mark.parametrize(
    "script", ["$M check 2>&-", "$M check 2>/dev/full", "$M check <&- 2>&-", "$M check <&-"]
)
def test_nobody_reads_what_is_said_beside(root: Path, script: str) -> None:
    status, stdout, _ = shell(root, script)
    assert status == 2
    assert stdout.startswith("use.py:3: error: ")


@pytest.mark.parametrize("script", ["$M check nope 2>/dev/full", "$M check >&- 2>&- <&-"])
def test_nobody_reads_anything(root: Path, script: str) -> None:
    assert shell(root, script) == (2, "", "")


@pytest.mark.parametrize("limit", ["ulimit -n 30", "ulimit -f 30"])
def test_what_is_only_parsed_needs_neither_many_files_nor_much_of_a_disk(
    root: Path, limit: str
) -> None:
    status, stdout, _ = shell(root, f"{limit}; $M check --cache-dir fourth")
    assert status == 2
    assert stdout.startswith("use.py:3: error: ")


def test_a_soft_limit_of_files(root: Path) -> None:
    status, stdout, _ = shell(root, "ulimit -S -n 24; $M check --cache-dir soft; rm -r soft")
    assert stdout.startswith("use.py:3: error: ")
    assert status == 0  # of rm


def test_an_encoding_that_has_no_such_names(root: Path) -> None:
    (root / "ż.py").write_text("")
    plain = "LANG=C LC_ALL=C PYTHONUTF8=0 PYTHONCOERCECLOCALE=0"
    status, stdout, stderr = shell(root, f"{plain} $M check")
    (root / "ż.py").unlink()
    assert (status, stdout[:17]) == (2, "use.py:3: error: ")
    if "its name is not" in stderr:
        assert ": its name is not ascii, as the locale has it: it is left out" in stderr


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """A disk of 200 KiB."""
    mount = ["mount", "-t", "tmpfs", "-o", "size=200k", "tmpfs", str(tmp_path)]
    if shutil.which("mount") is None or subprocess.run(mount, check=False).returncode:
        pytest.skip("no disk can be mounted here")
    yield tmp_path
    subprocess.run(["umount", str(tmp_path)], check=True)


def test_a_full_disk(small: Path) -> None:
    tree(small, DIRTY)
    full = (2, "", "mypy-asyncsession: error: the disk is full\n")
    check = "$M check --engine mypy"
    assert shell(small, check) == full
    (small / "filling").write_bytes(b"")
    shell(small, "cat /dev/zero >filling")
    assert shell(small, check) == full
    # What is only parsed is found all the same.
    assert shell(small, "$M check")[0] == 1
    assert shell(small, f"rm -r .mypy-asyncsession; cat /dev/zero >>filling; {check}")[0] == 1
    # Nothing is left that a later run would not take for its own.
    assert shell(small, f"rm filling; {check}") == full
    assert shell(small, "$M check")[0] == 1


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OSError(28, "No space left on device"), "the disk is full"),
        (OSError(28, "No space left on device", "a/b"), "a/b: the disk is full"),
        (OSError(24, "Too many open files"), FILES),
        (PermissionError(13, "Permission denied", "a"), "a: Permission denied"),
        (MemoryError(), "there is not enough memory"),
        (ValueError("a"), None),
    ],
)
def test_in_words(error: Exception, words: str | None) -> None:
    assert in_words(error) == words


def test_what_was_printed() -> None:
    assert (
        printed_in_words("a\nOSError: [Errno 28] No space left on device\n") == "the disk is full"
    )
    assert printed_in_words("sqlite3.OperationalError: no such table: files2\n") is None
    assert printed_in_words("No space left on device\n" + "at last something else\n" * 20) is None
