"""For GitLab: a code quality report, which it shows in merge requests."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mypy_asyncsession.checking.finding_identity import fingerprints
from mypy_asyncsession.cli.output.repository import in_repository
from mypy_asyncsession.printable import json_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy_asyncsession.checking.report import Report
    from mypy_asyncsession.cli.terminal import Terminal


def lines(report: Report, _terminal: Terminal) -> Iterator[str]:
    """An array with an object for each finding; a fingerprint outlives a move to another line."""
    yield json_text(
        [
            {
                "description": ". ".join(filter(None, (found.message, found.hint))),
                "check_name": found.code,
                "fingerprint": fingerprint,
                "severity": "major",
                "location": {
                    "path": in_repository(found.path),
                    "lines": {"begin": found.span.line, "end": found.span.end_line},
                },
            }
            for found, fingerprint in fingerprints(report.findings, report.texts)
        ],
        indent=2,
    )
