"""What others have written is printed so that it commands neither a terminal nor a CI server."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest

from mypy_asyncsession.checking.options import Options
from mypy_asyncsession.checking.run import check
from mypy_asyncsession.cli.output import FORMATS
from mypy_asyncsession.cli.terminal import Terminal
from mypy_asyncsession.printable import printable
from tests.test_check import PROVIDER, Run, run, tree

if TYPE_CHECKING:
    from pathlib import Path

#: What no line of output may hold, or begin with.
HARMFUL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\u2028]|##\w*\[")

NAMES = (
    "\x1b[2Jcleared.py",
    "two\nlines.py",
    "\n::error file=a.py,line=1::seen.py",
    "::error file=a.py,line=1::seen.py",
    "##[error]seen.py",
    "##vso[task.setvariable variable=a]b.py",
    "back\rto the start.py",
    "\u202eyp.nekorb\u2066.py",
    "nine\x9bm.py",
    'quoted" and \\ backslash.py',
    "a b.py",
    "<b>&amp;.py",
    "ż.py",
)

#: What is wrong stands in quotes in a message, and below it on a terminal.
USE = (
    "from db import get_db\n"
    'all_of_them = {"\x1b[31m ##[error] \u202e": get_db}\n'
    "async def use():\n"
    '    async with all_of_them["\x1b[31m ##[error] \u202e"]() as s:  # \x1b]0;title\x07 \u202e\n'
    "        s\n"
)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ('app/db.py:3: it\'s "fine" , ż 日本', None),
        ("a::b # c ##d [e]", None),
        ("\x1b[31m\n\t\x00\u202e\u2028\udc80", r"\x1b[31m\n\t\x00\u202e\u2028\udc80"),
        ("::error::", r"\x3a:error::"),
        ("  ::error::", r"  \x3a:error::"),
        ("a ##[b] ###teamcity[c]", r"a \x23#[b] #\x23#teamcity[c]"),
    ],
)
def test_printable(text: str, shown: str | None) -> None:
    assert printable(text) == (shown or text)
    assert printable(printable(text)) == printable(text)


@pytest.fixture(scope="module")
def odd(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if sys.platform == "win32":
        pytest.skip("there are no such names there")
    root = tmp_path_factory.mktemp("odd")
    tree(root, {"db.py": PROVIDER, **dict.fromkeys(NAMES, USE), "broken\x1b[31m.py": "def ::\x1b"})
    return root


def command(root: Path, *arguments: str) -> Run:
    return run(root, *arguments, "--cache-dir", str(root.parent / "odd-cache"))


def harmless(text: str) -> bool:
    lines = text.split("\n")
    return not any(HARMFUL.search(line) or line.lstrip().startswith("::") for line in lines)


def test_every_form(odd: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(odd)
    report = check(["."], Options(cache_dir="../odd-cache"))
    assert len(report.findings) == len(NAMES)
    screen = Terminal(interactive=True, width=200)
    forms = {name: "\n".join(lines(report, screen)) for name, lines in FORMATS.items()}
    assert [name for name, text in forms.items() if not harmless(text)] == ["github"]
    assert forms["text"].count(": error: ") == len(NAMES)
    assert r"# \x1b]0;title\x07 \u202e" in forms["text"]
    # For programs they are what they are.
    told = [json.loads(line) for line in forms["json"].splitlines()]
    assert {each["file"] for each in told if each["code"]} == set(NAMES)
    assert [each["file"] for each in told if not each["code"]] == ["broken\x1b[31m.py"]
    assert ET.fromstring(forms["junit"]).get("failures") == str(len(NAMES))
    told = [(each["check_name"], each["location"]["path"]) for each in json.loads(forms["gitlab"])]
    assert {path for code, path in told if code != "not-checked"} == set(NAMES)
    assert [path for code, path in told if code == "not-checked"] == ["broken\x1b[31m.py"]
    assert len(json.loads(forms["sarif"])["runs"][0]["results"]) == len(NAMES)
    *found, unchecked = forms["github"].splitlines()
    assert len(found) == len(NAMES)
    assert unchecked.startswith("::warning file=")
    assert not HARMFUL.search(unchecked)
    assert all(line.startswith("::error file=") and not HARMFUL.search(line) for line in found)
    # A property ends with its first colon or comma.
    assert all(line[2:].partition("::")[0].count(",") == 5 for line in found)


@pytest.mark.parametrize(
    "arguments",
    [
        ("audit",),
        ("audit", "--output", "markdown"),
        ("audit", "--output", "json"),
        ("fix", "--dry-run"),
        ("check", "--statistics", "--baseline", "../old.json"),
    ],
    ids=" ".join,
)
def test_every_command(odd: Path, arguments: tuple[str, ...]) -> None:
    entry = {"file": "a\x1b[31m\n::error::.py", "code": "session-with", "function": "f"}
    baseline = {"version": 1, "findings": [{**entry, "text": "##[error]\x1b"}]}
    (odd.parent / "old.json").write_text(json.dumps(baseline))
    found = command(odd, *arguments)
    assert found.status == 2
    assert harmless(found.stdout)
    assert harmless(found.stderr)
    assert r"broken\x1b[31m.py:1: warning: " in found.stderr


def test_an_error_message(odd: Path) -> None:
    found = command(odd, "check", "none\x1b[31m\n::error::")
    assert (found.status, found.stdout) == (2, "")
    assert harmless(found.stderr)
    assert len(found.stderr.splitlines()) == 1


def test_a_diff_of_odd_names_can_be_applied(odd: Path, tmp_path: Path) -> None:
    found = subprocess.run(
        [sys.executable, "-m", "mypy_asyncsession", "fix", "--diff", "--cache-dir", "../odd-cache"],
        cwd=odd,
        capture_output=True,
        check=False,
    )
    assert found.returncode == 2
    names = [line for line in found.stdout.split(b"\n") if line.startswith((b"+++", b"---"))]
    assert len(names) == 2 * len(NAMES)
    tree(tmp_path, {"db.py": PROVIDER, **dict.fromkeys(NAMES, USE)})
    for arguments in (("init", "-q"), ("apply", "-")):
        subprocess.run(["git", *arguments], cwd=tmp_path, input=found.stdout, check=True)
    for name in NAMES:
        assert "async with asynccontextmanager(" in (tmp_path / name).read_text(), name
