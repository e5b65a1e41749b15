"""The files to check: from the paths that were named to Python files.

What mypy's own search skips is skipped here too. What would stop it does not: it is a problem of
one line, and the search goes on.
"""

# ruff: noqa: PTH110, PTH112, PTH113, PTH114, PTH208
# Paths are strings, as they are to mypy; for thousands of files that is quicker, too.

from __future__ import annotations

import os
import re
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from mypy_asyncsession.checking.projects import is_project, unreadable
from mypy_asyncsession.checking.report import CannotRun, Problem, shown
from mypy_asyncsession.near import near
from mypy_asyncsession.selection import Selection

if TYPE_CHECKING:
    from collections.abc import Container, Iterable

    from mypy_asyncsession.checking.project import Project
    from mypy_asyncsession.selection import PathPattern

#: mypy prefers a stub to the module beside it; so do we.
EXTENSIONS: Final = (".pyi", ".py")

#: Not read: the code is in JSON, and the order of its cells is not that of their runs.
_NOTEBOOK: Final = ".ipynb"

#: Never entered, unless named.
_SKIPPED: Final = frozenset({"__pycache__", "node_modules", "site-packages"})


@dataclass(slots=True)
class Files:
    """What was found.

    Attributes:
        paths: Absolute paths of Python files, without duplicates.
        packages: The directories among those seen that have an ``__init__``.
        projects: The directories with a configuration of their own that were come upon, and
            what is to be checked in each, relative to it.
        problems: What could not be looked at.
        named: The absolute paths that were named.
        excluded: How many files that were named are excluded by our own configuration.
        unmatched: The patterns of our own configuration that excluded nothing.
    """

    paths: list[str] = field(default_factory=list)
    packages: set[str] = field(default_factory=set)
    projects: dict[str, list[str]] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    named: list[str] = field(default_factory=list)
    excluded: int = 0
    unmatched: set[PathPattern] = field(default_factory=set)


def find_files(
    paths: Iterable[str],
    project: Project,
    directory: str,
    selection: Selection | None = None,
    unsaved: Container[str] = (),
    *,
    apart: bool = False,
) -> Files:
    """The Python files that *paths* name.

    Args:
        paths: Files and directories, relative to *directory* or absolute.
        project: Says what mypy excludes; what is named it does not.
        directory: The working directory, absolute.
        selection: Says what is excluded, even if it is named, as pre-commit names all files.
        unsaved: Absolute paths of files that need not be there: their text comes from elsewhere.
        apart: Whether directories with a configuration of their own are left for another run.

    Raises:
        CannotRun: One of the paths does not exist, or there is no Python file below any of them.
    """
    finder = _Finder(project, directory, selection or Selection(), unsaved, apart=apart)
    for path in paths:
        finder.add(path)
    found = finder.files
    if not (found.paths or found.excluded or found.projects):
        where = ", ".join(f'"{path}"' for path in paths)
        problem = finder.files.problems[:1]
        raise CannotRun(str(problem[0]) if problem else f"there are no Python files in {where}")
    return finder.files


class _Finder:
    def __init__(
        self,
        project: Project,
        directory: str,
        selection: Selection,
        unsaved: Container[str],
        *,
        apart: bool,
    ) -> None:
        self.files = Files()
        self._apart = apart
        self._real = os.path.realpath(directory)
        self._unsaved = unsaved
        self._selection = selection
        self.files.unmatched.update(selection.exclude)
        self._directory = directory
        self._excluded = [re.compile(pattern) for pattern in project.exclude]
        self._gitignore = project.exclude_gitignore
        self._folders: set[str] = set()  # real paths
        self._seen: set[str] = set()  # real paths
        self._misread: set[tuple[str, str]] = set()

    def add(self, path: str) -> None:
        """Add a path that was named, whatever it is called."""
        full = os.path.abspath(os.path.join(self._directory, path))
        self.files.named.append(full)
        if os.path.lexists(full) and self._is_unwanted(full):
            self.files.excluded += 1
            self._problem(full, "is excluded by the configuration: it is not checked")
        elif self._is_in_project(full):
            pass  # it is for another run
        elif os.path.isdir(full):
            links = self._walk(full, os.path.realpath(full))
            # A link is followed once everything else is known, and only to what is not.
            while links:
                links = [inner for link in links for inner in self._follow(link)]
        elif os.path.isfile(full) and full.endswith(_NOTEBOOK):
            self._problem(full, "a notebook: only Python files are checked", unchecked=True)
        elif os.path.isfile(full) or full in self._unsaved:
            self._file(full, os.path.realpath(full))
        elif os.path.lexists(full):
            raise CannotRun(f'"{path}" is neither a file nor a directory')
        else:
            raise CannotRun(f'"{path}" does not exist{_near(full)}')

    def _walk(self, folder: str, real: str) -> list[str]:
        """Add the files below *folder*; the links among its entries are returned."""
        if real in self._folders:
            return []
        self._folders.add(real)
        try:
            with os.scandir(folder) as listing:
                entries = sorted(listing, key=lambda entry: entry.name)
        except OSError as error:
            self._problem(folder, f"cannot be read: {error.strerror}", unchecked=True)
            return []
        if self._is_project(folder, real, (entry.name for entry in entries)):
            self.files.projects.setdefault(folder, []).append(os.curdir)
            return []
        links: list[str] = []
        folders: list[str] = []
        for entry in entries:
            name = entry.name
            if name.startswith(".") or name in _SKIPPED:
                continue
            is_python = name.endswith(EXTENSIONS)
            if entry.is_symlink():
                if not self._is_excluded(entry.path, is_folder=os.path.isdir(entry.path)):
                    links.append(entry.path)
            elif entry.is_dir():
                if not self._is_excluded(entry.path, is_folder=True):
                    folders.append(name)
            elif (
                is_python and entry.is_file() and not self._is_excluded(entry.path, is_folder=False)
            ):
                self._file(entry.path, os.path.join(real, name))
        for name in folders:
            inner = os.path.join(folder, name)
            if not os.path.exists(os.path.join(inner, "pyvenv.cfg")):
                links += self._walk(inner, os.path.join(real, name))
        return links

    def _is_in_project(self, path: str) -> bool:
        """Whether a path that was named is in a directory with a configuration of its own."""
        if not self._apart or not os.path.lexists(path):
            return False
        folder = path
        while folder.startswith(self._directory + os.sep):
            names = os.listdir(folder) if os.path.isdir(folder) else ()
            if self._is_project(folder, os.path.realpath(folder), names):
                inside = os.path.relpath(path, folder)
                self.files.projects.setdefault(folder, []).append(inside)
                return True
            folder = os.path.dirname(folder)
        return False

    def _is_project(self, folder: str, real: str, names: Iterable[str]) -> bool:
        if not self._apart or not folder.startswith(self._directory + os.sep):
            return False
        # Behind links it is one of where it really is; and links may lead in circles.
        is_here = real.removeprefix(self._real) == folder.removeprefix(self._directory)
        if not is_here or not is_project(folder, names):
            return False
        mistake = unreadable(folder)
        if mistake is not None and mistake not in self._misread:
            self._misread.add(mistake)
            self._problem(*mistake)
        return mistake is None

    def _follow(self, link: str) -> list[str]:
        target = os.path.realpath(link)
        if os.path.isdir(link):
            if os.path.realpath(os.path.dirname(link)).startswith((target, target + os.sep)):
                self._problem(link, "a symbolic link in a circle: it is not followed")
            elif not os.path.exists(os.path.join(target, "pyvenv.cfg")):
                return self._walk(link, target)
        elif link.endswith(EXTENSIONS):
            if os.path.isfile(link):
                self._file(link, target)
            elif not os.path.exists(link):
                self._problem(link, "a symbolic link to nowhere")
        elif os.path.islink(target):
            self._problem(link, "a symbolic link in a circle: it is not followed")
        return []

    def _file(self, path: str, real: str) -> None:
        if real in self._seen:
            return
        self._seen.add(real)
        try:
            path.encode()
        except UnicodeEncodeError:
            encoding = sys.getfilesystemencoding()
            what = "UTF-8" if encoding == "utf-8" else f"{encoding}, as the locale has it"
            message = f"its name is not {what}: it is left out"
            self._problem(ascii(path)[1:-1], message, unchecked=True)
            return
        if os.path.basename(path).startswith("__init__."):
            self.files.packages.add(os.path.dirname(path))
        self.files.paths.append(path)

    def _is_unwanted(self, path: str) -> bool:
        """Whether our own configuration excludes a path."""
        matched = [pattern for pattern in self._selection.exclude if pattern.matches(path)]
        self.files.unmatched.difference_update(matched)
        return bool(matched)

    def _is_excluded(self, path: str, *, is_folder: bool) -> bool:
        if self._is_unwanted(path):
            return True
        if self._excluded:
            # As mypy matches it (modulefinder.matches_exclude).
            tested = os.path.relpath(path, self._directory).replace(os.sep, "/")
            tested += "/" if is_folder else ""
            if any(pattern.search(tested) for pattern in self._excluded):
                return True
        return self._gitignore and _is_ignored(path, is_folder=is_folder)

    def _problem(self, path: str, message: str, *, unchecked: bool = False) -> None:
        self.files.problems.append(Problem(shown(path, self._directory), 0, message, unchecked))


def _near(path: str) -> str:
    """A remark that names what there is in place of a path that is not there."""
    folder, name = os.path.split(path)
    try:
        return near(name, os.listdir(folder))
    except OSError:
        return ""


def _is_ignored(path: str, *, is_folder: bool) -> bool:
    from mypy.modulefinder import find_gitignores

    return any(
        spec.match_file(os.path.relpath(path, base) + ("/" if is_folder else ""))
        for base, spec in find_gitignores(os.path.dirname(path))
    )
