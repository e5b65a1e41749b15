"""Whether fixes helped: what is found after them, beside what was found before."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Container, Iterable

    from mypy_asyncsession.checking.report import Other, Report
    from mypy_asyncsession.findings import Finding

#: mypy names lines of other places, which move.
_LINE = re.compile(r"\bline \d+\b")
#: What is said of a provider wherever FastAPI can drive it, whatever it is that depends on it.
_REVEALED = frozenset({"session-late-commit"})
#: What mypy says where a generator is used that is annotated as something else.
_CONSEQUENCES = frozenset({"arg-type", "var-annotated"})


@dataclass(slots=True)
class Verdict:
    """What speaks against fixes.

    Attributes:
        paths: By file, what is wrong with it now.
        elsewhere: What is wrong with files that nobody edited.
    """

    paths: dict[str, str] = field(default_factory=dict)
    elsewhere: str | None = None

    def reason(self, paths: Iterable[str]) -> str:
        """What speaks against fixes of some files."""
        for path in sorted(paths):
            if path in self.paths:
                return self.paths[path]
        return self.elsewhere or "a fix in the same file did not help"


def judged(
    before: Report, after: Report, edited: Container[str], fixed: Iterable[Finding]
) -> Verdict:
    """What speaks against the fixes between two checks.

    Args:
        before: What was found before, of the files and of mypy's own errors.
        after: What is found now.
        edited: The files that were edited.
        fixed: The findings that should be gone.
    """
    verdict = Verdict()
    fixed = list(fixed)
    gone = Counter(map(_finding, fixed))
    misled = _misled(before, fixed)
    expected = Counter(map(_finding, before.findings)) - gone
    new = []
    for found in after.findings:
        key = _finding(found)
        if expected[key] > 0:
            expected[key] -= 1
        else:
            new.append(found)
    reworded: Counter[tuple[object, ...]] = Counter()
    for found in before.findings:
        key = _finding(found)
        if expected[key] > 0:
            expected[key] -= 1
            reworded[_use(found)] += 1
    for found in new:
        if found.code in _REVEALED:
            continue
        if reworded[_use(found)] > 0:
            reworded[_use(found)] -= 1
            continue
        what = "would still be found" if gone[_finding(found)] else "would bring another finding"
        _note(verdict, found.path, edited, f"it {what}: {found.message}")
    known = Counter(map(_other, before.others))
    for other in after.others:
        error = _other(other)
        if known[error] > 0:
            known[error] -= 1
        elif other.code in _CONSEQUENCES and other.path in misled:
            continue  # what mypy says of the provider's annotation, said once more
        else:
            _note(verdict, other.path, edited, f"mypy would object: {other.message}")
    problems = {(problem.path, problem.message) for problem in before.problems}
    for problem in after.problems:
        if (problem.path, problem.message) not in problems:
            _note(verdict, problem.path, edited, f"mypy would stop: {problem.message}")
    return verdict


def _misled(before: Report, fixed: Iterable[Finding]) -> set[str]:
    """The files that use providers whose annotation, as mypy says itself, is wrong."""
    wrong = {(other.path, other.line) for other in before.others if other.code == "misc"}
    return {
        found.path
        for found in fixed
        if found.provider is not None and (found.provider.path, found.provider.line) in wrong
    }


def _note(verdict: Verdict, path: str, edited: Container[str], reason: str) -> None:
    if path in edited:
        verdict.paths.setdefault(path, reason)
    elif verdict.elsewhere is None:
        verdict.elsewhere = f'in "{path}", {reason}'


def _finding(finding: Finding) -> tuple[str, str, str]:
    return finding.path, finding.code, finding.message


def _use(finding: Finding) -> tuple[object, ...]:
    """What a finding is about, whatever it says: a message may name what was fixed elsewhere."""
    misuse = finding.misuse
    if misuse is None:
        return _finding(finding)
    return finding.path, finding.code, misuse.record, misuse.how, misuse.text, misuse.callee


def _other(other: Other) -> tuple[str, str | None, str]:
    return other.path, other.code, _LINE.sub("line", other.message)
