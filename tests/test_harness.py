"""The harness itself: a case that is read or judged wrongly would test nothing."""

from __future__ import annotations

import sys
import textwrap
from typing import TYPE_CHECKING

import pytest

from tests.harness.case import BadCaseError, Case, Mark, read_cases
from tests.harness.compare import Report, crashes, differences, read_output
from tests.harness.prove import call, entries, failing_lines
from tests.harness.workspace import Workspace, batches, write_toml

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def read(tmp_path: Path) -> Callable[[str], list[Case]]:
    """Reads the text of a data file."""

    def read(text: str) -> list[Case]:
        file = tmp_path / "some-cases.test"
        file.write_text(textwrap.dedent(text), encoding="utf-8")
        return read_cases(file)

    return read


def test_a_case_is_read(read: Callable[[str], list[Case]]) -> None:
    (case,) = read(
        """\
        -- A comment.
        [case one]
        [skip-axis daemon: a reason]
        [counts attr-defined misc]
        from here.db import get
        -- Another.
        get()

        [file db.py]
        def get(): ...
        [config]
        tool.mypy.overrides = [{ module = "here.*" }]
        """
    )
    assert (case.name, case.source, case.package) == (
        "one",
        "some-cases.test:2",
        "some_cases__one",
    )
    assert case.trees == (
        {
            "main.py": "from some_cases__one.db import get\nget()\n",
            "db.py": "def get(): ...\n",
        },
    )
    assert case.config == {"tool": {"mypy": {"overrides": [{"module": "some_cases__one.*"}]}}}
    assert case.counts == {"attr-defined", "misc"}
    assert case.skips == {"daemon": "a reason"}


def test_steps_replace_and_delete_files(read: Callable[[str], list[Case]]) -> None:
    (case,) = read(
        """\
        [case one]
        1
        [file db.py]
        a
        [file db.py.2]
        b
        [delete db.py.3]
        """
    )
    assert case.trees == (
        {"main.py": "1\n", "db.py": "a\n"},
        {"main.py": "1\n", "db.py": "b\n"},
        {"main.py": "1\n"},
    )
    assert case.tree(4) == case.tree(3)


def test_marks(read: Callable[[str], list[Case]]) -> None:
    (case,) = read(
        """\
        [case one]
        a  # E: session-with "part" "another" # N: "a note"
        b  # type: ignore[x] # E[2]: session-iter # E[1,2]: session-await
        c  # silent: a reason
        [file db.py]
        [file db.py.2]
        d
        """
    )
    always = [
        Mark("main.py", 1, "session-with", ("part", "another")),
        Mark("main.py", 1, None, ("a note",)),
    ]
    assert case.marks(1) == [*always, Mark("main.py", 2, "session-await")]
    assert case.marks(2) == [
        *always,
        Mark("main.py", 2, "session-iter"),
        Mark("main.py", 2, "session-await"),
    ]
    assert case.marks(3) == case.marks(2)
    assert case.silent_lines(1) == {("main.py", 3)}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x\n[case a]\n", "some-cases.test:1: text before the first [case]"),
        ("[case a b]\n", "must be an identifier"),
        ("[case a]\n[case a]\n", "there is a case 'a' already"),
        ("[case a]\n[fiel b.py]\n", "no section of a case: [fiel b.py]"),
        ("[case a]\n[file b.py]\n[file b.py]\n", "some-cases.test:3: b.py is there already"),
        ("[case a]\n[file b.py.3]\n", "nothing changes at step 2"),
        ("[case a]\n[delete b.py.2]\n", "b.py is deleted at step 2, and is not there"),
        ("[case a]\n[config]\n=\n", "some-cases.test:2"),
        ("[case a]\n[skip-axis warm]\n", "say why"),
        ("[case a]\nx  # E session: with\nx  #E: session-with\n", "cannot be read: x  #E:"),
        ("[case a]\nx  # E: session-with 'part'\n", "has a mark that cannot be read"),
        ('[case a]\nx  # E: "part"\n', "has a mark that cannot be read"),
        ("[case a]\nx  # N: session-with\n", "has a mark that cannot be read"),
        ("[case a]\nx  # N:\n", "has a mark that cannot be read"),
    ],
)
def test_what_cannot_be_read_is_refused(
    read: Callable[[str], list[Case]], text: str, message: str
) -> None:
    with pytest.raises(BadCaseError) as caught:
        read(text)
    assert message in str(caught.value)


OUTPUT = """\
some_cases__one/main.py:2: error: "get" is a generator  [session-with]
some_cases__one/main.py:2: note: Write "async for"
some_cases__one/main.py:3:5:3:9: error: Something else: "x"  [attr-defined]
other/main.py:1: error: "get" is a generator  [session-with]
Found 3 errors in 2 files (checked 2 source files)
"""


def test_the_output_is_read() -> None:
    assert read_output(OUTPUT) == [
        Report("other/main.py", 1, "error", "session-with", '"get" is a generator'),
        Report("some_cases__one/main.py", 2, "error", "session-with", '"get" is a generator'),
        Report("some_cases__one/main.py", 2, "note", "", 'Write "async for"'),
        Report("some_cases__one/main.py", 3, "error", "attr-defined", 'Something else: "x"'),
    ]


def test_a_crash_is_seen() -> None:
    assert not crashes(OUTPUT)
    assert crashes("a.py:1: error: INTERNAL ERROR -- Please try")
    assert crashes("Traceback (most recent call last):\n  File")


@pytest.mark.parametrize(
    ("line", "difference"),
    [
        ('# E: session-with "generator" # N: "async for"', None),
        ("# E: session-with", None),
        ("", 'main.py:2: unexpected: session-with: x\n      "get" is a generator'),
        ("# E: session-with # E: session-with", "main.py:2: missing: session-with"),
        ('# E: session-with "coroutine"', "main.py:2: session-with says"),
        ('# E: session-with # N: "await"', "main.py:2: note says"),
    ],
)
def test_differences_are_found(
    read: Callable[[str], list[Case]], line: str, difference: str | None
) -> None:
    (case,) = read(f"[case one]\n#\nx  {line}\ny\n")
    found = differences(case, 1, read_output(OUTPUT))
    assert (len(found), [difference in text for text in found] if difference else []) == (
        (1, [True]) if difference else (0, [])
    )


def test_codes_of_mypys_own_count_on_demand(read: Callable[[str], list[Case]]) -> None:
    header = "[case one]\n[counts attr-defined]\n#\nx  # E: session-with\n"
    (case,) = read(header + "y\n")
    assert len(differences(case, 1, read_output(OUTPUT))) == 1
    (case,) = read(header + "y  # E: attr-defined\n")
    assert not differences(case, 1, read_output(OUTPUT))


def test_an_edit_touches_what_it_changes(read: Callable[[str], list[Case]], tmp_path: Path) -> None:
    (case,) = read(
        "[case one]\n1\n[file a/b.py]\nimport x.y, app.db\n[file c.py]\n1\n[file c.py.2]\n2\n"
        "[delete a/b.py.2]\n"
    )
    workspace = Workspace(tmp_path / "root", [case])
    workspace.root.mkdir()
    workspace.write(1)
    package = workspace.root / case.package
    assert {path.relative_to(package).as_posix() for path in package.rglob("*.py")} == {
        "__init__.py",
        "main.py",
        "a/__init__.py",
        "a/b.py",
        "c.py",
    }
    assert "x.y" in workspace.imports()
    assert not {name for name in workspace.imports() if name.startswith(("app", "some_cases"))}
    before = {path: path.stat().st_mtime_ns for path in package.rglob("*.py")}
    workspace.write(2)
    after = {path: path.stat().st_mtime_ns for path in package.rglob("*.py")}
    assert before.keys() - after.keys() == {package / "a/b.py"}
    assert {path for path in after if after[path] != before[path]} == {package / "c.py"}


def test_cases_share_a_run_unless_they_differ_globally(
    read: Callable[[str], list[Case]], tmp_path: Path
) -> None:
    one, two, three, four = read(
        """\
        [case one]
        [case two]
        [config]
        tool.mypy.overrides = [{ module = "here.*", ignore_errors = true }]
        [case three]
        [config]
        tool.mypy.overrides = [{ module = "here.a", ignore_errors = true }]
        [case four]
        [config]
        [tool.mypy-asyncsession]
        resources = ["here.Resource"]
        """
    )
    assert batches([one, two, three, four]) == [[one, two, three], [four]]
    Workspace(tmp_path, [one, two, three]).write(1)
    settings = tomllib.loads((tmp_path / "pyproject.toml").read_text())["tool"]["mypy"]
    assert settings["plugins"] == ["mypy_asyncsession.plugin"]
    assert [override["module"] for override in settings["overrides"]] == [
        "some_cases__two.*",
        "some_cases__three.a",
    ]


def test_toml_is_read_as_it_was_meant(tmp_path: Path) -> None:
    settings = {
        "top": 1,
        "tool": {"a b": {"list": ["x", {"y": True}], "n": {"m": 'q"\\'}}, "c": False},
    }
    write_toml(tmp_path / "x.toml", settings)
    assert tomllib.loads((tmp_path / "x.toml").read_text()) == settings


def test_the_lines_that_fail_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "proof_of_failure.py").write_text(
        textwrap.dedent(
            """\
            async def wrong():
                await _inner()
            async def _inner():
                raise ValueError
            def right(x=1): ...
            def needs(x): ...
            def generates():
                yield
            """
        )
    )
    monkeypatch.syspath_prepend(tmp_path)
    import proof_of_failure  # type: ignore[import-not-found]

    found = dict(entries(proof_of_failure))
    assert list(found) == ["wrong", "right"]
    assert call(found["right"]) is None
    error = call(found["wrong"])
    assert isinstance(error, ValueError)
    assert failing_lines(error, tmp_path) == [
        ("proof_of_failure.py", 2),
        ("proof_of_failure.py", 4),
    ]
