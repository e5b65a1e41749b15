"""What a function does with what it is given, checked where it is given something.

``async def use(factory): async with factory() as s: ...`` needs a factory of context managers;
nothing in its signature says so.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mypy.nodes import (
    AssignmentStmt,
    AwaitExpr,
    CallExpr,
    Decorator,
    ExpressionStmt,
    ForStmt,
    FuncDef,
    MemberExpr,
    NameExpr,
    NonlocalDecl,
    RefExpr,
    ReturnStmt,
    WithStmt,
)

from mypy_asyncsession.detectors.record import Pairing
from mypy_asyncsession.semantic.cfg import EdgeKind, Graph, PointKind
from mypy_asyncsession.semantic.dataflow import may_reach
from mypy_asyncsession.semantic.function_flow import FunctionFlow
from mypy_asyncsession.semantic.syntax import definition_of, dotted, mentions, walk

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy.nodes import ClassDef, Expression, Node

    from mypy_asyncsession.semantic.program import Program
    from mypy_asyncsession.semantic.scopes import Scope


#: What a graph calls the uses of an object.
_KINDS: dict[type, PointKind] = {
    WithStmt: PointKind.ENTER,
    ForStmt: PointKind.ITERATE,
    AwaitExpr: PointKind.AWAIT,
}

#: What may stand before a function that is returned, so that it is returned whatever happens.
_PLAIN = (AssignmentStmt, Decorator, ExpressionStmt, FuncDef, NonlocalDecl)


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
    """What a function does, whatever happens, with each of its parameters."""
    names = {argument.variable.name for argument in function.arguments}
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
    return {
        name: need
        for name, need in certain.items()
        if _is_sure(name, uses[name], flow) or _is_sure_inside(name, uses[name], function)
    }


def _is_sure_inside(name: str, uses: list[tuple[PointKind, Node, int]], outer: FuncDef) -> bool:
    """The same for a function that returns one which uses what it was given.

    That is what the maker of a decorator does, and a decorator.
    """
    inner = _returned_function(outer)
    if inner is None or any(each.variable.name == name for each in inner.arguments):
        return False
    inside = {id(node) for node in walk(inner.body)}
    if mentions(outer.body, name) != sum(id(node) in inside for _, node, _ in uses):
        return False
    return _is_sure_free(uses, FunctionFlow(inner)) or _is_sure_inside(name, uses, inner)


def _returned_function(outer: FuncDef) -> FuncDef | None:
    """The function that another one defines and returns, and does not ask anything before."""
    body = outer.body.body
    last = body[-1] if body else None
    if not isinstance(last, ReturnStmt) or not isinstance(last.expr, NameExpr):
        return None
    if not all(isinstance(each, _PLAIN) for each in body[:-1]):
        return None
    found = [inner for each in body if (inner := definition_of(each)) is not None]
    return found[0] if len(found) == 1 and found[0].name == last.expr.name else None


def _is_sure_free(uses: list[tuple[PointKind, Node, int]], flow: FunctionFlow) -> bool:
    return flow.always(_points_of(uses, flow.graph))


def _points_of(uses: list[tuple[PointKind, Node, int]], graph: Graph) -> list[int]:
    return [
        index
        for kind, node, position in uses
        for index in graph.points_of(node)
        if graph.points[index].kind is kind and graph.points[index].item in (-1, position)
    ]


def kept(init: FuncDef, owner: ClassDef) -> dict[str, Need]:
    """What the methods of a class do with what its ``__init__`` is given, and keeps.

    Only what is kept as it is, in an attribute that is used in one way wherever it is used.
    """
    me = init.arguments[0].variable.name if init.arguments else ""
    attributes: dict[str, str] = {}
    for statement in init.body.body:
        if isinstance(statement, AssignmentStmt) and isinstance(statement.rvalue, NameExpr):
            target = statement.lvalues[0]
            if isinstance(target, MemberExpr) and dotted(target.expr) == me:
                attributes[target.name] = statement.rvalue.name
    found: dict[str, Need] = {}
    for attribute, name in attributes.items():
        ways: list[Need] = []
        for node in walk(owner.defs):
            for pairing, expression in pairings(node):
                called = isinstance(expression, CallExpr)
                held = expression.callee if isinstance(expression, CallExpr) else expression
                if isinstance(held, MemberExpr) and dotted(held) == f"self.{attribute}":
                    ways.append(Need(pairing, called))
        asked = sum(
            isinstance(node, MemberExpr) and node.name == attribute for node in walk(owner.defs)
        )
        # Once it is kept, all else are its uses, and all are of one kind.
        if len(set(ways)) == 1 and asked == len(ways) + 1 and mentions(init.body, name) == 1:
            found[name] = ways[0]
    return found


def _is_sure(name: str, uses: list[tuple[PointKind, Node, int]], flow: FunctionFlow) -> bool:
    """Whether a function uses a parameter in one of some places, whatever happens."""
    graph = flow.graph
    points = [
        index
        for index in _points_of(uses, graph)
        # Before that it may have been put in order.
        if flow.bindings.reaching(index, name) == {Graph.ENTRY}
    ]
    # If one of them fails, that is what comes of the call.
    return flow.always(points) and not may_reach(
        graph, points, Graph.EXIT, first=EdgeKind.ERROR, avoiding=points
    )


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
