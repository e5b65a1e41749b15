"""Names of modules, and of the files that they are in."""

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
    """A full name, and those of the packages around it, from the outside."""
    at = name.find(".")
    while at >= 0:
        yield name[:at]
        at = name.find(".", at + 1)
    yield name


def stem(path: str) -> str:
    """The last part of the name of the module in a file."""
    name = os.path.basename(path)
    for extension in EXTENSIONS:
        name = name.removesuffix(extension)
    return name.replace(".", "-")  # a dot would make a package of what is before it


def joined(package: str, name: str) -> str:
    """The full name of a module in a package."""
    if name == "__init__" and package:
        return package
    return f"{package}.{name}" if package else name


def is_init(path: str) -> bool:
    """Whether a file is that of a package itself."""
    return os.path.basename(path).startswith("__init__.")


def precedence(path: str) -> tuple[bool, bool, str]:
    """By what files of one name are ordered: the first of them keeps it."""
    return not is_init(path), not path.endswith(".pyi"), path


def depth(folder: str, base: str) -> int:
    """How many directories *folder* is below *base*."""
    return 0 if folder == base else os.path.relpath(folder, base).count(os.sep) + 1


def unused(name: str, taken: Iterable[str]) -> str:
    """A name like *name* that no import statement can name."""
    taken = set(taken)
    number = 2
    while f"{name}-{number}" in taken:
        number += 1
    return f"{name}-{number}"
