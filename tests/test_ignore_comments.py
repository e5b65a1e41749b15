"""Comments of our own, and what is selected: the same in every way to run it."""

from __future__ import annotations

import re
import subprocess
import sys
from typing import TYPE_CHECKING, Final

import pytest

from mypy_asyncsession.checking.options import Engine, Options
from mypy_asyncsession.checking.run import check
from mypy_asyncsession.plugin.ignore_comments import ignore_comments
from mypy_asyncsession.selection import PathPattern
from tests.test_check import tree

if TYPE_CHECKING:
    from pathlib import Path

CONFIG: Final = """\
[tool.mypy]
plugins = ["mypy_asyncsession.plugin"]
[tool.mypy-asyncsession]
resources = ["db.Session"]
strict = ["strict"]
"""
DB: Final = """\
from collections.abc import AsyncIterator

class Session: ...

async def get_db() -> AsyncIterator[Session]:
    yield Session()
"""
#: What is behind "# E: " is the code of a finding, as in the data of the other tests.
USE: Final = """\
from db import get_db

text = "# session: ignore[session-with]"

async def use() -> None:
    async with get_db() as s:
        s  # E-1: session-with
    async with get_db() as s:  # session: ignore
        s
    async with get_db() as s:  # session: ignore[session-with]
        s
    async with get_db() as s:  # noqa: X  # session: ignore[session-iter, session-with] - why
        s  # STRICT-1: async-session
    async with get_db() as s:  # session:ignore[async-session]
        s
    async with get_db() as s:  # session: ignore[session-iter]
        s  # E-1: session-with  # STRICT-1: async-session
    async with get_db() as s:  # session: ignore the rest
        s  # E-1: session-with
    async with get_db() as s:  # session: ignore[session-wiht]
        s  # E-1: session-with  # E-1: async-session
    print(1)  # session: ignore  # STRICT: async-session
    get = get_db().__anext__  # type: ignore[session-unentered]
"""
FILES: Final = {"pyproject.toml": CONFIG, "db.py": DB, "use.py": USE, "strict.py": USE}


def expected() -> set[tuple[str, int, str]]:
    found = set()
    for number, line in enumerate(USE.splitlines(), 1):
        for strict, above, code in re.findall(r"# (E|STRICT)(-1)?: ([\w-]+)", line):
            place = number - bool(above)
            found.add(("strict.py", place, code))
            if strict == "E":
                found.add(("use.py", place, code))
    return found


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("ignored")
    tree(root, FILES)
    return root


def mypy(project: Path, *arguments: str, module: str = "mypy") -> set[tuple[str, int, str]]:
    done = subprocess.run(
        [sys.executable, "-m", module, *arguments],
        cwd=project,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "INTERNAL" not in done.stderr, done.stderr
    errors = re.findall(r"^(\w+\.py):(\d+): error: .*\[([\w-]+)\]$", done.stdout, re.MULTILINE)
    return {(path, int(line), code) for path, line, code in errors}


def test_mypy_cold_and_warm(project: Path) -> None:
    assert mypy(project, ".") == expected()
    assert mypy(project, ".") == expected()
    # What the comment says is part of the file: it need not be checked for anything else.
    use = project / "use.py"
    text = use.read_text()
    use.write_text(text.replace("  # session: ignore\n", "\n", 1))
    assert mypy(project, ".") == {*expected(), ("use.py", 8, "session-with")}
    use.write_text(text)
    assert mypy(project, ".") == expected()


def test_workers(project: Path) -> None:
    assert mypy(project, "-n", "2", "--cache-dir", ".cache-n", ".") == expected()


def test_the_daemon(project: Path) -> None:
    status = ("--status-file", str(project / "status.json"))
    try:
        run = (*status, "run", "--", "--cache-dir", ".cache-d", ".")
        assert mypy(project, *run, module="mypy.dmypy") == expected()
        db = project / "db.py"
        db.write_text(f"{DB}\nx = 1\n")
        assert mypy(project, *run, module="mypy.dmypy") == expected()
    finally:
        mypy(project, *status, "kill", module="mypy.dmypy")


@pytest.mark.parametrize("engine", list(Engine))
def test_check(project: Path, engine: Engine) -> None:
    for _ in range(2):
        options = Options(engine=engine, workers=0, cache_dir=f".cache-{engine.value}")
        report = check(["."], options, directory=str(project))
        found = {(each.path, each.span.line, each.code) for each in report.findings}
        assert found == expected()


def test_a_comment_in_code_that_is_too_new() -> None:
    source = b'x = $  # session: ignore[session-with]\ny = """\n# session: ignore\n'
    assert [(each.line, each.codes) for each in ignore_comments(source)][:1] == [
        (1, ("session-with",))
    ]


SELECTIONS = (
    'select = ["session-iter", "session-getter"]',
    """ignore = ["session-iter"]
exclude = ["strict*"]
per-file-ignores = { "use.py" = ["session-with"] }""",
)


@pytest.mark.parametrize("line", SELECTIONS)
def test_what_is_selected(tmp_path: Path, line: str) -> None:
    tree(tmp_path, {**FILES, "pyproject.toml": f"{CONFIG}{line}\n"})
    by_mypy = {each for each in mypy(tmp_path, ".") if each[2].partition("-")[0] != "attr"}
    report = check(["."], Options(workers=0), directory=str(tmp_path))
    found = {(each.path, each.span.line, each.code) for each in report.findings}
    assert found == by_mypy
    assert "session-with" not in {code for _, _, code in found}
    assert {path for path, _, _ in found} == (
        {"use.py", "strict.py"} if "select" in line else {"use.py"}
    )


@pytest.mark.parametrize(
    ("option", "codes"),
    [
        ({"select": ("session-with",)}, {"session-with", "async-session"}),
        ({"ignore": ("session-with",)}, {"async-session"}),
        ({"exclude": ("use.py", "strict.py")}, set()),
        ({"ignore": ("async-session",)}, set()),
    ],
)
def test_options(project: Path, option: dict[str, tuple[str, ...]], codes: set[str]) -> None:
    options = Options(workers=0, **option)  # type: ignore[arg-type]
    report = check(["."], options, directory=str(project))
    assert {found.code for found in report.findings} == codes


@pytest.mark.parametrize(
    ("pattern", "matched", "others"),
    [
        ("tests", ["tests/a.py", "app/tests/b/c.py"], ["app/tests.py", "mytests/a.py"]),
        ("tests/*.py", ["tests/a.py", "tests/b/c.py"], ["app/tests/a.py"]),
        ("*.py", ["a.py", "b/c.py"], ["a.pyi"]),
        ("**/migrations", ["migrations/a.py", "b/migrations/c/d.py"], ["b/migrations.py"]),
        ("app/[!a]*.py", ["app/b.py"], ["app/a.py"]),
        ("./app/", ["app/b.py"], ["src/app/a.py"]),
        ("a?.py", ["ab.py", "x/ab.py"], ["a.py", "a/.py"]),
    ],
)
def test_patterns(pattern: str, matched: list[str], others: list[str]) -> None:
    found = PathPattern(pattern, "/project [x]")
    paths = [*matched, *others]
    assert [path for path in paths if found.matches(f"/project [x]/{path}")] == matched
    assert not found.matches(f"/elsewhere/{matched[0]}")


def test_named_and_excluded(project: Path) -> None:
    report = check(["use.py"], Options(exclude=("use.py",)), directory=str(project))
    assert (report.findings, report.checked, report.incomplete) == ([], 0, False)
    assert [str(each) for each in report.problems] == [
        "use.py: is excluded by the configuration: it is not checked"
    ]
    assert report.excluded == 1
