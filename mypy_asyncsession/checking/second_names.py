"""Modules that the project itself imports by two names: ``app.db``, and ``backend.app.db``.

A run in ``backend/`` knows the package as ``app``, the tests above it as ``backend.app``. mypy has
one name for a file; imports by the other one are led to it by modules that hand on all of it.
"""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

from mypy_asyncsession.checking.module_names import is_init

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from mypy_asyncsession.checking.import_finder import ImportFinder
    from mypy_asyncsession.checking.imports import Imports
    from mypy_asyncsession.checking.programs import Program
    from mypy_asyncsession.checking.sources import Sources


def with_second_names(
    sources: Sources, packages: Iterable[str], write: Callable[[Mapping[str, str]], str]
) -> None:
    """Let imports find the files of each program by their second names, too.

    Args:
        sources: What is checked; its programs are changed.
        packages: The directories in which installed packages are looked up.
        write: Puts the texts of some files, by their paths, into a directory and says which.
    """
    installed = list(packages)
    sources.programs = [
        _named(program, sources.imports, sources.nearby, installed, write)
        for program in sources.programs
    ]


def _named(
    program: Program,
    imports: Mapping[str, Imports],
    nearby: ImportFinder,
    installed: list[str],
    write: Callable[[Mapping[str, str]], str],
) -> Program:
    own = _packages(program)
    found: dict[str, set[str]] = {}
    for name in program.skipped:
        canonical = _end_of(name, own)
        if canonical is not None:
            found.setdefault(name, set()).add(canonical)
    for first, canonical in _from_within(program, own, imports, nearby, installed):
        found.setdefault(first, set()).add(canonical)
    names = {alias: next(iter(known)) for alias, known in found.items() if len(known) == 1}
    if not names:
        return program
    folder = write(dict(_texts(program, names)))
    return replace(
        program,
        search=(folder, *program.search),
        skipped=tuple(name for name in program.skipped if name not in names),
    )


def _packages(program: Program) -> dict[str, str]:
    """The package that each directory with modules is, the top of a program aside."""
    found: dict[str, str] = {}
    for source in program.sources:
        package = source.module if is_init(source.path) else source.module.rpartition(".")[0]
        folder = os.path.dirname(source.path)
        if package and folder.endswith(os.sep + package.replace(".", os.sep)):
            found[folder] = package
    return found


def _end_of(name: str, own: Mapping[str, str]) -> str | None:
    """The package that a longer name ends in, where the directories say the same."""
    end = os.sep + name.replace(".", os.sep)
    for folder, package in own.items():
        if folder.endswith(end) and name.endswith(f".{package}"):
            return package
    return None


def _from_within(
    program: Program,
    own: Mapping[str, str],
    imports: Mapping[str, Imports],
    nearby: ImportFinder,
    installed: list[str],
) -> Iterator[tuple[str, str]]:
    """The first names of packages that files around these import, with their full names."""
    tops = {source.module.partition(".")[0] for source in program.sources}
    for folder in sorted({os.path.dirname(source.path) for source in program.sources}):
        names = imports[folder].names() if folder in imports else ()
        wanted = {".".join(name.split(".")[:2]) for name in names}
        for name in sorted(wanted):
            first, _, rest = name.partition(".")
            if not rest or first in tops or first in sys.stdlib_module_names:
                continue
            if any(nearby.has(place, name) for place in program.search):
                continue
            if any(first in nearby.listed(place) for place in installed):
                continue
            canonical = next(
                (
                    package
                    for place in _upwards(folder)
                    if (package := own.get(os.path.join(place, first))) and nearby.has(place, name)
                ),
                None,
            )
            if canonical is not None and canonical != first:
                yield first, canonical


def _upwards(folder: str) -> Iterator[str]:
    while os.path.dirname(folder) != folder:
        yield folder
        folder = os.path.dirname(folder)


def _texts(program: Program, names: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """The files that hand on what is known by another name, by their paths."""
    for source in program.sources:
        for alias, canonical in names.items():
            if source.module == canonical or source.module.startswith(f"{canonical}."):
                called = alias + source.module[len(canonical) :]
                path = os.path.join(*called.split("."))
                path = os.path.join(path, "__init__.py") if is_init(source.path) else f"{path}.py"
                yield path, f"from {source.module} import *\n"
