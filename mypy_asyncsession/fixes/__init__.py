"""The fixes, listed explicitly: the first that fits a finding is tried."""

from __future__ import annotations

from typing import Final

from mypy_asyncsession.fixes.cannot_fix import CannotFix
from mypy_asyncsession.fixes.fix import Fix, Site, Style
from mypy_asyncsession.fixes.rewrites import (
    awaited,
    depends,
    direct,
    doubles,
    function_scope,
    getter,
    given,
    loading,
    loops,
    overriding,
    reused,
    taken_before,
    with_items,
    wraps,
)

FIXES: Final[tuple[Fix, ...]] = (
    getter.FIX,
    awaited.FIX,
    loading.FIX,
    taken_before.FIX,
    function_scope.FIX,
    with_items.FIX,
    given.STACK,
    given.FUNCTION,
    loops.ITERATE,
    loops.LEAVE,
    loops.DELEGATE,
    wraps.FIX,
    depends.FIX,
    depends.CALL,
    reused.FIX,
    doubles.FIX,
    direct.FIX,
    overriding.FIX,
)

__all__ = ["FIXES", "CannotFix", "Fix", "Site", "Style"]
