"""The mends, listed explicitly: the first that fits a finding is tried."""

from __future__ import annotations

from typing import Final

from mypy_asyncsession.fixes import (
    awaited,
    depends,
    function_scope,
    getter,
    given,
    loading,
    loops,
    with_items,
    wraps,
)
from mypy_asyncsession.fixes.mend import Left, Mend, Site, Style

MENDS: Final[tuple[Mend, ...]] = (
    getter.MEND,
    awaited.MEND,
    loading.MEND,
    function_scope.MEND,
    with_items.MEND,
    given.STACK,
    given.FUNCTION,
    loops.ITERATE,
    loops.LEAVE,
    loops.DELEGATE,
    wraps.MEND,
    depends.MEND,
    depends.CALL,
)

__all__ = ["MENDS", "Left", "Mend", "Site", "Style"]
