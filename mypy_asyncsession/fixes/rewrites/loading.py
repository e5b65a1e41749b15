"""A relationship that an instance was loaded without: the loader option, where the query is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import libcst as cst

from mypy_asyncsession.fixes.cannot_fix import CannotFix
from mypy_asyncsession.fixes.editing.draft import Draft
from mypy_asyncsession.fixes.editing.imports import reachable
from mypy_asyncsession.fixes.fix import Fix, Site

if TYPE_CHECKING:
    from mypy_asyncsession.findings import Finding, Misuse


def _fits(_finding: Finding, misuse: Misuse) -> bool:
    return misuse.record == "LazyLoad" and misuse.made is not None and misuse.name is not None


def _draft(site: Site) -> Draft:
    source, misuse = site.source, site.misuse
    assert misuse.made is not None
    assert misuse.name is not None
    if misuse.how == "NEW":
        raise CannotFix("decide where it is loaded")
    query = source.expression(misuse.made, misuse.text)
    assert isinstance(query, cst.Call)
    draft = Draft(key=("load", source.path, id(query), misuse.name))
    loader, imported = reachable(source, "sqlalchemy.orm", "selectinload")
    draft.need(source, imported)
    option = cst.Call(cst.parse_expression(loader), [cst.Arg(cst.parse_expression(misuse.name))])
    if misuse.how == "GET":
        if any(each.keyword is not None and each.keyword.value == "options" for each in query.args):
            raise CannotFix("it has options already")
        given = cst.Arg(
            cst.List([cst.Element(option)]),
            keyword=cst.Name("options"),
            equal=cst.AssignEqual(cst.SimpleWhitespace(""), cst.SimpleWhitespace("")),
        )
        last = query.args[-1]
        args = [*query.args[:-1], last.with_changes(comma=cst.MaybeSentinel.DEFAULT), given]
        draft.replace(source, query, query.with_changes(args=args))
    elif (beside := _options_of(site, query)) is not None:
        args = [*beside.args]
        args[-1] = args[-1].with_changes(comma=cst.MaybeSentinel.DEFAULT)
        draft.replace(source, beside, beside.with_changes(args=[*args, cst.Arg(option)]))
    else:
        draft.replace(
            source,
            query,
            cst.Call(cst.Attribute(query, cst.Name("options")), [cst.Arg(option)]),
        )
    return draft


def _options_of(site: Site, query: cst.Call) -> cst.Call | None:
    """``select(User).options(...)``: the call of ``options`` next to the query."""
    attribute = site.source.parent(query)
    if not isinstance(attribute, cst.Attribute) or attribute.attr.value != "options":
        return None
    call = site.source.parent(attribute)
    return call if isinstance(call, cst.Call) and call.func is attribute and call.args else None


FIX = Fix(
    summary="a relationship that would be loaded lazily: the loader option, in the query",
    fits=_fits,
    draft=_draft,
)
