"""What is made and then used without ever being entered: a ``with`` around what uses it."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeGuard

import libcst as cst
import libcst.matchers as m

from mypy_asyncsession.fixes.cannot_fix import CannotFix
from mypy_asyncsession.fixes.editing.draft import Change, Draft
from mypy_asyncsession.fixes.editing.names import (
    assigned,
    binding_of,
    binds,
    fresh,
    only_binding,
)
from mypy_asyncsession.fixes.editing.source_file import written
from mypy_asyncsession.fixes.engine.ignores import HOLDING, unignored
from mypy_asyncsession.fixes.engine.session_kinds import check_block, check_given
from mypy_asyncsession.fixes.fix import Fix, Site
from mypy_asyncsession.fixes.rewrites.blocks import beginning
from mypy_asyncsession.fixes.rewrites.loops import check_doubles, enter_loop
from mypy_asyncsession.fixes.rewrites.managers import Manager, adopt, call_of, manager
from mypy_asyncsession.fixes.rewrites.regions import region
from mypy_asyncsession.fixes.rewrites.starting import (
    await_above,
    check_gives_itself,
    check_no_thread,
)
from mypy_asyncsession.fixes.rewrites.with_items import enter

if TYPE_CHECKING:
    from mypy_asyncsession.findings import Finding, Misuse
    from mypy_asyncsession.fixes.editing.source_file import SourceFile

_NEXT = ("ANEXT", "NEXT")
_BY_HAND = ("AENTER", "ANEXT_METHOD", "NEXT_METHOD")
_BEGINNING = ("begin", "begin_nested")
_UNCALLED = ("FUNCTION", "CLASS", "SESSIONMAKER")


def _fits(_finding: Finding, misuse: Misuse) -> bool:
    if misuse.record == "UnenteredUse":
        return misuse.how in ("ATTRIBUTE", "ARGUMENT", "UNOPENED", "UNSTARTED")
    if misuse.record == "EarlyExit":
        return misuse.how == "ANEXT"
    if misuse.record != "Use" or misuse.via is not None:
        return False
    return misuse.how in ("AWAIT", *_NEXT) or (
        # What has a name may be left by hand as well.
        misuse.how in _BY_HAND and misuse.callee is not None
    )


def _draft(site: Site) -> Draft:
    source, misuse = site.source, site.misuse
    draft = Draft()
    if misuse.record == "EarlyExit":
        check_doubles(site)
        call = source.find(site.finding.span, lambda node: _stepped(node) is not None)
        expression = _stepped(call)
        assert expression is not None and isinstance(call, cst.Call)
        outer: cst.BaseExpression = call
    else:
        expression = source.expression(site.finding.span, misuse.text)
        outer = expression
    check_no_thread(site, outer)
    parent = source.parent(outer)
    if misuse.how in _NEXT and isinstance(parent, cst.Arg):
        outer = _call_of(site, parent)
        parent = source.parent(outer)
    if misuse.how in _BY_HAND and isinstance(parent, cst.Attribute):
        call = source.parent(parent)
        assert isinstance(call, cst.Call)
        outer, parent = call, source.parent(call)
    if isinstance(parent, cst.Await) and (misuse.record != "UnenteredUse"):
        outer, parent = parent, source.parent(parent)
    elif misuse.how == "AWAIT":
        raise CannotFix("it is awaited by a function that it is given to")
    if misuse.how == "AWAIT" and _await_alone(site, draft, expression, outer):
        return draft
    if misuse.how == "UNSTARTED" and _is_begun(expression, site):
        await_above(site, draft, expression)
    elif misuse.record == "UnenteredUse" and _is_made_above(expression, site):
        _made_above(site, draft, expression)
    elif isinstance(expression, cst.Name) and not _is_uncalled(site):
        _stepped_through(site, draft, expression, outer)
    elif isinstance(parent, (cst.Assign, cst.AnnAssign)):
        _bound_here(site, draft, expression, outer)
    else:
        _inside(site, draft, expression, outer)
    return draft


def _is_uncalled(site: Site) -> bool:
    return bool(site.misuse.holds) and site.misuse.holds[0].shape in _UNCALLED


def _stepped(call: cst.CSTNode) -> cst.BaseExpression | None:
    """The generator that a call takes a step of, if it is such a call."""
    if not isinstance(call, cst.Call):
        return None
    if written(call.func).rpartition(".")[2] == "anext" and call.args:
        return call.args[0].value
    if isinstance(call.func, cst.Attribute) and call.func.attr.value in (
        "__anext__",
        "asend",
    ):
        return call.func.value
    return None


def _call_of(site: Site, argument: cst.Arg) -> cst.Call:
    call = site.source.parent(argument)
    assert isinstance(call, cst.Call)
    if len(call.args) > 1:
        raise CannotFix("there is a default for when nothing is left")
    return call


def _await_alone(
    site: Site, draft: Draft, expression: cst.BaseExpression, outer: cst.BaseExpression
) -> bool:
    """Where one word is the whole mistake: a call left out, or an ``await`` too many."""
    source, holds = site.source, site.misuse.holds
    around = source.parent(outer)
    if isinstance(around, cst.WithItem):
        statement = source.parent(around)
        assert isinstance(statement, cst.With)
        made = manager(site, expression, prefer_async=statement.asynchronous is not None)
        draft.key = ("with", source.path, id(around))
        enter(site, draft, statement, around, made)
        return True
    if isinstance(around, cst.For):
        draft.key = ("loop", source.path, id(around))
        enter_loop(site, draft, around, expression)
        return True
    if _is_uncalled(site) and holds[1:] and holds[1].shape == "COROUTINE":
        draft.key = ("call", source.path, id(expression))
        draft.replace(source, expression, call_of(expression, holds[0]))
        draft.change(source, source.statement(outer), unignored)
        return True
    return False


def _is_made_above(expression: cst.BaseExpression, site: Site) -> TypeGuard[cst.Name]:
    """Whether an expression is a name that what was made is kept in."""
    if not isinstance(expression, cst.Name):
        return False
    function = site.source.function(expression)
    bound = binds(function.body) if function is not None else set()
    return not _is_uncalled(site) or expression.value in bound


def _is_begun(expression: cst.BaseExpression, site: Site) -> TypeGuard[cst.Name]:
    """Whether this is a transaction that ``begin()`` or ``begin_nested()`` is to start."""
    callee = site.misuse.callee or ""
    return isinstance(expression, cst.Name) and callee.rpartition(".")[2] in _BEGINNING


def _made_above(site: Site, draft: Draft, name: cst.Name) -> None:
    """``session = get_db()`` above: the block begins there."""
    binding, value = binding_of(site.source, name)
    if site.misuse.how == "UNOPENED":
        check_gives_itself(site, value)
    made = _manager(site, value)
    _enter_rest(site, draft, binding, name.value, made)
    statement = site.source.statement(name)
    if statement is not binding:
        draft.shared["ignores", site.source.path, id(statement)] = _unignore(site, statement)


def _stepped_through(site: Site, draft: Draft, name: cst.Name, outer: cst.BaseExpression) -> None:
    """``generator = get_db()`` and then ``session = await anext(generator)``."""
    source = site.source
    maker, value = only_binding(source, name, mentions=2)
    made = _manager(site, value)
    statement = source.statement(outer)
    target = _target(source.parent(outer))
    if not isinstance(statement, cst.SimpleStatementLine) or target is None:
        raise CannotFix(f'"{name.value}" is not simply assigned from')
    if source.parent(maker) is not source.parent(statement):
        raise CannotFix(f'"{name.value}" is made in another block')
    _enter_rest(site, draft, statement, target, made, without=maker)


def _bound_here(
    site: Site, draft: Draft, expression: cst.BaseExpression, outer: cst.BaseExpression
) -> None:
    """``session = await get_cm()``: the block begins here."""
    statement = site.source.statement(outer)
    target = _target(site.source.parent(outer))
    if not isinstance(statement, cst.SimpleStatementLine) or target is None:
        raise CannotFix("it is kept in more than a name of the function's own")
    _enter_rest(site, draft, statement, target, _manager(site, expression))


def _target(assignment: cst.CSTNode) -> str | None:
    """The one name that is assigned to."""
    if isinstance(assignment, cst.Assign) and len(assignment.targets) == 1:
        target = assignment.targets[0].target
    elif isinstance(assignment, cst.AnnAssign):
        target = assignment.target
    else:
        return None
    return target.value if isinstance(target, cst.Name) else None


def _manager(site: Site, expression: cst.BaseExpression) -> Manager:
    made = manager(site, expression)
    if not made.is_async and site.misuse.how == "AWAIT":
        raise CannotFix("it is no awaitable at all: what was meant cannot be told")
    if not site.source.in_async(expression) and made.is_async:
        raise CannotFix('only an "async def" can enter it')
    return made


def _enter_rest(
    site: Site,
    draft: Draft,
    statement: cst.SimpleStatementLine,
    name: str,
    made: Manager,
    without: cst.SimpleStatementLine | None = None,
) -> None:
    """Put what uses *name* below *statement* into a block that binds it instead.

    Raises:
        CannotFix: It cannot be told what uses it, or it is used where no block can reach.
    """
    source = site.source
    assert assigned(statement, name) is not None
    block = source.parent(statement)
    if not isinstance(block, cst.IndentedBlock):
        raise CannotFix("it is at the top level of the module")
    first, last = region(source, block, statement, name)
    check_block(site, source, block.body[first + 1 : last + 1], cst.Name(name))
    expression = adopt(draft, site, made)

    def entered(old: cst.CSTNode) -> cst.CSTNode:
        assert isinstance(old, cst.IndentedBlock)
        body = list(old.body)
        begin = body[first]
        assert isinstance(begin, cst.SimpleStatementLine)
        inner = cst.With(
            items=[cst.WithItem(expression, cst.AsName(cst.Name(name)))],
            body=cst.IndentedBlock(
                body=beginning(body[first + 1 : last + 1]),
                header=unignored(begin, HOLDING | {"misc"}).trailing_whitespace,  # type: ignore[attr-defined]
            ),
            asynchronous=cst.Asynchronous() if made.is_async else None,
            leading_lines=begin.leading_lines,
        )
        body[first : last + 1] = [inner]
        if without is not None:
            place = list(block.body).index(without)
            gone = body.pop(place)
            leading = [line for line in gone.leading_lines if line.comment is not None]  # type: ignore[attr-defined]
            following = body[place]
            body[place] = following.with_changes(
                leading_lines=[*leading, *following.leading_lines]  # type: ignore[attr-defined]
            )
        return old.with_changes(body=body)

    draft.key = ("wrap", source.path, id(statement))
    draft.change(source, block, entered)


def _inside(
    site: Site, draft: Draft, expression: cst.BaseExpression, outer: cst.BaseExpression
) -> None:
    """``await use(get_db())``: a block around the statement.

    Raises:
        CannotFix: The statement does not always evaluate the expression, or does more than that.
    """
    source = site.source
    statement = source.statement(outer)
    if not isinstance(statement, cst.SimpleStatementLine) or len(statement.body) != 1:
        raise CannotFix("it is part of a larger statement")
    if isinstance(statement.body[0], cst.Expr) and statement.body[0].value is outer:
        raise CannotFix("nothing uses it")
    for around in source.ancestors(outer):
        if around is statement:
            break
        if not isinstance(around, _ALWAYS):
            raise CannotFix("it is not always evaluated, or in the middle of something else")
    if site.misuse.holds and not any(held.resource for held in site.misuse.holds):
        raise CannotFix("it is not a session, and may have to stay open")
    if isinstance(statement.body[0], cst.Return) and statement.body[0].value is outer:
        raise CannotFix("it is returned, to be used by others")
    check_given(site, outer)
    held = _holder(source, statement, outer)
    if held is None:
        _check_kept(statement, outer)
    made = _manager(site, expression)
    name = fresh(source, outer, ("session", "db_session"))
    manager_expression = adopt(draft, site, made)
    draft.key = ("inside", source.path, id(outer))
    draft.replace(source, outer, cst.Name(name))

    def entered(old: cst.CSTNode) -> cst.CSTNode:
        assert isinstance(old, cst.SimpleStatementLine)
        inner = unignored(old.with_changes(leading_lines=[]), HOLDING)
        assert isinstance(inner, cst.SimpleStatementLine)
        return cst.With(
            items=[cst.WithItem(manager_expression, cst.AsName(cst.Name(name)))],
            body=cst.IndentedBlock(body=[inner]),
            asynchronous=cst.Asynchronous() if made.is_async else None,
            leading_lines=old.leading_lines,
        )

    if held is None:
        draft.change(source, statement, entered)
        return
    block, (first, last) = held

    def entered_rest(old: cst.CSTNode) -> cst.CSTNode:
        assert isinstance(old, cst.IndentedBlock)
        body = list(old.body)
        inner = entered(body[first])
        assert isinstance(inner, cst.With)
        inside = [*inner.body.body, *body[first + 1 : last + 1]]
        body[first : last + 1] = [inner.with_changes(body=cst.IndentedBlock(body=inside))]
        return old.with_changes(body=body)

    draft.change(source, block, entered_rest)


def _holder(
    source: SourceFile, statement: cst.SimpleStatementLine, outer: cst.BaseExpression
) -> tuple[cst.IndentedBlock, tuple[int, int]] | None:
    """``repository = Repository(get_db())``: the statements that have to do with the holder.

    Raises:
        CannotFix: It is used where no block can reach.
    """
    target = _target(statement.body[0])
    value = statement.body[0].value if target is not None else None  # type: ignore[attr-defined]
    block = source.parent(statement)
    if (
        target is None
        or not isinstance(value, cst.Call)
        or not isinstance(block, cst.IndentedBlock)
    ):
        return None
    if not any(argument.value is outer for argument in value.args):
        return None
    return block, region(source, block, statement, target)


_ALWAYS = (
    cst.Arg,
    cst.Assign,
    cst.Attribute,
    cst.Await,
    cst.Call,
    cst.Expr,
    cst.Return,
)


def _check_kept(statement: cst.SimpleStatementLine, outer: cst.BaseExpression) -> None:
    """Whether what the expression is given to may keep it: what is not awaited may.

    Raises:
        CannotFix: It may.
    """
    awaited = m.findall(statement, m.Await())
    if not any(m.findall(each, m.MatchIfTrue(lambda node: node is outer)) for each in awaited):
        raise CannotFix("it may have to stay open after the statement")


def _unignore(site: Site, statement: cst.BaseStatement) -> Change:
    return Change(site.source, statement, lambda old: unignored(old, HOLDING))


FIX = Fix(
    summary="what is awaited, stepped or used without being entered: a block around what uses it",
    fits=_fits,
    draft=_draft,
)
