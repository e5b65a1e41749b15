"""What every rule must have, and every place that must name it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from mypy_asyncsession import codes
from mypy_asyncsession.codes import PARENT
from mypy_asyncsession.plugin.codes import CODES, PARENT_CODE
from mypy_asyncsession.rules import RULES, Rule
from mypy_asyncsession.rules.page import page, pages

ROOT = Path(__file__).parent.parent
RULE_FILES = ROOT / "mypy_asyncsession" / "rules"
#: What the folder holds besides rules.
HELPERS = {"__init__", "page", "pairings", "rule", "symptoms", "undrivable", "wording"}
HEADINGS = [
    *("What it does", "Why is this bad", "Example", "Use instead"),
    *("How it shows", "See also"),
]


def test_every_file_is_listed() -> None:
    files = {path.stem for path in RULE_FILES.glob("*.py")} - HELPERS
    assert files == {rule.code.replace("-", "_") for rule in RULES}


def test_codes_derive_from_the_rules() -> None:
    assert [*CODES] == [rule.code for rule in RULES] == [*codes.CODES]
    for rule in RULES:
        assert CODES[rule.code].sub_code_of is PARENT_CODE
        assert CODES[rule.code].default_enabled is rule.default


def test_the_rules_page_is_made_from_the_rules() -> None:
    text = (ROOT / "RULES.md").read_text(encoding="utf-8")
    assert text == pages(RULES), "run: make rules"


def test_every_place_names_the_same_codes() -> None:
    codes = {rule.code for rule in RULES}
    text = (ROOT / "RULES.md").read_text(encoding="utf-8")
    assert set(re.findall(r"^## (.+)$", text, re.MULTILINE)) == codes
    for document in ("README.md", "CHANGELOG.md", "RULES.md"):
        text = (ROOT / document).read_text(encoding="utf-8")
        named = set(re.findall(r"`((?:session|depends|async)-[a-z-]+)`", text))
        assert named - {PARENT} == codes, document
    data = {path.stem for path in (ROOT / "test-data").glob("*.test")}
    assert codes <= data


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.code)
def test_rule_has_a_page(rule: Rule) -> None:
    text = page(rule)
    assert text.startswith(f"# {rule.code}\n")
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == HEADINGS
    assert len(re.findall(r"^```python$", text, re.MULTILINE)) == 2
    assert "``" not in text.replace("```", "")
    assert PARENT not in text


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.code)
def test_rule_is_documented(rule: Rule) -> None:
    assert re.findall(r"^## (.+)$", rule.doc, re.MULTILINE) == HEADINGS
    assert not rule.summary.endswith(".")
    for document in ("README.md", "CHANGELOG.md"):
        assert f"`{rule.code}`" in (ROOT / document).read_text(encoding="utf-8"), document


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.code)
def test_rule_has_cases_of_both_kinds(rule: Rule) -> None:
    text = (ROOT / "test-data" / f"{rule.code}.test").read_text(encoding="utf-8")
    assert re.search(rf"# E(\[[\d,]+\])?: {rule.code}\b", text), "nothing is rejected"
    assert re.search(r"def _?right", text), "nothing is right"


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.code)
def test_rule_knows_neither_mypy_nor_libcst(rule: Rule) -> None:
    source = (RULE_FILES / f"{rule.code.replace('-', '_')}.py").read_text(encoding="utf-8")
    assert not re.search(r"^\s*(import|from) (mypy|libcst)\b(?!_)", source, re.MULTILINE)
