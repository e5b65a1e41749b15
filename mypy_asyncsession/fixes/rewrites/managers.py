"""From an expression to a context manager: what to write, and which ``with`` enters it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import libcst as cst

from mypy_asyncsession.fixes.cannot_fix import CannotFix
from mypy_asyncsession.fixes.editing.imports import Import, reachable
from mypy_asyncsession.semantic.shapes import Can, Shape

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mypy_asyncsession.findings import Held
    from mypy_asyncsession.fixes.editing.draft import Draft
    from mypy_asyncsession.fixes.fix import Site

_UNCALLED = frozenset({Shape.FUNCTION.name, Shape.CLASS.name, Shape.SESSIONMAKER.name})


@dataclass(frozen=True, slots=True)
class Manager:
    """A context manager.

    Attributes:
        expression: What to write.
        is_async: Whether it is ``async with`` that enters it.
        imported: What has to be imported for it.
        of_generator: Whether it was made of a generator.
    """

    expression: cst.BaseExpression
    is_async: bool
    imported: Import | None = None
    of_generator: bool = False


def manager(site: Site, expression: cst.BaseExpression, *, prefer_async: bool = True) -> Manager:
    """What to enter in the place of an expression that is taken for a context manager.

    Raises:
        CannotFix: There is nothing to enter, or more than one way to do so.
    """
    if site.misuse.several and not isinstance(expression, cst.IfExp):
        raise CannotFix("it may be one of several things")
    if isinstance(expression, cst.IfExp):
        return _in_branch(site, expression)
    return _made(site, expression, site.misuse.holds, prefer_async=prefer_async)


def _made(
    site: Site, expression: cst.BaseExpression, holds: Sequence[Held], *, prefer_async: bool
) -> Manager:
    if not holds:
        raise CannotFix("it is not known what it holds")
    held, rest = holds[0], holds[1:]
    if held.shape in _UNCALLED:
        if held.shape == Shape.SESSIONMAKER.name and _is_made_here(expression):
            raise CannotFix("a sessionmaker that was given no engine makes sessions without one")
        called = call_of(expression, held)
        if not rest and held.shape == Shape.SESSIONMAKER.name:
            return Manager(called, is_async=prefer_async)
        return _made(site, called, rest, prefer_async=prefer_async)
    if held.shape == Shape.COROUTINE.name:
        if not site.source.in_async(_anchor(site, expression)):
            raise CannotFix('it is to be awaited, which takes an "async def"')
        if isinstance(expression, cst.Attribute):
            raise CannotFix("it can be awaited once, which is where it is made")
        return _made(site, cst.Await(operand(expression)), rest, prefer_async=prefer_async)
    if held.shape in (Shape.ASYNC_GENERATOR.name, Shape.GENERATOR.name):
        return _of_generator(site, expression, held)
    if held.shape in (Shape.ASYNC_ITERATOR.name, Shape.ITERATOR.name):
        raise CannotFix("it is an iterator, which may have no way to be told of an exception")
    if held.shape == Shape.NONE.name:
        raise CannotFix("it may be None")
    can = Can(held.can)
    ways = [way for way in (Can.ASYNC_ENTER, Can.ENTER) if way & can]
    if not ways:
        if isinstance(expression, cst.Await) and isinstance(expression.expression, cst.Call):
            return _once_started(site, expression, held)
        raise CannotFix("there is nothing in it to enter")
    if len(ways) > 1:
        return Manager(expression, is_async=prefer_async)
    return Manager(expression, is_async=ways[0] is Can.ASYNC_ENTER)


def call_of(expression: cst.BaseExpression, held: Held) -> cst.BaseExpression:
    """A call of what was not called.

    Raises:
        CannotFix: It is not known what to give to it.
    """
    if held.takes:
        raise CannotFix("it has to be called with something")
    if not _manages_what_was_made(expression):
        return cst.Call(primary(expression))
    assert isinstance(expression, cst.Call)
    inner = expression.args[0].value
    assert isinstance(inner, cst.Call)
    function = expression.with_changes(args=[cst.Arg(_bare(inner.func))])
    return inner.with_changes(func=function)


def _manages_what_was_made(expression: cst.BaseExpression) -> bool:
    """Whether this is ``asynccontextmanager(get_db())``, which takes the function itself."""
    return (
        isinstance(expression, cst.Call)
        and _tail(expression.func) in ("asynccontextmanager", "contextmanager")
        and len(expression.args) == 1
        and isinstance(expression.args[0].value, cst.Call)
    )


def _once_started(site: Site, awaited: cst.Await, held: Held) -> Manager:
    """What to enter for a connection that awaiting has started."""
    if awaited in site.source:
        # ``async with await engine.connect()``: entering it starts it. Where it does not, the
        # finding stays, and with it the code.
        return Manager(awaited.expression, is_async=True)
    if not held.resource:
        raise CannotFix("there is nothing in it to enter")
    maker, imported = reachable(site.source, "contextlib", "aclosing")
    return Manager(_wrapped(maker, awaited), is_async=True, imported=imported)


def _is_made_here(expression: cst.BaseExpression) -> bool:
    """Whether this is ``async_sessionmaker()`` itself, and not what gives a configured one."""
    if not isinstance(expression, cst.Call) or expression.args:
        return False
    maker = expression.func.attr if isinstance(expression.func, cst.Attribute) else expression.func
    return isinstance(maker, cst.Name) and maker.value in ("async_sessionmaker", "sessionmaker")


def _anchor(site: Site, expression: cst.BaseExpression) -> cst.CSTNode:
    """A node of the file's own tree in *expression*, to ask where it stands."""
    node: cst.CSTNode = expression
    while isinstance(node, (cst.Call, cst.Await)) and node not in site.source:
        node = node.func if isinstance(node, cst.Call) else node.expression
    return node


def _of_generator(site: Site, expression: cst.BaseExpression, held: Held) -> Manager:
    is_property = isinstance(expression, (cst.Attribute, cst.Subscript))
    if not isinstance(expression, cst.Call) and not is_property:
        raise CannotFix("it is made somewhere else, or only after it was awaited")
    check_generator(site)
    is_async = held.shape == Shape.ASYNC_GENERATOR.name
    name = "asynccontextmanager" if is_async else "contextmanager"
    maker, imported = reachable(site.source, "contextlib", name)
    if isinstance(expression, cst.Call):
        made = expression.with_changes(func=_wrapped(maker, _bare(expression.func)))
    else:
        made = cst.Call(_wrapped(maker, cst.Lambda(cst.Parameters(), expression)))
    return Manager(made, is_async, imported, of_generator=True)


def _wrapped(maker: str, function: cst.BaseExpression) -> cst.Call:
    return cst.Call(cst.parse_expression(maker), [cst.Arg(function)])


def _bare(function: cst.BaseExpression) -> cst.BaseExpression:
    """A function without parentheses around it, which an argument does not need."""
    return function.with_changes(lpar=[], rpar=[]) if function.lpar else function


def check_generator(site: Site) -> None:
    """Whether a generator may be made a context manager of.

    Raises:
        CannotFix: It would not do what it did before, or nothing is known of it.
    """
    yields = site.misuse.yields
    name = site.misuse.name or site.misuse.callee or site.misuse.text
    if yields is None:
        inside = site.misuse.holds
        if not site.unsafe and not any(held.resource for held in inside):
            raise CannotFix(f'what "{name}" does around its yield is not known (--unsafe fixes it)')
    elif not yields.once:
        raise CannotFix(f'"{name}" may yield more than once')
    elif yields.swallows and not site.unsafe:
        raise CannotFix(
            f'"{name}" catches exceptions and does not raise them again: entered, it would '
            "swallow those of the block (--unsafe fixes it)"
        )


def _in_branch(site: Site, expression: cst.IfExp) -> Manager:
    """One branch of a conditional expression is wrong: it alone is changed."""
    name = (site.misuse.name or "").rpartition(".")[2]
    wrong = [
        branch
        for branch in (expression.body, expression.orelse)
        if isinstance(branch, cst.Call) and _tail(branch.func) == name
    ]
    if len(wrong) != 1:
        raise CannotFix("it may be one of several things")
    made = _made(site, wrong[0], site.misuse.holds, prefer_async=True)
    field = "body" if wrong[0] is expression.body else "orelse"
    return Manager(
        expression.with_changes(**{field: made.expression}),
        made.is_async,
        made.imported,
        made.of_generator,
    )


def _tail(node: cst.BaseExpression) -> str:
    if isinstance(node, cst.Attribute):
        return node.attr.value
    return node.value if isinstance(node, cst.Name) else ""


def primary(node: cst.BaseExpression) -> cst.BaseExpression:
    """An expression that can be called as it is written."""
    if isinstance(node, (cst.Name, cst.Attribute, cst.Call, cst.Subscript)) or node.lpar:
        return node
    return node.with_changes(lpar=[cst.LeftParen()], rpar=[cst.RightParen()])


def operand(node: cst.BaseExpression) -> cst.BaseExpression:
    """An expression that can be awaited as it is written."""
    return primary(node)


def adopt(draft: Draft, site: Site, made: Manager) -> cst.BaseExpression:
    """The expression of a manager; what it needs is imported."""
    draft.need(site.source, made.imported)
    return made.expression
