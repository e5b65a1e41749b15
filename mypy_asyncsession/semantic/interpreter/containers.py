"""What lists and dicts hold: the elements they are written with, and those put into them later."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mypy.nodes import (
    AssignmentStmt,
    CallExpr,
    ClassDef,
    DictExpr,
    FuncDef,
    IndexExpr,
    IntExpr,
    ListExpr,
    MemberExpr,
    NameExpr,
    SetExpr,
    StrExpr,
    TupleExpr,
)
from mypy.types import Instance

from mypy_asyncsession.models.typing import ANNOTATED
from mypy_asyncsession.semantic.interpreter.context import argument_of, scope_at
from mypy_asyncsession.semantic.interpreter.given import given_to
from mypy_asyncsession.semantic.values import (
    RECURSIVE,
    UNKNOWN,
    AliasValue,
    ContainerValue,
    FunctionValue,
    LiteralValue,
    ObjectValue,
    Value,
    fullname,
    join,
)

if TYPE_CHECKING:
    from mypy.nodes import Expression

    from mypy_asyncsession.semantic.interpreter.context import Context
    from mypy_asyncsession.semantic.module_bodies import Stored


def mapping(expr: DictExpr, at: Context) -> Value:
    """What ``{a: b}`` holds."""
    pairs = [
        (key.value if isinstance(key, (StrExpr, IntExpr)) else None, value)
        for key, value in expr.items
    ]
    return ContainerValue(tuple(pairs), at.scope, at.where, is_sequence=False)


def sequence(expr: ListExpr | TupleExpr | SetExpr, at: Context) -> Value:
    """What ``[a, b]`` holds."""
    return ContainerValue(tuple(enumerate(expr.items)), at.scope, at.where, is_sequence=True)


def index(expr: IndexExpr, at: Context) -> Value:
    """What ``a[b]`` may be."""
    base = at.value(expr.base)
    if fullname(base) in ANNOTATED:
        return AliasValue(expr, at.scope)
    if isinstance(base, ObjectValue) and isinstance(base.type, Instance):
        getter = at.attribute(base, "__getitem__")
        return (
            at.called(getter, [at.value(expr.index)])
            if isinstance(getter, FunctionValue)
            else UNKNOWN
        )
    if not isinstance(base, ContainerValue):
        return UNKNOWN
    return held(base, expr.base, expr.index, at)


def held(container: ContainerValue, written: Expression, key: Expression, at: Context) -> Value:
    """What a container holds under a key.

    Args:
        container: The container.
        written: What stands for it, where it is asked.
        key: The key.
        at: Where it is asked.
    """
    known = _literal_key(key, at)
    asked = at.value(key) if known is None else LiteralValue(known)
    stored = [
        each
        for each in _stored(written, at)
        if known is None or each.key is None or each.key == known
    ]
    later = [_put(each, at, asked) for each in stored]
    if known is not None:
        if container.element(known) is None:
            return join(later, exact=False)
        return join([element(container, known, at), *later], exact=False)
    inside = at.within(container.scope, container.where)
    first = [inside.value(each) for _, each in container.entries]
    return join([*first, *later], exact=False)


def _literal_key(key: Expression, at: Context) -> object:
    """The string or number that a key is, here or where its name is bound; else ``None``."""
    if isinstance(key, (StrExpr, IntExpr)):
        return key.value
    found = at.structural(key) if isinstance(key, NameExpr) else None
    return found.value if isinstance(found, LiteralValue) else None


def values_of(call: CallExpr, at: Context) -> Value | None:
    """What one of the values is in ``d.items()`` or ``d.values()``; ``None`` for another call."""
    callee = call.callee
    if not isinstance(callee, MemberExpr) or callee.name not in ("items", "values") or call.args:
        return None
    container = at.value(callee.expr)
    if not isinstance(container, ContainerValue) or container.is_sequence:
        return None
    source = at.source(at.scope.module)
    written = callee.expr
    if source is None or not isinstance(written, NameExpr) or written.name in source.mutated():
        return UNKNOWN
    later = [_put(each, at) for each in _stored(written, at)]
    inside = at.within(container.scope, container.where)
    return join([*(inside.value(each) for _, each in container.entries), *later], exact=False)


def element(container: ContainerValue, key: object, at: Context) -> Value:
    """What a literal holds under a key or at a position."""
    found = container.element(key)
    return UNKNOWN if found is None else at.within(container.scope, container.where).value(found)


def _stored(written: Expression, at: Context) -> list[Stored]:
    """What the module of a container puts into it.

    Of another module only what its methods are given there: the calls at hand say what that is.
    """
    source = at.source(at.scope.module)
    if source is None:
        return []
    found: list[Stored] = []
    if isinstance(written, NameExpr):
        found = source.stored().get(written.name, [])
    elif isinstance(written, MemberExpr) and isinstance(written.expr, NameExpr):
        for inner in at.scope.chain():
            if isinstance(inner.node, ClassDef):
                found = source.stored().get(f"{inner.node.name}.{written.name}", [])
                break
    if at.is_current(at.scope.module):
        return found
    return found if all(map(_is_given, found)) else []


def _is_given(stored: Stored) -> bool:
    """Whether a function puts one of its parameters there, under another one."""
    function = stored.chain[-1] if stored.chain else None
    return (
        isinstance(function, FuncDef)
        and isinstance(stored.value, NameExpr)
        and argument_of(function, stored.value.name) is not None
        and _key_of(stored) is not None
    )


def _key_of(stored: Stored) -> str | None:
    """The parameter that something is stored under, if it is one."""
    function, statement = stored.chain[-1] if stored.chain else None, stored.statement
    for target in statement.lvalues if isinstance(statement, AssignmentStmt) else ():
        key = target.index if isinstance(target, IndexExpr) else None
        if (
            isinstance(key, NameExpr)
            and isinstance(function, FuncDef)
            and argument_of(function, key.name) is not None
        ):
            return key.name
    return None


def _put(stored: Stored, at: Context, asked: Value = UNKNOWN) -> Value:
    """What something is that is put into a container.

    Args:
        stored: How it is put there.
        at: Where the container is asked for it.
        asked: The key that it is asked for.
    """
    source = at.source(at.scope.module)
    assert source is not None
    inner = scope_at(source, stored.chain)
    function = stored.chain[-1] if stored.chain else None
    value = stored.value
    if (
        isinstance(function, FuncDef)
        and isinstance(value, NameExpr)
        and argument_of(function, value.name) is not None
        and value.name not in inner.names.bindings
    ):
        found = given_to(function, value.name, inner, at, _key_of(stored), asked)
        return RECURSIVE if found is None else found
    return at.within(inner, inner.names.places.get(id(stored.statement))).value(value)
