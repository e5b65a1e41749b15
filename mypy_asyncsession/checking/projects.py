"""Projects in a project: each directory with a configuration of its own is checked by that.

As in a run inside of it: its files are named from there, its Python is the one, and its packages.
What it imports of the others is found where these are.
"""

from __future__ import annotations

import os
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from mypy_asyncsession.checking.project import config_file
from mypy_asyncsession.checking.report import Report, Unresolved, shown
from mypy_asyncsession.config import ConfigError
from mypy_asyncsession.reading import read_bytes

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mypy_asyncsession.findings import Finding, Place
    from mypy_asyncsession.survey import Survey

#: The files that hold a configuration, and what in them is one; the others always are.
_TABLES: Final = {
    "pyproject.toml": re.compile(rb"^\s*\[+\s*tool\.\s*\"?mypy\b", re.MULTILINE),
    "setup.cfg": re.compile(rb"^\s*\[mypy\]", re.MULTILINE),
}
_ALWAYS: Final = frozenset({"mypy.ini", ".mypy.ini"})


def is_project(folder: str, names: Iterable[str]) -> bool:
    """Whether a directory has a configuration of its own.

    Args:
        folder: The directory.
        names: What is in it.
    """
    names = frozenset(names)
    if not _ALWAYS.isdisjoint(names):
        return True
    for name, table in _TABLES.items():
        if name in names:
            try:
                if table.search(read_bytes(os.path.join(folder, name))):
                    return True
            except OSError:
                pass  # whoever reads it says so
    return False


def unreadable(folder: str) -> tuple[str, str] | None:
    """Why the configuration of a directory is none, and its path: it may be that of a template.

    Args:
        folder: The directory, one that has a configuration.
    """
    try:
        config_file(folder)
    except ConfigError as error:
        path, _, reason = str(error).removeprefix(folder + os.sep).partition(": ")
        return os.path.join(folder, path), f"{reason}: the configuration around it is used"
    return None


def merged(reports: Iterable[tuple[str, Report]], directory: str) -> Report:
    """One report of several, with paths as they are shown in a directory.

    Args:
        reports: The directory of each project, and what was found in it.
        directory: The directory, absolute.
    """
    parts = tuple(reports)
    moved = [_Moved(folder, directory).report(found) for folder, found in parts]
    whole = Report(parts=parts)
    for each in moved:
        whole = replace(
            whole,
            findings=[*whole.findings, *each.findings],
            problems=[*whole.problems, *each.problems],
            checked=whole.checked + each.checked,
            paths=whole.paths | each.paths,
            strict=whole.strict | each.strict,
            asked=whole.asked | each.asked,
            surveys=[*whole.surveys, *each.surveys],
            others=[*whole.others, *each.others],
            modules={**whole.modules, **each.modules},
            unresolved=[*whole.unresolved, *each.unresolved],
            excluded=whole.excluded + each.excluded,
            incomplete=whole.incomplete or each.incomplete,
        )
    return replace(
        whole,
        findings=sorted(
            whole.findings,
            key=lambda found: (found.path, found.span.line, found.span.column, found.code),
        ),
        surveys=sorted(whole.surveys, key=lambda found: found.path),
        problems=list(dict.fromkeys(whole.problems)),
    )


def apart(report: Report, directory: str) -> list[tuple[str, Report]]:
    """The report of each project, with paths as they are shown in a directory.

    Args:
        report: What was found, of several projects or of one.
        directory: The directory, absolute; that of the project, if there is but one.
    """
    if not report.parts:
        return [(directory, report)]
    return [(folder, _Moved(folder, directory).report(found)) for folder, found in report.parts]


class _Moved:
    """What was found in one directory, as another one shows it."""

    def __init__(self, folder: str, directory: str) -> None:
        self._folder = folder
        self._directory = directory

    def path(self, path: str) -> str:
        return shown(os.path.normpath(os.path.join(self._folder, path)), self._directory)

    def report(self, found: Report) -> Report:
        if self._folder == self._directory:
            return found
        return replace(
            found,
            findings=[self.finding(each) for each in found.findings],
            problems=[replace(each, path=self.path(each.path)) for each in found.problems],
            paths=frozenset(map(self.path, found.paths)),
            strict=frozenset(map(self.path, found.strict)),
            asked=frozenset(map(self.path, found.asked)),
            surveys=[self._survey(each) for each in found.surveys],
            others=[replace(each, path=self.path(each.path)) for each in found.others],
            modules={self.path(path): name for path, name in found.modules.items()},
            unresolved=[
                Unresolved(self.path(each.path), each.line, each.module)
                for each in found.unresolved
            ],
        )

    def finding(self, found: Finding) -> Finding:
        provider = self._place(found.provider) if found.provider is not None else None
        return replace(found, path=self.path(found.path), provider=provider)

    def _place(self, place: Place) -> Place:
        return replace(place, path=self.path(place.path))

    def _survey(self, found: Survey) -> Survey:
        return replace(
            found,
            path=self.path(found.path),
            providers=tuple(
                replace(each, place=self._place(each.place)) for each in found.providers
            ),
            uses=tuple(replace(each, path=self.path(each.path)) for each in found.uses),
        )
