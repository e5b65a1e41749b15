"""What is answered for all points of a graph at once, against a walk for each of them."""

from __future__ import annotations

import random
import re
from typing import TYPE_CHECKING

from mypy.nodes import NameExpr

from mypy_asyncsession.semantic.bindings import names_of
from mypy_asyncsession.semantic.cfg import EdgeKind, Graph, PointKind, build
from mypy_asyncsession.semantic.dataflow import Ahead, reachable
from mypy_asyncsession.semantic.decisions import Decisions
from mypy_asyncsession.semantic.dominators import dominators
from mypy_asyncsession.semantic.function_body import FunctionBody
from mypy_asyncsession.semantic.function_flow import FunctionFlow
from mypy_asyncsession.semantic.scopes import Scope
from tests.graphs import function_in
from tests.harness import flows

if TYPE_CHECKING:
    from collections.abc import Iterator

_FIRST = (EdgeKind.ANY, EdgeKind.QUIET, EdgeKind.RAISING, EdgeKind.ERROR)


def _graphs() -> Iterator[tuple[str, Graph]]:
    for seed in range(150):
        source = flows.Writer(seed, exact=False).source()
        yield source, build(function_in(source))


def test_what_lies_ahead() -> None:
    chosen = random.Random(1)
    for source, graph in _graphs():
        points = range(len(graph.points))
        goals = chosen.sample(points, min(len(points), chosen.randint(0, 4)))
        ahead = Ahead(graph, goals)
        for point in points:
            for first in _FIRST:
                after = reachable(graph, point, first=first).intersection(goals)
                assert ahead.may_follow(point, first=first) == bool(after), source
                beside = bool(after - {point})
                assert ahead.may_follow(point, first=first, beside=point) == beside, source


def test_what_every_way_comes_through() -> None:
    for source, graph in _graphs():
        for goal in Graph.ENDS:
            always = dominators(graph, goal)
            for point in range(4, len(graph.points)):
                left = reachable(graph, Graph.ENTRY, avoiding={point})
                assert (point in always) == (goal not in left), source


def test_which_points_an_argument_decides_about() -> None:
    for seed in range(150):
        chosen = random.Random(seed)
        written = flows.Writer(seed, exact=False).source().replace("def f():", "def f(a):")
        parts = re.split(r"(\bc\(\d+\))", written)
        parts[1::2] = (chosen.choice(("a", condition)) for condition in parts[1::2])
        source = "".join(parts)
        body = _body(source)
        graph = body.graph
        branches = [
            index
            for index in graph.of_kind(PointKind.BRANCH)
            if isinstance(condition := graph.points[index].node, NameExpr) and condition.name == "a"
        ]
        decisions = Decisions(body)
        for point in range(len(graph.points)):
            decided = any(
                (point in reachable(graph, index, first=EdgeKind.TRUE))
                is not (point in reachable(graph, index, first=EdgeKind.FALSE))
                for index in branches
            )
            assert decisions.decide(point) == decided, source


def _body(source: str) -> FunctionBody:
    function = function_in(source)
    scope = Scope("module", None, names_of([function], "module", is_package=False))
    flow = FunctionFlow(function)
    return FunctionBody(function, scope, flow, flow.graph)
