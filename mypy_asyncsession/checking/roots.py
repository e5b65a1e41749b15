"""The directories that modules are named from: which one the project has in mind."""

from __future__ import annotations

import os
import sys
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mypy_asyncsession.checking.module_names import (
    PackageNames,
    is_init,
    precedence,
    prefixes,
    unused,
)
from mypy_asyncsession.checking.report import Problem, shown

if TYPE_CHECKING:
    from collections.abc import Container, Iterator

    from mypy_asyncsession.checking.import_finder import ImportFinder


@dataclass(slots=True, eq=False)
class Root:
    """A directory from which modules are named, and what is below it.

    Attributes:
        modules: The name of each file, and the name that mypy would give it.
        imported: How often the files name what they import.
        escapes: How often a relative import leads that many directories above *folder*.
        keeps: Whether the directory is one that imports are looked up in.
    """

    folder: str
    modules: dict[str, tuple[str, str]] = field(default_factory=dict)
    folders: set[str] = field(default_factory=set)
    imported: Counter[str] = field(default_factory=Counter)
    escapes: Counter[int] = field(default_factory=Counter)
    keeps: bool = True
    _uses: set[str] | None = None

    def add(self, path: str, module: str) -> None:
        """Take in a file that mypy would give that name."""
        self.modules[path] = (module, module)

    def tops(self) -> set[str]:
        """The first components of its modules' names."""
        return {module.partition(".")[0] for module, _ in self.modules.values()}

    def claims(self) -> set[str]:
        """The names that no other root can share: all but namespace packages, at the top."""
        modules = {module for module, _ in self.modules.values()}
        claimed: dict[str, bool] = {"": False}

        def is_inside(package: str) -> bool:
            """Whether a package is one of the modules, or in one."""
            if package not in claimed:
                claimed[package] = package in modules or is_inside(package.rpartition(".")[0])
            return claimed[package]

        return {module for module in modules if not is_inside(module.rpartition(".")[0])}

    def uses(self) -> set[str]:
        """The full names that its files import something by."""
        if self._uses is None:
            self._uses = {prefix for name in self.imported for prefix in prefixes(name)}
        return self._uses

    def holds(self, folder: str) -> bool:
        """Whether files in *folder* are named from further up, and must have no second name."""
        inside = folder + os.sep
        return folder.startswith(self.folder + os.sep) and any(
            path.startswith(inside) for path in self.modules
        )

    def unknown(self, owners: Container[str]) -> Counter[str]:
        """What its files import that is in none of the *owners*, by the first two components."""
        result: Counter[str] = Counter()
        for name, count in self.imported.items():
            first, _, rest = name.partition(".")
            if first not in owners and first not in sys.stdlib_module_names:
                result[f"{first}.{rest.partition('.')[0]}".rstrip(".")] += count
        return result

    def rename(self, name: str, to: str) -> None:
        """Call a package or module, and what is in it, by a name that nobody imports."""
        for path, (module, natural) in self.modules.items():
            if module == name or module.startswith(f"{name}."):
                self.modules[path] = (to + module[len(name) :], natural)

    def moved(self, folder: str, prefix: str) -> Root:
        """The same files, named from a directory further up."""
        modules = {
            path: (prefix if module == "__init__" else f"{prefix}.{module}", natural)
            for path, (module, natural) in self.modules.items()
        }
        return Root(folder, modules, self.folders, self.imported)

    def merge(self, other: Root) -> None:
        """Take in the files of another one that are named from here."""
        self.modules.update(other.modules)
        self.folders |= other.folders
        self.imported.update(other.imported)
        self._uses = None

    def separated(self, directory: str) -> Iterator[Problem]:
        """Give files of one name different names; the package or the stub keeps it."""
        taken: dict[str, str] = {}
        for path in sorted(self.modules, key=precedence):
            module, natural = self.modules[path]
            if module in taken:
                winner = taken[module]
                if is_init(winner) and not is_init(path):
                    yield Problem(
                        shown(path, directory),
                        0,
                        f'imports find the package beside it, "{shown(winner, directory)}": '
                        "it is checked apart from them",
                    )
                # The package stays the same, so that relative imports work.
                module = unused(module, taken)
                self.modules[path] = (module, natural)
            taken[module] = path


def as_imported(
    roots: list[Root], names: PackageNames, directory: str, nearby: ImportFinder
) -> list[Root]:
    """Name each root's files from where the project imports them.

    Without ``__init__`` mypy names a file from its own directory. But ``app/db.py`` is ``app.db``
    where that is what others import, or where a relative import leads out of its directory.
    """
    imported: Counter[str] = Counter()
    owners: Counter[str] = Counter()
    for root in roots:
        tops = root.tops()
        owners.update(tops)
        for name, count in root.imported.items():
            if name.partition(".")[0] not in tops:  # else it means its own
                for prefix in prefixes(name):
                    imported[prefix] += count
    result: dict[str, Root] = {}
    for root in roots:
        moved = root
        if root.folder not in names.bases:
            moved = _moved(root, imported, owners, nearby)
        if moved.folder in result:
            result[moved.folder].merge(moved)
        else:
            result[moved.folder] = moved
    return sorted(result.values(), key=lambda root: (root.folder != directory, root.folder))


def _moved(root: Root, imported: Counter[str], owners: Counter[str], nearby: ImportFinder) -> Root:
    tops = root.tops() - sys.stdlib_module_names
    unknown = root.unknown(owners)
    best = sum(count for name, count in root.imported.items() if name.partition(".")[0] in tops)
    best += sum(imported[top] for top in tops if owners[top] == 1)
    best += sum(count for name, count in unknown.items() if nearby.has(root.folder, name))
    result = root
    parts: list[str] = []
    folder, name = os.path.split(root.folder)
    while name:
        parts.insert(0, name.replace(".", "-"))
        prefix = ".".join(parts)
        votes = sum(count for level, count in root.escapes.items() if level <= len(parts))
        if prefix.replace(".", "").isidentifier() and not owners[parts[0]]:
            votes += sum(imported[f"{prefix}.{top}"] for top in root.tops())
            votes += sum(
                count
                for name, count in unknown.items()
                if name.startswith(f"{parts[0]}.") and nearby.has(folder, name)
            )
        if votes > best:
            best = votes
            result = root.moved(folder, prefix)
        folder, name = os.path.split(folder)
    return result
