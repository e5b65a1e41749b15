"""What is asked of the graph and of the index in place of mypy's statement classes."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

import pytest
from mypy.nodes import ForStmt, NameExpr

from mypy_asyncsession.semantic.cfg import PointKind
from mypy_asyncsession.semantic.cfg.attempts import attempt_at, attempt_of, cleanup_of
from mypy_asyncsession.semantic.cfg.conditions import (
    assertion,
    chooses,
    conditions,
    deciding,
    steers,
    subject,
)
from mypy_asyncsession.semantic.footprints import footprint
from mypy_asyncsession.semantic.function_flow import FunctionFlow
from mypy_asyncsession.semantic.index import bodies, contents, enclosing_in, head
from mypy_asyncsession.semantic.loop_exits import exits_of
from mypy_asyncsession.semantic.syntax import statements, yields
from mypy_asyncsession.semantic.yield_points import after_yield, again, before_yield, yields_at
from tests.graphs import function_in

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mypy.nodes import Node

    from mypy_asyncsession.semantic.cfg import Graph

KINDS = """
async def f(a):
    if a:
        one()
    elif b:
        two()
    else:
        three()
    while c:
        four()
    assert d, message
    match e:
        case 1:
            five()
    try:
        six()
    except (OSError, ValueError) as error:
        seven()
    except:
        eight()
    else:
        nine()
    finally:
        ten()
    with open(g) as file:
        eleven()
    for h in i:
        twelve()
    return j
"""


def names(nodes: Iterable[Node | None]) -> list[str]:
    return [node.name for node in nodes if isinstance(node, NameExpr)]


def called(graph: Graph, points: Iterable[int] | None = None) -> list[str]:
    """The names that are called at some points, or at any, in their order."""
    found = map(graph.points.__getitem__, points) if points is not None else graph.points
    return [
        getattr(getattr(point.node, "callee", None), "name", "?")
        for point in found
        if point.kind is PointKind.CALL
    ]


def test_what_each_statement_decides_by() -> None:
    body = function_in(KINDS).body.body
    assert [names(conditions(each)) for each in body] == [["a"], *[[]] * 7]
    assert [names(deciding(each)) for each in body] == [["a"], ["c"], ["d"], *[[]] * 5]
    assert names(map(assertion, body)) == ["d"]
    assert names(map(subject, body)) == ["e"]
    assert [chooses(each) for each in body] == [True, False, False, True, *[False] * 4]
    assert [steers(each) for each in body] == [*[True] * 5, False, True, True]


def test_the_head_and_the_bodies_of_a_statement() -> None:
    function = function_in(KINDS)
    body = function.body.body
    assert [len(list(bodies(each))) for each in body] == [2, 1, 0, 1, 5, 1, 1, 0]
    assert names(head(body[0])) == ["a"]
    assert names(head(body[3])) == ["e"]
    assert names(head(body[6])) == ["i", "h"]
    # Together they are all that a walk finds.
    stack: list[Node] = [*body]
    found: set[int] = set()
    while stack:
        node = stack.pop()
        found.add(id(node))
        stack += [*head(node), *(each for inner in bodies(node) for each in inner)]
    assert found.issuperset(map(id, (each for each in statements(body) if list(head(each)))))


def test_attempts_and_cleanups() -> None:
    function = function_in(KINDS)
    attempt = attempt_of(function.body.body[4])
    assert attempt is not None
    assert [handler.name for handler in attempt.handlers] == ["error", None]
    assert attempt.is_caught(lambda caught: caught is None)
    assert not attempt.is_caught(lambda caught: isinstance(caught, NameExpr))
    assert [each.block for each in contents(function).attempts] == [attempt.block]
    cleanup = cleanup_of(function.body.body[4])
    assert cleanup is not None
    assert cleanup.line == 24
    assert [cleanup_of(each) for each in function.body.body].count(None) == 7
    flow = FunctionFlow(function)
    places = {
        each: attempt_at(flow.graph, index)
        for index in flow.graph.of_kind(PointKind.CALL)
        for each in called(flow.graph, [index])
    }
    assert {name for name, found in places.items() if found is not None} == {"six"}


def test_the_blocks_around_a_statement() -> None:
    function = function_in(
        """
        def f():
            with a:
                for b in c:
                    if b:
                        inside()
                    else:
                        pass
            after()
        """
    )
    flow = FunctionFlow(function)
    around = {
        name: [type(block.statement).__name__ for block in flow.enclosing(point.statement)]
        for point in flow.graph.points
        for name in called(flow.graph, [point.index])
    }
    assert around == {"inside": ["IfStmt", "ForStmt", "WithStmt"], "after": []}


def test_a_chain_of_conditions_costs_no_more_than_its_length() -> None:
    lines = ["if a: pass", *["elif a: pass"] * 900]
    function = function_in("def f(a):\n" + textwrap.indent("\n".join(lines), "    "))
    assert len(enclosing_in(function.body)) > 1800


@pytest.mark.parametrize(
    ("body", "left"),
    [
        ("break", ["break"]),
        ("return", ["return"]),
        ("raise ValueError", ["error"]),
        ("continue", []),
        ("if a:\n    break\nelse:\n    return", ["break", "return"]),
        ("try:\n    raise ValueError\nexcept ValueError:\n    pass", []),
        ("with a:\n    use()", []),
        ("with a:\n    return", ["return"]),
        ("for b in c:\n    break", []),
        ("assert a", []),
        ("try:\n    return\nfinally:\n    continue", []),
    ],
)
def test_how_a_loop_is_left(body: str, left: list[str]) -> None:
    text = "def f():\n    for x in y:\n" + textwrap.indent(body, "        ")
    function = function_in(text)
    loop = function.body.body[0]
    assert isinstance(loop, ForStmt)
    assert [way.value for way, _ in exits_of(loop, FunctionFlow(function).graph)] == left


@pytest.mark.parametrize(
    ("body", "later"),
    [
        ("before()\nyield\nafter()", ["after"]),
        ("yield\nreturn\nnever()", []),
        ("try:\n    yield\n    one()\nexcept E:\n    two()\nelse:\n    three()", ["one", "three"]),
        ("try:\n    yield\nfinally:\n    last()", ["last"]),
        # Another round is none of what follows, and what follows the loop is.
        ("for x in y():\n    again()\n    yield x\n    rest()\nend()", ["rest", "end"]),
        ("while more():\n    yield\n    rest()\nend()", ["rest", "end", "more"]),
        ("while True:\n    again()\n    yield\n    rest()\nend()", ["rest"]),
        ("for x in y():\n    yield x\n    break\nelse:\n    end()\nlast()", ["last"]),
        ("for x in y():\n    if x:\n        other()\n    else:\n        yield x", []),
        ("if a:\n    yield 1\n    one()\nelse:\n    two()\nend()", ["one", "end"]),
        ("if a:\n    yield 1\n    one()\nelse:\n    yield 2\n    two()", ["one", "two"]),
        ("yield 1\none()\nyield 2\ntwo()", ["one", "two"]),
    ],
)
def test_what_follows_a_yield(body: str, later: list[str]) -> None:
    function = function_in("def f(a):\n" + textwrap.indent(body, "    "))
    flow = FunctionFlow(function)
    at = flow.graph.of_kind(PointKind.YIELD)
    assert called(flow.graph, after_yield(flow.graph, at)) == later


def test_the_loops_that_come_to_a_yield_again() -> None:
    function = function_in(
        """
        def f():
            for a in b:
                for c in d:
                    yield c
                    break
            for e in g:
                yield e
                return
        """
    )
    flow = FunctionFlow(function)
    lines = [
        [flow.graph.points[top].line for top in sorted(again(flow.graph, at))]
        for at in (yields_at(flow.graph, each) for each in yields(function))
    ]
    assert lines == [[3, 4], []]


def test_what_comes_before_a_yield() -> None:
    function = function_in(
        """
        def f(a):
            one()
            if a:
                return two()
            for b in c:
                three()
                yield b
            four()
        """
    )
    flow = FunctionFlow(function)
    assert called(flow.graph, sorted(before_yield(flow))) == ["one", "two"]


def test_a_footprint_knows_how_control_passes() -> None:
    text = """
    async def f(session, a):
        {}
            await session.commit()
    """
    match, other, loop = (
        function_in(text.format(line))
        for line in ("match a:\n          case 1:", "match a:\n          case 2:", "while a:")
    )
    of = [footprint(each, contents(each)) for each in (match, other, loop)]
    assert of[0] == of[1]
    assert of[1] != of[2]


def test_a_failure_that_is_expected_is_none_of_the_questions_about_time() -> None:
    text = """
    def f():
        with {}:
            raise ValueError
        after()
    """
    flows = [
        FunctionFlow(function_in(text.format(manager)))
        for manager in ("pytest.raises(ValueError)", "suppress(ValueError)", "open(a)")
    ]
    found = [("after" in called(flow.graph), "after" in called(flow.unexpecting)) for flow in flows]
    assert found == [(True, False), (True, True), (False, False)]
    assert [flow.unexpecting is flow.graph for flow in flows] == [False, True, True]
