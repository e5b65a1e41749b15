"""The table of checkers in the README is what the script found when it was last run."""

from __future__ import annotations

import json
from typing import Any

import pytest

from mypy_asyncsession.codes import CODES
from tests.compare_checkers import (
    BEGIN,
    CHECKERS,
    ROOT,
    STORED,
    cases,
    right_functions,
    with_table,
    wrong_lines,
)
from tests.harness.case import Case


@pytest.fixture
def stored() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(STORED.read_text(encoding="utf-8"))
    return found


def test_the_readme_has_it(stored: dict[str, Any]) -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert text == with_table(text, stored), "run: make compare"


def test_a_readme_without_a_place_for_it(stored: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="no place"):
        with_table(BEGIN, stored)


def test_it_is_about_every_rule_and_every_checker(stored: dict[str, Any]) -> None:
    assert list(stored["wrong lines"]) == list(CODES)
    assert list(stored["caught"]) == ["this plugin", *CHECKERS] == list(stored["false alarms"])
    for caught in stored["caught"].values():
        assert list(caught) == list(CODES)
        assert all(caught[code] <= stored["wrong lines"][code] for code in CODES)
    assert all(stored["versions"][name] for name in CHECKERS)


def test_what_counts() -> None:
    text = (
        "def wrong():\n"
        "    enter(\n"
        "        get(),  # type: ignore[attr-defined]  # E: session-with\n"
        "    )\n"
        "def _right_neighbour():\n"
        "    pass\n"
    )
    case = Case("a", "a.test:1", "package", ({"main.py": text},))
    path = "package/main.py"
    assert list(wrong_lines(case)) == [("session-with", {(path, line) for line in (2, 3, 4)})]
    assert list(right_functions(case)) == [{(path, 5), (path, 6)}]


def test_no_comment_silences_another_checker() -> None:
    for listed in cases().values():
        for case in listed:
            for mark in case.marks(1):
                line = case.tree(1)[mark.path].splitlines()[mark.line - 1]
                assert mark.code is None or "type: ignore[attr-defined]" not in line
