"""Which modules are built together, so that each has a name of its own."""

# ruff: noqa: PTH110, PTH112
# Paths are strings, as they are to mypy; for thousands of files that is quicker, too.

from __future__ import annotations

import os
import sys
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from mypy_asyncsession.checking.files import EXTENSIONS
from mypy_asyncsession.checking.module_names import (
    folders,
    prefixes,
    unused,
)
from mypy_asyncsession.checking.report import Problem, shown

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy_asyncsession.checking.import_finder import ImportFinder
    from mypy_asyncsession.checking.project import Project
    from mypy_asyncsession.checking.roots import Root


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


class _Bundle:
    """A program in the making: roots that claim different names."""

    def __init__(self) -> None:
        self.roots: list[Root] = []
        self.claims: dict[str, Root] = {}
        self._inside: dict[str, str] = {}  # namespace packages, and one of the claims in each

    def add(self, root: Root) -> None:
        self.roots.append(root)
        self.claim(root)

    def claim(self, root: Root) -> None:
        for name in root.claims():
            self.claims[name] = root
            self._inside.update((prefix, name) for prefix in prefixes(name) if prefix != name)

    def clashes(self, root: Root) -> dict[str, str]:
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


def packed(
    roots: list[Root],
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
        search = folders(project.mypy_path, directory)
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


def _fitting(root: Root, bundles: list[_Bundle]) -> _Bundle:
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


def _avoid_library(root: Root) -> None:
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


def _second_names(roots: list[Root], search: list[str]) -> set[str]:
    """Names under which imports would find files of *roots* that have another name."""
    result = set()
    for root in roots:
        for folder in search:
            if root.folder.startswith(folder + os.sep):
                package = os.path.relpath(root.folder, folder).replace(os.sep, ".")
                result |= {f"{package}.{top}" for top in root.tops()}
    return result
