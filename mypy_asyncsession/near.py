"""The nearest right name to a wrong one."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


def nearest(name: str, names: Iterable[str], *, cutoff: float = 0.6) -> str | None:
    """The one of *names* that *name* was most likely meant to be, if one is like it."""
    names = sorted(names)
    letters = sorted(name)
    for other in names:
        # Letters that changed places are a mistake that difflib makes much of.
        if sorted(other) == letters:
            return other
    return next(iter(difflib.get_close_matches(name, names, n=1, cutoff=cutoff)), None)


def near(name: str, names: Iterable[str]) -> str:
    """A remark that names it, to be put behind a message; empty if there is none."""
    found = nearest(name, names)
    return f' (did you mean "{found}"?)' if found is not None else ""
