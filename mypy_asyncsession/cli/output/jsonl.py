"""For programs: one object a line, with mypy's names for the fields."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mypy_asyncsession.cli.output import coverage
from mypy_asyncsession.home import rule_page
from mypy_asyncsession.printable import json_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy_asyncsession.checking.report import Report
    from mypy_asyncsession.cli.terminal import Terminal


def lines(report: Report, _terminal: Terminal) -> Iterator[str]:
    """The findings, and a note for what was not checked.

    Columns are counted from 0, and the end is exclusive, as mypy has it.
    """
    for found in report.findings:
        place = found.provider
        yield json_text(
            {
                "file": found.path,
                "line": found.span.line,
                "column": found.span.column,
                "end_line": found.span.end_line,
                "end_column": found.span.end_column,
                "message": found.message,
                "hint": found.hint,
                "code": found.code,
                "severity": "error",
                "fixable": found.fixable,
                "url": rule_page(found.code),
                "provider": place
                and {"fullname": place.fullname, "file": place.path, "line": place.line},
            }
        )
    for problem in coverage.notes(report):
        line = max(problem.line, 1)
        yield json_text(
            {
                "file": problem.path,
                "line": line,
                "column": 0,
                "end_line": line,
                "end_column": 0,
                "message": f"Not checked: {problem.message}",
                "hint": None,
                "code": None,
                "severity": "note",
            }
        )
