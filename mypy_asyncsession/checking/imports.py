"""A quick look at what files import, before anything is parsed.

It decides nothing but names: which of several that a file could have as a module is the one that
the rest of the project calls it by. So it may be wrong where a string looks like an import.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(slots=True)
class Imports:
    """What the files of one directory import, and how often.

    Attributes:
        lines: The lines that import something.
        error_codes: The codes that inline comments for mypy name.
    """

    lines: Counter[bytes] = field(default_factory=Counter)
    error_codes: set[str] = field(default_factory=set)

    def add(self, source: bytes) -> None:
        """Add a file."""
        # Looking for the word is several times faster than a regular expression for the line.
        at = source.find(b"import")
        lines = []
        while at >= 0:
            end = source.find(b"\n", at)
            if end < 0:
                end = len(source)
            lines.append(source[source.rfind(b"\n", 0, at) + 1 : end])
            at = source.find(b"import", end)
        self.lines.update(lines)
        self.error_codes |= named_codes(source)

    def names(self) -> Counter[str]:
        """Full names of modules and of what is imported from them, relative ones left out.

        ``from a import b`` gives ``a.b``, ``import a`` gives ``a``.
        """
        result: Counter[str] = Counter()
        for line, count in self.lines.items():
            for name in _parse(line)[1]:
                result[name] += count
        return result

    def levels(self) -> Counter[int]:
        """With how many dots relative imports begin."""
        result: Counter[int] = Counter()
        for line, count in self.lines.items():
            level = _parse(line)[0]
            if level:
                result[level] += count
        return result


def imported_modules(line: bytes) -> Iterator[tuple[int, str]]:
    """The modules that a line imports, or imports from: dots before the name, and the name."""
    match = _FROM.match(line)
    if match is not None:
        yield len(match[1]), match[2].decode(errors="replace")
    else:
        for name in _parse(line)[1]:
            yield 0, name


def named_codes(source: bytes) -> set[str]:
    """The error codes that inline comments for mypy turn on or off."""
    if _COMMENT not in source:
        return set()
    listed = b",".join(match[1] or match[2] or b"" for match in _CODES.finditer(source))
    return {code.strip().decode(errors="replace") for code in listed.split(b",") if code.strip()}


_COMMENT: Final = b"# mypy: "
_CODES: Final = re.compile(rb"(?:en|dis)able[-_]error[-_]code\s*=\s*(?:\"([^\"\n]*)|([^\s,]*))")
_FROM: Final = re.compile(rb"\s*from\s*(\.*)\s*([\w.]*)\s*\bimport\b(?:\s*\()?([^#]*)")
_IMPORT: Final = re.compile(rb"\s*import\s+([^#;]*)")


@lru_cache(maxsize=1 << 14)
def _parse(line: bytes) -> tuple[int, tuple[str, ...]]:
    """The dots that an import begins with, and the names that it imports."""
    match = _IMPORT.match(line)
    if match is not None:
        return 0, tuple(_listed(match[1]))
    match = _FROM.match(line)
    if match is None:
        return 0, ()
    if match[1]:
        return len(match[1]), ()
    module = match[2].decode(errors="replace")
    return 0, tuple(f"{module}.{name}" for name in _listed(match[3])) or (module,)


def _listed(names: bytes) -> list[str]:
    """The first words of what is listed with commas: ``a.b as c, d`` gives ``a.b`` and ``d``."""
    words = [part.replace(b")", b" ").split(None, 1) for part in names.split(b",")]
    return [
        word[0].decode(errors="replace") for word in words if word and word[0] not in (b"*", b"\\")
    ]
