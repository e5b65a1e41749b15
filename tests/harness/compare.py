"""What mypy printed, against what a case expects."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from mypy_asyncsession.codes import CODES, PARENT

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from tests.harness.case import Case

_LINE: Final = re.compile(
    r"(?P<path>[^:]+\.pyi?):(?P<line>\d+):(?:\d+:)*\s(?P<severity>error|note):\s"
    r"(?P<message>.*?)(?:\s\s\[(?P<code>[a-z-]+)\])?"
)
_CRASHES: Final = ("INTERNAL ERROR", "Traceback (most recent call last)")


@dataclass(frozen=True, slots=True, order=True)
class Report:
    """One line of mypy's output."""

    path: str
    line: int
    severity: str
    code: str
    message: str

    def __str__(self) -> str:
        code = f"  [{self.code}]" if self.code else ""
        return f"{self.path}:{self.line}: {self.severity}: {self.message}{code}"


def is_ours(code: str) -> bool:
    """Whether an error code is one of the plugin's."""
    return code == PARENT or code in CODES


def read_output(output: str) -> list[Report]:
    """The errors and notes in mypy's text output."""
    return sorted(
        Report(
            match["path"].replace("\\", "/"),
            int(match["line"]),
            match["severity"],
            match["code"] or "",
            match["message"],
        )
        for match in map(_LINE.fullmatch, output.splitlines())
        if match
    )


def crashes(output: str) -> list[str]:
    """The lines that say that mypy, or the plugin in it, broke down."""
    return [line for line in output.splitlines() if any(crash in line for crash in _CRASHES)]


def differences(case: Case, step: int, reports: Iterable[Report]) -> list[str]:
    """How the reports for a case differ from what it expects; empty if they do not.

    Args:
        case: The case.
        step: The step that mypy was run at, 1-based.
        reports: mypy's reports, those for other cases among them.
    """
    prefix = case.package + "/"
    own = [report for report in reports if report.path.startswith(prefix)]
    errors = [r for r in own if r.severity == "error" and _counts(r.code, case.counts)]
    notes = [r for r in own if r.severity == "note"]  # mypy prints them without their code
    marks = case.marks(step)
    lines = []
    expected = Counter((m.path, m.line, m.code) for m in marks if m.code)
    found = Counter((r.path.removeprefix(prefix), r.line, r.code) for r in errors)
    for path, line, code in (expected - found).elements():
        lines.append(f"{path}:{line}: missing: {code}: {_source(case, step, path, line)}")
    for path, line, code in (found - expected).elements():
        lines.append(
            f"{path}:{line}: unexpected: {code}: {_source(case, step, path, line)}"
            + "".join(
                f"\n      {report.message}"
                for report in errors
                if (report.path, report.line, report.code) == (prefix + path, line, code)
            )
        )
    for mark in marks:
        if mark.code and not found[mark.path, mark.line, mark.code]:
            continue
        messages = [
            report.message
            for report in (errors if mark.code else notes)
            if (report.path, report.line) == (prefix + mark.path, mark.line)
            and (not mark.code or report.code == mark.code)
        ]
        if not any(all(part in message for part in mark.parts) for message in messages):
            kind = mark.code or "note"
            lines.append(f"{mark.path}:{mark.line}: {kind} says {messages}, not {list(mark.parts)}")
    return sorted(lines)


def _counts(code: str, counts: Collection[str]) -> bool:
    return is_ours(code) or code in counts


def _source(case: Case, step: int, path: str, line: int) -> str:
    lines = case.tree(step).get(path, "").splitlines()
    return lines[line - 1].strip() if line <= len(lines) else "(no such line)"
