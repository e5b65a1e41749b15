"""What a block does with its session: whether it is written for one of the kind that it will get.

A block that commits without ``await`` is written for a sync session. As long as the session is
not entered at all, it fails and is noticed; once an AsyncSession is entered for it, it goes
through without an error, and without a row in the database.
"""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from enum import Enum, auto
from functools import cache
from typing import TYPE_CHECKING, Final

import libcst as cst
import libcst.matchers as m

from mypy_asyncsession.fixes.cannot_fix import CannotFix
from mypy_asyncsession.fixes.editing.names import mentions
from mypy_asyncsession.fixes.engine.callees import Callee, callees, methods_around
from mypy_asyncsession.semantic.shapes import Shape

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Sequence

    from mypy_asyncsession.findings import Held
    from mypy_asyncsession.fixes.editing.source_file import SourceFile
    from mypy_asyncsession.fixes.fix import Site

#: How many calls a session is followed through.
_DEPTH: Final = 4
#: What may hold a session until it is entered, awaited or called.
_HANDING_OUT: Final = frozenset(
    {
        Shape.ASYNC_GENERATOR.name,
        Shape.ASYNC_ITERATOR.name,
        Shape.ASYNC_CONTEXT_MANAGER.name,
        Shape.AWAITABLE_CONTEXT_MANAGER.name,
        Shape.COROUTINE.name,
    }
)
#: Functions that see to it that a coroutine which they are given is run.
_RUNNING: Final = frozenset(
    {
        "as_completed",
        "create_task",
        "ensure_future",
        "gather",
        "run",
        "run_coroutine_threadsafe",
        "run_until_complete",
        "shield",
        "wait",
        "wait_for",
    }
)
_BEGINNING: Final = frozenset({"begin", "begin_nested"})


class _Kind(Enum):
    """What is known of the session that a block will get."""

    ASYNC = auto()
    SYNC = auto()
    #: It comes out of something async, and may be either.
    UNKNOWN = auto()


class _Says(Enum):
    """What a call of a session's method says of the kind of session that it is written for."""

    FITS = auto()
    UNSURE = auto()
    WRONG = auto()


@dataclass(frozen=True, slots=True)
class _Methods:
    """The methods of SQLAlchemy's sessions and connections.

    Attributes:
        coroutines: Those that the async ones have to be awaited for.
        of_sync: Those of the sync ones.
        sync_alone: Those that the async ones do not have.
    """

    coroutines: frozenset[str]
    of_sync: frozenset[str]
    sync_alone: frozenset[str]


@cache
def _methods() -> _Methods:
    from sqlalchemy import Connection
    from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession
    from sqlalchemy.orm import Session

    def public(*classes: type) -> set[str]:
        return {name for owner in classes for name in dir(owner) if not name.startswith("_")}

    coroutines = {
        name
        for owner in (AsyncSession, AsyncConnection)
        for name in public(owner)
        if inspect.iscoroutinefunction(inspect.unwrap(getattr(owner, name)))
    }
    missing = public(Session) - public(AsyncSession)
    return _Methods(
        frozenset({*coroutines, "exec"}),  # "exec" is SQLModel's
        frozenset({*public(Session, Connection), "exec"}),
        frozenset(name for name in missing if name == "query" or name.startswith("bulk_")),
    )


def check_block(
    site: Site,
    source: SourceFile,
    block: Iterable[cst.CSTNode],
    target: cst.BaseExpression | None,
) -> None:
    """Whether a block is written for the session that it is to get.

    Args:
        site: The finding.
        source: The file that the block is in.
        block: What is run with the session.
        target: What the session is bound to; ``None`` if it has no name.

    Raises:
        CannotFix: It is written for another kind of session.
    """
    kind = _kind(site.misuse.holds)
    if kind is not None and target is not None:
        _Judge(site, kind).block(source, list(block), _names(target), _DEPTH)


def check_given(site: Site, value: cst.BaseExpression) -> None:
    """Whether what a session is given to as an argument is written for it.

    Args:
        site: The finding.
        value: The argument that is to become the session.

    Raises:
        CannotFix: It is written for another kind of session.
    """
    kind = _kind(site.misuse.holds)
    argument = site.source.parent(value)
    call = site.source.parent(argument)
    if kind is not None and isinstance(argument, cst.Arg) and isinstance(call, cst.Call):
        _Judge(site, kind).given(site.source, call, lambda node: node is value, _DEPTH)


def check_function(site: Site, source: SourceFile, function: cst.FunctionDef, name: str) -> None:
    """Whether a function is written for the session that it gets as a parameter.

    Raises:
        CannotFix: It is written for another kind of session.
    """
    kind = _kind(site.misuse.holds)
    if kind is not None:
        _Judge(site, kind).callee(Callee(source, function, name), _DEPTH)


def _kind(holds: Sequence[Held]) -> _Kind | None:
    """The kind of session that something hands out; ``None`` if it hands out something else."""
    for held in holds:
        if held.resource:
            return _Kind.SYNC if held.shape == Shape.SYNC_SESSION.name else _Kind.ASYNC
    return _Kind.UNKNOWN if holds and holds[-1].shape in _HANDING_OUT else None


def _names(target: cst.CSTNode) -> list[str]:
    """What a target binds, as it is written where it is used."""
    if isinstance(target, (cst.Tuple, cst.List)):
        return [name for each in target.elements for name in _names(each.value)]
    if isinstance(target, cst.Name):
        return [target.value]
    if isinstance(target, cst.Attribute) and isinstance(target.value, cst.Name):
        return [f"{target.value.value}.{target.attr.value}"]
    return []


def _is_one_of(node: cst.CSTNode, names: Collection[str]) -> bool:
    return isinstance(node, (cst.Name, cst.Attribute)) and any(
        name in names for name in _names(node)
    )


class _Judge:
    """Goes through all that is done with one session."""

    def __init__(self, site: Site, kind: _Kind) -> None:
        self._site = site
        self._kind = kind
        self._seen: set[tuple[int, str]] = set()

    def block(
        self, source: SourceFile, block: list[cst.CSTNode], names: Iterable[str], depth: int
    ) -> None:
        """What is done with a session that has a name.

        Raises:
            CannotFix: It is written for another kind of session.
        """
        followed = set(names)
        kept = []
        for statement in _found(block, m.Assign() | m.AnnAssign()):
            assert isinstance(statement, (cst.Assign, cst.AnnAssign))
            if statement.value is not None and _is_one_of(statement.value, followed):
                bound = [name for each in _targets(statement) for name in _names(each)]
                followed.update(bound)
                kept += [(statement, name) for name in bound if "." in name]
        calls = [node for node in _found(block, m.Call()) if isinstance(node, cst.Call)]
        said = [
            (self._said(source, block, call, call.func.attr.value), call)
            for call in calls
            if isinstance(call.func, cst.Attribute) and _is_one_of(call.func.value, followed)
        ]
        wrong = [call for says, call in said if says is _Says.WRONG]
        if not any(says is _Says.FITS for says, _ in said):
            wrong += [call for says, call in said if says is _Says.UNSURE]
        if wrong:
            raise CannotFix(self._reason(source, wrong[0]))
        if not depth:
            return
        for call in calls:
            self.given(source, call, lambda node: _is_one_of(node, followed), depth)
        for statement, name in kept:
            for method in methods_around(source, statement):
                self._within(source, method, name, depth)

    def given(
        self,
        source: SourceFile,
        call: cst.Call,
        is_session: Callable[[cst.BaseExpression], bool],
        depth: int,
    ) -> None:
        """What a function does with a session that it is given.

        Raises:
            CannotFix: All that it may be are written for another kind of session.
        """
        found = callees(self._site.tree, source, call, is_session)
        reasons = [self._against(callee, depth - 1) for callee in found]
        if found and all(reasons):
            raise CannotFix(str(reasons[0]))

    def callee(self, callee: Callee, depth: int) -> None:
        """What one function does with a parameter."""
        self._within(callee.source, callee.function, callee.parameter, depth)

    def _against(self, callee: Callee, depth: int) -> CannotFix | None:
        try:
            self.callee(callee, depth)
        except CannotFix as left:
            return left
        return None

    def _within(self, source: SourceFile, function: cst.FunctionDef, name: str, depth: int) -> None:
        if (id(function), name) not in self._seen:
            self._seen.add((id(function), name))
            self.block(source, [function.body], [name], depth)

    def _said(
        self, source: SourceFile, block: list[cst.CSTNode], call: cst.Call, name: str
    ) -> _Says | None:
        """What the use of one method says; ``None`` if nothing."""
        methods, parent = _methods(), source.parent(call)
        entered = _entered(source, parent)
        if self._kind is _Kind.SYNC:
            is_async = isinstance(parent, cst.Await) or entered == "async with"
            return _Says.WRONG if is_async and name in methods.of_sync else None
        if name in methods.sync_alone:
            return _Says.WRONG if self._kind is _Kind.ASYNC else None
        if name in _BEGINNING:
            return _Says.WRONG if isinstance(parent, cst.Expr) or entered == "with" else None
        if name not in methods.coroutines or entered == "async with":
            return None
        return _awaited(source, block, call)

    def _reason(self, source: SourceFile, call: cst.Call) -> str:
        assert isinstance(call.func, cst.Attribute)
        text, name = source.code(call.func), call.func.attr.value
        where = "" if source is self._site.source else f' in "{source.path}"'
        if self._kind is _Kind.SYNC:
            return f'"{text}()" is awaited{where}, which takes an async session: it is a sync one'
        if name in _methods().sync_alone:
            return f'"{text}()"{where} takes a sync session: it is an async one'
        way = "entered" if name in _BEGINNING else "awaited"
        if self._kind is _Kind.UNKNOWN:
            return f'"{text}()" is not {way}{where}, and which kind of session it is is not known'
        return f'"{text}()" is not {way}{where}, as if the session were a sync one'


def _found(block: Iterable[cst.CSTNode], matcher: m.BaseMatcherNode) -> Iterator[cst.CSTNode]:
    for node in block:
        yield from m.findall(node, matcher)


def _targets(statement: cst.Assign | cst.AnnAssign) -> list[cst.BaseAssignTargetExpression]:
    if isinstance(statement, cst.AnnAssign):
        return [statement.target]
    return [each.target for each in statement.targets]


def _entered(source: SourceFile, parent: cst.CSTNode) -> str | None:
    """The statement that enters a call, by its parent."""
    if not isinstance(parent, cst.WithItem):
        return None
    statement = source.parent(parent)
    assert isinstance(statement, cst.With)
    return "async with" if statement.asynchronous is not None else "with"


def _awaited(source: SourceFile, block: list[cst.CSTNode], call: cst.Call) -> _Says:
    """Whether a coroutine is awaited, by what stands around the call that makes it."""
    inner: cst.CSTNode = call
    for around in source.ancestors(call):
        if isinstance(around, cst.Await):
            return _Says.FITS
        if isinstance(around, cst.Call) and isinstance(inner, cst.Arg):
            function = around.func
            tail = function.attr if isinstance(function, cst.Attribute) else function
            if isinstance(tail, cst.Name) and tail.value in _RUNNING:
                return _Says.FITS
            return _Says.UNSURE
        if isinstance(around, (cst.Assign, cst.AnnAssign)) and inner is around.value is call:
            return _by_name(source, block, around)
        if isinstance(around, _HANDING_ON):
            return _Says.UNSURE
        if not isinstance(around, _INSIDE):
            return _Says.WRONG
        inner = around
    return _Says.UNSURE


#: Parts of a larger expression, which may have a use for a coroutine.
_INSIDE: Final = (
    cst.CompFor,
    cst.Dict,
    cst.DictElement,
    cst.Element,
    cst.GeneratorExp,
    cst.IfExp,
    cst.List,
    cst.ListComp,
    cst.Set,
    cst.SetComp,
    cst.StarredElement,
    cst.Tuple,
)
_HANDING_ON: Final = (
    cst.Arg,
    cst.Assign,
    cst.AnnAssign,
    cst.AssignTarget,
    cst.Lambda,
    cst.NamedExpr,
    cst.Return,
    cst.Yield,
)


def _by_name(
    source: SourceFile, block: list[cst.CSTNode], statement: cst.Assign | cst.AnnAssign
) -> _Says:
    """Whether a coroutine that was given a name is awaited, as far as a block says so."""
    targets = _targets(statement)
    if not all(isinstance(target, cst.Name) for target in targets):
        return _Says.UNSURE
    names = [name for target in targets for name in _names(target)]
    uses = [found for name in names for node in block for found in mentions(node, name)]
    uses = [found for found in uses if found not in targets]
    parents = [source.parent(found) for found in uses]
    if any(isinstance(parent, cst.Await) for parent in parents):
        return _Says.FITS
    handed_on = (cst.Arg, cst.Assign, cst.AnnAssign, *_INSIDE, *_HANDING_ON)
    if any(isinstance(parent, handed_on) for parent in parents):
        return _Says.UNSURE
    return _Says.WRONG
