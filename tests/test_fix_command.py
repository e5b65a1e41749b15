"""``mypy-asyncsession fix``: what it writes, when it refuses to, and what it says."""

from __future__ import annotations

import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Final

import pytest

from mypy_asyncsession.checking.report import CannotRun
from mypy_asyncsession.fixes.cannot_fix import CannotFix
from mypy_asyncsession.fixes.engine.apply import write_all
from mypy_asyncsession.fixes.engine.backups import Backups
from mypy_asyncsession.fixes.engine.guard import Guard
from mypy_asyncsession.fixes.engine.result import Edited
from mypy_asyncsession.writing import write

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
LEFT: Final = WRONG.replace("return manage()", "yield 1; yield 2")


class Project:
    """A directory, and the command run in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "project"
        self.folder.mkdir()
        self._cache = folder / "cache"

    def write(self, name: str, text: str) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="")
        return path

    def fix(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            self.command(*arguments),
            cwd=self.folder,
            capture_output=True,
            encoding="utf-8",
            check=False,
            timeout=120,
        )
        assert "Traceback" not in done.stderr
        return done

    def command(self, *arguments: str) -> list[str]:
        cache = ["--cache-dir", str(self._cache)]
        return [sys.executable, "-m", "mypy_asyncsession", "fix", *cache, *arguments]

    def git(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        identity = ["-c", "user.name=x", "-c", "user.email=x@example.org"]
        return subprocess.run(
            ["git", *identity, *arguments],
            cwd=self.folder,
            capture_output=True,
            encoding="utf-8",
            check=True,
        )

    def files(self) -> dict[str, bytes]:
        return {
            path.relative_to(self.folder).as_posix(): path.read_bytes()
            for path in self.folder.rglob("*")
            if path.is_file() and ".git/" not in path.as_posix()
        }


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


def test_it_mends_and_says_so(project: Project) -> None:
    path = project.write("a.py", WRONG)
    path.chmod(0o640)
    done = project.fix()
    assert done.returncode == 0
    assert path.read_text() == RIGHT
    assert path.stat().st_mode & 0o777 == 0o640
    assert "a.py:11: fixed:" in done.stdout
    assert "Fixed 1 error in 1 file, left 0 (checked 1 source file)" in done.stdout
    again = project.fix()
    assert again.returncode == 0
    assert again.stdout == "Success: nothing to fix (checked 1 source file)\n"
    assert project.files().keys() == {"a.py"}


def test_what_is_left_is_listed(project: Project) -> None:
    project.write("a.py", WRONG)
    path = project.write("b.py", LEFT)
    before = path.read_bytes()
    done = project.fix("--path", ".")
    assert done.returncode == 1
    assert path.read_bytes() == before
    assert "b.py:11: left:" in done.stdout
    assert 'b.py:11: note: Why: "open_db" may yield more than once' in done.stdout
    assert "left 1" in done.stdout


def test_what_the_baseline_has_is_not_listed(project: Project) -> None:
    project.write("a.py", WRONG)
    path = project.write("b.py", LEFT)
    assert "there is no such baseline" in project.fix("--baseline", "baseline.json").stderr
    check = project.command("--baseline", "baseline.json", "--update-baseline")
    check[check.index("fix")] = "check"
    subprocess.run(check, cwd=project.folder, check=True, capture_output=True)
    for mode in ("--diff", "--force"):
        done = project.fix("--baseline", "baseline.json", mode)
        assert done.returncode == (1 if mode == "--diff" else 0)
        assert "left:" not in done.stdout + done.stderr
        assert "left 0 (checked 2 source files, 1 in the baseline)" in done.stdout + done.stderr
    assert (project.folder / "a.py").read_text() == RIGHT
    more = LEFT.replace("async def use", "async def use_more")[LEFT.index("async def use") :]
    path.write_text("import os\n" + LEFT + more)
    done = project.fix("--baseline", "baseline.json")
    assert done.returncode == 1
    assert done.stdout.count("left:") == 1
    assert "b.py:15: left:" in done.stdout


@pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
def test_the_diff_applies_and_nothing_is_written(project: Project) -> None:
    texts = {
        "a.py": WRONG,
        "folder/b c.py": WRONG.replace("\n", "\r\n"),
        "folder/ü.py": "# ü\n" + WRONG.rstrip("\n"),
        "form.py": "\x0c" + WRONG,
    }
    for name, text in texts.items():
        project.write(name, text)
    project.git("init", "-q")
    project.git("config", "core.autocrlf", "false")
    before = project.files()
    done = subprocess.run(
        project.command("--diff"), cwd=project.folder, capture_output=True, check=False, timeout=120
    )
    assert done.returncode == 1
    assert project.files() == before
    assert b"Would fix 4 errors in 4 files" in done.stderr
    patch = project.folder.parent / "patch"
    patch.write_bytes(done.stdout)
    project.git("apply", str(patch))
    applied = project.files()
    for name, content in before.items():
        (project.folder / name).write_bytes(content)
    project.fix("--force")
    assert project.files() == applied
    assert applied != before


def test_a_dry_run_writes_nothing(project: Project) -> None:
    project.write("a.py", WRONG)
    before = project.files()
    done = project.fix("--dry-run")
    assert done.returncode == 1
    assert "would be fixed" in done.stdout
    assert project.files() == before


def test_backups_are_restored(project: Project) -> None:
    project.write("a.py", WRONG)
    project.write("folder/b.py", WRONG.replace("\n", "\r\n"))
    project.write("other.py.bak", "mine")
    before = project.files()
    assert project.fix("--backup").returncode == 0
    assert project.files()["a.py.bak"] == before["a.py"]
    (project.folder / "c.py").write_text(WRONG)
    listed = json.loads((project.folder.parent / "cache" / "backups.json").read_text())
    assert list(listed) == [str(project.folder / name) for name in ("a.py", "folder/b.py")]
    done = project.fix("--restore", "folder")
    assert (done.returncode, done.stdout) == (0, "Restored 1 file\n")
    done = project.fix("--restore")
    assert (done.returncode, done.stdout) == (0, "Restored 1 file\n")
    (project.folder / "c.py").unlink()
    assert project.files() == before
    done = project.fix("--restore")
    assert done.returncode == 2
    assert "there are no backups" in done.stderr


def test_what_is_restored_is_where_it_says(tmp_path: Path) -> None:
    """The list may be made up by who made the tree: it puts nothing into any other place."""
    tree, outside, cache = tmp_path / "tree", tmp_path / "outside", tmp_path / "cache"
    for each in (tree, outside, cache):
        each.mkdir()
    (tree / "away").symlink_to(outside)
    (tree / "name.py").symlink_to(outside / "x.py")
    (tree / "name.py.bak").write_text("made up")
    (tree / "copy.py").write_text("")
    (tree / "copy.py.bak").symlink_to(outside / "x.py")
    (tree / "kept.py").write_text("now")
    (tree / "kept.py.bak").write_text("made up")
    (outside / "x.py").write_text("precious")
    (outside / "x.py.bak").write_text("made up")
    names = ["../outside/x.py", "away/x.py", "copy.py", "kept.py", "name.py"]
    digest = hashlib.sha256(b"made up").hexdigest()
    (cache / "backups.json").write_text(json.dumps({f"{tree}/{name}": digest for name in names}))
    found = dict(Backups(cache).restore([str(tree)], str(tree)))
    assert len(found) == len(names)
    assert [name for name, why in found.items() if why is None] == ["kept.py"]
    assert (tree / "kept.py").read_text() == "made up"
    assert (outside / "x.py").read_text() == "precious"
    assert (outside / "x.py.bak").read_text() == "made up"
    assert (tree / "copy.py").read_text() == ""


@pytest.mark.parametrize("text", ["[]", '{"a": 1}', '"a"', "nonsense", "\udcff"])
def test_a_list_of_backups_that_is_none_is_said(tmp_path: Path, text: str) -> None:
    (tmp_path / "backups.json").write_text(text, errors="surrogateescape")
    with pytest.raises(CannotRun, match="cannot be read"):
        Backups(tmp_path)


def test_a_backup_is_not_overwritten(project: Project) -> None:
    project.write("a.py", WRONG)
    project.write("a.py.bak", "mine")
    done = project.fix("--backup")
    assert done.returncode == 1
    assert 'Why: "a.py.bak" is in the way' in done.stdout
    assert project.files() == {"a.py": WRONG.encode(), "a.py.bak": b"mine"}


@pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
def test_uncommitted_changes_are_not_mixed_with_mends(project: Project) -> None:
    for name in ("clean.py", "dirty.py"):
        project.write(name, WRONG)
    project.git("init", "-q")
    project.git("add", ".")
    project.git("commit", "-qm", "x")
    project.write("dirty.py", "# mine\n" + WRONG)
    project.write("new.py", WRONG)
    done = project.fix()
    assert done.returncode == 1
    assert "dirty.py:12: note: Why: the file has changes that are not committed" in done.stdout
    assert "new.py:11: note: Why: the file has changes that are not committed" in done.stdout
    assert (project.folder / "clean.py").read_text() == RIGHT
    assert (project.folder / "new.py").read_text() == WRONG
    assert project.fix("--backup", "new.py").returncode == 0
    assert project.fix("--force").returncode == 0


def test_files_that_are_not_to_be_edited(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    target = project.write("target.py", WRONG)
    link = project.folder / "link.py"
    folder = project.folder / "linked"
    link.symlink_to(target)
    folder.symlink_to(project.folder)
    guard = Guard(str(project.folder))
    refused = {
        "link.py": ("", "symbolic link"),
        "linked/target.py": ("", "symbolic link"),
        "vendor/a.py": ("", "vendored"),
        "app/_vendor/a.py": ("", "vendored"),
        "a.py": ("# Code generated by protoc. DO NOT EDIT.\n", "generated"),
        "b.py": ('"""Models.\n\n@generated\n"""\n', "generated"),
        "c.py": ("# Generated by Django 4.2\n", "generated"),
        "d.py": ("# This module was generated with swagger\n", "generated"),
    }
    for name, (text, why) in refused.items():
        project.write(f"{name}.txt", text)
        with pytest.raises(CannotFix, match=why):
            guard.check(name, text.encode())
    guard.check("target.py", b"# Keys are generated by the database.\nx = 'do not edit'\n")
    monkeypatch.setattr(os, "access", lambda path, _mode: Path(path).is_dir())
    with pytest.raises(CannotFix, match="read-only"):
        guard.check("target.py", b"")
    Guard(str(project.folder), writes=False).check("target.py", b"")


def test_only_some_codes(project: Project) -> None:
    project.write("a.py", WRONG)
    project.write("b.py", "async def use():\n    async for x in open(''):\n        print(x)\n")
    done = project.fix("--only", "async-with")
    assert (done.returncode, done.stdout.count("fixed:")) == (0, 1)
    assert (project.folder / "a.py").read_text() == RIGHT
    done = project.fix("--only", "session-wiht")
    assert done.returncode == 2
    assert 'there is no code "session-wiht" (did you mean "session-with"?)' in done.stderr


def test_a_file_that_cannot_be_parsed_is_no_reason_to_stop(project: Project) -> None:
    project.write("a.py", WRONG)
    project.write("b.py", "def (:\n")
    done = project.fix()
    # What could be read is fixed; that not everything was is said all the same.
    assert done.returncode == 2
    assert done.stdout.endswith("(checked 1 source file, 1 not checked, or not in full)\n")
    assert "b.py:1: warning:" in done.stderr
    assert (project.folder / "a.py").read_text() == RIGHT


def test_nothing_to_look_at(project: Project) -> None:
    done = project.fix("nowhere")
    assert done.returncode == 2
    assert done.stderr == 'mypy-asyncsession: error: "nowhere" does not exist\n'


def test_a_file_that_was_changed_meanwhile_is_left(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_bytes(b"newer")
    (tmp_path / "b.py").write_bytes(b"old")
    edited = [Edited(name, b"old", b"new") for name in ("a.py", "b.py", "gone.py")]
    written, problems = write_all(edited, str(tmp_path), None)
    assert [each.path for each in written] == ["b.py"]
    assert [problem.path for problem in problems] == ["a.py", "gone.py"]
    assert (tmp_path / "a.py").read_bytes() == b"newer"


def test_without_a_backup_nothing_is_written(tmp_path: Path) -> None:
    for name in ("a.py", "b.py", "b.py.bak"):
        (tmp_path / name).write_bytes(b"old")
    edited = [Edited(name, b"old", b"new") for name in ("a.py", "b.py")]
    backups = Backups(tmp_path / "cache")
    written, problems = write_all(edited, str(tmp_path), backups)
    assert not written
    assert "no backup can be written" in problems[0].message
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()} == {
        "a.py": b"old",
        "b.py": b"old",
        "b.py.bak": b"old",
    }


def test_a_failed_write_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.py"
    path.write_bytes(b"old")

    def fail(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="No space"):
        write(path, b"new")
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == {"a.py": b"old"}


_WRITER: Final = """
import sys
from pathlib import Path
from mypy_asyncsession.writing import write

folder, texts = Path(sys.argv[1]), [b"a" * 100_000, b"b" * 70_000]
print("ready", flush=True)
while True:
    for text in texts:
        for path in sorted(folder.glob("*.py")):
            write(path, text)
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="there is no SIGKILL")
def test_killed_while_writing(tmp_path: Path) -> None:
    texts = {b"a" * 100_000, b"b" * 70_000}
    names = [f"{number}.py" for number in range(20)]
    for name in names:
        (tmp_path / name).write_bytes(b"a" * 100_000)
    for number in range(8):
        with subprocess.Popen(
            [sys.executable, "-c", _WRITER, str(tmp_path)], stdout=subprocess.PIPE
        ) as process:
            assert process.stdout is not None
            process.stdout.readline()
            time.sleep(random.Random(number).uniform(0, 0.15))
            process.kill()
        assert all((tmp_path / name).read_bytes() in texts for name in names)


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="there is no SIGKILL")
def test_killed_at_any_moment(project: Project) -> None:
    names = [f"module_{number}.py" for number in range(40)]
    for name in names:
        project.write(name, WRONG)
    begin = time.monotonic()
    assert project.fix("--dry-run").returncode == 1
    whole = time.monotonic() - begin
    for number in range(3):
        with subprocess.Popen(
            project.command(), cwd=project.folder, stdout=subprocess.DEVNULL
        ) as process:
            # Towards the end, where files are written.
            time.sleep(whole * random.Random(number).uniform(0.3, 1))
            process.kill()
        found = {(project.folder / name).read_text() for name in names}
        assert found <= {WRONG, RIGHT}
        for name in names:
            project.write(name, WRONG)
    assert project.fix().returncode == 0
    assert {(project.folder / name).read_text() for name in names} == {RIGHT}
