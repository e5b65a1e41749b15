"""Where the providers that findings speak of are now.

mypy keeps a finding for as long as nothing changes that it depends on, and the line that its
provider stands in is nothing of that kind.
"""

from __future__ import annotations

import ast
import os
import re
from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING

from mypy_asyncsession.checking.finding_identity import parsed
from mypy_asyncsession.reading import read_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from mypy_asyncsession.checking.programs import Program
    from mypy_asyncsession.findings import Place


class DefinitionIndex:
    """Finds definitions again; it reads each file once."""

    def __init__(self, instead: Mapping[str, str]) -> None:
        """Begin with no file read.

        Args:
            instead: By the path of a file, the one that is read in its place.
        """
        self._instead = instead
        self._modules: dict[str, str] = {}
        self._lines: dict[str, list[str]] = {}
        self._definitions: dict[str, dict[str, list[int]]] = {}

    def take(self, programs: Iterable[Program]) -> None:
        """Take in where the modules are."""
        for program in programs:
            self._modules.update((source.module, source.path) for source in program.sources)

    def now(self, place: Place) -> Place:
        """The same place, with the line that it has by now; as it is if it cannot be found."""
        place = replace(place, path=self._path(place))
        lines = self._lines_of(place.path)
        name = re.escape(place.fullname.rpartition(".")[2])
        defines = rf"\s*(?:async\s+)?(?:def|class)\s+{name}\b|\s*(?:self\.)?{name}\s*[:=]"
        if 0 < place.line <= len(lines) and re.match(defines, lines[place.line - 1]):
            return place
        known = self._definitions_of(place.path)
        parts = place.fullname.split(".")
        for number in range(len(parts)):
            found = known.get(".".join(parts[number:]))
            if found:
                return replace(place, line=min(found, key=lambda line: abs(line - place.line)))
        return place

    def _path(self, place: Place) -> str:
        """The file: not that of a draft which has become the file itself since."""
        path = place.path
        if not os.path.lexists(path):
            module = place.fullname
            while module and module not in self._modules:
                module = module.rpartition(".")[0]
            path = self._modules.get(module, path)
        return self._instead.get(path, path)

    def _lines_of(self, path: str) -> list[str]:
        if path not in self._lines:
            try:
                text = read_text(path, errors="replace")
            except OSError:
                text = ""
            self._lines[path] = text.split("\n")
        return self._lines[path]

    def _definitions_of(self, path: str) -> dict[str, list[int]]:
        """The lines of what is defined in a file, by its name inside the module."""
        if path not in self._definitions:
            self._definitions[path] = defaultdict(list)
            tree = parsed("\n".join(self._lines_of(path)))
            for name, line in _definitions(tree, ""):
                self._definitions[path][name].append(line)
        return self._definitions[path]


def _definitions(node: ast.AST, prefix: str) -> Iterator[tuple[str, int]]:
    for child in ast.iter_child_nodes(node):
        inner = prefix
        if isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            yield prefix + child.name, child.lineno
            inner = f"{prefix}{child.name}."
        elif isinstance(child, ast.Name) and isinstance(child.ctx, ast.Store):
            yield prefix + child.id, child.lineno
        yield from _definitions(child, inner)
