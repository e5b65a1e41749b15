"""From files to programs: which file is which module, so that mypy can build them all.

mypy takes one name for each file and one file for each name, and stops where it cannot have that.
Here a file gets the name that the project imports it by; where two files have one name, they come
into programs of their own, or the one that nobody imports gets a name that nobody can write.
"""

# ruff: noqa: PTH123
# Paths are strings, as they are to mypy; for thousands of files that is quicker, too.

from __future__ import annotations

import os
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mypy_asyncsession.checking.import_finder import ImportFinder
from mypy_asyncsession.checking.imports import Imports
from mypy_asyncsession.checking.module_names import (
    PackageNames,
    depth,
    joined,
    stem,
)
from mypy_asyncsession.checking.programs import Program, packed
from mypy_asyncsession.checking.report import Problem, shown
from mypy_asyncsession.checking.roots import Root, as_imported

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from mypy_asyncsession.checking.files import Files
    from mypy_asyncsession.checking.project import Project


@dataclass(slots=True)
class Sources:
    """All that is to be checked.

    Attributes:
        unreadable: Files that are there but cannot be opened.
        error_codes: The codes that inline comments for mypy name.
        folders: The directories that were looked into, or for.
        imports: What the files of each directory import.
        nearby: Lists directories.
    """

    programs: list[Program]
    problems: list[Problem]
    unreadable: set[str]
    error_codes: set[str]
    folders: set[str]
    imports: dict[str, Imports]
    nearby: ImportFinder


def find_sources(
    files: Files,
    project: Project,
    directory: str,
    instead: Mapping[str, str] | None = None,
    beside: Iterable[str] = (),
) -> Sources:
    """Make programs of files.

    Args:
        files: The files, as they were found.
        project: Says what is a package.
        directory: The working directory, absolute.
        instead: By the path of a file, the one that is read in its place.
        beside: The directories of other projects.
    """
    names = PackageNames(files.packages, project, directory)
    problems: list[Problem] = []
    unreadable: set[str] = set()
    imports: dict[str, Imports] = defaultdict(Imports)
    roots: dict[str, Root] = {}
    for path in files.paths:
        folder = os.path.dirname(path)
        try:
            with open((instead or {}).get(path, path), "rb", buffering=0) as opened:
                imports[folder].add(opened.read())
        except OSError as error:
            unreadable.add(path)
            message = f"cannot be read: {error.strerror}"
            problems.append(Problem(shown(path, directory), 0, message, unchecked=True))
        package, base = names.package(folder)
        root = roots.setdefault(base, Root(base))
        root.add(path, joined(package, stem(path)))
        root.folders.add(folder)
    problems += [
        Problem(
            shown(folder, directory),
            0,
            f'"{os.path.basename(folder)}" cannot be the name of a package: '
            "it is checked as a directory of modules",
        )
        for folder in sorted(names.misnamed)
    ]
    for root in roots.values():
        for folder in root.folders:
            below = depth(folder, root.folder)
            root.imported.update(imports[folder].names())
            for level, count in imports[folder].levels().items():
                if level > below:
                    root.escapes[level - below] += count
    nearby = ImportFinder(directory, beside)
    placed = as_imported(list(roots.values()), names, directory, nearby)
    for root in placed:
        problems += root.separated(directory)
    programs = list(packed(placed, project, directory, problems, nearby))
    return Sources(
        programs=programs,
        problems=problems,
        unreadable=unreadable,
        error_codes=set().union(*(found.error_codes for found in imports.values())),
        folders={*names.looked_into(), *nearby.looked_into()},
        imports=imports,
        nearby=nearby,
    )
