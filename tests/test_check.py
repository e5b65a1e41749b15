"""``mypy-asyncsession check``, from the command line to what it prints."""

from __future__ import annotations

import io
import itertools
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from mypy_asyncsession.checking.cache import Cache
from mypy_asyncsession.checking.definition_index import DefinitionIndex
from mypy_asyncsession.checking.place import place
from mypy_asyncsession.checking.report import Problem, Report
from mypy_asyncsession.cli.output import FORMATS
from mypy_asyncsession.cli.progress import Progress
from mypy_asyncsession.cli.terminal import Terminal
from mypy_asyncsession.config import Config, RunOptions, load, run_options
from mypy_asyncsession.findings import Finding, Place, Span
from mypy_asyncsession.home import rule_page

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

#: An async generator, and modules that enter one: in the third line of each is a finding.
PROVIDER = "async def get_db():\n    yield 1\n"
USE = "from {0} import get_db\nasync def use():\n    async with get_db() as s:  # BAD\n        s\n"


SECONDS = itertools.count(1_700_000_000)


@dataclass(frozen=True)
class Run:
    status: int
    stdout: str
    stderr: str

    def places(self) -> list[str]:
        """Where the findings are, from JSON."""
        found = [json.loads(line) for line in self.stdout.splitlines()]
        return [
            f"{item['file']}:{item['line']}".replace(os.sep, "/")
            for item in found
            if item["severity"] == "error"
        ]

    def unread(self) -> list[str]:
        """The files that were not checked, from JSON."""
        found = [json.loads(line) for line in self.stdout.splitlines()]
        return [
            item["file"].replace(os.sep, "/")
            for item in found
            if item["message"].startswith("Not checked: ")
        ]


def run(directory: Path, *arguments: str, **environment: str) -> Run:
    """Run the command; a project has its cache beside it, unless the arguments say otherwise."""
    if arguments[:1] == ("check",) and "--cache-dir" not in arguments:
        arguments = (*arguments, "--cache-dir", str(directory.parent / "cache"))
    clean = {
        name: value
        for name, value in os.environ.items()
        if name not in ("FORCE_COLOR", "NO_COLOR", "VIRTUAL_ENV", "GITHUB_WORKSPACE")
    }
    done = subprocess.run(
        [sys.executable, "-m", "mypy_asyncsession", *arguments],
        cwd=directory,
        env={**clean, **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert "Traceback" not in done.stderr
    return Run(done.returncode, done.stdout, done.stderr)


def tree(root: Path, contents: Mapping[str, str | bytes]) -> None:
    (root / ".git").mkdir(parents=True, exist_ok=True)
    for name, content in contents.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        # mypy takes two versions that were written in the same second for the same.
        changed = next(SECONDS)
        os.utime(path, (changed, changed))


@pytest.fixture(scope="session")
def one_place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("projects") / "project"


@pytest.fixture
def project(one_place: Path) -> Path:
    """An empty directory: always the same, so that the standard library is cached for all."""
    shutil.rmtree(one_place, ignore_errors=True)
    one_place.mkdir()
    return one_place


def marked(contents: dict[str, str | bytes]) -> list[str]:
    """The lines marked as bad."""
    return sorted(
        f"{name}:{number}"
        for name, content in contents.items()
        for number, line in enumerate(content.splitlines(), 1)
        if (b"# BAD" in line if isinstance(line, bytes) else "# BAD" in line)
    )


HOSTILE: dict[str, str | bytes] = {
    # Two packages of one name, and a file in each that nobody imports.
    "backend/app/__init__.py": "",
    "backend/app/db.py": PROVIDER,
    "backend/app/use.py": USE.format("app.db"),
    "backend/app/relative.py": USE.format(".db"),
    "backend/conftest.py": USE.format("app.db"),
    "backend-mvp/app/__init__.py": "",
    "backend-mvp/app/db.py": PROVIDER,
    "backend-mvp/app/use.py": USE.format("app.db"),
    "backend-mvp/conftest.py": USE.format("app.db"),
    # A second name of the first of them.
    "tests/test_app.py": USE.format("backend.app.db"),
    # What cannot be read, and what imports it.
    "proj/__init__.py": "",
    "proj/db.py": PROVIDER,
    "proj/syntax.py": "x = 1\ndef f(:\n",
    "proj/latin.py": b'x = "\xe9"\n',
    "proj/null.py": b"x = 1\0\n",
    "proj/python2.py": "print 'hello'\n",
    "proj/outside.py": "break\n",
    "proj/imports.py": "from .syntax import a\nfrom proj.latin import b\n" + USE.format("proj.db"),
    "proj/declared.py": b"# coding: latin-1\n" + USE.format(".db").encode() + b"x = '\xe9'\n",
    # Newer than any Python that this runs on at the least.
    "proj/new.py": "type X = int\ndef f[T](x: T) -> T: return x\n"
    + USE.format("proj.db")
    + "try: pass\nexcept ValueError, TypeError: pass\nt = t'{1}'\n",
    # A module beside a package of its name, and beside its stub.
    "proj/both.py": USE.format(".db"),
    "proj/both/__init__.py": USE.format("..db"),
    "proj/stubbed.py": USE.format(".db"),
    "proj/stubbed.pyi": "async def use() -> None: ...\n",
    # What is silenced, and what is not.
    "proj/foreign.py": '# mypy: disable-error-code="django-manager"\n' + USE.format("proj.db"),
    "proj/off.py": '# mypy: disable-error-code="async-with"\n'
    + USE.format("proj.db").replace("# BAD", ""),
    "proj/parent_off.py": '# mypy: disable-error-code="async-session"\n'
    + USE.format("proj.db").replace("# BAD", ""),
    "proj/file_off.py": "# mypy: ignore-errors\n" + USE.format("proj.db").replace("# BAD", ""),
    "proj/line_off.py": USE.format("proj.db").replace("# BAD", "# type: ignore[async-with]"),
    "proj/all_off.py": USE.format("proj.db").replace("# BAD", "# type: ignore"),
    "proj/not_off.py": USE.format("proj.db").replace("# BAD", "# type: ignore[misc]  # BAD"),
    # Directories that are no packages.
    "my-dir/__init__.py": "",
    "my-dir/my-script.py": USE.format("proj.db"),
    "loose/deep/db.py": PROVIDER,
    "loose/deep/main.py": USE.format("loose.deep.db"),
    "flat/db.py": PROVIDER,
    "flat/main.py": USE.format("db"),
    "flat/types.py": "import enum\n" + USE.format("db"),
    "flat/queue.py": "x = 1\n",
    # What would shadow the standard library, for a worker that starts here.
    "secrets.py": "raise SystemExit('imported')\n",
}

WARNINGS = [
    "backend-mvp/app: warning: ",
    "my-dir: warning: ",
    "proj/both.py: warning: ",
    "proj/latin.py: warning: cannot decode file: ",
    "proj/null.py:1: warning: ",
    "proj/python2.py:1: warning: ",
    "proj/syntax.py:2: warning: ",
]


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("hostile")
    tree(root, HOSTILE)
    return root


@pytest.fixture(scope="module")
def cold(hostile: Path) -> Run:
    return run(
        hostile, "check", "--output", "json", "--workers", "0", "--cache-dir", ".mypy-asyncsession"
    )


class TestHostileTree:
    """Whatever is in the way, everything else is checked."""

    def test_everything_else_is_checked(self, cold: Run) -> None:
        assert cold.places() == marked(HOSTILE)
        # What could not be read is more than a finding: it is said, and nobody has allowed it.
        assert sorted(cold.unread()) == [
            f"proj/{name}.py" for name in ("latin", "null", "python2", "syntax")
        ]
        assert cold.status == 2

    def test_each_obstacle_is_a_line(self, cold: Run) -> None:
        lines = sorted(cold.stderr.replace(os.sep, "/").splitlines())
        missing = [start for start in WARNINGS if not any(line.startswith(start) for line in lines)]
        surplus = [line for line in lines if not line.startswith(tuple(WARNINGS))]
        assert (missing, surplus) == ([], [])
        assert len(lines) == len(WARNINGS)
        assert all(line.isprintable() for line in lines)

    def test_it_leaves_nothing_behind(self, cold: Run, hostile: Path) -> None:
        assert cold.status == 2
        top = {name.split("/")[0] for name in HOSTILE} | {".git", ".mypy-asyncsession"}
        assert {path.name for path in hostile.iterdir()} == top
        cache = hostile / ".mypy-asyncsession"
        assert (cache / ".gitignore").read_text().endswith("*\n")
        assert (cache / "CACHEDIR.TAG").read_text().startswith("Signature: 8a477f597d28d172789f0")
        assert list(cache.rglob("work-*")) == []

    def test_again(self, cold: Run, hostile: Path) -> None:
        warm = run(hostile, "check", "--output", "json", "--cache-dir", ".mypy-asyncsession")
        assert (warm.stdout, warm.status) == (cold.stdout, 2)
        assert sorted(warm.stderr.splitlines()) == sorted(cold.stderr.splitlines())

    def test_on_mypy_with_workers(self, cold: Run, hostile: Path, tmp_path: Path) -> None:
        options = ("--engine", "mypy", "--workers", "2", "--cache-dir", str(tmp_path / "cache"))
        parallel = run(hostile, "check", "--output", "json", *options)
        assert (parallel.places(), parallel.status) == (cold.places(), 2)
        # mypy stops at a "break" outside of a loop, too.
        assert sorted(parallel.unread()) == sorted([*cold.unread(), "proj/outside.py"])
        more = [line for line in parallel.stderr.splitlines() if line not in cold.stderr]
        assert [line.partition(":")[0] for line in more] == ["proj/outside.py"]

    def test_only_what_is_named(self, cold: Run, hostile: Path) -> None:
        part = run(hostile, "check", "--output", "json", "proj/imports.py", "flat")
        assert part.places() == [
            place for place in cold.places() if place.startswith(("proj/imports", "flat"))
        ]

    def test_from_elsewhere(self, cold: Run, hostile: Path) -> None:
        cache = str(hostile.parent / "cache")
        below = run(
            hostile / "backend",
            *("check", "--output", "json", ".", "../proj/imports.py", "--cache-dir", cache),
        )
        assert below.places() == [
            f"{hostile}/proj/imports.py:5".replace(os.sep, "/"),
            *(
                place.removeprefix("backend/")
                for place in cold.places()
                if place.startswith("backend/")
            ),
        ]

    def test_nothing_else_to_check(self, hostile: Path) -> None:
        only = run(hostile, "check", "proj/syntax.py", "proj/latin.py")
        assert (only.status, only.stdout) == (2, "")
        assert only.stderr.endswith(
            "mypy-asyncsession: error: none of the files could be checked\n"
        )
        assert len(only.stderr.splitlines()) == 3

    def test_a_note_on_an_ignore_comment_that_misses(self, hostile: Path, cold: Run) -> None:
        found = [json.loads(line) for line in cold.stdout.splitlines()]
        (hint,) = [item["hint"] for item in found if item["file"].endswith("not_off.py")]
        assert hint.splitlines()[1:] == [
            'Error code "async-with" not covered by "type: ignore[misc]" comment'
        ]
        text = run(hostile, "check", "proj/not_off.py").stdout
        assert 'proj/not_off.py:3: note: Error code "async-with" not covered' in text


CLEAN = {"a.py": "x = 1\n"}
DIRTY = {"db.py": PROVIDER, "use.py": USE.format("db")}


@pytest.fixture(scope="module")
def dirty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("dirty")
    tree(root, {**DIRTY, "clean.py": ""})
    return root


class TestStatus:
    def test_nothing_found(self, dirty: Path) -> None:
        assert run(dirty, "check", "clean.py") == Run(
            0, "Success: no issues found in 1 source file\n", ""
        )

    def test_something_found(self, dirty: Path) -> None:
        found = run(dirty, "check")
        assert (found.status, found.stderr) == (1, "")
        first, *_, last = found.stdout.splitlines()
        assert first.startswith('use.py:3: error: "get_db" is an async generator')
        assert first.endswith("  [async-with]")
        assert last == "1 error in 1 file (3 checked); 1 can be fixed: mypy-asyncsession fix"

    @pytest.mark.parametrize(
        ("contents", "arguments", "message"),
        [
            ({}, ["gone"], '"gone" does not exist'),
            ({}, [], 'there are no Python files in "."'),
            (CLEAN, ["--config-file", "gone.toml"], "gone.toml: cannot be read: No such file"),
            (CLEAN, ["--workers", "x"], "Invalid value for '--workers'"),
            (CLEAN, ["--output", "xml"], "Invalid value for '--output'"),
            (CLEAN, ["--colour"], 'there is no option "--colour"'),
            (CLEAN, ["--cache-dir", "a.py"], 'the cache directory "a.py" cannot be written to: '),
            (
                {**CLEAN, "pyproject.toml": "[tool.mypy-asyncsession]\nresorces = []\n"},
                [],
                (
                    'pyproject.toml: [tool.mypy-asyncsession]: unknown key "resorces" '
                    '(did you mean "resources"?)'
                ),
            ),
            ({**CLEAN, "pyproject.toml": "[tool\n"}, [], "pyproject.toml: not valid TOML: "),
            ({**CLEAN, "mypy.ini": "[mypy]\nexclude = (\n"}, [], 'mypy.ini: [mypy]: exclude: "("'),
        ],
    )
    def test_could_not_run(
        self, project: Path, contents: dict[str, str | bytes], arguments: list[str], message: str
    ) -> None:
        tree(project, contents)
        failed = run(project, "check", *arguments)
        assert (failed.status, failed.stdout) == (2, "")
        assert failed.stderr.startswith(f"mypy-asyncsession: error: {message}")
        assert len(failed.stderr.splitlines()) == 1

    @pytest.mark.skipif(sys.platform == "win32", reason="signals are another thing there")
    def test_interrupted(self, tmp_path: Path) -> None:
        tree(tmp_path, CLEAN)
        # Who starts the tests in the background may have it ignored, by what they start as well.
        handler = signal.signal(signal.SIGINT, signal.default_int_handler)
        process = subprocess.Popen(
            [sys.executable, "-m", "mypy_asyncsession", "check"],
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        signal.signal(signal.SIGINT, handler)
        # From then on it waits for mypy.
        kept = tmp_path / ".mypy-asyncsession"
        while process.poll() is None and not list(kept.rglob("settings-*.toml")):
            time.sleep(0.005)
        time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        stdout, stderr = process.communicate(timeout=20)
        assert (process.returncode, stdout) == (130, "")
        assert stderr.strip() == "mypy-asyncsession: interrupted"

    def test_interrupted_in_an_exec(self, tmp_path: Path) -> None:
        """In an import, say, that makes a dataclass: Python would end by the signal then."""
        program = (
            "from mypy_asyncsession.checking import run\n"
            "from mypy_asyncsession.cli import main\n"
            "run.check = lambda *_, **__: exec('raise KeyboardInterrupt')\n"
            "main(['check'])"
        )
        (tmp_path / "program.py").write_text(program)
        done = subprocess.run(
            [sys.executable, "-m", "program"],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.returncode, done.stderr.strip()) == (130, "mypy-asyncsession: interrupted")

    def test_nobody_reads_on(self, dirty: Path) -> None:
        read, write = os.pipe()
        os.close(read)
        done = subprocess.run(
            [sys.executable, "-m", "mypy_asyncsession", "check"],
            cwd=dirty,
            stdout=write,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
        os.close(write)
        assert done.stderr == ""
        assert done.returncode != 0


def test_a_provider_that_moved(project: Path) -> None:
    tree(project, DIRTY)
    arguments = ("check", "--output", "json", "use.py")
    (before,) = run(project, *arguments).stdout.splitlines()
    assert json.loads(before)["provider"] == {"fullname": "db.get_db", "file": "db.py", "line": 1}
    tree(project, {"db.py": f"# moved\n\n{PROVIDER}"})
    (after,) = run(project, *arguments).stdout.splitlines()
    assert json.loads(after)["provider"] == {"fullname": "db.get_db", "file": "db.py", "line": 3}


@pytest.mark.parametrize(
    ("fullname", "line", "now"),
    [
        ("app.db.get", 1, 1),
        ("app.db.get", 2, 1),
        ("app.db.Db.get", 9, 6),
        ("app.db.made", 1, 9),
        ("app.db.Db.attribute", 1, 7),
        ("app.db.gone", 5, 5),
        ("app.db.Db.get", 100, 6),
    ],
)
def test_where_a_provider_is(tmp_path: Path, fullname: str, line: int, now: int) -> None:
    file = tmp_path / "db.py"
    file.write_text(
        "async def get():\n    yield\n\n\nclass Db:\n    def get(self): ...\n"
        "    attribute: int = 1\n\nmade = asynccontextmanager(get)\n"
    )
    place = Place(fullname, str(file), line)
    assert DefinitionIndex({}).now(place) == Place(fullname, str(file), now)


@pytest.mark.parametrize("text", [None, "def f(:\n"])
def test_a_provider_that_cannot_be_found(tmp_path: Path, text: str | None) -> None:
    file = tmp_path / "db.py"
    if text is not None:
        file.write_text(text)
    place = Place("db.get", str(file), 7)
    assert DefinitionIndex({}).now(place) == place


class TestConfiguration:
    def test_resources(self, project: Path) -> None:
        tree(project, {**CLEAN, "own.toml": '[tool.mypy-asyncsession]\nresources = ["a.B"]\n'})
        arguments = ("--config-file", "own.toml", "--cache-dir", "cache")
        assert run(project, "check", *arguments).status == 0
        (told,) = (project / "cache").rglob("settings-*.toml")
        assert load(told) == Config(resources=("a.B",))
        assert run_options(told) == RunOptions(records=True)

    def test_a_section_where_mypy_reads_it(self, project: Path) -> None:
        tree(project, {**CLEAN, "mypy.ini": "[mypy]\n[mypy-asyncsession]\nresources = a.B\n"})
        found = run(project, "check")
        assert found.status == 0
        assert found.stderr == (
            "mypy.ini: warning: mypy reads [mypy-asyncsession] as the options of a module: "
            "move it to [tool.mypy-asyncsession] in pyproject.toml\n"
        )

    def test_what_the_project_silences(self, project: Path) -> None:
        use = USE.format("db")
        tree(
            project,
            {
                "db.py": PROVIDER,
                "kept.py": use,
                "code_off.py": use,
                "parent_off.py": use,
                "all_off.py": use,
                # The second one is built under another name, and silenced by its own.
                "a/tests/__init__.py": "",
                "a/tests/test_a.py": use,
                "b/tests/__init__.py": "",
                "b/tests/test_b.py": use,
                "mypy.ini": (
                    "[mypy]\nplugins = no.such.plugin\nwarn_unused_ignores = True\n"
                    "disable_error_code = attr-defined, no-such-code\n"
                    "[mypy-code_off]\ndisable_error_code = async-with, no-such-code\n"
                    "[mypy-parent_off]\ndisable_error_code = async-session\n"
                    "[mypy-all_off]\nignore_errors = True\n"
                    "[mypy-tests.*]\nignore_errors = True\n"
                ),
            },
        )
        found = run(project, "check", "--output", "json")
        assert (found.places(), found.stderr) == (["kept.py:3"], "")

    def test_everywhere(self, project: Path) -> None:
        tree(
            project,
            {
                **DIRTY,
                "kept.py": USE.format("db"),
                "pyproject.toml": (
                    '[tool.mypy]\ndisable_error_code = ["async-with"]\n'
                    '[[tool.mypy.overrides]]\nmodule = "kept"\n'
                    'enable_error_code = ["async-with"]\n'
                ),
            },
        )
        assert run(project, "check", "--output", "json").places() == ["kept.py:3"]

    def test_a_python_without_packages(self, project: Path) -> None:
        tree(project, {**DIRTY, "broken": "", "mypy.ini": "[mypy]\npython_executable = ./broken"})
        found = run(project, "check", "--output", "json")
        assert found.places() == ["use.py:3"]
        assert found.stderr == (
            'mypy.ini: warning: python_executable: "./broken" has no packages: '
            "the packages that are installed beside mypy are read\n"
        )

    @pytest.mark.skipif(
        not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root can write anywhere"
    )
    def test_a_directory_that_cannot_be_written_to(self, tmp_path: Path) -> None:
        tree(tmp_path, DIRTY)
        tmp_path.chmod(0o555)
        try:
            done = subprocess.run(
                [sys.executable, "-m", "mypy_asyncsession", "check"],
                cwd=tmp_path,
                capture_output=True,
                text=True,
                check=False,
            )
        finally:
            tmp_path.chmod(0o755)
        assert (done.returncode, done.stderr) == (1, "")

    def test_where_there_can_be_no_cache(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("")
        cache = Cache.open(place(str(tmp_path / "file"), None))
        assert (cache.work.is_dir(), tmp_path in cache.work.parents) == (True, False)
        cache.close()
        assert not cache.work.exists()

    def test_a_cache_that_is_damaged(self, project: Path) -> None:
        tree(project, DIRTY)
        arguments = ("check", "--output", "json", "--cache-dir", "cache")
        assert run(project, *arguments).status == 1
        for file in (project / "cache").rglob("*"):
            if file.is_file() and file.suffix not in (".toml", ".TAG"):
                file.write_bytes(b"\xff\x00 this is not what it was")
        found = run(project, *arguments)
        assert (found.places(), found.stderr) == (["use.py:3"], "")


class TestHelp:
    def test_no_command(self, tmp_path: Path) -> None:
        shown = run(tmp_path)
        assert shown.status == 0
        assert "mypy-asyncsession check" in shown.stdout
        assert shown.stdout == run(tmp_path, "--help").stdout

    def test_of_check(self, tmp_path: Path) -> None:
        shown = run(tmp_path, "check", "--help")
        assert shown.status == 0
        assert "mypy-asyncsession check src tests" in shown.stdout

    def test_version(self, tmp_path: Path) -> None:
        shown = run(tmp_path, "--version").stdout
        assert shown.startswith("mypy-asyncsession 0.")
        assert "(mypy 2." in shown

    def test_a_command_that_is_not_there(self, tmp_path: Path) -> None:
        failed = run(tmp_path, "chekc")
        assert failed.status == 2
        said = 'there is no command "chekc" (did you mean "check"?)'
        assert failed.stderr.startswith(f"mypy-asyncsession: error: {said}")

    def test_it_is_shown_without_importing_mypy(self) -> None:
        # Nor is what a run needs in which nothing has changed.
        used = ("cli", "cli.output.text", "checking.run", "rules")
        names = ", ".join(f"mypy_asyncsession.{name}" for name in used)
        code = f"import sys, {names}; print('mypy' in sys.modules)"
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
        assert done.stdout.strip() == b"False"


def finding(path: str, line: int, **changes: object) -> Finding:
    fields: dict[str, object] = {
        "path": path,
        "span": Span(line, 15, line, 23),
        "code": "async-with",
        "message": '"get_db" is an async generator',
        "hint": 'Write "async with asynccontextmanager(get_db)():"',
        "provider": Place("app.db.get_db", "app/db.py", 7),
    }
    return Finding(**{**fields, **changes})  # type: ignore[arg-type]


def printed(form: str, *findings: Finding, **terminal: object) -> list[str]:
    report = Report([*findings], [Problem("x", 1, "not shown here")], checked=40)
    return list(FORMATS[form](report, Terminal(**terminal)))  # type: ignore[arg-type]


class TestText:
    def test_plain(self) -> None:
        assert printed("text", finding("a.py", 3), finding("b.py", 1, hint=None)) == [
            'a.py:3: error: "get_db" is an async generator  [async-with]',
            'a.py:3: note: Write "async with asynccontextmanager(get_db)():"  [async-with]',
            'b.py:1: error: "get_db" is an async generator  [async-with]',
            "2 errors in 2 files (40 checked)",
        ]
        assert printed("text") == ["Success: no issues found in 40 source files"]

    @pytest.mark.parametrize(
        ("source", "span", "width", "shown"),
        [
            (
                "    async with get_db() as s:",
                Span(1, 15, 1, 23),
                80,
                ["        async with get_db() as s:", "                   ^~~~~~~~"],
            ),
            (
                "\tasync with get_db() as s:",
                Span(1, 12, 1, 20),
                80,
                ["            async with get_db() as s:", "                       ^~~~~~~~"],
            ),
            ("x = get_db(", Span(1, 4, 2, 1), 80, ["    x = get_db(", "        ^~~~~~~"]),
            ("x = 'é'; get_db()", Span(1, 9, 1, 17), 80, ["    x = 'é'; get_db()"]),
            (
                "1234567890" * 3 + "get_db()" + "1234567890",
                Span(1, 30, 1, 38),
                24,
                ["    901234567890get_db()", "                ^~~~~~~~"],
            ),
            ("", Span(1, 0, 1, 1), 80, []),
        ],
    )
    def test_the_line_of_source(
        self, tmp_path: Path, source: str, span: Span, width: int, shown: list[str]
    ) -> None:
        file = tmp_path / "a.py"
        file.write_text(f"{source}\n# \u2028\n", encoding="utf-8")
        lines = printed("text", finding(str(file), 1, span=span), interactive=True, width=width)
        assert lines[1:-2] == shown

    def test_a_file_that_is_gone(self) -> None:
        assert len(printed("text", finding("gone.py", 3), interactive=True)) == 3

    def test_colours(self) -> None:
        lines = printed("text", finding("a.py", 3), colored=True)
        assert lines[0] == (
            'a.py:3: \x1b[31m\x1b[1merror:\x1b[0m "\x1b[1mget_db\x1b[0m" is an async generator  '
            "\x1b[33m[async-with]\x1b[0m"
        )

    @pytest.mark.parametrize(
        ("terminal", "environment", "colored"),
        [
            (True, {}, True),
            (False, {}, False),
            (True, {"NO_COLOR": "1"}, False),
            (True, {"TERM": "dumb"}, False),
            (False, {"FORCE_COLOR": "1"}, True),
            (True, {"FORCE_COLOR": "1", "NO_COLOR": "1"}, False),
            (True, {"FORCE_COLOR": "0"}, False),
            (False, {"FORCE_COLOR": "1", "TERM": "dumb"}, True),
            (True, {"NO_COLOR": ""}, True),
            (True, {"CLICOLOR": "0"}, False),
            (True, {"CLICOLOR": "1"}, True),
            (False, {"CLICOLOR": "1"}, False),
            (False, {"CLICOLOR_FORCE": "1"}, True),
            (False, {"CLICOLOR_FORCE": "0"}, False),
            (True, {"CLICOLOR": "0", "FORCE_COLOR": "1"}, True),
        ],
    )
    def test_when_there_are_colours(
        self,
        monkeypatch: pytest.MonkeyPatch,
        terminal: bool,
        environment: dict[str, str],
        colored: bool,
    ) -> None:
        for name in ("NO_COLOR", "FORCE_COLOR", "CLICOLOR", "CLICOLOR_FORCE"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("TERM", "xterm")
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(sys, "stdout", Screen(terminal))
        assert Terminal.of_stdout().colored is colored
        assert Terminal.of_stdout().interactive is terminal

    def test_what_the_encoding_lacks_is_escaped(self, dirty: Path) -> None:
        tree(dirty, {"ż.py": USE.format("db")})
        found = run(dirty, "check", "ż.py", PYTHONIOENCODING="latin-1")
        assert found.status == 1
        assert found.stdout.startswith(r"\u017c.py:3: error: ")


def test_json() -> None:
    first, second = printed("json", finding("a.py", 3), finding("b.py", 1, provider=None))
    assert json.loads(first) == {
        "file": "a.py",
        "line": 3,
        "column": 15,
        "end_line": 3,
        "end_column": 23,
        "message": '"get_db" is an async generator',
        "hint": 'Write "async with asynccontextmanager(get_db)():"',
        "code": "async-with",
        "severity": "error",
        "fixable": None,
        "url": rule_page("async-with"),
        "provider": {"fullname": "app.db.get_db", "file": "app/db.py", "line": 7},
    }
    assert json.loads(second)["provider"] is None
    assert printed("json") == []


def test_github(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("GITHUB_WORKSPACE", raising=False)
    odd = finding("a,b:c.py", 3, message="50%\r", hint="one\ntwo: three")
    assert printed("github", odd) == [
        (
            "::error file=a%2Cb%3Ac.py,line=3,endLine=3,col=16,endColumn=23,title=async-with::"
            "50%25%0D%0Aone%0Atwo: three"
        )
    ]
    # The paths of annotations are relative to the repository.
    (tmp_path / "backend").mkdir()
    monkeypatch.setenv("GITHUB_WORKSPACE", str(tmp_path))
    monkeypatch.chdir(tmp_path / "backend")
    (line,) = printed("github", finding("a.py", 3, hint=None))
    assert line.startswith(f"::error file=backend{os.sep}a.py,")


class Screen(io.StringIO):
    def __init__(self, terminal: bool = True) -> None:
        super().__init__()
        self.terminal = terminal

    def isatty(self) -> bool:
        return self.terminal


@pytest.mark.parametrize(("terminal", "delay"), [(False, 0.0), (True, 60.0)])
def test_no_progress_is_shown(
    monkeypatch: pytest.MonkeyPatch, terminal: bool, delay: float
) -> None:
    screen = Screen(terminal)
    monkeypatch.setattr(sys, "stderr", screen)
    with Progress(delay) as progress:
        progress.update(1, 2)
    assert screen.getvalue() == ""


def test_progress_is_erased(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = Screen()
    monkeypatch.setattr(sys, "stderr", screen)
    with Progress(0) as progress:
        progress.update(312, 1731)
        while "312" not in screen.getvalue():
            time.sleep(0.01)
    text = "Checking 1,731 files, 312 done ..."
    assert f"\r{text}" in screen.getvalue()
    assert screen.getvalue().endswith("\r" + " " * len(text) + "\r")
