"""``async for`` and ``for`` over what is entered, and over what is then left too early."""

from __future__ import annotations

from typing import TYPE_CHECKING

import libcst as cst
import libcst.matchers as m

from mypy_asyncsession.fixes.cannot_fix import CannotFix
from mypy_asyncsession.fixes.editing.draft import Draft
from mypy_asyncsession.fixes.editing.names import only_binding
from mypy_asyncsession.fixes.editing.source_file import written
from mypy_asyncsession.fixes.engine.ignores import unignored
from mypy_asyncsession.fixes.engine.session_kinds import check_block
from mypy_asyncsession.fixes.fix import Fix, Site, Style
from mypy_asyncsession.fixes.rewrites import closing
from mypy_asyncsession.fixes.rewrites.blocks import ends, goes_on, is_last, leaves, settled
from mypy_asyncsession.fixes.rewrites.managers import Manager, adopt, call_of, manager, operand
from mypy_asyncsession.fixes.rewrites.regions import check_stays
from mypy_asyncsession.semantic.shapes import Can, Shape

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mypy_asyncsession.findings import Finding, Misuse

_EXITS = {"BREAK": cst.Break, "RETURN": cst.Return, "RAISE": cst.Raise}
_UNCALLED = (Shape.FUNCTION.name, Shape.CLASS.name, Shape.SESSIONMAKER.name)
_ENTERABLE = Can.ASYNC_ENTER | Can.ENTER


def _iterates(_finding: Finding, misuse: Misuse) -> bool:
    return misuse.record == "Use" and misuse.how in ("ASYNC_FOR", "FOR") and misuse.via is None


def _iterate(site: Site) -> Draft:
    """A loop over what is no iterable of that kind."""
    source, misuse = site.source, site.misuse
    expression = source.expression(site.finding.span, misuse.text)
    loop = source.parent(expression)
    if not isinstance(loop, cst.For):
        raise CannotFix("a comprehension has no place for it")
    if misuse.several:
        raise CannotFix("it may be one of several things")
    if misuse.callee in ("aiter", "iter"):
        raise CannotFix("what is wrong is what that is given")
    draft = Draft(key=("loop", source.path, id(loop)))
    check_block(site, source, [loop.body], loop.target)
    new, holds = expression, list(misuse.holds)
    while holds and holds[0].shape in (*_UNCALLED, Shape.COROUTINE.name):
        if holds[0].shape == Shape.COROUTINE.name:
            if not source.in_async(loop):
                raise CannotFix('it is to be awaited, which takes an "async def"')
            new = cst.Await(operand(new))
        else:
            new = call_of(new, holds[0])
        holds.pop(0)
    can = Can(holds[0].can) if holds else Can.NOTHING
    wanted, other = Can.ITERATE, Can.ASYNC_ITERATE
    if loop.asynchronous is not None:
        wanted, other = other, wanted
    if can & _ENTERABLE and not can & wanted:
        _to_with(site, draft, loop, manager(site, expression))
    elif can & wanted and new is not expression:
        draft.replace(source, expression, new)
        draft.change(source, loop, unignored)
    elif can & other:
        _other_keyword(site, draft, loop, expression, new)
    else:
        raise CannotFix("there is nothing in it to iterate over")
    return draft


def _other_keyword(
    site: Site, draft: Draft, loop: cst.For, expression: cst.BaseExpression, new: cst.BaseExpression
) -> None:
    """The keyword is the one mistake, unless the provider is left early as well."""
    to_async = loop.asynchronous is None
    if to_async and not site.source.in_async(loop):
        raise CannotFix('only an "async def" can iterate over it')
    yields = site.misuse.yields
    if to_async and new is expression and yields is not None and yields.once and leaves(loop.body):
        _enter(site, draft, loop, expression)
        return

    def keyed(old: cst.CSTNode) -> cst.CSTNode:
        keyword = cst.Asynchronous() if to_async else None
        return unignored(old.with_changes(asynchronous=keyword, iter=new))

    draft.change(site.source, loop, keyed)


def _leaves(_finding: Finding, misuse: Misuse) -> bool:
    return misuse.record == "EarlyExit" and misuse.how in _EXITS


def _leave(site: Site) -> Draft:
    """A loop over a provider that is left at the provider's yield."""
    source, misuse = site.source, site.misuse
    statement = source.find(site.finding.span, lambda node: isinstance(node, _EXITS[misuse.how]))
    loop = next(
        (
            each
            for each in source.ancestors(statement)
            if isinstance(each, cst.For)
            and each.asynchronous is not None
            and written(each.iter) == misuse.text
        ),
        None,
    )
    if loop is None:
        raise CannotFix("the loop was not found again in the file")
    draft = Draft(key=("loop", source.path, id(loop)))
    _enter(site, draft, loop, loop.iter)
    return draft


def _delegates(_finding: Finding, misuse: Misuse) -> bool:
    return misuse.record == "EarlyExit" and misuse.how == "DELEGATION"


def _delegate(site: Site) -> Draft:
    """A provider that hands on, from a loop, what another yields."""
    source = site.source
    expression = source.expression(site.finding.span, site.misuse.text)
    loop = source.parent(expression)
    if not isinstance(loop, cst.For):
        raise CannotFix("the loop was not found again in the file")
    draft = Draft(key=("loop", source.path, id(loop)))
    _enter(site, draft, loop, expression)
    return draft


def enter_loop(site: Site, draft: Draft, loop: cst.For, expression: cst.BaseExpression) -> None:
    """Enter what a loop is to go through, where the loop has to be left as it is.

    Raises:
        CannotFix: It cannot be entered, or not be left as the loop is.
    """
    check_block(site, site.source, [loop.body], loop.target)
    yields = site.misuse.yields
    is_async = site.misuse.holds[0].shape == "ASYNC_GENERATOR" if site.misuse.holds else False
    if is_async and yields is not None and not leaves(loop.body) and loop.asynchronous is not None:
        draft.replace(site.source, loop.iter, expression)
        draft.change(site.source, loop, unignored)
    else:
        _to_with(site, draft, loop, manager(site, expression))


def _enter(site: Site, draft: Draft, loop: cst.For, expression: cst.BaseExpression) -> None:
    """Enter a generator instead of iterating over it.

    Raises:
        CannotFix: It cannot be entered, or not wherever a loop can go through it.
    """
    check_doubles(site)
    check_block(site, site.source, [loop.body], loop.target)
    yields = site.misuse.yields
    if yields is not None and not yields.always:
        provider = site.misuse.callee or site.misuse.name or site.misuse.text
        raise CannotFix(
            f'"{provider}" may yield nothing: a loop passes over that, "async with" fails'
        )
    if isinstance(expression, cst.Name):
        if _enter_closed(site, draft, loop, expression):
            return
        binding, value = only_binding(site.source, expression, mentions=2)
        made = manager(site, value)
        if _is_above(site, binding, loop):
            draft.change(site.source, binding, lambda _old: cst.RemoveFromParent())
            _to_with(site, draft, loop, made, binding.leading_lines)
            return
        draft.replace(site.source, value, adopt(draft, site, made))
        _to_with(site, draft, loop, Manager(expression, made.is_async))
        return
    made = manager(site, expression)
    if site.style is Style.ASYNC_FOR:
        check_stays(site.source, loop)
        closing.of_loop(site, draft, loop, expression)
    else:
        _to_with(site, draft, loop, made)


def _is_above(site: Site, binding: cst.SimpleStatementLine, loop: cst.For) -> bool:
    """Whether a name is given to a generator for the loop below, and needs no name any more."""
    block = site.source.parent(loop)
    return (
        isinstance(block, cst.IndentedBlock)
        and isinstance(binding.body[0], cst.Assign)
        and binding.trailing_whitespace.comment is None
        and binding in block.body
        and block.body[list(block.body).index(binding) + 1] is loop
        and not any(line.comment for line in loop.leading_lines)
    )


def _enter_closed(site: Site, draft: Draft, loop: cst.For, name: cst.Name) -> bool:
    """Where ``aclosing`` is there for nothing but the loop, both become one block."""
    source = site.source
    block = source.parent(loop)
    statement = source.parent(block)
    if not isinstance(statement, cst.With) or len(statement.items) != 1:
        return False
    item = statement.items[0]
    call = item.item
    if (
        item.asname is None
        or not isinstance(item.asname.name, cst.Name)
        or item.asname.name.value != name.value
        or not isinstance(call, cst.Call)
        or written(call.func).rpartition(".")[2] != "aclosing"
        or list(statement.body.body) != [loop]
        or loop.orelse is not None
    ):
        return False
    made = manager(site, call.args[0].value)
    check_stays(source, loop)
    settled(loop.body)
    target = _as_target(loop.target)
    expression = adopt(draft, site, made)

    def entered(old: cst.CSTNode) -> cst.CSTNode:
        assert isinstance(old, cst.With)
        inner = old.body.body[0]
        assert isinstance(inner, cst.For)
        return old.with_changes(
            items=[cst.WithItem(expression, cst.AsName(target))], body=settled(inner.body)
        )

    draft.change(source, statement, entered)
    if isinstance(call.func, cst.Name) and site.tree.is_own(source, call.func.value):
        draft.spare.append((source, call.func.value))
    return True


def check_doubles(site: Site) -> None:
    """Whether what works, tests included, goes on to work if a generator is entered.

    Raises:
        CannotFix: A double stands for the generator that can only be iterated over.
    """
    provider = site.misuse.callee or site.misuse.name or site.misuse.text
    path = site.tree.only_iterated(
        provider.rpartition(".")[2], _where_patched(site, provider), member="." in provider
    )
    if path is not None:
        raise CannotFix(f'a mock in "{path}" stands for it that can only be iterated over')


def _where_patched(site: Site, provider: str) -> str | None:
    """The module in which a double has to be put for the use at hand; ``None`` for any.

    What is imported by name is what it was when it was imported, whatever is put elsewhere.
    """
    source = site.source
    if "." in provider or site.tree.imported(source, provider) is None:
        return None
    return site.tree.module(source).rpartition(".")[2]


def _to_with(
    site: Site,
    draft: Draft,
    loop: cst.For,
    made: Manager,
    above: Sequence[cst.EmptyLine] | None = None,
) -> None:
    """A loop that goes round once becomes a block.

    Args:
        site: The finding.
        draft: Where the edits go.
        loop: The loop.
        made: What to enter.
        above: The comments and empty lines above the block, if they are not the loop's.

    Raises:
        CannotFix: It cannot be left as the loop is.
    """
    if made.is_async and not site.source.in_async(loop):
        raise CannotFix('only an "async def" can enter it')
    if loop.orelse is not None and leaves(loop.body):
        raise CannotFix('the loop has an "else", and is left early')
    check_stays(site.source, loop)
    last = loop.orelse is None and is_last(site.source, loop)
    settled(loop.body, last=last)  # or it cannot be done
    _as_target(loop.target)
    expression = adopt(draft, site, made)

    def entered(old: cst.CSTNode) -> cst.With | cst.FlattenSentinel[cst.BaseStatement]:
        assert isinstance(old, cst.For)
        block = cst.With(
            items=[_item(expression, old)],
            body=settled(old.body, last=last),
            asynchronous=cst.Asynchronous() if made.is_async else None,
            leading_lines=old.leading_lines if above is None else above,
        )
        block = unignored(block)  # type: ignore[assignment]
        if old.orelse is None:
            return block
        return cst.FlattenSentinel([block, *_statements(old.orelse)])

    draft.change(site.source, loop, entered)
    if made.of_generator and not site.unsafe and loop.orelse is None:
        _drop_unreachable(site, draft, loop)


def _drop_unreachable(site: Site, draft: Draft, loop: cst.For) -> None:
    """Where a block always returns, nothing gets to the ``return`` that was for an empty loop."""
    block = site.source.parent(loop)
    if not isinstance(block, cst.IndentedBlock) or not ends(loop.body) or goes_on(loop.body):
        return
    position = list(block.body).index(loop) + 1
    below = block.body[position] if position < len(block.body) else None
    if (
        isinstance(below, cst.SimpleStatementLine)
        and isinstance(below.body[0], (cst.Return, cst.Raise))
        and not m.findall(below, m.Comment())
    ):
        draft.change(site.source, below, lambda _old: cst.RemoveFromParent())


def _item(expression: cst.BaseExpression, loop: cst.For) -> cst.WithItem:
    """What the block enters, with the name that the loop had for it, if it had one."""
    if m.matches(loop.target, m.Name("_")) and not m.findall(loop.body, m.Name("_")):
        return cst.WithItem(expression)
    return cst.WithItem(expression, cst.AsName(_as_target(loop.target)))


def _statements(orelse: cst.Else) -> list[cst.BaseStatement]:
    """The statements of an ``else``, where nothing is left that it could be an ``else`` of."""
    body = orelse.body
    if not isinstance(body, cst.IndentedBlock):
        assert isinstance(body, cst.SimpleStatementSuite)
        return [cst.SimpleStatementLine(body.body, leading_lines=orelse.leading_lines)]
    first, *rest = body.body
    assert isinstance(first, (cst.SimpleStatementLine, cst.BaseCompoundStatement))
    leading = [*orelse.leading_lines, *first.leading_lines]
    return [first.with_changes(leading_lines=leading), *rest]


def _as_target(target: cst.BaseExpression) -> cst.Name | cst.Tuple | cst.List:
    """The target of a loop as one of ``as``."""
    if not isinstance(target, (cst.Name, cst.Tuple, cst.List)):
        raise CannotFix("it is not bound to a name")
    if isinstance(target, cst.Tuple) and not target.lpar:
        return target.with_changes(lpar=[cst.LeftParen()], rpar=[cst.RightParen()])
    return target


ITERATE = Fix(
    summary='"async for" and "for": a context manager entered, the coroutine awaited, '
    "the provider called, the right keyword",
    fits=_iterates,
    draft=_iterate,
)
LEAVE = Fix(
    summary='"async for" that is left at the provider\'s yield: the provider entered',
    fits=_leaves,
    draft=_leave,
)
DELEGATE = Fix(
    summary='"async for session in inner(): yield session": "inner" entered',
    fits=_delegates,
    draft=_delegate,
)
