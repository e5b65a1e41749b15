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

from mypy_asyncsession.fixes.engine.apply import write_all
from mypy_asyncsession.fixes.engine.backups import Backups
from mypy_asyncsession.fixes.engine.result import Edited

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

#: Has a process kill itself before it does the N-th thing to a file of the project.
_HOOK: Final = """
import os, signal

def hook_of(root, left):
    changing = {"os.rename", "os.remove", "os.chmod", "os.chown", "os.link", "os.mkdir"}
    marks = (".py.", ".bak", "backups.json", "writing-")

    def hook(event, arguments):
        nonlocal left
        if event == "open":
            writes = bool(arguments[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT))
        else:
            writes = event in changing
        path = arguments[0] if writes else ""
        path = "" if isinstance(path, int) else os.fsdecode(path)
        if path.startswith(root) and any(mark in path for mark in marks):
            left -= 1
            if left < 0:
                os.kill(os.getpid(), signal.SIGKILL)

    return hook
"""
#: Runs the command.
_COMMAND: Final = """
import sys
from mypy_asyncsession.cli import main
sys.addaudithook(hook_of(sys.argv[1], int(sys.argv[2])))
sys.argv[1:3] = []
sys.exit(main())
"""
#: The part of the command that writes, killed in the same way: by one process, which forks.
_WRITES: Final = """
import os, signal, sys
from pathlib import Path
from mypy_asyncsession.fixes.engine.apply import write_all
from mypy_asyncsession.fixes.engine.backups import Backups
from mypy_asyncsession.fixes.engine.journal import Journal
from mypy_asyncsession.fixes.engine.result import Edited

folder, backup, old, new, *names = sys.argv[1:]
cache = Path(folder, ".mypy-asyncsession")
cache.mkdir()
paths = [Path(folder, name) for name in names]

def write():
    edited = [Edited(name, old.encode(), new.encode()) for name in names]
    write_all(edited, folder, Backups(cache) if backup else None, Journal(cache))

def around():
    known = [*paths, cache / "backups.json"]
    return [str(path) for path in Path(folder).rglob("*") if path.is_file() and path not in known]

moment, killed = 0, True
while killed:
    for path in paths:
        path.write_text(old)
    process = os.fork()
    if not process:
        sys.addaudithook(hook_of(folder, moment))
        write()
        os._exit(0)
    killed = os.WIFSIGNALED(os.waitpid(process, 0)[1])
    texts = {path.read_text() for path in paths}
    assert texts <= {old, new} if killed else texts == {new}, (moment, texts)
    Journal(cache).tidy()
    outcomes = list(Backups(cache).restore([folder], folder))
    assert not [outcome for outcome in outcomes if outcome[1]], (moment, outcomes)
    assert not around(), (moment, around())
    assert not backup or {path.read_text() for path in paths} == {old}, moment
    moment += 1
print(moment - 1)
"""


class Project:
    """Files to fix, and runs that are killed."""

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
        command = [sys.executable, "-c", _HOOK + _COMMAND, str(self.folder), str(kill), "fix"]
        done = subprocess.run(
            [*command, *arguments], cwd=self.folder, capture_output=True, check=False
        )
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


@pytest.mark.parametrize("backup", ["", "--backup"])
@pytest.mark.parametrize(
    ("files", "kills"), [(3, 12), pytest.param(13, 50, marks=pytest.mark.long)]
)
def test_killed_before_everything_that_it_does(
    tmp_path: Path, backup: str, files: int, kills: int
) -> None:
    names = [f"{number}.py" for number in range(files)]
    command = [sys.executable, "-c", _HOOK + _WRITES, str(tmp_path), backup, WRONG, RIGHT]
    done = subprocess.run(
        [*command, *names], capture_output=True, encoding="utf-8", check=False, timeout=600
    )
    assert not done.returncode, done.stderr
    assert int(done.stdout) >= kills


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
    path = project.folder / "a.py"
    cache = project.folder / ".mypy-asyncsession"
    Backups(cache).keep({path: WRONG.encode()})
    copy = path.with_name("a.py.bak")
    copy.write_text(WRONG[:40], encoding="utf-8")
    assert list(Backups(cache).restore([str(path)], str(project.folder))) == [("a.py", None)]
    assert not copy.exists()
    assert project.texts() == {WRONG}


def test_what_could_not_be_written_is_said(
    project: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from mypy_asyncsession.cli import main

    def refuse(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.chdir(project.folder)
    monkeypatch.setattr("mypy_asyncsession.fixes.engine.apply.write", refuse)
    with pytest.raises(SystemExit) as ended:
        main(["fix", "a.py"])
    assert ended.value.code == 1
    said = capsys.readouterr()
    assert "nothing to fix" not in said.out
    assert "Why: the file cannot be written: No space left on device" in said.out
    assert "Fixed 0 errors in 0 files, left 1" in said.out
    assert "a.py: warning: cannot be written: No space left on device" in said.err
    assert project.texts() == {WRONG}


def test_a_file_is_not_written_that_would_need_another(tmp_path: Path) -> None:
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
