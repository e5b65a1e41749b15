"""What a check hands back."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mypy_asyncsession.findings import Finding
    from mypy_asyncsession.survey import Survey


class CannotRun(Exception):
    """Nothing could be checked; the message is one line that says what to do."""


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """Something that was left out or could not be done; everything else was checked.

    Attributes:
        path: The file or directory, as it is shown.
        line: The line that it is about, or 0.
        message: One line, in mypy's voice.
        unchecked: Whether the file was not checked, or not in full.
    """

    path: str
    line: int
    message: str
    unchecked: bool = False

    @property
    def place(self) -> str:
        """The file and the line, as mypy writes them."""
        return f"{self.path}:{self.line}" if self.line > 0 else self.path

    def __str__(self) -> str:
        return f"{self.place}: {self.message}"


@dataclass(frozen=True, slots=True, order=True)
class Unresolved:
    """An import of one of the project's own modules that is not there.

    Attributes:
        path: The file, as it is shown.
        line: The line of the import.
        module: The full name of the module.
    """

    path: str
    line: int
    module: str


@dataclass(frozen=True, slots=True)
class Other:
    """An error of mypy's own.

    Attributes:
        path: The file, as it is shown.
        line: The line, 1-based.
        code: mypy's code for it, or ``None``.
        message: What mypy says.
    """

    path: str
    line: int
    code: str | None
    message: str


@dataclass(frozen=True, slots=True)
class Report:
    """What a check found.

    Attributes:
        findings: Ordered by path, line, column and code. Paths below the working directory are
            relative to it.
        problems: What was in the way.
        checked: How many files were checked.
        paths: These files, as they are shown.
        strict: Those of them in which the rules were on that are off by default.
        known: How many findings are left out because a baseline has them.
        surveys: The providers and uses in each module that has any, if they were asked for.
        others: mypy's own errors, where they were asked for.
        modules: The name of each file's module, by the file's path as it is shown.
        unresolved: The imports of the project's own modules that lead nowhere.
        asked: The files of a parsed program that mypy was asked about.
        excluded: How many paths were named that the configuration excludes.
        texts: The text of files that were read from elsewhere, by the file's path as it is shown.
        parts: Of several projects, the directory of each and what was found in it, as it shows it.
        incomplete: Whether there is something among what was not checked, or not resolved, that
            nobody has allowed: then a check does not succeed, whatever it found.
    """

    findings: list[Finding] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    checked: int = 0
    paths: frozenset[str] = frozenset()
    strict: frozenset[str] = frozenset()
    known: int = 0
    surveys: list[Survey] = field(default_factory=list)
    others: list[Other] = field(default_factory=list)
    modules: dict[str, str] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)
    unresolved: list[Unresolved] = field(default_factory=list)
    asked: frozenset[str] = frozenset()
    excluded: int = 0
    parts: tuple[tuple[str, Report], ...] = ()
    incomplete: bool = False

    @property
    def unchecked(self) -> list[Problem]:
        """Why files were not checked, or not in full: one problem for each of these files."""
        return [*{problem.path: problem for problem in self.problems if problem.unchecked}.values()]


def shown(path: str, directory: str) -> str:
    """A path as it is shown: relative to the working directory if it is below it."""
    prefix = directory.rstrip(os.sep) + os.sep
    if path == directory:
        return os.curdir
    return path.removeprefix(prefix)
