"""A check succeeds only if everything was read, unless somebody allows what was not."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest

from mypy_asyncsession.checking.options import Options
from mypy_asyncsession.checking.report import Problem, Report, Unresolved
from mypy_asyncsession.checking.run import judged
from mypy_asyncsession.cli import main
from mypy_asyncsession.config import load
from tests.test_check import PROVIDER, USE, run, tree

#: Nothing is wrong in what can be read of this.
FILES = {
    "app/__init__.py": "",
    "app/db.py": PROVIDER,
    "app/broken.py": "def (:\n",
    "app/gone.py": """\
from app.nowhere import x
from .neither import y
import app.db
from app._version import version
try:
    from app.optional import z
except ImportError:
    z = None
text = '''
from app.text import nothing
'''
""",
    "app/notebook.ipynb": '{"cells": []}',
}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("unchecked")
    tree(root, FILES)
    for path in root.rglob("*.*"):
        os.utime(path, (1_700_000_000, 1_700_000_000))  # so that what is found is kept
    return root


def said(
    capsys: pytest.CaptureFixture[str], project: Path, *arguments: str
) -> tuple[int, str, str]:
    """The status of a check, and what it prints."""
    before = Path.cwd()
    os.chdir(project)
    try:
        with pytest.raises(SystemExit) as ended:
            main(["check", *arguments])
    finally:
        os.chdir(before)
    printed = capsys.readouterr()
    status = ended.value.code
    assert isinstance(status, int)
    return status, printed.out, printed.err


def test_it_is_no_success(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, out, err = said(capsys, project, ".", "app/notebook.ipynb")
    assert status == 2
    assert out.splitlines() == [
        "No issues found in 3 source files",
        (
            "Incomplete: 2 files not checked, or not in full; "
            "2 imports of modules of the project that are not there (--unresolved lists them)"
        ),
    ]
    assert "app/broken.py:1: warning: " in err
    assert "app/notebook.ipynb: warning: a notebook" in err


def test_the_imports_are_listed(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    # Neither what is only tried, nor what a build makes, nor what is no import.
    _, _, err = said(capsys, project, "--unresolved")
    listed = [line for line in err.splitlines() if "there is no module" in line]
    assert listed == [
        'app/gone.py:1: warning: there is no module "app.nowhere"',
        'app/gone.py:2: warning: there is no module ".neither"',
    ]


@pytest.mark.parametrize("quiet", [(), ("-q",)])
def test_the_other_outputs_say_it(
    project: Path, capsys: pytest.CaptureFixture[str], quiet: tuple[str, ...]
) -> None:
    status, out, err = said(capsys, project, "--output", "json", *quiet)
    assert status == 2
    notes = [json.loads(line) for line in out.splitlines()]
    assert [(note["file"], note["severity"]) for note in notes] == [
        ("app/broken.py", "note"),
        ("app/gone.py", "note"),
    ]
    assert "app/broken.py:1: warning: " in err
    status, out, _ = said(capsys, project, "--output", "sarif", *quiet)
    (invocation,) = json.loads(out)["runs"][0]["invocations"]
    assert (status, invocation["executionSuccessful"]) == (2, False)
    levels = [note["level"] for note in invocation["toolExecutionNotifications"]]
    assert levels == ["error", "error"]
    status, out, _ = said(capsys, project, "--output", "github", *quiet)
    assert out.startswith("::warning file=app/broken.py,line=1,title=not checked::")
    assert len(out.splitlines()) == 2


def test_it_can_be_allowed(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = said(capsys, project, "--allow-unchecked")
    assert status == 0
    assert out.startswith("Success: no issues found in 3 source files\nAllowed: 1 file not checked")


@pytest.mark.parametrize(
    ("allowed", "incomplete"),
    [
        ("true", False),
        ("false", True),
        ('["app/broken.py", "gone.py"]', False),
        ('["app/broken.py"]', True),
        ('["app"]', False),
    ],
)
def test_the_configuration_can_allow_it(tmp_path: Path, allowed: str, incomplete: bool) -> None:
    file = tmp_path / "pyproject.toml"
    file.write_text(f"[tool.mypy-asyncsession]\nallow-unchecked = {allowed}\n")
    report = Report(
        problems=[Problem("app/broken.py", 1, "invalid syntax", unchecked=True)],
        unresolved=[Unresolved("app/gone.py", 1, "app.nowhere")],
    )
    found = judged(report, Options(), load(file), str(tmp_path))
    assert found.incomplete == incomplete
    assert found.unchecked == report.problems


def test_also_when_there_are_findings(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tree(tmp_path, {"db.py": PROVIDER, "use.py": USE.format("db"), "broken.py": "def (:\n"})
    status, out, _ = said(capsys, tmp_path)
    assert status == 2
    assert "use.py:3: error: " in out
    assert "Incomplete: 1 file not checked, or not in full" in out
    (tmp_path / "broken.py").unlink()
    status, out, _ = said(capsys, tmp_path)
    assert status == 1
    assert "Incomplete" not in out


def test_a_notebook_alone(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, out, err = said(capsys, project, "app/notebook.ipynb")
    assert (status, out) == (2, "")
    assert "a notebook: only Python files are checked" in err


#: Run by Python at its start: mypy crashes on every class with this metaclass.
CRASH = """\
import mypy_asyncsession.plugin


def get_metaclass_hook(self, fullname):
    if fullname.endswith("CrashingMeta"):
        raise RuntimeError("on purpose")


mypy_asyncsession.plugin.AsyncSessionPlugin.get_metaclass_hook = get_metaclass_hook
"""
MODEL = "class CrashingMeta(type): ...\nclass Model(metaclass=CrashingMeta): ...\n"


def test_what_mypy_crashes_on_is_looked_at_all_the_same(tmp_path: Path) -> None:
    tree(tmp_path, {"db.py": PROVIDER, "use.py": USE.format("db") + MODEL})
    tree(tmp_path / "other", {"sitecustomize.py": CRASH})
    python_path = os.pathsep.join([str(tmp_path / "other"), *filter(None, sys.path)])
    options = ("--engine", "mypy", "--output", "json")
    found = run(tmp_path, "check", "use.py", "db.py", *options, PYTHONPATH=python_path)
    assert (found.status, found.places(), found.unread()) == (2, ["use.py:3"], ["use.py"])
    assert "use.py:6: warning: mypy crashes here: the file is checked without mypy's types" in (
        found.stderr
    )
    again = run(tmp_path, "check", "use.py", "db.py", *options, PYTHONPATH=python_path)
    assert again == found
    without = run(tmp_path, "check", "use.py", "db.py", "--output", "json", PYTHONPATH=python_path)
    assert (without.status, without.places(), without.unread()) == (1, ["use.py:3"], [])
