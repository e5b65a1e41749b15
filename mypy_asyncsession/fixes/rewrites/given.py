"""What is given to an exit stack, or to a function that enters it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import libcst as cst
import libcst.matchers as m

from mypy_asyncsession.fixes.cannot_fix import CannotFix
from mypy_asyncsession.fixes.editing.draft import Draft
from mypy_asyncsession.fixes.editing.imports import reachable
from mypy_asyncsession.fixes.editing.names import mentions
from mypy_asyncsession.fixes.engine.callees import callees
from mypy_asyncsession.fixes.engine.ignores import HOLDING, unignored
from mypy_asyncsession.fixes.engine.session_kinds import check_block
from mypy_asyncsession.fixes.fix import Fix, Site
from mypy_asyncsession.fixes.rewrites.managers import adopt, check_generator, manager

if TYPE_CHECKING:
    from mypy_asyncsession.findings import Finding, Misuse

_STACK = ("ENTER_ASYNC_CONTEXT", "ENTER_CONTEXT")
_MAKERS = {"ASYNC_GENERATOR": "asynccontextmanager", "GENERATOR": "contextmanager"}


def _on_stack(_finding: Finding, misuse: Misuse) -> bool:
    return misuse.record == "Use" and misuse.how in _STACK and misuse.via is None


def _enter_on_stack(site: Site) -> Draft:
    source, misuse = site.source, site.misuse
    expression = source.expression(site.finding.span, misuse.text)
    argument = source.parent(expression)
    call = source.parent(argument) if isinstance(argument, cst.Arg) else None
    if not isinstance(call, cst.Call) or not isinstance(call.func, cst.Attribute):
        raise CannotFix("it is part of a larger expression")
    is_async = misuse.how == "ENTER_ASYNC_CONTEXT"
    made = manager(site, expression, prefer_async=is_async)
    _check_bound(site, call)
    draft = Draft(key=("stack", source.path, id(call)))
    draft.replace(source, expression, adopt(draft, site, made))
    if made.is_async and not is_async:
        raise CannotFix("the stack has to be an AsyncExitStack")
    if is_async and not made.is_async:
        awaited = source.parent(call)
        if not isinstance(awaited, cst.Await):
            raise CannotFix("it is part of a larger expression")
        draft.replace(source, call.func.attr, cst.Name("enter_context"))
        draft.change(source, awaited, lambda old: old.expression)  # type: ignore[attr-defined]
    statement = source.around(call, cst.SimpleStatementLine)
    if statement is not None:
        draft.change(source, statement, lambda old: unignored(old, HOLDING))
    return draft


def _check_bound(site: Site, call: cst.Call) -> None:
    """Whether what is done with the session is written for it, where it gets a name."""
    source = site.source
    statement = source.around(call, cst.SimpleStatementLine)
    function = source.function(call)
    if statement is None or not isinstance(function, cst.FunctionDef):
        return
    for line in statement.body:
        if isinstance(line, cst.Assign):
            for target in line.targets:
                check_block(site, source, [function.body], target.target)


def _check_entering(site: Site, expression: cst.BaseExpression) -> None:
    """Whether the function that enters it is written for the session that it will get."""
    call = site.source.parent(site.source.parent(expression))
    if isinstance(call, cst.Call):
        for callee in callees(site.tree, site.source, call, lambda node: node is expression):
            for item in m.findall(callee.function, m.WithItem(asname=m.AsName())):
                assert isinstance(item, cst.WithItem) and item.asname is not None
                if mentions(item.item, callee.parameter):
                    block = callee.source.parent(item)
                    assert isinstance(block, cst.With)
                    check_block(site, callee.source, [block.body], item.asname.name)


def _to_function(_finding: Finding, misuse: Misuse) -> bool:
    return misuse.record == "Use" and misuse.via is not None


def _give(site: Site) -> Draft:
    """A function that enters what it is given, or what a call of that gives."""
    source, misuse = site.source, site.misuse
    expression = source.expression(site.finding.span, misuse.text)
    maker = _MAKERS.get(misuse.holds[0].shape if misuse.holds else "")
    if maker is None or misuse.several or not misuse.how.endswith("WITH"):
        raise CannotFix(f'what to give to "{misuse.via}" cannot be told')
    if (maker == "asynccontextmanager") != misuse.how.startswith("ASYNC"):
        raise CannotFix(f'"{misuse.via}" enters it in another way')
    _check_entering(site, expression)
    draft = Draft(key=("given", source.path, id(expression)))
    if misuse.callee != misuse.text:
        draft.replace(source, expression, adopt(draft, site, manager(site, expression)))
        return draft
    check_generator(site)
    name, imported = reachable(source, "contextlib", maker)
    draft.need(source, imported)
    call = cst.Call(cst.parse_expression(name), [cst.Arg(expression)])
    draft.replace(source, expression, call)
    return draft


STACK = Fix(
    summary="an exit stack: the generator entered, the coroutine awaited, the provider called",
    fits=_on_stack,
    draft=_enter_on_stack,
)
FUNCTION = Fix(
    summary='a generator given to a function that enters it: "asynccontextmanager" around it',
    fits=_to_function,
    draft=_give,
)
