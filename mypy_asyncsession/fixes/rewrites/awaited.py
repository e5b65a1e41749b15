"""A coroutine of a session's that nobody awaits: awaited where it is made."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import libcst as cst

from mypy_asyncsession.detectors.time_records import Neglect
from mypy_asyncsession.fixes.cannot_fix import CannotFix
from mypy_asyncsession.fixes.editing.draft import Draft
from mypy_asyncsession.fixes.engine.ignores import unignored
from mypy_asyncsession.fixes.fix import Fix, Site
from mypy_asyncsession.models.sqlalchemy import RESULT_METHODS, STREAMING_METHODS

if TYPE_CHECKING:
    from mypy_asyncsession.findings import Finding, Misuse

#: The codes under which mypy says that something is a coroutine still.
_CODES: Final = frozenset({"attr-defined", "index", "operator", "unused-coroutine"})


def _fits(_finding: Finding, misuse: Misuse) -> bool:
    return misuse.record == "Unawaited" and misuse.how != Neglect.ELSEWHERE.name


def _draft(site: Site) -> Draft:
    source = site.source
    call = source.expression(site.finding.span, site.misuse.text)
    if not source.in_async(call):
        raise CannotFix('only an "async def" can await it')
    for around in source.ancestors(call):
        if isinstance(around, cst.GeneratorExp):
            raise CannotFix("an asynchronous generator would come of it")
        if isinstance(around, cst.FunctionDef):
            break
    bracketed = isinstance(source.parent(call), (cst.Attribute, cst.Subscript))
    new = cst.Await(
        call,
        lpar=[cst.LeftParen()] if bracketed else [],
        rpar=[cst.RightParen()] if bracketed else [],
    )
    draft = Draft(key=("await", source.path, id(call)))
    draft.replace(source, call, _elements(new, site) if _is_indexed(site) else new)
    draft.change(source, source.statement(call), lambda old: unignored(old, _CODES))
    return draft


def _is_indexed(site: Site) -> bool:
    return site.misuse.how == "INDEXED"


def _elements(awaited: cst.Await, site: Site) -> cst.BaseExpression:
    """What has the elements that are asked for: a result has none by itself."""
    method = (site.misuse.callee or "").rpartition(".")[2]
    if method in STREAMING_METHODS:
        raise CannotFix("what it gives has no elements: it is iterated over")
    if method not in RESULT_METHODS:
        return awaited
    return cst.Call(cst.Attribute(awaited, cst.Name("all")))


FIX = Fix(
    summary="a coroutine of a session's that nobody awaits: awaited",
    fits=_fits,
    draft=_draft,
)
