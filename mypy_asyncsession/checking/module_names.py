"""The names of modules: which directory is a package, and what the files in it are called."""

# ruff: noqa: PTH113
# Paths are strings, as they are to mypy; for thousands of files that is quicker, too.

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from mypy_asyncsession.checking.files import EXTENSIONS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from mypy_asyncsession.checking.project import Project


class PackageNames:
    """mypy's rules for what is a package (find_sources.SourceFinder), without its exceptions."""

    def __init__(self, packages: set[str], project: Project, directory: str) -> None:
        self.misnamed: set[str] = set()
        self.bases: set[str] = set()
        if project.explicit_package_bases:
            self.bases = set(folders((*project.mypy_path, directory), directory))
        self._namespaces = project.namespace_packages
        self._packages: dict[str, bool] = dict.fromkeys(packages, True)
        self._known: dict[str, tuple[str, str] | None] = {}

    def package(self, folder: str) -> tuple[str, str]:
        """The package that a directory is, and the directory that it is named from."""
        return self._crawl(folder) or ("", folder)

    def looked_into(self) -> Iterable[str]:
        """The directories of which it was asked whether they are packages."""
        return self._packages.keys()

    def _crawl(self, folder: str) -> tuple[str, str] | None:
        if folder not in self._known:
            self._known[folder] = self._crawled(folder)
        return self._known[folder]

    def _crawled(self, folder: str) -> tuple[str, str] | None:
        if folder in self.bases:
            return "", folder
        parent, name = os.path.split(folder)
        name = name.removesuffix("-stubs")
        if self._is_package(folder):
            if not name.isidentifier():
                self.misnamed.add(folder)
                return None
            package, base = self.package(parent)
            return joined(package, name), base
        if parent == folder or not name.isidentifier() or not self._namespaces:
            return None
        above = self._crawl(parent)
        return above and (joined(above[0], name), above[1])

    def _is_package(self, folder: str) -> bool:
        if folder not in self._packages:
            self._packages[folder] = any(
                os.path.isfile(os.path.join(folder, f"__init__{extension}"))
                for extension in EXTENSIONS
            )
        return self._packages[folder]


def folders(paths: Iterable[str], directory: str) -> list[str]:
    """Paths of the configuration, absolute."""
    return [os.path.abspath(os.path.join(directory, path)) for path in paths]


def prefixes(name: str) -> Iterator[str]:
    """A dotted name, and the packages that it is in."""
    at = name.find(".")
    while at >= 0:
        yield name[:at]
        at = name.find(".", at + 1)
    yield name


def stem(path: str) -> str:
    """The last component of the name of a file's module."""
    # A dot would make a package of what is before it.
    found = os.path.basename(path)
    for extension in EXTENSIONS:
        found = found.removesuffix(extension)
    return found.replace(".", "-")


def joined(package: str, name: str) -> str:
    """The full name of a module of a package."""
    if name == "__init__" and package:
        return package
    return f"{package}.{name}" if package else name


def is_init(path: str) -> bool:
    """Whether a file is the one that makes its directory a package."""
    return os.path.basename(path).startswith("__init__.")


def precedence(path: str) -> tuple[bool, bool, str]:
    """Which of several files of one name keeps it: the package, then the stub."""
    return not is_init(path), not path.endswith(".pyi"), path


def levels_below(folder: str, base: str) -> int:
    """How many directories below *base* another one is."""
    return 0 if folder == base else os.path.relpath(folder, base).count(os.sep) + 1


def unused(name: str, taken: Iterable[str]) -> str:
    """A name like *name* that no import statement can name."""
    taken = set(taken)
    number = 2
    while f"{name}-{number}" in taken:
        number += 1
    return f"{name}-{number}"
