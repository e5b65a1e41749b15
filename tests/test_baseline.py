"""``check --baseline``: what is new fails, and nothing else does."""

from __future__ import annotations

import json
import os
import textwrap
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from mypy_asyncsession.checking.baseline import Baseline
from mypy_asyncsession.checking.finding_identity import Identities
from mypy_asyncsession.checking.report import CannotRun, Report
from mypy_asyncsession.cli import main
from mypy_asyncsession.findings import Finding, Span

if TYPE_CHECKING:
    from pathlib import Path

    from mypy_asyncsession.checking.baseline import Comparison

DB = """\
from collections.abc import AsyncIterator

async def get_db() -> AsyncIterator[int]:
    yield 1
"""

USE = """\
from db import get_db

async def one() -> None:
    async with get_db() as session:
        print(session)

class Job:
    async def two(self) -> None:
        async with get_db() as session:
            print(session)
"""


class Tree:
    """A folder with sources whose findings are the lines marked as bad, and a baseline of it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.strict = False
        self.baseline = Baseline(folder / "baseline.json")

    def write(self, name: str, text: str) -> None:
        (self.folder / name).write_text(textwrap.dedent(text), encoding="utf-8")

    def report(self, *names: str) -> Report:
        paths = sorted(names or (path.name for path in self.folder.glob("*.py")))
        findings = []
        for path in paths:
            text = (self.folder / path).read_text(encoding="utf-8")
            for number, line in enumerate(text.splitlines(), 1):
                if "get_db(" in line and "def" not in line:
                    column = line.index("get_db")
                    end = line.index(")", column) + 1 if ")" in line else len(line)
                    code = "session-probe" if "hasattr" in line else "session-with"
                    span = Span(number, column, number, end)
                    findings.append(Finding(path, span, code, "no", None, None))
        checked = frozenset(paths)
        strict = checked if self.strict else frozenset[str]()
        return Report(findings, [], len(paths), checked, strict)

    def accept(self) -> None:
        self.baseline = self.baseline.compare(self.report()).updated

    def compare(self, *names: str) -> Comparison:
        return self.baseline.compare(self.report(*names))

    def new(self) -> list[str]:
        return [f"{found.path}:{found.span.line}" for found in self.compare().report.findings]

    def fixed(self, *names: str) -> list[tuple[str, str, int]]:
        fixed = self.compare(*names).fixed
        return [(each.file, each.function, count) for each, count in sorted(fixed.items())]


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Tree:
    monkeypatch.chdir(tmp_path)
    made = Tree(tmp_path)
    made.write("a.py", USE)
    made.accept()
    return made


def test_nothing_has_changed(tree: Tree) -> None:
    compared = tree.compare()
    assert (compared.report.findings, compared.report.known) == ([], 2)
    assert compared.fixed == Counter()
    assert compared.updated == tree.baseline


MOVES = {
    "lines above": "import os\n\n\n" + USE,
    "functions in another order": USE.replace("class Job", "def zero() -> None: ...\n\nclass Job"),
    "a comment and spaces": USE.replace("get_db() as", "get_db(  ) as").replace(
        "session:\n", "session:  # why\n"
    ),
    "carriage returns": USE.replace("\n", "\r\n"),
    "a function with another name": USE.replace("one()", "first()"),
    "a class with another name": USE.replace("Job", "Task"),
    "another nesting": USE.replace(
        "    async with get_db() as session:\n        print(session)\n\n",
        "    if True:\n        async with get_db() as session:\n            print(session)\n\n",
    ),
}


@pytest.mark.parametrize("text", MOVES.values(), ids=MOVES)
def test_what_moved_is_not_new(tree: Tree, text: str) -> None:
    tree.write("a.py", text)
    assert (tree.new(), tree.fixed()) == ([], [])


def test_a_file_with_another_name(tree: Tree) -> None:
    (tree.folder / "a.py").rename(tree.folder / "b.py")
    assert (tree.new(), tree.fixed()) == ([], [])
    assert {each.file for each in tree.compare().updated.findings} == {"b.py"}


def test_a_copy_of_a_file_is_new(tree: Tree) -> None:
    tree.write("b.py", USE)
    assert tree.new() == ["b.py:4", "b.py:9"]


def test_one_more_in_the_same_function(tree: Tree) -> None:
    tree.write("a.py", USE.replace("        print(session)\n\nclass", "        get_db()\n\nclass"))
    assert tree.new() == ["a.py:5"]


def test_the_same_in_another_function(tree: Tree) -> None:
    tree.write("a.py", USE + "\nasync def three() -> None:\n    async with get_db() as s: ...\n")
    assert tree.new() == ["a.py:13"]


def test_one_goes_and_another_comes(tree: Tree) -> None:
    text = USE.replace("    async with get_db() as session:\n        print", "    print", 1)
    tree.write("a.py", text + "\nasync def three() -> None:\n    async with get_db() as s: ...\n")
    assert tree.new() == ["a.py:12"]
    assert tree.fixed() == [("a.py", "one", 1)]


def test_another_code_in_the_same_place(tree: Tree) -> None:
    tree.strict = True
    tree.write(
        "a.py", USE.replace("    async with get_db() as session", "    if hasattr(get_db())")
    )
    assert len(tree.new()) == 2


class TestMended:
    def test_it_leaves_the_file(self, tree: Tree) -> None:
        tree.write("a.py", USE.replace("get_db()", "fine()", 1))
        assert (tree.new(), tree.fixed()) == ([], [("a.py", "one", 1)])
        updated = tree.compare().updated
        assert [each.function for each in updated.findings] == ["Job.two"]

    def test_a_file_that_is_gone(self, tree: Tree) -> None:
        (tree.folder / "a.py").unlink()
        tree.write("b.py", "")
        assert tree.fixed("b.py") == [("a.py", "Job.two", 1), ("a.py", "one", 1)]

    def test_what_was_not_looked_at_stays(self, tree: Tree) -> None:
        tree.write("b.py", "")
        assert tree.fixed("b.py") == []
        assert tree.compare("b.py").updated == tree.baseline

    def test_what_strict_rules_found_stays_without_them(self, tree: Tree) -> None:
        tree.strict = True
        tree.write("a.py", "hasattr(get_db())\n")
        tree.accept()
        tree.strict = False
        tree.write("a.py", "")
        assert tree.fixed() == []
        tree.strict = True
        assert tree.fixed() == [("a.py", "", 1)]


def test_that_we_failed_is_always_new(tree: Tree) -> None:
    failure = Finding("a.py", Span(1, 0, 1, 1), "async-session", "could not", None, None)
    report = Report([failure], [], 1, frozenset({"a.py"}))
    compared = tree.baseline.compare(report)
    assert compared.report.findings == [failure]
    assert failure.code not in compared.updated.dump()


class TestFile:
    def test_it_reads_what_it_writes(self, tree: Tree) -> None:
        tree.write("ü.py", "x = 'é', get_db()\n")
        tree.write("b.py", "get_db()\nget_db()\n")
        tree.accept()
        tree.baseline.write()
        assert Baseline.read(tree.baseline.path) == tree.baseline
        lines = tree.baseline.path.read_text(encoding="utf-8").splitlines()
        assert [json.loads(line.rstrip(","))["file"] for line in lines[4:-2]] == [
            "a.py",
            "a.py",
            "b.py",
            "ü.py",
        ]
        assert json.loads(lines[6].rstrip(",")) == {
            "file": "b.py",
            "code": "session-with",
            "function": "",
            "text": "get_db()",
            "count": 2,
        }

    def test_it_says_nothing_of_lines(self, tree: Tree) -> None:
        before = tree.baseline.dump()
        tree.write("a.py", "\n" * 7 + USE)
        tree.accept()
        assert tree.baseline.dump() == before

    def test_it_is_not_touched_for_nothing(self, tree: Tree) -> None:
        tree.baseline.write()
        os.utime(tree.baseline.path, (1, 1))
        tree.baseline.write()
        assert tree.baseline.path.stat().st_mtime == 1
        assert list(tree.folder.glob(".baseline-*")) == []

    def test_paths_are_relative_to_it(self, tree: Tree, tmp_path: Path) -> None:
        (tmp_path / "ci").mkdir()
        there = Baseline(tmp_path / "ci" / "baseline.json").compare(tree.report()).updated
        assert {each.file for each in there.findings} == {"../a.py"}
        assert there.compare(tree.report()).report.findings == []

    @pytest.mark.parametrize(
        ("content", "message"),
        [
            (None, ": there is no such baseline: --update-baseline makes it"),
            ("", ":1: not a baseline: not valid JSON (Expecting value)"),
            ('{\n"findings": [\n<<<<<<< HEAD\n', ":3: not a baseline: not valid JSON"),
            (b"\xff", ": not a baseline: not UTF-8"),
            ("[]", ": not a baseline"),
            ('{"findings": [], "version": 2}', ": made by another version of mypy-asyncsession"),
            ('{"findings": {}, "version": 1}', ": not a baseline: finding 1 is not as it was"),
            ('{"findings": [3], "version": 1}', ": not a baseline: finding 1 is not as it was"),
            (
                (
                    '{"findings": [{"file": "a", "code": "b", "function": "c", "text": 1}],'
                    ' "version": 1}'
                ),
                ": not a baseline: finding 1 is not as it was",
            ),
            (
                (
                    '{"findings": [{"file": "a", "code": "b", "function": "c", "text": "d",'
                    ' "count": true}], "version": 1}'
                ),
                ": not a baseline: finding 1 is not as it was",
            ),
            ("[" * 100_000, ": not a baseline"),
        ],
    )
    def test_what_is_no_baseline(
        self, tmp_path: Path, content: str | bytes | None, message: str
    ) -> None:
        file = tmp_path / "baseline.json"
        if content is not None:
            file.write_bytes(content if isinstance(content, bytes) else content.encode())
        with pytest.raises(CannotRun) as caught:
            Baseline.read(file)
        assert str(caught.value).startswith(f"{file}{message}")
        assert "\n" not in str(caught.value)

    def test_what_cannot_be_written(self, tmp_path: Path) -> None:
        with pytest.raises(CannotRun, match=r"baseline\.json: cannot be written: No such file"):
            Baseline(tmp_path / "gone" / "baseline.json").write()

    def test_a_rule_that_is_no_more(self, tmp_path: Path) -> None:
        entry: dict[str, Any] = {"file": "a", "code": "E501", "function": "", "text": ""}
        file = tmp_path / "baseline.json"
        file.write_text(json.dumps({"findings": [entry], "version": 1}))
        assert Baseline.read(file).findings == Counter()


@pytest.mark.parametrize(
    ("source", "span", "function", "text"),
    [
        ("async def f():\n    x = get(\n        1,\n    )\n", Span(2, 8, 4, 5), "f", "get( 1, )"),
        ("@route(get())\ndef f(): ...\n", Span(1, 7, 1, 12), "f", "get()"),
        ("class A:\n    def f(\n        self, x=get()): ...\n", Span(3, 16, 3, 21), "A.f", "get()"),
        ("def f(self): ...\n", Span(1, 0, 1, 1), "f", "def f(self): ..."),
        ("def f():\n    x = 'é'; get()\n", Span(2, 12, 2, 17), "f", "x = 'é'; get()"),
        ("def f():\n    get(\\d)\n", Span(2, 4, 2, 11), "", "get(\\d)"),
        ("x = '\\d'; get()\n", Span(1, 10, 1, 15), "", "get()"),
        ("", Span(7, 0, 7, 1), "", ""),
    ],
)  # fmt: skip
def test_identity(tmp_path: Path, source: str, span: Span, function: str, text: str) -> None:
    file = tmp_path / "a.py"
    file.write_text(source, encoding="utf-8")
    found = Identities().of(Finding(str(file), span, "session-with", "no", None, None))
    assert (found.function, found.text) == (function, text)


class TestCommand:
    """From the command line to the exit status."""

    @pytest.fixture
    def run(
        self, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> Any:
        (tmp_path / ".git").mkdir()
        (tmp_path / "db.py").write_text(DB)
        (tmp_path / "use.py").write_text(USE)
        monkeypatch.chdir(tmp_path)

        def call(*arguments: str) -> tuple[object, str, str]:
            with pytest.raises(SystemExit) as ended:
                main.main(["check", *arguments])
            out, err = capsys.readouterr()
            return ended.value.code, out, err

        return call

    def test_from_nothing_to_strict(self, run: Any, tmp_path: Path) -> None:
        known = ("--baseline", "baseline.json")
        missing = "baseline.json: there is no such baseline: --update-baseline makes it"
        assert run(*known) == (2, "", f"mypy-asyncsession: error: {missing}\n")
        assert run(*known, "--update-baseline") == (
            0,
            "Success: no new issues found in 2 source files, 2 in the baseline\n",
            "baseline.json: 2 findings written (2 new, 0 fixed)\n",
        )
        (tmp_path / "use.py").write_text(
            "import os\n" + USE + "\nasync def new() -> None:\n    async with get_db(): ...\n"
        )
        status, out, err = run(*known)
        assert (status, err) == (1, "")
        assert out.startswith("use.py:14: error: ")
        assert out.splitlines()[-1].startswith(
            "1 new error in 1 file (2 checked, 2 in the baseline); 1 can be fixed: "
        )
        (tmp_path / "use.py").write_text(USE.replace("async with get_db()", "async with x()", 1))
        status, out, err = run(*known)
        assert status == 0
        assert err == (
            "baseline.json: note: fixed: use.py: async-with in one: get_db()\n"
            "baseline.json: warning: 1 finding in it is fixed: add --update-baseline\n"
        )
        assert run(*known, "--quiet") == (0, "", "")
        _, _, err = run(*known, "--update-baseline")
        assert err == "baseline.json: 1 finding written (0 new, 1 fixed)\n"
        assert run(*known)[2] == ""

    def test_a_file_is_needed(self, run: Any) -> None:
        status, out, err = run("--update-baseline")
        assert (status, out) == (2, "")
        assert "--update-baseline needs --baseline FILE" in err
