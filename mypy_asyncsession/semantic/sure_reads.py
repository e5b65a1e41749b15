"""The attributes of a parameter that a function reads, whichever way it goes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mypy.nodes import CallExpr, Decorator, FuncDef, MemberExpr, NameExpr

from mypy_asyncsession.models.builtin import PROPERTY_NAMES
from mypy_asyncsession.semantic.cfg import Graph, PointKind, build
from mypy_asyncsession.semantic.dataflow import Bindings, reachable
from mypy_asyncsession.semantic.syntax import walk

if TYPE_CHECKING:
    from collections.abc import Collection

    from mypy.nodes import Node


def surely_read(function: FuncDef, name: str, wanted: Collection[str]) -> frozenset[str]:
    """The attributes of what a parameter holds that a function surely reads.

    Args:
        function: The function.
        name: The parameter.
        wanted: The attributes that matter.
    """
    if function.is_coroutine or function.is_generator:
        return frozenset()
    named = {
        node.name
        for node in walk(function.body)
        if isinstance(node, MemberExpr)
        and isinstance(node.expr, NameExpr)
        and node.expr.name == name
        and node.name in wanted
    }
    if not named:
        return frozenset()
    graph = build(function)
    if graph.of_kind(PointKind.HANDLER) or Bindings(graph).of(name):
        return frozenset()
    places: dict[str, set[int]] = {}
    for point in graph.points:
        for read in point.reads:
            if (
                isinstance(read, MemberExpr)
                and isinstance(read.expr, NameExpr)
                and read.expr.name == name
                and read.name in named
                and name not in point.inner
            ):
                places.setdefault(read.name, set()).add(point.index)
    return frozenset(
        attribute
        for attribute, points in places.items()
        if Graph.EXIT not in reachable(graph, Graph.ENTRY, avoiding=points)
    )


def read_by_member(statement: Node, wanted: Collection[str]) -> tuple[str, frozenset[str]] | None:
    """What a method or property reads of its own object; a method has ``()`` behind its name.

    Args:
        statement: A statement of the body of a class.
        wanted: The attributes that matter.
    """
    function, called = statement, "()"
    if isinstance(statement, Decorator):
        names = [
            each.name
            for each in statement.original_decorators
            if isinstance(each, (MemberExpr, NameExpr))
        ]
        if len(statement.original_decorators) != 1 or not PROPERTY_NAMES.issuperset(names):
            return None
        if not names:
            return None
        function, called = statement.func, ""
    if not isinstance(function, FuncDef) or not function.arguments:
        return None
    read = surely_read(function, function.arguments[0].variable.name, wanted)
    return (f"{function.name}{called}", read) if read else None


def is_called(member: MemberExpr, calls: Collection[CallExpr]) -> bool:
    """Whether a member is what one of some calls is of."""
    return any(call.callee is member for call in calls)
