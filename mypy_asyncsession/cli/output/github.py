"""For GitHub: workflow commands, which it shows beside the lines of a pull request."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mypy_asyncsession.cli.output import coverage
from mypy_asyncsession.cli.output.repository import in_repository
from mypy_asyncsession.printable import printable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy_asyncsession.checking.report import Report
    from mypy_asyncsession.cli.terminal import Terminal


def lines(report: Report, _terminal: Terminal) -> Iterator[str]:
    """An ``::error`` command for each finding, a ``::warning`` for what was not checked."""
    for found in report.findings:
        span = found.span
        properties = {
            "file": in_repository(found.path),
            "line": span.line,
            "endLine": span.end_line,
            # Columns are shown only for a span on one line; they are counted from 1.
            "col": span.column + 1,
            "endColumn": span.end_column,
            "title": found.code,
        }
        listed = ",".join(f"{name}={_property(str(value))}" for name, value in properties.items())
        text = "\n".join(filter(None, (found.message, found.hint)))
        yield f"::error {listed}::{_data(text)}"
    for problem in coverage.notes(report):
        file, line = _property(in_repository(problem.path)), max(problem.line, 1)
        yield f"::warning file={file},line={line},title=not checked::{_data(problem.message)}"


def _data(text: str) -> str:
    text = "\n".join(printable(line, keep="\r\t") for line in text.split("\n"))
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
