"""What a function does with what it is given, checked where it is given something.

``async def use(factory): async with factory() as s: ...`` needs a factory of context managers;
nothing in its signature says so.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mypy.nodes import (
    AwaitExpr,
    CallExpr,
    Decorator,
    ForStmt,
    FuncDef,
    NameExpr,
    RefExpr,
    WithStmt,
)
from mypy.types import AnyType, CallableType, get_proper_type

from mypy_asyncsession.detectors.record import Pairing
from mypy_asyncsession.semantic.cfg import EdgeKind, Graph, PointKind
from mypy_asyncsession.semantic.dataflow import may_reach
from mypy_asyncsession.semantic.function_flow import FunctionFlow
from mypy_asyncsession.semantic.syntax import walk

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy.nodes import Expression, Node

    from mypy_asyncsession.semantic.program import Program
    from mypy_asyncsession.semantic.scopes import Scope


#: What a graph calls the uses of an object.
_KINDS: dict[type, PointKind] = {
    WithStmt: PointKind.ENTER,
    ForStmt: PointKind.ITERATE,
    AwaitExpr: PointKind.AWAIT,
}


@dataclass(frozen=True, slots=True)
class Need:
    """What a function does with a parameter.

    Attributes:
        pairing: How it uses it.
        called: Whether it uses the result of a call of it, or the argument itself.
    """

    pairing: Pairing
    called: bool


def may_need(call: CallExpr, scope: Scope, program: Program) -> bool:
    """Whether a call is given a function, or what a function hands out: a quick look."""
    return any(_is_reference(argument, scope, program) for argument in call.args)


def _is_reference(argument: Expression, scope: Scope, program: Program) -> bool:
    if isinstance(argument, CallExpr):
        argument = argument.callee
    return isinstance(argument, RefExpr) and isinstance(
        program.referent(argument, scope), (FuncDef, Decorator)
    )


def needs(function: FuncDef) -> dict[str, Need]:
    """What a function does, whatever happens, with each parameter whose type does not say it."""
    names = {
        argument.variable.name
        for position, argument in enumerate(function.arguments)
        if _is_open(function, position)
    }
    if not names:
        return {}
    found: dict[str, set[Need]] = {}
    uses: dict[str, list[tuple[PointKind, Node, int]]] = {}
    for node in walk(function.body):
        for position, (pairing, expression) in enumerate(pairings(node)):
            name, called = _parameter(expression)
            if name in names:
                found.setdefault(name, set()).add(Need(pairing, called))
                uses.setdefault(name, []).append((_KINDS[type(node)], node, position))
    # Two ways to use one thing: the function will know which is right.
    certain = {name: next(iter(ways)) for name, ways in found.items() if len(ways) == 1}
    if not certain:
        return {}
    flow = FunctionFlow(function)
    return {name: need for name, need in certain.items() if _is_sure(name, uses[name], flow)}


def _is_sure(name: str, uses: list[tuple[PointKind, Node, int]], flow: FunctionFlow) -> bool:
    """Whether a function uses a parameter in one of some places, whatever happens."""
    graph = flow.graph
    points = [
        index
        for kind, node, position in uses
        for index in graph.points_of(node)
        if graph.points[index].kind is kind and graph.points[index].item in (-1, position)
        # Before that it may have been put in order.
        if flow.bindings.reaching(index, name) == {Graph.ENTRY}
    ]
    # If one of them fails, that is what comes of the call.
    return flow.always(points) and not may_reach(
        graph, points, Graph.EXIT, first=EdgeKind.ERROR, avoiding=points
    )


def _is_open(function: FuncDef, position: int) -> bool:
    type_ = function.type
    if not isinstance(type_, CallableType) or position >= len(type_.arg_types):
        return True
    declared = get_proper_type(type_.arg_types[position])
    if isinstance(declared, CallableType):
        declared = get_proper_type(declared.ret_type)
    return isinstance(declared, AnyType)


def needed(node: Node) -> Iterator[tuple[str, Need]]:
    """The names that one node uses, or calls and uses, each with how."""
    for pairing, expression in pairings(node):
        name, called = _parameter(expression)
        yield name, Need(pairing, called)


def _parameter(expression: Expression) -> tuple[str, bool]:
    if isinstance(expression, NameExpr):
        return expression.name, False
    if isinstance(expression, CallExpr) and isinstance(expression.callee, NameExpr):
        return expression.callee.name, True
    return "", False


def pairings(node: Node) -> Iterator[tuple[Pairing, Expression]]:
    """What a statement or an ``await`` uses, and how."""
    if isinstance(node, WithStmt):
        for expression in node.expr:
            yield Pairing.ASYNC_WITH if node.is_async else Pairing.WITH, expression
    elif isinstance(node, ForStmt):
        yield Pairing.ASYNC_FOR if node.is_async else Pairing.FOR, node.expr
    elif isinstance(node, AwaitExpr):
        yield Pairing.AWAIT, node.expr
