"""Whether a context manager opens the session that it hands out, and so closes it again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mypy.nodes import FuncDef, MemberExpr, NameExpr, YieldExpr

from mypy_asyncsession.providers.names import ITERATING
from mypy_asyncsession.providers.shapes import Can
from mypy_asyncsession.providers.syntax import dotted, walk, yields
from mypy_asyncsession.providers.values import Function, Thing
from mypy_asyncsession.uses.closing import closes

if TYPE_CHECKING:
    from mypy.nodes import Expression

    from mypy_asyncsession.providers.evaluate import Evaluator
    from mypy_asyncsession.providers.scopes import Scope
    from mypy_asyncsession.providers.values import Value

#: What the end of a block calls where it closes something.
_CLOSING = frozenset({"__aexit__", "__exit__", "aclose", "close", "remove"})
#: How many managers a session is followed into.
_DEPTH = 4


def opens(manager: Value, evaluator: Evaluator, *, bare: bool, depth: int = 0) -> bool:
    """Whether the session of a manager is its own: what cannot be looked into is taken to be.

    Args:
        manager: What is entered.
        evaluator: Says what expressions may be.
        bare: Whether it was called with no arguments, among which a session may be.
        depth: How many managers the session has been followed into.
    """
    if not isinstance(manager, Thing) or depth > _DEPTH:
        return True
    function = manager.origin.function if manager.origin is not None else None
    if function is not None and yields(function.node):
        source = evaluator.program.source(function.scope.module)
        scope = source.scope_in(function.node, function.scope) if source is not None else None
        return scope is None or all(
            _is_own(each.expr, function, scope, evaluator, bare=bare, depth=depth)
            for each in yields(function.node)
            if isinstance(each, YieldExpr) and each.expr is not None
        )
    method = "__aexit__" if manager.can & Can.ASYNC_ENTER else "__exit__"
    leaves = evaluator.attribute(manager, method)
    return not (isinstance(leaves, Function) and isinstance(leaves.node, FuncDef)) or any(
        isinstance(node, MemberExpr) and node.name in _CLOSING for node in walk(leaves.node.body)
    )


def _is_own(
    yielded: Expression,
    function: Function,
    scope: Scope,
    evaluator: Evaluator,
    *,
    bare: bool,
    depth: int,
) -> bool:
    """Whether a generator function opens what it yields."""
    name = dotted(yielded)
    if name is None:
        return False
    closed = any(closes(node, name) for node in walk(function.node.body))
    if not isinstance(yielded, NameExpr):
        return closed
    if any(argument.variable.name == name for argument in function.node.arguments):
        return bare
    bindings = scope.names.bindings.get(name, [])
    if len(bindings) == 1 and closed:
        return True
    for binding in bindings:
        if "with" in binding.kind:
            entered = evaluator.value(binding.node, scope, binding.blocks)  # type: ignore[arg-type]
            if not opens(entered, evaluator, bare=bare, depth=depth + 1):
                return False
        elif binding.kind not in ITERATING:
            return False
    return bool(bindings)
