"""What a function's callers and its body say of a parameter, beside what its annotation says."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mypy.nodes import (
    AssignmentStmt,
    AwaitExpr,
    CallExpr,
    ClassDef,
    ConditionalExpr,
    ForStmt,
    FuncDef,
    IfStmt,
    MemberExpr,
    NameExpr,
    OpExpr,
    WithStmt,
)

from mypy_asyncsession.semantic.call_sites import last_name
from mypy_asyncsession.semantic.interpreter.context import scope_at
from mypy_asyncsession.semantic.shapes import USES, Can, Shape
from mypy_asyncsession.semantic.syntax import definition_of, dotted, mentions, walk
from mypy_asyncsession.semantic.values import (
    RECURSIVE,
    UNKNOWN,
    ClassValue,
    ObjectValue,
    Value,
    members,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy.nodes import Block, FuncItem, Node

    from mypy_asyncsession.semantic.call_sites import CallSite
    from mypy_asyncsession.semantic.interpreter.context import Context
    from mypy_asyncsession.semantic.module_source import ModuleSource
    from mypy_asyncsession.semantic.scopes import Scope


def default_stands(function: FuncItem, position: int, at: Context) -> bool:
    """Whether a call in the function's module leaves a parameter to its default.

    A default is one possible value. Where no call is seen that takes it, it decides nothing.

    Args:
        function: The function.
        position: The parameter's position.
        at: Where the function stands.
    """
    name = function.arguments[position].variable.name
    offset = position - _is_bound(function, at.scope)
    return any(site.leaves_out(offset, name) for site in _sites(function, at))


def passed_otherwise(function: FuncItem, position: int, declared: Value, at: Context) -> bool:
    """Whether a call in the function's module gives a parameter what its annotation denies."""
    kinds = _abilities(declared, at)
    if kinds is None:
        return False
    name = function.arguments[position].variable.name
    offset = position - _is_bound(function, at.scope)
    source = at.source(at.scope.module)
    for site in _sites(function, at) if source is not None else ():
        argument = site.given(offset, name)
        if argument is None:
            continue
        assert source is not None
        inner = scope_at(source, site.chain)
        inside = at.within(inner, inner.names.places.get(id(site.statement)))
        given = _abilities(inside.structural(argument), at)
        if given is None or given == kinds:
            continue
        if not (given[0] == kinds[0] and given[1] & kinds[1]):
            return True
    return False


def _abilities(value: Value, at: Context) -> tuple[bool, Can] | None:
    """What one can do with a value, or with what a call of it gives; ``None`` if that is open.

    Returns:
        Whether it is the value itself, and what one can do with it.
    """
    found: set[bool] = set()
    can = Can.NOTHING
    for member in members(value):
        is_object = isinstance(member, ObjectValue)
        if member in (UNKNOWN, RECURSIVE) or isinstance(member, ClassValue):
            return None
        for one in members(member if is_object else at.called(member)):
            if not isinstance(one, ObjectValue) or one.shape is Shape.OTHER:
                return None
            if one.shape is not Shape.NONE:
                found.add(is_object)
                can |= _kind(one)
    return (found.pop(), can) if len(found) == 1 else None


def _sites(function: FuncItem, at: Context) -> Iterator[CallSite]:
    """The calls of a function in its own module, as far as names tell."""
    source = at.source(at.scope.module)
    if source is None or not isinstance(function, FuncDef):
        return
    owner = at.scope.node
    if not isinstance(owner, ClassDef):
        yield from source.calls(function.name)
    elif function.name == "__init__":
        for node in [owner, *_inheriting(source, owner)]:
            yield from source.calls(node.name)
    else:
        for site in source.calls(function.name):
            if isinstance(site.call.callee, MemberExpr):
                yield site


def _kind(value: ObjectValue) -> Can:
    """What sets a shape apart: a session is told by how it is closed, whatever else it can do."""
    if value.shape is Shape.SESSION:
        return Can.ASYNC_ENTER
    return Can.ENTER if value.shape is Shape.SYNC_SESSION else value.can & USES


def _inheriting(source: ModuleSource, owner: ClassDef) -> Iterator[ClassDef]:
    """The classes that are made by the ``__init__`` of another one."""
    for node in source.subclasses(owner.name):
        methods = (definition_of(statement) for statement in node.defs.body)
        if not any(method is not None and method.name == "__init__" for method in methods):
            yield node


def _is_bound(function: FuncItem, scope: Scope) -> bool:
    return isinstance(scope.node, ClassDef) and not (
        isinstance(function, FuncDef) and function.is_static
    )


def denied(block: Block, name: str, declared: Value) -> bool:
    """Whether a body does what a session of the declared kind cannot do.

    Args:
        block: The body.
        name: The parameter or attribute, as written there.
        declared: What its annotation says that it is.
    """
    if not isinstance(declared, ObjectValue):
        return False
    if declared.shape is Shape.SYNC_SESSION:
        return any(isinstance(node, AwaitExpr) and _asks(node.expr, name) for node in walk(block))
    if declared.shape is Shape.SESSION and not _is_callable(declared):
        return any(
            isinstance(node, CallExpr) and dotted(node.callee) == name for node in walk(block)
        )
    return False


def suffices(function: FuncItem, name: str, given: ObjectValue) -> bool:
    """Whether a body does with a parameter only what an object of another kind can do as well.

    ``async def job(session: AsyncSession): async with session as opened: ...`` works with a
    manager of one, and one that calls it works with a sessionmaker.
    """
    used = 0
    for node in walk(function.body):
        if isinstance(node, WithStmt):
            can = Can.ASYNC_ENTER if node.is_async else Can.ENTER
            used += sum(_is_name(each, name) for each in node.expr) if given.can & can else 0
        elif isinstance(node, ForStmt) and _is_name(node.expr, name):
            used += bool(given.can & (Can.ASYNC_ITERATE if node.is_async else Can.ITERATE))
        elif isinstance(node, AwaitExpr) and _is_name(node.expr, name):
            used += bool(given.can & Can.AWAIT)
        elif isinstance(node, CallExpr) and _is_name(node.callee, name):
            used += given.shape is Shape.SESSIONMAKER
    return 0 < used == mentions(function.body, name)


def _is_name(node: Node, name: str) -> bool:
    return isinstance(node, NameExpr) and node.name == name


def _asks(node: Node, name: str) -> bool:
    """Whether this is a call of a method of what has a name, or of what that gives."""
    return (
        isinstance(node, CallExpr)
        and isinstance(node.callee, MemberExpr)
        and dotted(node.callee.expr) == name
    )


def _is_callable(declared: ObjectValue) -> bool:
    return declared.label is not None and "scoped" in declared.label


def falls_back(function: FuncItem, name: str) -> bool:
    """Whether a body has something in the place of a parameter that is ``None``."""
    for node in walk(function.body):
        if isinstance(node, OpExpr) and node.op == "or":
            if isinstance(node.left, NameExpr) and node.left.name == name:
                return True
        elif isinstance(node, ConditionalExpr):
            if any(isinstance(n, NameExpr) and n.name == name for n in walk(node.cond)):
                return True
        elif isinstance(node, IfStmt):
            for block in node.body:
                for statement in block.body:
                    if isinstance(statement, AssignmentStmt) and any(
                        last_name(target) == name and isinstance(target, NameExpr)
                        for target in statement.lvalues
                    ):
                        return True
    return False
