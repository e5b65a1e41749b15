"""Imports of the project's own modules that lead nowhere: what is behind them is not checked.

A quick look at the lines that import something tells which modules are not there; only the files
that may name one of these are parsed. When it is not sure that a name is the project's own, or that
the import is meant to succeed, it is silent.
"""

# ruff: noqa: PTH112, PTH123
# Paths are strings, as they are to mypy; for thousands of files that is quicker, too.

from __future__ import annotations

import ast
import os
import re
from collections import defaultdict
from itertools import chain
from typing import TYPE_CHECKING, Final

from mypy_asyncsession.checking.imports import imported_modules
from mypy_asyncsession.checking.report import Unresolved, shown

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from mypy_asyncsession.checking.import_finder import ImportFinder
    from mypy_asyncsession.checking.programs import Program
    from mypy_asyncsession.checking.sources import Sources

#: What an import finds, beside directories.
_ENDS: Final = (".py", ".pyi", ".so", ".pyd", ".pyx")

#: Modules that a build of the project makes: that they are not there yet says nothing.
_GENERATED: Final = re.compile(r"_*version(_.*)?_*|.*_pb2(_grpc)?|_generated|build_info")

#: What makes modules, and where they are looked up, at run time.
_DYNAMIC: Final = (b"sys.path", b"sys.modules", b"__path__", b"extend_path")

#: The exceptions whose handler says that an import may fail.
_EXPECTED: Final = frozenset({"ImportError", "ModuleNotFoundError", "Exception", "BaseException"})


def unresolved_imports(
    sources: Sources, packages: Iterable[str], directory: str
) -> list[Unresolved]:
    """The imports of the project's own modules that lead nowhere.

    Args:
        sources: What is checked.
        packages: The directories in which installed packages are looked up.
        directory: The working directory, absolute.
    """
    disk = _Disk(sources.programs, packages, sources.nearby)
    found: list[Unresolved] = []
    for folder, lines in sources.imports.items():
        missing = {
            (level, module)
            for line in lines.lines
            for level, module in imported_modules(line)
            if module and disk.lacks(folder, level, module)
        }
        for path in disk.files[folder] if missing else ():
            found += _confirmed(path, missing, directory)
    sources.folders.update(sources.nearby.looked_into())
    return sorted(found)


class _Disk:
    """What is there of the modules that are checked, and beside them."""

    def __init__(
        self, programs: Iterable[Program], packages: Iterable[str], nearby: ImportFinder
    ) -> None:
        self._nearby = nearby
        self._roots: dict[str, set[str]] = defaultdict(set)
        self._elsewhere = {*packages}
        self._dynamic: dict[str, bool] = {}
        self._lacks: dict[str, bool] = {}
        #: The files of each directory.
        self.files: dict[str, list[str]] = defaultdict(list)
        for program in programs:
            self._elsewhere.update(program.search)
            for source in program.sources:
                folder = os.path.dirname(source.path)
                self.files[folder].append(source.path)
                package = source.module.split(".")
                if not source.path.rpartition(os.sep)[2].startswith("__init__."):
                    package.pop()
                end = os.path.join("", *package)
                if package and "-" not in source.module and folder.endswith(os.sep + end):
                    self._roots[package[0]].add(folder[: -len(end) - 1])

    def lacks(self, folder: str, level: int, module: str) -> bool:
        """Whether a module is the project's own, and is not there.

        Args:
            folder: The directory of the file that imports it.
            level: With how many dots the import begins.
            module: The name behind these.
        """
        parts = module.split(".")
        if level:
            for _ in range(level - 1):
                folder = os.path.dirname(folder)
            return not _GENERATED.fullmatch(parts[-1]) and self._is_missing(folder, parts)
        if module not in self._lacks:
            self._lacks[module] = not _GENERATED.fullmatch(parts[-1]) and self._lacks_own(parts)
        return self._lacks[module]

    def _lacks_own(self, parts: list[str]) -> bool:
        own = self._roots.get(parts[0])
        if not own or len(parts) == 1:
            return False
        return all(self._is_missing(root, parts) for root in own) and not any(
            self._has(place, parts) for place in self._elsewhere
        )

    def _has(self, folder: str, parts: list[str]) -> bool:
        *packages, last = parts
        return self._entry(os.path.join(folder, *packages), last)

    def _is_missing(self, folder: str, parts: list[str]) -> bool:
        """Whether the last package that is there is one, and lacks what comes next."""
        for part in parts:
            if self._is_dynamic(folder) or not self._nearby.listed(folder):
                return False
            if not self._entry(folder, part):
                return True
            folder = os.path.join(folder, part)
            if not os.path.isdir(folder):
                return False  # it is there, or a module that makes others
        return False

    def _entry(self, folder: str, name: str) -> bool:
        entries = self._nearby.listed(folder)
        if any(f"{name}{end}" in entries for end in _ENDS):
            return True
        if name in entries and os.path.isdir(os.path.join(folder, name)):
            return True
        return any(entry.startswith(f"{name}.") and entry.endswith(_ENDS) for entry in entries)

    def _is_dynamic(self, folder: str) -> bool:
        """Whether a package does something about where its modules are looked up."""
        if folder not in self._dynamic:
            try:
                with open(os.path.join(folder, "__init__.py"), "rb") as opened:
                    source = opened.read()
            except OSError:
                source = b""
            self._dynamic[folder] = any(word in source for word in _DYNAMIC)
        return self._dynamic[folder]


def _confirmed(path: str, missing: set[tuple[int, str]], directory: str) -> Iterator[Unresolved]:
    """The imports of modules that are missing, in a file: no strings, and no attempts."""
    try:
        with open(path, "rb") as opened:
            source = opened.read()
        if any(word in source for word in _DYNAMIC) or not any(
            f"{'.' * level}{module}".encode() in source for level, module in missing
        ):
            return
        tree = ast.parse(source)
    except (OSError, SyntaxError, ValueError, RecursionError, MemoryError):
        return
    stack: list[ast.AST] = [tree]
    while stack:
        node = stack.pop()
        if isinstance(node, ast.ImportFrom):
            if (node.level, node.module or "") in missing:
                module = "." * node.level + (node.module or "")
                yield Unresolved(shown(path, directory), node.lineno, module)
        elif isinstance(node, ast.Import):
            for alias in node.names:
                if (0, alias.name) in missing:
                    yield Unresolved(shown(path, directory), node.lineno, alias.name)
        elif not _attempts(node):
            stack.extend(ast.iter_child_nodes(node))
        elif isinstance(node, ast.Try):
            stack.extend(chain(node.orelse, node.finalbody))


def _attempts(node: ast.AST) -> bool:
    """Whether what is imported in a statement may not be there."""
    if isinstance(node, ast.Try):
        return any(
            handler.type is None or not _EXPECTED.isdisjoint(_names(handler.type))
            for handler in node.handlers
        )
    if isinstance(node, ast.If):
        return not _names(node.test).isdisjoint({"version_info", "platform", "find_spec"})
    if isinstance(node, ast.With):
        return any(
            not _names(item.context_expr).isdisjoint({"suppress", "raises", "assertRaises"})
            for item in node.items
        )
    return False


def _names(node: ast.AST) -> set[str]:
    return {
        each.id if isinstance(each, ast.Name) else each.attr
        for each in ast.walk(node)
        if isinstance(each, (ast.Name, ast.Attribute))
    }
