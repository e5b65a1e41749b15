"""How the page tells shapes apart."""

from __future__ import annotations

from typing import Final

#: The classes of the style sheet, and what each stands for.
KEYS: Final = (
    ("generator", "generator"),
    ("manager", "context manager"),
    ("coroutine", "coroutine"),
    ("session", "session"),
    ("other", "other"),
)


def css_class(shape: str) -> str:
    """The class of the style sheet for a shape, as ``Shape`` words it."""
    for name, words in KEYS:
        if words in shape:
            return name
    return "generator" if "iterator" in shape else "other"
