"""What ``check`` leads on to, the texts of editors, and checking at each change."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Any, Final

import pytest

from mypy_asyncsession.checking.options import Options
from mypy_asyncsession.checking.place import FOLDER
from mypy_asyncsession.checking.report import Report
from mypy_asyncsession.checking.run import check
from mypy_asyncsession.cli.fixable import asked
from mypy_asyncsession.fixes.engine import driver, fixable
from mypy_asyncsession.fixes.engine.guard import Guard

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

DB: Final = """\
from contextlib import asynccontextmanager

async def get_db():
    yield 1

@asynccontextmanager
async def manager():
    yield 1
"""
#: Two that can be fixed; one that cannot, since two things are reasonable.
USE: Final = """\
from app.db import get_db, manager

async def one():
    async with get_db() as s:
        print(s)

async def two():
    async for s in manager():
        print(s)

async def three():
    return await get_db()
"""


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("project")
    (root / "app").mkdir()
    (root / "app" / "__init__.py").touch()
    (root / "app" / "db.py").write_text(DB)
    (root / "app" / "use.py").write_text(USE)
    return root


def run(
    folder: Path, *arguments: str, text: str | None = None, **environment: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "mypy_asyncsession", "check", *arguments],
        cwd=folder,
        env={**os.environ, **environment},
        input=text,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def lines_of(done: subprocess.CompletedProcess[str]) -> list[tuple[str, int]]:
    found: list[dict[str, Any]] = [json.loads(line) for line in done.stdout.splitlines()]
    return [(each["file"].replace(os.sep, "/"), each["line"]) for each in found]


class TestFixable:
    def test_it_is_what_fix_does(self, app: Path) -> None:
        done = run(app, "app", "--output", "json")
        found: list[dict[str, Any]] = [json.loads(line) for line in done.stdout.splitlines()]
        would = driver.fix(["app"], Guard(str(app), writes=False))
        fixed = {outcome.finding.span.line for outcome in would.fixed}
        assert {each["line"] for each in found if each["fixable"]} == fixed == {4, 8}
        assert {each["line"] for each in found if each["fixable"] is False} == {12}

    def test_the_summary_leads_on(self, app: Path) -> None:
        done = run(app, "app")
        assert done.stdout.splitlines()[-1] == (
            "3 errors in 1 file (3 checked); 2 can be fixed: mypy-asyncsession fix app"
        )

    def test_an_answer_is_kept(self, app: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(app)
        options = Options()
        report = check(["app"], options)
        first = asked(report.findings, report, ["app"], options)

        def refuse(*_: object, **__: object) -> None:
            raise AssertionError("it was asked again")

        monkeypatch.setattr(fixable, "tried", refuse)
        assert asked(report.findings, report, ["app"], options) == first
        # Where the file of a finding has another text by now, it is asked again.
        source = app / "app" / "use.py"
        source.write_text(USE + "\n")
        try:
            with pytest.raises(AssertionError, match="asked again"):
                asked(report.findings, report, ["app"], options)
        finally:
            source.write_text(USE)

    def test_what_is_known_needs_nothing_that_fixes(self, app: Path) -> None:
        program = (
            "import sys\n"
            "from mypy_asyncsession.cli import main\n"
            "try: main.main(['check', 'app'])\n"
            "except SystemExit: print('libcst' in sys.modules)\n"
        )
        shutil.rmtree(app / FOLDER, ignore_errors=True)
        for imported in ("True", "False"):
            done = subprocess.run(
                [sys.executable, "-c", program],
                cwd=app,
                capture_output=True,
                text=True,
                check=False,
            )
            assert done.stdout.splitlines()[-2:] == [
                "3 errors in 1 file (3 checked); 2 can be fixed: mypy-asyncsession fix app",
                imported,
            ]

    def test_nothing_is_asked_where_nobody_sees_it(self, app: Path) -> None:
        done = run(app, "app", "--quiet")
        assert "can be fixed" not in done.stdout
        assert asked([], Report(), ["app"], Options()) == []

    def test_the_command_fixes_strict_codes_too(self, tmp_path: Path) -> None:
        (tmp_path / "db.py").write_text(
            "from sqlalchemy.ext.asyncio import AsyncSession\n\n"
            "async def get_db():\n    async with AsyncSession() as session:\n"
            "        yield session\n"
        )
        done = run(tmp_path, "db.py", "--strict")
        assert done.stdout.splitlines()[-1] == (
            "1 error in 1 file (1 checked); "
            "1 can be fixed: mypy-asyncsession fix --only session-getter db.py"
        )


class TestGitHub:
    def test_its_form_is_chosen_by_itself(self, app: Path) -> None:
        done = run(app, "app", GITHUB_ACTIONS="true")
        assert done.stdout.startswith("::error file=app/use.py,line=4,")

    def test_what_is_asked_for_goes_before(self, app: Path) -> None:
        done = run(app, "app", "--output", "text", GITHUB_ACTIONS="true")
        assert done.stdout.startswith("app/use.py:4: error: ")


class TestStandardInput:
    def test_the_text_is_taken_for_the_file(self, app: Path) -> None:
        before = {path: path.stat().st_mtime_ns for path in (app / "app").iterdir()}
        done = run(app, "-", "--stdin-filename", "app/use.py", "--output", "json", text="\n" + USE)
        assert lines_of(done) == [("app/use.py", 5), ("app/use.py", 9), ("app/use.py", 13)]
        assert done.returncode == 1
        right = run(app, "-", "--stdin-filename", "app/use.py", text="x = 1\n")
        assert (right.returncode, right.stdout) == (
            0,
            "Success: no issues found in 1 source file\n",
        )
        assert {path: path.stat().st_mtime_ns for path in (app / "app").iterdir()} == before

    def test_a_file_that_is_not_there_yet(self, app: Path) -> None:
        done = run(app, "-", "--stdin-filename", "app/new.py", "--output", "json", text=USE)
        assert lines_of(done) == [("app/new.py", 4), ("app/new.py", 8), ("app/new.py", 12)]
        fixable = [json.loads(line)["fixable"] for line in done.stdout.splitlines()]
        assert fixable == [True, True, False]
        assert not (app / "app" / "new.py").exists()

    def test_a_text_that_cannot_be_parsed(self, app: Path) -> None:
        done = run(app, "-", "--stdin-filename", "app/use.py", text="def f(:\n")
        assert done.returncode == 2
        assert done.stderr.startswith("app/use.py:1: warning: ")

    @pytest.mark.parametrize(
        "arguments",
        [("-",), ("--stdin-filename", "a.py"), ("-", "app", "--stdin-filename", "app/use.py")],
    )
    def test_it_is_one_file(self, app: Path, arguments: tuple[str, ...]) -> None:
        done = run(app, *arguments, text="")
        assert done.returncode == 2
        assert "standard input is one file: check - --stdin-filename FILE" in done.stderr


@pytest.fixture
def watched(app: Path) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-m", "mypy_asyncsession", "check", "app", "--watch"],
        cwd=app,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    stop = threading.Timer(100, process.kill)
    stop.start()
    yield process
    stop.cancel()
    process.kill()
    process.wait()
    for stream in (process.stdout, process.stderr):
        assert stream is not None
        stream.close()
    (app / "app" / "use.py").write_text(USE)


@pytest.mark.skipif(sys.platform == "win32", reason="signals are another thing there")
def test_watch(app: Path, watched: subprocess.Popen[str]) -> None:
    out, err = watched.stdout, watched.stderr
    assert out is not None
    assert err is not None

    def until_waiting() -> list[str]:
        said = []
        for line in err:
            said.append(line)
            if line.startswith("Waiting for changes"):
                break
        return said

    until_waiting()
    (app / "app" / "use.py").write_text("x = 1\n")
    until_waiting()
    # What cannot be checked is no reason to end.
    (app / "pyproject.toml").write_text("[tool\n")
    assert "not valid TOML" in until_waiting()[0]
    (app / "pyproject.toml").unlink()
    until_waiting()
    watched.send_signal(signal.SIGINT)
    shown, _ = watched.communicate(timeout=30)
    assert watched.returncode == 0
    assert [
        line for line in shown.splitlines() if "error:" not in line and "note:" not in line
    ] == [
        "3 errors in 1 file (3 checked); 2 can be fixed: mypy-asyncsession fix app",
        "Success: no issues found in 3 source files",
        "Success: no issues found in 3 source files",
    ]
