"""What is fixed in one go, and what of that is taken back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mypy_asyncsession.fixes.editing.draft import Draft, applied

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mypy_asyncsession.checking.report import Report
    from mypy_asyncsession.findings import Finding
    from mypy_asyncsession.fixes.engine.verdict import Verdict


@dataclass(frozen=True, slots=True)
class Planned:
    """A draft, and the findings that it fixes."""

    draft: Draft
    findings: list[Finding]

    def paths(self) -> set[str]:
        """The files that it edits."""
        return {source.path for source in self.draft.sources()}

    def note_needs(self, needs: dict[str, set[str]]) -> None:
        """Note, by file, which others have to be written before: they define what it imports."""
        defining = self.draft.defining()
        for path in self.paths() - defining:
            needs.setdefault(path, set()).update(defining)


def can_be_written(draft: Draft) -> bool:
    """Whether LibCST agrees that what a draft makes is Python."""
    try:
        applied([draft])
    except Exception:  # noqa: BLE001
        return False
    return True


def sorted_out(planned: list[Planned], verdict: Verdict) -> tuple[list[Planned], list[Planned]]:
    """What is kept, and what is taken back: what shares a file with it is, too."""
    wrong = set(verdict.paths)
    bad: list[Planned] = []
    good = list(planned)
    if verdict.elsewhere:
        return [], good
    while True:
        more = [each for each in good if each.paths() & wrong]
        if not more:
            return good, bad
        bad += more
        good = [each for each in good if each not in more]
        wrong |= {path for each in more for path in each.paths()}


def lacks_arguments(finding: Finding, findings: Iterable[Finding]) -> bool:
    """Whether a provider is called without what FastAPI would have given to it."""
    callee = finding.misuse.callee if finding.misuse else None
    return callee is not None and any(
        other.path == finding.path
        and other.misuse is not None
        and other.misuse.record == "DirectCall"
        and other.misuse.callee == callee
        for other in findings
    )


def beyond(seen: Report, found: Report) -> set[tuple[str, str, str]]:
    """What is found with mypy's types alone: ``check`` does not report it, and it is left alone."""
    places = {(each.path, each.code, each.span.line) for each in seen.findings}
    return {
        (each.path, each.code, each.message)
        for each in found.findings
        if (each.path, each.code, each.span.line) not in places
    }
