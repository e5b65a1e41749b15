"""For GitHub: workflow commands, which it shows beside the lines of a pull request."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy_asyncsession.checking.report import Report
    from mypy_asyncsession.cli.terminal import Terminal
    from mypy_asyncsession.findings import Finding


def lines(report: Report, _terminal: Terminal) -> Iterator[str]:
    """An ``::error`` command for each finding."""
    for found in report.findings:
        span = found.span
        properties = {
            "file": _path(found),
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


def _path(found: Finding) -> str:
    """The file, relative to the repository: the check may have run in a part of it."""
    workspace = os.environ.get("GITHUB_WORKSPACE")
    path = os.path.abspath(found.path)
    if workspace and path.startswith(workspace.rstrip(os.sep) + os.sep):
        return os.path.relpath(path, workspace)
    return found.path


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
