"""``fix``, killed at any moment: every file is the old one or the new one, and nothing is lost.

A run is killed right before the N-th thing that it does to a file, for one N after the other, and
at moments in between that the clock decides.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Final

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="there is no SIGKILL")

WRONG: Final = """\
from contextlib import asynccontextmanager

async def open_db():
    return manage()

@asynccontextmanager
async def manage():
    yield 1

async def use():
    async with open_db() as session:
        print(session)
"""
RIGHT: Final = WRONG.replace("with open_db()", "with await open_db()")
NAMES: Final = ("a.py", "b.py", "folder/c.py")

#: Runs the command, and kills itself before it does the N-th thing to a file of the project.
_KILLED: Final = """
import os, signal, sys
root, left = sys.argv[1], int(sys.argv[2])
changing = {"os.rename", "os.remove", "os.chmod", "os.chown", "os.link", "os.mkdir"}
marks = (".py.", ".bak", "backups.json", "writing-")

def hook(event, arguments):
    global left
    if event == "open":
        path, mode, flags = arguments
        writes = bool(flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT))
    elif event in changing:
        path, writes = arguments[0], True
    else:
        return
    path = os.fspath(path) if not isinstance(path, int) else ""
    path = os.fsdecode(path)
    if writes and path.startswith(root) and any(mark in path for mark in marks):
        left -= 1
        if left < 0:
            os.kill(os.getpid(), signal.SIGKILL)

from mypy_asyncsession.cli import main
sys.addaudithook(hook)
sys.argv[1:3] = []
sys.exit(main())
"""
#: The part of the command that writes, with what it would write.
_WRITES: Final = """
import sys
from pathlib import Path
from mypy_asyncsession.fixes.apply import write_all
from mypy_asyncsession.fixes.backups import Backups
from mypy_asyncsession.fixes.journal import Journal
from mypy_asyncsession.fixes.result import Edited

def main():
    folder, backup, old, new, *names = sys.argv[1:]
    cache = Path(folder, ".mypy-asyncsession")
    cache.mkdir(exist_ok=True)
    edited = [Edited(name, old.encode(), new.encode()) for name in names]
    backups = Backups(cache) if backup == "--backup" else None
    write_all(edited, folder, backups, Journal(cache))
"""


class Project:
    """Files to mend, and runs that are killed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "project"
        for name in NAMES:
            (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
        self.reset()

    def reset(self) -> None:
        for name in NAMES:
            (self.folder / name).write_text(WRONG, encoding="utf-8")

    def texts(self) -> set[str]:
        return {(self.folder / name).read_text(encoding="utf-8") for name in NAMES}

    def around(self) -> set[str]:
        """What stands beside the files, and what the cache has of runs that write."""
        found = set()
        for path in self._files():
            name = path.relative_to(self.folder).as_posix()
            listed = path.name == "backups.json" and path.read_text(encoding="utf-8") == "{}"
            kept = name.startswith(".mypy-asyncsession/") and "writing-" not in name
            if name not in NAMES and not listed and not (kept and ".tmp" not in name):
                found.add(name)
        return found

    def _files(self) -> Iterator[Path]:
        return (path for path in self.folder.rglob("*") if path.is_file())

    def run(self, *arguments: str, kill: int = 1_000_000) -> int:
        return self._python(_KILLED, str(self.folder), str(kill), "fix", *arguments)

    def write(self, *arguments: str, kill: int) -> int:
        """The part of a run that writes."""
        code = _KILLED.replace("from mypy_asyncsession.cli import main", _WRITES)
        return self._python(code, str(self.folder), str(kill), *arguments)

    def _python(self, code: str, *arguments: str) -> int:
        command = [sys.executable, "-c", code, *arguments]
        done = subprocess.run(command, cwd=self.folder, capture_output=True, check=False)
        assert b"Traceback" not in done.stderr, done.stderr.decode()
        return done.returncode

    def check(self, *, backup: bool) -> None:
        """Nothing is lost after a run was killed, and ``--restore`` has it all as it was."""
        assert self.texts() <= {WRONG, RIGHT}
        status = self.run("--restore")
        assert status in {0, 2}  # it may have been killed before there was a backup
        if backup:
            assert self.texts() == {WRONG}
        assert not self.around()
        self.reset()


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


def kill_while_writing(project: Project, backup: str, kill: int) -> bool:
    """Whether the run was killed before it was done."""
    status = project.write(str(project.folder), backup, WRONG, RIGHT, *NAMES, kill=kill)
    assert status in {0, -signal.SIGKILL}
    if status == 0:
        assert project.texts() == {RIGHT}
    project.check(backup=backup == "--backup")
    return status != 0


@pytest.mark.parametrize("backup", ["", "--backup"])
def test_killed_at_a_few_moments(project: Project, backup: str) -> None:
    moments = (2, 7, 13) if backup else (2, 5)
    for moment in moments:
        assert kill_while_writing(project, backup, moment)


@pytest.mark.long
@pytest.mark.parametrize("backup", ["", "--backup"])
def test_killed_before_everything_that_it_does(project: Project, backup: str) -> None:
    moment = 0
    while kill_while_writing(project, backup, moment):
        moment += 1
    assert moment > 10


@pytest.mark.long
@pytest.mark.parametrize("backup", ["", "--backup"])
def test_killed_at_any_moment(project: Project, backup: str) -> None:
    """The whole command, 50 times: half of them at a thing that it does, half by the clock."""
    arguments = [each for each in (backup, "--force") if each]
    project.run("--dry-run")
    for number in range(25):
        assert project.run(*arguments, kill=number) in {0, -signal.SIGKILL}
        project.check(backup=bool(backup))
    begin = time.monotonic()
    project.run(*arguments)
    whole = time.monotonic() - begin
    project.check(backup=bool(backup))
    command = [sys.executable, "-m", "mypy_asyncsession", "fix", *arguments]
    for number in range(25):
        with subprocess.Popen(
            command, cwd=project.folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        ) as process:
            time.sleep(whole * random.Random(number).uniform(0.5, 1))
            process.kill()
        project.check(backup=bool(backup))


def test_what_is_left_of_a_copy_is_no_backup(project: Project) -> None:
    """Killed in the middle of a copy, which no name on a list tells from a whole one."""
    assert project.write(str(project.folder), "--backup", WRONG, RIGHT, *NAMES, kill=6) < 0
    copies = sorted(project.folder.rglob("*.bak"))
    assert copies
    copies[-1].write_text(WRONG[:40], encoding="utf-8")
    project.check(backup=True)


def test_what_could_not_be_written_is_said(
    project: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from mypy_asyncsession.cli import main

    def refuse(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.chdir(project.folder)
    monkeypatch.setattr("mypy_asyncsession.fixes.apply.write", refuse)
    with pytest.raises(SystemExit) as ended:
        main(["fix", "a.py"])
    assert ended.value.code == 1
    said = capsys.readouterr()
    assert "nothing to mend" not in said.out
    assert "Why: the file cannot be written: No space left on device" in said.out
    assert "Mended 0 errors in 0 files, left 1" in said.out
    assert "a.py: warning: cannot be written: No space left on device" in said.err
    assert project.texts() == {WRONG}


def test_a_file_is_not_written_that_would_need_another(tmp_path: Path) -> None:
    from mypy_asyncsession.fixes.apply import write_all
    from mypy_asyncsession.fixes.result import Edited

    for name in ("uses.py", "other.py", "defines.py"):
        (tmp_path / name).write_bytes(b"old")
    edited = [
        Edited("defines.py", b"older", b"new"),
        Edited("other.py", b"old", b"new"),
        Edited("uses.py", b"old", b"new", frozenset({"defines.py"})),
    ]
    written, problems = write_all(edited, os.fspath(tmp_path), None)
    assert [each.path for each in written] == ["other.py"]
    assert [problem.path for problem in problems] == ["defines.py", "uses.py"]
