"""``async with`` and ``with`` over what is not entered that way."""

from __future__ import annotations

from typing import TYPE_CHECKING

import libcst as cst

from mypy_asyncsession.fixes.cannot_fix import CannotFix
from mypy_asyncsession.fixes.editing.draft import Draft
from mypy_asyncsession.fixes.editing.names import only_binding
from mypy_asyncsession.fixes.engine.ignores import unignored
from mypy_asyncsession.fixes.engine.session_kinds import check_block
from mypy_asyncsession.fixes.fix import Fix, Site, Style
from mypy_asyncsession.fixes.rewrites import closing
from mypy_asyncsession.fixes.rewrites.managers import Manager, adopt, manager

if TYPE_CHECKING:
    from mypy_asyncsession.findings import Finding, Misuse

_STATEMENTS = ("ASYNC_WITH", "WITH")


def _fits(_finding: Finding, misuse: Misuse) -> bool:
    return misuse.record == "Use" and misuse.how in _STATEMENTS and misuse.via is None


def _draft(site: Site) -> Draft:
    source, misuse = site.source, site.misuse
    expression = source.expression(site.finding.span, misuse.text)
    item = source.parent(expression)
    if not isinstance(item, cst.WithItem):
        raise CannotFix("it is part of a larger expression")
    statement = source.parent(item)
    assert isinstance(statement, cst.With)
    draft = Draft(key=("with", source.path, id(item)))
    _check_block(site, statement, item)
    if isinstance(expression, cst.Name) and misuse.callee is None and _is_made(site):
        return _where_it_is_made(site, draft, expression, statement)
    made = manager(site, expression, prefer_async=statement.asynchronous is not None)
    if made.of_generator and made.is_async and site.style is Style.ASYNC_FOR:
        closing.of_with(site, draft, statement, item, expression)
        return draft
    enter(site, draft, statement, item, made)
    return draft


def _is_made(site: Site) -> bool:
    return bool(site.misuse.holds) and site.misuse.holds[0].shape in (
        "ASYNC_GENERATOR",
        "GENERATOR",
    )


def _where_it_is_made(site: Site, draft: Draft, name: cst.Name, statement: cst.With) -> Draft:
    """``generator = get_db()`` above: it is made a manager of there."""
    binding, value = only_binding(site.source, name, mentions=2)
    made = manager(site, value, prefer_async=statement.asynchronous is not None)
    if made.is_async != (statement.asynchronous is not None):
        raise CannotFix("it is made somewhere else")
    draft.replace(site.source, value, adopt(draft, site, made))
    draft.change(site.source, statement, unignored)
    draft.key = ("made", site.source.path, id(binding))
    return draft


def enter(site: Site, draft: Draft, statement: cst.With, item: cst.WithItem, made: Manager) -> None:
    """Enter *made* in the place of what an item of a ``with`` statement enters.

    Raises:
        CannotFix: It is entered in another way than the items beside it.
    """
    source = site.source
    if made.is_async and not source.in_async(statement):
        raise CannotFix('only an "async def" can enter it')
    _check_block(site, statement, item)
    expression = adopt(draft, site, made)
    is_async = statement.asynchronous is not None
    if made.is_async == is_async:
        draft.replace(source, item.item, expression)
        draft.change(source, statement, unignored)
        return
    if len(statement.items) > 1 and _has_comment(site, statement):
        raise CannotFix("the statement enters others in another way, and has comments among them")

    def keyed(old: cst.CSTNode) -> cst.CSTNode:
        assert isinstance(old, cst.With)
        position = list(statement.items).index(item)
        items = list(old.items)
        items[position] = items[position].with_changes(item=expression)
        return unignored(_split(old, items, position, is_async=is_async))

    draft.change(source, statement, keyed)


def _check_block(site: Site, statement: cst.With, item: cst.WithItem) -> None:
    if item.asname is not None:
        check_block(site, site.source, [statement.body], item.asname.name)


def _split(
    statement: cst.With, items: list[cst.WithItem], position: int, *, is_async: bool
) -> cst.With:
    """The statement with one item entered the other way, and in the same order."""
    groups = [
        (is_async, items[:position]),
        (not is_async, [items[position]]),
        (is_async, items[position + 1 :]),
    ]
    groups = [(way, group) for way, group in groups if group]
    if len(groups) == 1:
        return statement.with_changes(asynchronous=_keyword(groups[0][0]), items=items)
    body: cst.BaseSuite = statement.body
    result = statement
    for number, (way, group) in reversed(list(enumerate(groups))):
        group[-1] = group[-1].with_changes(comma=cst.MaybeSentinel.DEFAULT)
        result = cst.With(items=group, body=body, asynchronous=_keyword(way))
        if number:
            body = cst.IndentedBlock(body=[result])
    return result.with_changes(leading_lines=statement.leading_lines)


def _keyword(is_async: bool) -> cst.Asynchronous | None:
    return cst.Asynchronous() if is_async else None


def _has_comment(site: Site, statement: cst.With) -> bool:
    return any("#" in site.source.code(item) for item in statement.items)


FIX = Fix(
    summary='"async with" and "with": the generator entered, the coroutine awaited, '
    "the provider called, the right keyword",
    fits=_fits,
    draft=_draft,
)
