"""For GitLab: a code quality report, which it shows in merge requests."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, Any

from mypy_asyncsession.checking.finding_identity import fingerprints
from mypy_asyncsession.cli.output import coverage
from mypy_asyncsession.cli.output.repository import in_repository
from mypy_asyncsession.printable import json_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy_asyncsession.checking.report import Report
    from mypy_asyncsession.cli.terminal import Terminal


def lines(report: Report, _terminal: Terminal) -> Iterator[str]:
    """An array with an object for each finding, then one for each file that was not checked.

    A fingerprint outlives a move to another line.
    """
    entries = [
        _entry(
            ". ".join(filter(None, (found.message, found.hint))),
            found.code,
            fingerprint,
            "major",
            found.path,
            (found.span.line, found.span.end_line),
        )
        for found, fingerprint in fingerprints(report.findings, report.texts)
    ]
    for problem in coverage.notes(report):
        path = in_repository(problem.path)
        fingerprint = sha256(f"not-checked {path}".encode(errors="replace")).hexdigest()
        line = max(problem.line, 1)
        severity = "major" if report.incomplete else "info"
        entries.append(
            _entry(
                problem.message, "not-checked", fingerprint, severity, problem.path, (line, line)
            )
        )
    yield json_text(entries, indent=2)


def _entry(
    description: str,
    name: str,
    fingerprint: str,
    severity: str,
    path: str,
    span: tuple[int, int],
) -> dict[str, Any]:
    begin, end = span
    return {
        "description": description,
        "check_name": name,
        "fingerprint": fingerprint,
        "severity": severity,
        "location": {"path": in_repository(path), "lines": {"begin": begin, "end": end}},
    }
