"""``--style async-for``: a loop over a generator that ``aclosing`` closes on every path.

An exception of the block still does not reach the generator, so this is for providers that have
nothing to do then but to close.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import libcst as cst

from mypy_asyncsession.fixes.cannot_fix import CannotFix
from mypy_asyncsession.fixes.editing.imports import reachable
from mypy_asyncsession.fixes.editing.names import fresh
from mypy_asyncsession.fixes.engine.ignores import unignored
from mypy_asyncsession.fixes.rewrites.blocks import goes_on
from mypy_asyncsession.fixes.rewrites.managers import check_generator

if TYPE_CHECKING:
    from mypy_asyncsession.fixes.editing.draft import Draft
    from mypy_asyncsession.fixes.fix import Site

_NAMES = ("sessions", "provided")


def of_with(
    site: Site,
    draft: Draft,
    statement: cst.With,
    item: cst.WithItem,
    expression: cst.BaseExpression,
) -> None:
    """``async with gen() as s:`` becomes a loop that is closed.

    Raises:
        CannotFix: The generator has more to do than to close, or the block cannot stand in a loop.
    """
    _check(site)
    if len(statement.items) > 1 or item.asname is None:
        raise CannotFix("the statement enters others as well, or binds no name")
    if goes_on(statement.body):
        raise CannotFix('a "break" or "continue" of another loop is in the block')
    closing, name = _closing(site, draft, expression)
    target = item.asname.name

    def looped(old: cst.CSTNode) -> cst.CSTNode:
        assert isinstance(old, cst.With)
        body = old.body
        if isinstance(target, (cst.Tuple, cst.List, cst.Name, cst.Attribute)):
            loop = cst.For(target, cst.Name(name), body, asynchronous=cst.Asynchronous())
        return _closed(unignored(loop), expression, closing, name, old.leading_lines)

    draft.change(site.source, statement, looped)


def of_loop(site: Site, draft: Draft, loop: cst.For, expression: cst.BaseExpression) -> None:
    """``async for s in gen():`` that is left early is closed.

    Raises:
        CannotFix: The generator has more to do than to close.
    """
    _check(site)
    closing, name = _closing(site, draft, expression)

    def closed(old: cst.CSTNode) -> cst.CSTNode:
        assert isinstance(old, cst.For)
        inner = old.with_changes(iter=cst.Name(name), leading_lines=[])
        return _closed(inner, expression, closing, name, old.leading_lines)

    draft.change(site.source, loop, closed)


def _check(site: Site) -> None:
    check_generator(site)
    yields = site.misuse.yields
    if yields is None or yields.code or yields.catches:
        raise CannotFix(
            "a commit or a rollback may follow its yield, which a loop would skip: "
            "leave out --style async-for"
        )


def _closing(
    site: Site, draft: Draft, expression: cst.BaseExpression
) -> tuple[cst.BaseExpression, str]:
    closing, imported = reachable(site.source, "contextlib", "aclosing")
    draft.need(site.source, imported)
    return cst.parse_expression(closing), fresh(site.source, expression, _NAMES)


def _closed(
    loop: cst.CSTNode,
    expression: cst.BaseExpression,
    closing: cst.BaseExpression,
    name: str,
    leading_lines: object,
) -> cst.With:
    assert isinstance(loop, cst.For)
    item = cst.WithItem(cst.Call(closing, [cst.Arg(expression)]), cst.AsName(cst.Name(name)))
    return cst.With(
        items=[item],
        body=cst.IndentedBlock(body=[loop]),
        asynchronous=cst.Asynchronous(),
        leading_lines=leading_lines,  # type: ignore[arg-type]
    )
