"""Which files are not the project's own."""

from __future__ import annotations

import os
from functools import cache

import mypy

_TYPESHED = os.path.join(os.path.dirname(mypy.__file__), "typeshed") + os.sep


@cache
def is_foreign(path: str) -> bool:
    """Whether a file belongs to the standard library or to an installed package."""
    parts = path.replace("\\", "/").split("/")
    return (
        "site-packages" in parts
        or "dist-packages" in parts
        or os.path.abspath(path).startswith(_TYPESHED)
    )
