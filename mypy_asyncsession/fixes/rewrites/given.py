"""What is given to an exit stack, or to a function that enters it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import libcst as cst
import libcst.matchers as m

from mypy_asyncsession.fixes.cannot_fix import CannotFix
from mypy_asyncsession.fixes.editing.draft import Change, Draft
from mypy_asyncsession.fixes.editing.imports import reachable
from mypy_asyncsession.fixes.editing.names import mentions
from mypy_asyncsession.fixes.editing.source_file import written
from mypy_asyncsession.fixes.engine.callees import callees
from mypy_asyncsession.fixes.engine.ignores import HOLDING, unignored
from mypy_asyncsession.fixes.engine.session_kinds import check_block
from mypy_asyncsession.fixes.fix import Fix, Site
from mypy_asyncsession.fixes.rewrites.managers import adopt, check_generator, manager

if TYPE_CHECKING:
    from mypy_asyncsession.findings import Finding, Misuse
    from mypy_asyncsession.fixes.editing.source_file import SourceFile

#: The methods that enter a context manager asynchronously, and otherwise.
_ASYNC = {
    "ENTER_ASYNC_CONTEXT": "enter_async_context",
    "TEST_ENTER_ASYNC_CONTEXT": "enterAsyncContext",
}
_SYNC = {"ENTER_CONTEXT": "enter_context", "TEST_ENTER_CONTEXT": "enterContext"}
_MAKERS = {"ASYNC_GENERATOR": "asynccontextmanager", "GENERATOR": "contextmanager"}


def _on_stack(_finding: Finding, misuse: Misuse) -> bool:
    return misuse.record == "Use" and misuse.how in {**_ASYNC, **_SYNC} and misuse.via is None


def _enter_on_stack(site: Site) -> Draft:
    source, misuse = site.source, site.misuse
    expression = source.expression(site.finding.span, misuse.text)
    argument = source.parent(expression)
    call = source.parent(argument) if isinstance(argument, cst.Arg) else None
    if not isinstance(call, cst.Call) or not isinstance(call.func, cst.Attribute):
        raise CannotFix("it is part of a larger expression")
    is_async = misuse.how in _ASYNC
    made = manager(site, expression, prefer_async=is_async)
    _check_bound(site, call)
    draft = Draft(key=("stack", source.path, id(call)))
    draft.replace(source, expression, adopt(draft, site, made))
    if made.is_async and not is_async:
        _make_async(site, draft, call)
    if is_async and not made.is_async:
        awaited = source.parent(call)
        if not isinstance(awaited, cst.Await):
            raise CannotFix("it is part of a larger expression")
        sync = "enterContext" if misuse.how.startswith("TEST") else "enter_context"
        draft.replace(source, call.func.attr, cst.Name(sync))
        draft.change(source, awaited, lambda old: old.expression)  # type: ignore[attr-defined]
    statement = source.around(call, cst.SimpleStatementLine)
    if statement is not None:
        draft.change(source, statement, lambda old: unignored(old, HOLDING))
    return draft


def _make_async(site: Site, draft: Draft, call: cst.Call) -> None:
    """``stack.enter_context(SessionLocal())``: the stack becomes an ``AsyncExitStack``.

    Raises:
        CannotFix: It is made elsewhere, or used in a way that such a stack does not know.
    """
    source = site.source
    assert isinstance(call.func, cst.Attribute)
    if site.misuse.how != "ENTER_CONTEXT" or not isinstance(call.func.value, cst.Name):
        raise CannotFix("the stack has to be an AsyncExitStack")
    if not source.in_async(call):
        raise CannotFix('only an "async def" can enter it')
    name = call.func.value.value
    statement = _stack_of(source, call, name)
    if statement is None:
        raise CannotFix("the stack has to be an AsyncExitStack")
    for around in source.ancestors(call):
        if isinstance(around, (cst.GeneratorExp, cst.Lambda)):
            raise CannotFix("it is evaluated later")
        if around is statement:
            break
    draft.replace(source, call.func.attr, cst.Name("enter_async_context"))
    bracketed = isinstance(source.parent(call), (cst.Attribute, cst.Subscript, cst.Call))

    def awaited(old: cst.CSTNode) -> cst.CSTNode:
        assert isinstance(old, cst.Call)
        return cst.Await(
            old,
            lpar=[cst.LeftParen()] if bracketed else [],
            rpar=[cst.RightParen()] if bracketed else [],
        )

    draft.change(source, call, awaited)
    if statement.asynchronous is not None:
        return
    function = source.function(statement)
    assert function is not None
    for found in mentions(function, name):
        used = source.parent(found)
        if not isinstance(used, cst.AsName) and not (
            isinstance(used, cst.Attribute)
            and used.attr.value in ("callback", "enter_context", "push")
            and isinstance(source.parent(used), cst.Call)
        ):
            raise CannotFix("the stack has to be an AsyncExitStack")
    made = statement.items[0].item
    assert isinstance(made, cst.Call)
    text, imported = reachable(source, "contextlib", "AsyncExitStack")
    draft.need(source, imported)
    maker = cst.parse_expression(text)
    # Everything that is put on it says so; it is written once.
    draft.shared["stack", source.path, id(statement)] = Change(
        source, statement, lambda old: old.with_changes(asynchronous=cst.Asynchronous())
    )
    draft.shared["stack", source.path, id(made)] = Change(source, made.func, lambda _old: maker)
    if isinstance(made.func, cst.Name) and site.tree.is_own(source, made.func.value):
        draft.spare.append((source, made.func.value))


def _stack_of(source: SourceFile, call: cst.Call, name: str) -> cst.With | None:
    """The block that is there for the stack of that name alone."""
    function = source.function(call)
    for around in source.ancestors(call):
        if around is function:
            return None
        if (
            isinstance(around, cst.With)
            and len(around.items) == 1
            and m.matches(around.items[0], m.WithItem(asname=m.AsName(m.Name(name))))
            and isinstance(around.items[0].item, cst.Call)
            and not around.items[0].item.args
        ):
            made = written(around.items[0].item.func).rpartition(".")[2]
            wanted = "ExitStack" if around.asynchronous is None else "AsyncExitStack"
            return around if made == wanted else None
    return None


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
    if maker is None or misuse.several or misuse.part or not misuse.how.endswith("WITH"):
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
