"""What lists and dicts hold: the elements they are written with, and those put into them later."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mypy.nodes import (
    CallExpr,
    ClassDef,
    Decorator,
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

from mypy_asyncsession.models.typing import ANNOTATED
from mypy_asyncsession.semantic.interpreter.context import argument_of, scope_at
from mypy_asyncsession.semantic.interpreter.definitions import defined
from mypy_asyncsession.semantic.values import (
    UNKNOWN,
    AliasValue,
    ContainerValue,
    FunctionValue,
    LiteralValue,
    Value,
    fullname,
    join,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy.nodes import Expression, FuncItem

    from mypy_asyncsession.semantic.interpreter.context import Context
    from mypy_asyncsession.semantic.module_bodies import Stored
    from mypy_asyncsession.semantic.scopes import Scope


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
    stored = [
        each
        for each in _stored(written, at)
        if known is None or each.key is None or each.key == known
    ]
    later = [_put(each, at) for each in stored]
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
    """What the module at hand puts into a container of its own."""
    source = at.source(at.scope.module)
    if source is None or not at.is_current(at.scope.module):
        return []
    if isinstance(written, NameExpr):
        return source.stored().get(written.name, [])
    if isinstance(written, MemberExpr) and isinstance(written.expr, NameExpr):
        for inner in at.scope.chain():
            if isinstance(inner.node, ClassDef):
                return source.stored().get(f"{inner.node.name}.{written.name}", [])
    return []


def _put(stored: Stored, at: Context) -> Value:
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
        return _given(function, value.name, inner, at)
    return at.within(inner, inner.names.places.get(id(stored.statement))).value(value)


def _given(function: FuncDef, name: str, scope: Scope, at: Context) -> Value:
    """What the module gives to a parameter, in calls and as what a decorator is put on."""
    outer = scope.parent
    assert outer is not None
    found = [
        *_in_calls(function, name, outer, at),
        *_under_decorator(function, scope.module, at),
    ]
    return join(found, exact=False)


def _in_calls(function: FuncDef, name: str, outer: Scope, at: Context) -> Iterator[Value]:
    source = at.source(outer.module)
    position = [argument.variable.name for argument in function.arguments].index(name)
    is_method = isinstance(outer.node, ClassDef)
    for site in source.calls(function.name) if source is not None else ():
        if is_method is not isinstance(site.call.callee, MemberExpr):
            continue
        argument = site.given(position - is_method, name)
        if argument is not None and source is not None:
            scope = scope_at(source, site.chain)
            yield at.within(scope, scope.names.places.get(id(site.statement))).value(argument)


def _under_decorator(function: FuncItem, module: str, at: Context) -> Iterator[Value]:
    source = at.source(module)
    for bindings in source.scope.names.bindings.values() if source is not None else ():
        for binding in bindings:
            if not isinstance(binding.node, Decorator) or source is None:
                continue
            inside = at.within(source.scope)
            for decorator in binding.node.original_decorators:
                maker = decorator.callee if isinstance(decorator, CallExpr) else decorator
                if not isinstance(maker, NameExpr):
                    continue
                applied = inside.value(decorator)
                if isinstance(applied, FunctionValue) and applied.node is function:
                    yield defined(binding.node.func, inside)
