"""From files to programs: which file is which module, so that mypy can build them all.

mypy takes one name for each file and one file for each name, and stops where it cannot have that.
Here a file gets the name that the project imports it by; where two files have one name, they come
into programs of their own, or the one that nobody imports gets a name that nobody can write.
"""

# ruff: noqa: PTH110, PTH112, PTH113, PTH123
# Paths are strings, as they are to mypy; for thousands of files that is quicker, too.

from __future__ import annotations

import os
import sys
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from mypy_asyncsession.checking.files import EXTENSIONS, Files
from mypy_asyncsession.checking.import_finder import ImportFinder
from mypy_asyncsession.checking.imports import Imports
from mypy_asyncsession.checking.module_names import (
    depth,
    is_init,
    joined,
    precedence,
    prefixes,
    stem,
    unused,
)
from mypy_asyncsession.checking.report import Problem, shown

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator

    from mypy_asyncsession.checking.project import Project

#: The most programs that are built; whatever is left comes into the last one under made-up names.
MOST_PROGRAMS: Final = 8

#: mypy stops if a file other than its own has one of these names (build.CORE_BUILTIN_MODULES).
_CORE: Final = frozenset(
    {
        "builtins", "typing", "types", "typing_extensions", "mypy_extensions", "_typeshed",
        "_collections_abc", "collections", "sys", "abc",
    }
)  # fmt: skip

_CORE_FILES: Final = frozenset(f"{name}{extension}" for name in _CORE for extension in EXTENSIONS)


@dataclass(frozen=True, slots=True)
class Source:
    """A file and the module that it is.

    Attributes:
        path: Absolute.
        module: The name that it is built under.
        natural: The name that mypy would give it, to which sections of its configuration apply.
    """

    path: str
    module: str
    natural: str


@dataclass(frozen=True, slots=True)
class Program:
    """What is built together.

    Attributes:
        name: What tells it from others, from one run to the next. Where it is belongs to it,
            because mypy caches the paths of files together with what it found in them.
        sources: The files.
        search: Absolute directories in which imports are looked up, in this order.
        skipped: Packages that would give a file of this program a second name.
    """

    name: str
    sources: tuple[Source, ...]
    search: tuple[str, ...]
    skipped: tuple[str, ...] = ()


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


def find_sources(files: Files, project: Project, directory: str) -> Sources:
    """Make programs of files.

    Args:
        files: The files, as they were found.
        project: Says what is a package.
        directory: The working directory, absolute.
    """
    names = _Names(files.packages, project, directory)
    problems: list[Problem] = []
    unreadable: set[str] = set()
    imports: dict[str, Imports] = defaultdict(Imports)
    roots: dict[str, _Root] = {}
    for path in files.paths:
        folder = os.path.dirname(path)
        try:
            with open(path, "rb", buffering=0) as opened:
                imports[folder].add(opened.read())
        except OSError as error:
            unreadable.add(path)
            message = f"cannot be read: {error.strerror}"
            problems.append(Problem(shown(path, directory), 0, message, unchecked=True))
        package, base = names.package(folder)
        root = roots.setdefault(base, _Root(base))
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
    nearby = ImportFinder(directory)
    placed = _placed(list(roots.values()), names, directory, nearby)
    for root in placed:
        problems += root.separated(directory)
    programs = list(_packed(placed, project, directory, problems, nearby))
    return Sources(
        programs=programs,
        problems=problems,
        unreadable=unreadable,
        error_codes=set().union(*(found.error_codes for found in imports.values())),
        folders={*names.looked_into(), *nearby.looked_into()},
        imports=imports,
        nearby=nearby,
    )


@dataclass(slots=True, eq=False)
class _Root:
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

    def moved(self, folder: str, prefix: str) -> _Root:
        """The same files, named from a directory further up."""
        modules = {
            path: (prefix if module == "__init__" else f"{prefix}.{module}", natural)
            for path, (module, natural) in self.modules.items()
        }
        return _Root(folder, modules, self.folders, self.imported)

    def merge(self, other: _Root) -> None:
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


class _Names:
    """mypy's rules for what is a package (find_sources.SourceFinder), without its exceptions."""

    def __init__(self, packages: set[str], project: Project, directory: str) -> None:
        self.misnamed: set[str] = set()
        self.bases: set[str] = set()
        if project.explicit_package_bases:
            self.bases = set(_folders((*project.mypy_path, directory), directory))
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


def _placed(roots: list[_Root], names: _Names, directory: str, nearby: ImportFinder) -> list[_Root]:
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
    result: dict[str, _Root] = {}
    for root in roots:
        moved = root
        if root.folder not in names.bases:
            moved = _moved(root, imported, owners, nearby)
        if moved.folder in result:
            result[moved.folder].merge(moved)
        else:
            result[moved.folder] = moved
    return sorted(result.values(), key=lambda root: (root.folder != directory, root.folder))


def _moved(
    root: _Root, imported: Counter[str], owners: Counter[str], nearby: ImportFinder
) -> _Root:
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


class _Bundle:
    """A program in the making: roots that claim different names."""

    def __init__(self) -> None:
        self.roots: list[_Root] = []
        self.claims: dict[str, _Root] = {}
        self._inside: dict[str, str] = {}  # namespace packages, and one of the claims in each

    def add(self, root: _Root) -> None:
        self.roots.append(root)
        self.claim(root)

    def claim(self, root: _Root) -> None:
        for name in root.claims():
            self.claims[name] = root
            self._inside.update((prefix, name) for prefix in prefixes(name) if prefix != name)

    def clashes(self, root: _Root) -> dict[str, str]:
        """The claims of *root* that cannot be met, and which claim here is in the way."""
        return {
            name: taken
            for name in root.claims()
            for taken in (
                *filter(self.claims.__contains__, prefixes(name)),
                self._inside.get(name),
            )
            if taken is not None
        }


def _packed(
    roots: list[_Root],
    project: Project,
    directory: str,
    problems: list[Problem],
    nearby: ImportFinder,
) -> Iterator[Program]:
    """Put roots into programs so that no two in one claim the same name."""
    bundles: list[_Bundle] = []
    shared: dict[str, list[str]] = defaultdict(list)  # the places of names that several use
    crowded: set[str] = set()
    for root in roots:
        _avoid_library(root)
        bundle = _fitting(root, bundles)
        uses = root.uses()
        for name, taken in bundles[0].clashes(root).items():
            if name in uses:
                shared[name] = shared[name] or [_place(bundles[0].claims[taken].folder, taken)]
                shared[name].append(_place(root.folder, name))
        for name, taken in bundle.clashes(root).items():
            if name in uses:
                # There are too many of these: let imports of this name find none of them.
                owner = bundle.claims[taken]
                owner.rename(taken, unused(taken, bundle.claims))
                bundle.claim(owner)
                owner.keeps = root.keeps = False
                crowded.add(name)
            root.rename(name, unused(name, bundle.claims))
        bundle.add(root)
    problems += _apart(shared, crowded, directory)
    imported = set().union(*(root.uses() for root in roots))
    tops = set().union(*(root.tops() for root in roots))
    for bundle in bundles:
        search = _folders(project.mypy_path, directory)
        search += [root.folder for root in bundle.roots if root.keeps]
        search += [root.folder for root in roots if root.keeps and not bundle.clashes(root)]
        search.append(directory)
        # Nobody here says where the rest is: it is not among the files to check.
        for root in bundle.roots:
            missing = [
                name
                for name in root.unknown(tops)
                if not any(nearby.has(place, name) for place in dict.fromkeys(search))
            ]
            search += (
                place
                for place in nearby.folders(root.folder, missing)
                if not any(other.holds(place) for other in roots)
            )
        search = [
            folder for folder in dict.fromkeys(search) if not _shadows_library(folder, nearby)
        ]
        yield Program(
            name=max(bundle.roots, key=lambda root: len(root.modules)).folder,
            sources=tuple(
                Source(path, module, natural)
                for root in bundle.roots
                for path, (module, natural) in root.modules.items()
            ),
            search=tuple(search),
            skipped=tuple(sorted(_second_names(bundle.roots, search) & imported)),
        )


def _fitting(root: _Root, bundles: list[_Bundle]) -> _Bundle:
    """The bundle that a root comes into: one where its names are free, or can be made up."""
    clashes = [bundle.clashes(root) for bundle in bundles]
    for bundle, names in zip(bundles, clashes, strict=True):
        if not names:
            return bundle
    uses = root.uses()
    for bundle, names in zip(bundles, clashes, strict=True):
        if uses.isdisjoint(names):
            return bundle
    if len(bundles) < MOST_PROGRAMS:
        bundles.append(_Bundle())
    return bundles[-1]


def _apart(shared: dict[str, list[str]], crowded: set[str], directory: str) -> Iterator[Problem]:
    """What to say of names that several packages or modules have: a line for each name."""
    for name, (first, second, *others) in sorted(shared.items()):
        more = f" and of {len(others)} more" if others else ""
        what = (
            "imports of it are not always followed"
            if name in crowded
            else ("each is checked apart from the other" + ("s" if others else ""))
        )
        yield Problem(
            shown(second, directory),
            0,
            f'"{name}" is also the name of "{shown(first, directory)}"{more}: {what}',
        )


def _place(folder: str, name: str) -> str:
    path = os.path.join(folder, *name.split("."))
    return path if os.path.isdir(path) else f"{path}.py"


def _avoid_library(root: _Root) -> None:
    """Make up names for what is called like a module of the standard library.

    Under its own name it would take that module's place for all of the program. A package is left
    alone if what is imported from it is not in the library; but mypy's own core cannot be replaced.
    """
    library = os.path.dirname(os.__file__)
    for name in root.claims() & (sys.stdlib_module_names | _CORE):
        used = {
            use
            for use in root.uses()
            if use.startswith(f"{name}.")
            and not os.path.exists(os.path.join(library, *use.split(".")) + ".py")
        }
        if name in _CORE or used.isdisjoint(module for module, _ in root.modules.values()):
            root.rename(name, unused(name, root.claims()))
            # Imports that are looked up here would find it all the same.
            root.keeps = False


def _shadows_library(folder: str, nearby: ImportFinder) -> bool:
    """Whether mypy would stop if it looked up imports in *folder*."""
    names = nearby.listed(folder)
    inits = {f"__init__{extension}" for extension in EXTENSIONS}
    return not names.isdisjoint(_CORE_FILES) or any(
        not nearby.listed(os.path.join(folder, name)).isdisjoint(inits) for name in names & _CORE
    )


def _folders(paths: Iterable[str], directory: str) -> list[str]:
    return [os.path.abspath(os.path.join(directory, path)) for path in paths]


def _second_names(roots: list[_Root], search: list[str]) -> set[str]:
    """Names under which imports would find files of *roots* that have another name."""
    result = set()
    for root in roots:
        for folder in search:
            if root.folder.startswith(folder + os.sep):
                package = os.path.relpath(root.folder, folder).replace(os.sep, ".")
                result |= {f"{package}.{top}" for top in root.tops()}
    return result
