"""What the calls of a function, and what it decorates, give to one of its parameters."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mypy.nodes import CallExpr, ClassDef, Decorator, MemberExpr, NameExpr

from mypy_asyncsession.semantic.interpreter.context import scope_at
from mypy_asyncsession.semantic.interpreter.definitions import defined
from mypy_asyncsession.semantic.value_identity import identity
from mypy_asyncsession.semantic.values import UNKNOWN, FunctionValue, Value, join

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy.nodes import FuncDef, FuncItem

    from mypy_asyncsession.semantic.call_sites import CallSite
    from mypy_asyncsession.semantic.interpreter.context import Context
    from mypy_asyncsession.semantic.module_source import ModuleSource
    from mypy_asyncsession.semantic.scopes import Scope


def given_to(
    function: FuncDef, name: str, scope: Scope, at: Context, key: str | None, asked: Value
) -> Value | None:
    """What a function is given for a parameter, as far as the module and the one at hand say.

    Args:
        function: The function.
        name: The parameter.
        scope: The scope of its body.
        at: Where it is asked.
        key: Another parameter, which says what it is given for.
        asked: What is asked for; only the calls that say the same count.

    Returns:
        What it is given; ``None`` where all calls are for something else.
    """
    outer = scope.parent
    assert outer is not None
    own, current = at.source(outer.module), at.program.current
    others = [current] if current is not None and current is not own else []
    found: list[Value] = []
    passed_over = False
    for source in [*filter(None, [own]), *others]:
        for site in _sites(function, source, outer, at, foreign=source is not own):
            if key is not None and asked is not UNKNOWN:
                meant = _argument(function, key, site, source, outer, at)
                if meant is not None and identity(meant) != identity(asked):
                    passed_over = passed_over or meant is not UNKNOWN
                    continue
            value = _argument(function, name, site, source, outer, at)
            if value is not None:
                found.append(value)
    found += _under_decorator(function, outer.module, at)
    return None if passed_over and not found else join(found, exact=False)


def _sites(
    function: FuncDef, source: ModuleSource, outer: Scope, at: Context, *, foreign: bool
) -> Iterator[CallSite]:
    """The calls of a function in a module; by name alone in its own."""
    is_method = isinstance(outer.node, ClassDef)
    for site in source.calls(function.name):
        callee = site.call.callee
        if foreign:
            scope = scope_at(source, site.chain)
            value = at.within(scope, scope.names.places.get(id(site.statement))).value(callee)
            if isinstance(value, FunctionValue) and value.node is function:
                yield site
        elif is_method is isinstance(callee, MemberExpr):
            yield site


def _argument(
    function: FuncDef, name: str, site: CallSite, source: ModuleSource, outer: Scope, at: Context
) -> Value | None:
    """What a call gives to a parameter; ``None`` if that is open."""
    position = [argument.variable.name for argument in function.arguments].index(name)
    argument = site.given(position - isinstance(outer.node, ClassDef), name)
    if argument is None:
        return None
    scope = scope_at(source, site.chain)
    return at.within(scope, scope.names.places.get(id(site.statement))).value(argument)


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
