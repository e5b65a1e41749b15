"""The control-flow graph of a function: every way that Python may take through it.

``build`` makes it from mypy's tree, analysed or only parsed. What it cannot know is asked of
whoever builds it: which managers may swallow an exception, and which calls never return.

What it takes for granted: a call raises an ``Exception``, if anything; an ``await``, an
asynchronous ``with`` or ``for`` may be cancelled; something may be thrown into a ``yield``, it may
be closed, or never be resumed; a name that is looked up is there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from mypy.nodes import (
    Block,
    CallExpr,
    ClassDef,
    FuncItem,
    GeneratorExpr,
    MemberExpr,
    MypyFile,
    NameExpr,
)

from mypy_asyncsession.semantic.cfg.expressions import Expressions, drive
from mypy_asyncsession.semantic.cfg.flow import Flow
from mypy_asyncsession.semantic.cfg.graph import EdgeKind, Graph, Point, PointKind, Way, WithItem
from mypy_asyncsession.semantic.cfg.statements import Statements

if TYPE_CHECKING:
    from collections.abc import Callable

    from mypy_asyncsession.semantic.cfg.expressions import Steps

    Body = FuncItem | ClassDef | MypyFile | GeneratorExpr | Block

_LEAVING: Final = {
    "os": frozenset({"_exit", "abort"}),
    "pytest": frozenset({"exit", "fail", "skip", "xfail"}),
    "sys": frozenset({"exit"}),
}


def swallows_by_name(item: WithItem, _: Way) -> bool:
    """Whether a manager is called ``suppress``."""
    expression = item.expression
    return (
        isinstance(expression, CallExpr)
        and isinstance(expression.callee, (MemberExpr, NameExpr))
        and expression.callee.name == "suppress"
    )


def never_returns_by_name(call: CallExpr) -> bool:
    """Whether a call is one of ``sys.exit``, ``os.abort``, ``pytest.fail``, as written."""
    callee = call.callee
    return (
        isinstance(callee, MemberExpr)
        and isinstance(callee.expr, NameExpr)
        and callee.name in _LEAVING.get(callee.expr.name, ())
    )


def build(
    body: Body,
    *,
    may_swallow: Callable[[WithItem, Way], bool] = swallows_by_name,
    never_returns: Callable[[CallExpr], bool] = never_returns_by_name,
) -> Graph:
    """The control-flow graph of a body.

    Args:
        body: A function, a lambda, a class, a module, a block, or a generator expression, of which
            the first iterable is evaluated where it stands.
        may_swallow: Whether a manager may swallow an exception that leaves its block on a way:
            ``ERROR`` for what is an ``Exception``, ``CANCEL`` or ``CLOSE`` for what is not.
        never_returns: Whether a call, or the ``await`` of it, never comes back.
    """
    flow = Flow()
    expressions = Expressions(flow, never_returns)
    statements = Statements(flow, expressions, may_swallow)
    if isinstance(body, GeneratorExpr):
        drive(_generator(body, expressions))
    elif isinstance(body, (ClassDef, MypyFile)):
        drive(statements.block(body.defs))
    else:
        drive(statements.block(body if isinstance(body, Block) else body.body))
    flow.jump(Way.RETURN)
    statements.end()
    return flow.graph


def _generator(node: GeneratorExpr, expressions: Expressions) -> Steps:
    def element() -> Steps:
        yield expressions.value(node.left_expr)
        expressions.suspend(node)

    yield expressions.loops(node, element)


__all__ = [
    "EdgeKind",
    "Graph",
    "Point",
    "PointKind",
    "Way",
    "WithItem",
    "build",
    "never_returns_by_name",
    "swallows_by_name",
]
