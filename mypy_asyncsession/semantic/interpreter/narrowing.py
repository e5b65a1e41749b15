"""What a name may be behind a test for ``None``, where mypy has not followed the flow."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mypy.nodes import FuncItem

from mypy_asyncsession.semantic.combine import is_none
from mypy_asyncsession.semantic.interpreter.context import argument_of
from mypy_asyncsession.semantic.syntax import dotted
from mypy_asyncsession.semantic.values import UnionValue, Value, join

if TYPE_CHECKING:
    from mypy.nodes import RefExpr

    from mypy_asyncsession.semantic.interpreter.context import Context


def past_tests(expr: RefExpr, found: Value, at: Context) -> Value:
    """What a name or attribute may be, without ``None`` if all ways there lead past a test.

    Args:
        expr: The name or attribute, as it is used.
        found: What it may be at all.
        at: Where it is used.
    """
    node = at.scope.node
    if at.is_typed or not isinstance(found, UnionValue) or not isinstance(node, FuncItem):
        return found
    text = dotted(expr)
    if text is None or not any(map(is_none, found.members)):
        return found
    first = text.partition(".")[0]
    is_own = first in at.scope.names.bindings or argument_of(node, first) is not None
    source = at.source(at.scope.module)
    if source is None or not is_own or first in at.scope.names.outer:
        return found
    if not source.flow_of(node).none_tests.rule_out(expr):
        return found
    rest = [member for member in found.members if not is_none(member)]
    return join(rest, exact=found.exact) if rest else found
