"""A coroutine function that is to hand out what it returns in another way."""

from __future__ import annotations

from typing import TYPE_CHECKING

import libcst as cst
import libcst.matchers as m

from mypy_asyncsession.fixes.cannot_fix import CannotFix
from mypy_asyncsession.fixes.editing.imports import reachable

if TYPE_CHECKING:
    from mypy_asyncsession.fixes.editing.draft import Draft
    from mypy_asyncsession.fixes.editing.source_file import SourceFile

_CALLS = m.Call() | m.Await()


def as_generator(
    draft: Draft, source: SourceFile, function: cst.FunctionDef, *, managed: bool
) -> None:
    """Have ``async def f(): ...; return session`` yield it, under a decorator or without one.

    Args:
        draft: Where the edits go.
        source: The file that defines the function.
        function: The function.
        managed: Whether it is to be a context manager.

    Raises:
        CannotFix: It returns in several places, makes what it returns, or is no such function.
    """
    last = function.body.body[-1]
    returns = [
        found
        for found in m.findall(function.body, m.Return())
        if source.function(found) is function
    ]
    yields = [
        found for found in m.findall(function.body, m.Yield()) if source.function(found) is function
    ]
    if (
        function.asynchronous is None
        or yields
        or len(returns) != 1
        or not isinstance(last, cst.SimpleStatementLine)
        or returns[0] is not last.body[-1]
    ):
        raise CannotFix(f'"{function.name.value}" returns in several places, or nothing')
    if any(not m.matches(each.decorator, m.Name("staticmethod")) for each in function.decorators):
        raise CannotFix(f'"{function.name.value}" is decorated')
    returned = returns[0]
    assert isinstance(returned, cst.Return)
    value = returned.value
    if value is None or m.findall(value, _CALLS):
        raise CannotFix(f'nobody would close what "{function.name.value}" makes')
    draft.replace(source, returned, cst.Expr(cst.Yield(value)))
    annotation = function.returns
    if annotation is not None:
        text, imported = reachable(source, "collections.abc", "AsyncIterator")
        draft.need(source, imported)
        element = cst.SubscriptElement(cst.Index(annotation.annotation))
        new = cst.Subscript(cst.parse_expression(text), [element])
        draft.replace(source, annotation.annotation, new)
    if managed:
        decorate(draft, source, function, "asynccontextmanager")


def decorate(draft: Draft, source: SourceFile, function: cst.FunctionDef, maker: str) -> None:
    """Put a decorator of contextlib's on a function, under those that it has."""
    text, imported = reachable(source, "contextlib", maker)
    draft.need(source, imported)
    decorator = cst.Decorator(cst.parse_expression(text))

    def decorated(old: cst.CSTNode) -> cst.CSTNode:
        assert isinstance(old, cst.FunctionDef)
        return old.with_changes(decorators=[*old.decorators, decorator])

    draft.change(source, function, decorated)
