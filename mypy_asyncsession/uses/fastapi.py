"""Which FastAPI the program runs on: what it can drive has changed."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from mypy_asyncsession.providers.program import Program

Version = tuple[int, ...]

#: The first release that looks behind ``functools.wraps`` and ``functools.partial``, and that
#: fails on a context manager instead of injecting it.
UNWRAPS: Final[Version] = (0, 123, 5)
#: What is assumed where FastAPI is not installed.
NEWEST: Final[Version] = (9999,)


def parse_version(text: str) -> Version:
    """``"0.123.5"`` as numbers, what follows them left out."""
    return tuple(int(part) for part in re.findall(r"\d+", text)[:3])


def installed(program: Program) -> Version:
    """The version of the FastAPI that mypy has found, by the source of the package."""
    tree = program.modules.get("fastapi")
    if tree is None or not tree.path:
        return NEWEST
    try:
        text = Path(tree.path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return NEWEST
    found = re.search(r'^__version__\s*=\s*"([^"]+)"', text, re.MULTILINE)
    return parse_version(found[1]) if found else NEWEST
