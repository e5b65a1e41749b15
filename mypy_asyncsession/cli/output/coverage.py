"""What a check did not reach: each output says it, because no finding there means nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mypy_asyncsession.checking.report import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy_asyncsession.checking.report import Report


def notes(report: Report) -> Iterator[Problem]:
    """Why files were not checked, a problem for each; and one for all imports that lead nowhere."""
    yield from report.unchecked
    for first in report.unresolved[:1]:
        yield Problem(first.path, first.line, f"{_imports(report)}: --unresolved lists them")


def summary(report: Report) -> str | None:
    """The same in a line, or ``None`` if everything was reached."""
    parts = []
    if report.unchecked:
        number = len(report.unchecked)
        parts.append(f"{number} file{'' if number == 1 else 's'} not checked, or not in full")
    if report.unresolved:
        parts.append(f"{_imports(report)} (--unresolved lists them)")
    if not parts:
        return None
    return f"{'Incomplete' if report.incomplete else 'Allowed'}: {'; '.join(parts)}"


def _imports(report: Report) -> str:
    number = len(report.unresolved)
    if number == 1:
        return "1 import of a module of the project that is not there"
    return f"{number} imports of modules of the project that are not there"
