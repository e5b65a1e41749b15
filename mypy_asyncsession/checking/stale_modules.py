"""Which modules of a program are to be read again: those that have changed, and what leans on them.

What was found out about a module holds for as long as neither it nor anything that it imports,
directly or not, has changed: names lead along imports, and findings never depend on who imports.
"""

from __future__ import annotations

from collections import defaultdict
from hashlib import blake2b
from typing import TYPE_CHECKING

from mypy_asyncsession.checking.file_times import state
from mypy_asyncsession.reading import read_bytes
from mypy_asyncsession.semantic.imports import reachable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from mypy.nodes import MypyFile


class StaleModules:
    """Remembers what modules were when they were read, and what they import."""

    def __init__(self, texts: Mapping[str, bytes]) -> None:
        """Begin with nothing read.

        Args:
            texts: By path, what counts in place of what is in a file; it may change.
        """
        self._texts = texts
        self._read: dict[str, tuple[str, bytes | None]] = {}
        self._disk: dict[str, tuple[list[int] | None, bytes | None]] = {}
        self._imports: dict[str, tuple[set[str], set[str]]] = {}

    def reading(self, module: str, path: str) -> None:
        """A module is about to be read."""
        self._read[module] = (path, self._content(path))

    def take(self) -> set[str]:
        """The modules that have changed since they were read, and what leans on them.

        They are taken for unread from now on.
        """
        changed = [name for name, (path, old) in self._read.items() if self._content(path) != old]
        stale = with_importers(changed, self._imports)
        for module in stale:
            self._read.pop(module, None)
            self._imports.pop(module, None)
        return stale

    def note(self, tree_of: Callable[[str], MypyFile | None]) -> None:
        """Take in what the modules import that were read since the last time."""
        for module in self._read.keys() - self._imports.keys():
            tree = tree_of(module)
            self._imports[module] = reachable(tree) if tree is not None else (set(), set())

    def _content(self, path: str) -> bytes | None:
        """A digest of what counts as the content of a file; ``None`` if there is none."""
        text = self._texts.get(path)
        if text is not None:
            return _digest(text)
        now = state(path)
        known = self._disk.get(path)
        if known is None or known[0] != now:
            try:
                known = now, _digest(read_bytes(path))
            except OSError:
                known = now, None
            self._disk[path] = known
        return known[1]


def with_importers(
    changed: Iterable[str], imports: Mapping[str, tuple[Iterable[str], Iterable[str]]]
) -> set[str]:
    """Modules that have changed, and those that import them, directly or not.

    Args:
        changed: The modules that have changed.
        imports: By module, what it imports: see ``semantic.imports.reachable``.
    """
    found: set[str] = set()
    left = list(changed)
    if not left:
        return found
    importers: dict[str, list[str]] = defaultdict(list)
    holders: dict[str, list[str]] = defaultdict(list)
    for module, (modules, objects) in imports.items():
        for each in modules:
            importers[each].append(module)
        for each in objects:
            holders[each].append(module)
    while left:
        module = left.pop()
        if module in found:
            continue
        found.add(module)
        left += importers[module]
        package = module
        while package:
            left += holders[package]
            package = package.rpartition(".")[0]
    return found


def _digest(content: bytes) -> bytes:
    return blake2b(content, digest_size=16).digest()
