"""SARIF 2.1.0, for code scanning: the findings, and the page of each rule beside them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from mypy_asyncsession import __version__
from mypy_asyncsession.checking.finding_identity import fingerprints
from mypy_asyncsession.cli.output import coverage
from mypy_asyncsession.cli.output.repository import in_repository
from mypy_asyncsession.codes import PARENT
from mypy_asyncsession.home import HOME, rule_page
from mypy_asyncsession.printable import json_text
from mypy_asyncsession.rules import RULES
from mypy_asyncsession.rules.page import page

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy_asyncsession.checking.report import Report
    from mypy_asyncsession.cli.terminal import Terminal
    from mypy_asyncsession.findings import Finding, Span
    from mypy_asyncsession.rules import Rule

_SCHEMA: Final = (
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
)


def lines(report: Report, _terminal: Terminal) -> Iterator[str]:
    """One run with a result for each finding, and a notification for each problem."""
    unreached = list(coverage.notes(report))
    run = {
        "tool": {
            "driver": {
                "name": "mypy-asyncsession",
                "version": __version__,
                "semanticVersion": __version__,
                **({"informationUri": HOME} if HOME else {}),
                "rules": [*map(_rule, RULES), _PARENT_RULE],
            }
        },
        "invocations": [
            {
                "executionSuccessful": not report.incomplete,
                "toolExecutionNotifications": [
                    {
                        "level": "error" if problem in unreached else "warning",
                        "message": {"text": problem.message},
                        "locations": [_location(problem.path, _from_line(problem.line))],
                    }
                    for problem in dict.fromkeys((*report.problems, *unreached))
                ],
            }
        ],
        "columnKind": "unicodeCodePoints",
        "results": [
            _result(found, mark) for found, mark in fingerprints(report.findings, report.texts)
        ],
    }
    yield json_text({"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2)


def _rule(rule: Rule) -> dict[str, Any]:
    text = page(rule)
    return {
        "id": rule.code,
        "name": "".join(part.capitalize() for part in rule.code.split("-")),
        "shortDescription": {"text": f"{rule.summary[0].upper()}{rule.summary[1:]}"},
        "fullDescription": {"text": _section(text, "What it does")},
        "help": {"text": text, "markdown": text},
        **_link(rule.code),
        "defaultConfiguration": {"enabled": rule.default, "level": "error"},
    }


def _link(code: str) -> dict[str, str]:
    """The address of a rule's page, while there is one: no value may be null."""
    address = rule_page(code)
    return {} if address is None else {"helpUri": address}


_PARENT_RULE: Final = {
    "id": PARENT,
    "name": "AsyncSession",
    "shortDescription": {"text": "Session providers that are used in the wrong way"},
    **_link(PARENT),
    "defaultConfiguration": {"level": "error"},
}

#: Where each rule is in the list above; the last one is the parent of the others.
_INDEX: Final = {code: number for number, code in enumerate([*(r.code for r in RULES), PARENT])}


def _section(text: str, heading: str) -> str:
    found = re.search(rf"^## {heading}\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    return " ".join(found[1].split()) if found is not None else text


def _result(found: Finding, fingerprint: str) -> dict[str, Any]:
    result: dict[str, Any] = {
        "ruleId": found.code,
        "ruleIndex": _INDEX[found.code],
        "level": "error",
        "message": {"text": "\n".join(filter(None, (found.message, found.hint)))},
        "locations": [_location(found.path, _region(found.span))],
        "partialFingerprints": {"asyncSession/v1": fingerprint},
    }
    if found.fixable is not None:
        result["properties"] = {"fixable": found.fixable}
    place = found.provider
    if place is not None:
        result["relatedLocations"] = [
            {
                "id": 1,
                "message": {"text": f'"{place.fullname}" is defined here'},
                **_location(place.path, _from_line(place.line)),
            }
        ]
    return result


def _location(path: str, region: dict[str, int] | None) -> dict[str, Any]:
    shown = in_repository(path)
    if Path(shown).is_absolute():
        artifact = {"uri": Path(shown).as_uri()}
    else:
        artifact = {"uri": quote(shown), "uriBaseId": "%SRCROOT%"}
    physical: dict[str, Any] = {"artifactLocation": artifact}
    if region is not None:
        physical["region"] = region
    return {"physicalLocation": physical}


def _from_line(line: int) -> dict[str, int] | None:
    return {"startLine": line} if line > 0 else None


def _region(span: Span) -> dict[str, int]:
    """Lines and columns are counted from 1 there, and the end is exclusive."""
    return {
        "startLine": span.line,
        "startColumn": span.column + 1,
        "endLine": span.end_line,
        "endColumn": span.end_column + 1,
    }
