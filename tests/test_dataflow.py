"""The graph, the solver and what stands on them, on functions that fit on a page."""

from __future__ import annotations

import textwrap
import time
from typing import TYPE_CHECKING

import pytest
from mypy.nodes import (
    Block,
    CallExpr,
    ExpressionStmt,
    ForStmt,
    IfStmt,
    NameExpr,
    TryStmt,
    WhileStmt,
    WithStmt,
)

from mypy_asyncsession.semantic.bindings import names_of
from mypy_asyncsession.semantic.cfg import EdgeKind, Graph, PointKind, build
from mypy_asyncsession.semantic.cfg.names import bound_at
from mypy_asyncsession.semantic.dataflow import (
    Analysis,
    Bindings,
    dominates,
    may_reach,
    on_every_path,
    solve,
)
from mypy_asyncsession.semantic.flags import Flags
from mypy_asyncsession.semantic.module_source import ModuleSource
from mypy_asyncsession.semantic.scopes import Scope
from mypy_asyncsession.semantic.syntax import statements
from mypy_asyncsession.semantic.typestate import Change, Held, follow
from tests.graphs import function_in, graph_of, tree_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from mypy.nodes import Statement

    from mypy_asyncsession.semantic.cfg import Point


def call(graph: Graph, name: str) -> int:
    """The one point that calls a name."""
    (found,) = calls(graph, name)
    return found


def calls(graph: Graph, name: str) -> list[int]:
    return [
        index
        for index in graph.of_kind(PointKind.CALL)
        if getattr(getattr(graph.points[index].node, "callee", None), "name", "") == name
    ]


def dump(text: str) -> str:
    return graph_of(text).text()


def test_a_graph_as_text() -> None:
    text = """
        async def f(m):
            async with m() as s:
                if await s.get():
                    return 1
            done()
    """
    assert dump(text) == textwrap.dedent(
        """
        0 entry -> 4
        1 exit ->
        2 raised ->
        4 call m line 3 -> 2 error, 5
        5 enter #0 line 3 -> 2 error, 2 cancel, 6
        6 bind s line 3 -> 7
        7 call s.get line 4 -> 8 error, 9
        8 leave #0 (error) line 3 -> 2 error, 2 cancel
        9 await line 4 -> 8 error, 10 cancel, 11
        10 leave #0 (cancel) line 3 -> 2 error, 2 cancel
        11 branch line 4 -> 12 true, 14 false
        12 return line 5 -> 13
        13 leave #0 (return) line 3 -> 2 error, 2 cancel, 1
        14 leave #0 (normal) line 3 -> 2 error, 2 cancel, 15
        15 call done line 6 -> 2 error, 16
        16 statement line 6 -> 1
        """
    ).strip().replace("exit ->", "exit -> ").replace("raised ->", "raised -> ")


#: Bodies in which ``b`` may come after ``a``.
REACHED = """\
    while True:
        if a(): break
    b()
----
    while True:
        try:
            return a()
        finally:
            break
    b()
----
    with suppress(E):
        a()
        raise E
    b()
----
    match a():
        case 1: return
        case 2: raise E
    b()
----
    match a():
        case x if c(): return
    b()
----
    for x in a():
        break
    else:
        return
    b()
----
    try:
        a()
        raise E
    except ValueError:
        pass
    b()
----
    return a() or b()
"""
#: Bodies in which it may not.
NOT_REACHED = """\
    while True:
        a()
    b()
----
    while 1:
        try:
            return a()
        finally: c()
    b()
----
    a()
    raise E
    b()
----
    a()
    sys.exit()
    b()
----
    a()
    assert False
    b()
----
    with closing(E):
        a()
        raise E
    b()
----
    match a():
        case 1: return
        case _: raise E
    b()
----
    for x in a():
        return
    else:
        return
    b()
----
    try:
        a()
        raise E
    except Exception:
        raise
    b()
----
    if a(): return
    elif c(): raise E
    else: return
    b()
----
    return a() if True else b()
----
    return a() and False and b()
"""


@pytest.mark.parametrize(
    ("body", "reached"),
    [
        (body, reached)
        for group, reached in ((REACHED, True), (NOT_REACHED, False))
        for body in group.split("----\n")
    ],
)
def test_what_comes_after(body: str, *, reached: bool) -> None:
    graph = graph_of("def f():\n" + body)
    found = calls(graph, "b")
    assert bool(found and may_reach(graph, call(graph, "a"), found)) is reached


def test_the_ways_through_a_finally_do_not_mix() -> None:
    graph = graph_of(
        """
        def f(a):
            try:
                if a:
                    return first()
                second()
            finally:
                last()
            after()
        """
    )
    assert not may_reach(graph, call(graph, "first"), call(graph, "after"))
    assert may_reach(graph, call(graph, "second"), call(graph, "after"))
    assert len(calls(graph, "last")) == 3
    assert on_every_path(graph, call(graph, "first"), calls(graph, "last"))
    assert not on_every_path(graph, call(graph, "first"), [call(graph, "after")])


def test_who_catches_what() -> None:
    graph = graph_of(
        """
        async def f():
            try:
                await work()
            except Exception:
                failed()
            except CancelledError:
                cancelled()
        """
    )
    (waiting,) = graph.of_kind(PointKind.AWAIT)
    failed, cancelled = call(graph, "failed"), call(graph, "cancelled")
    assert not may_reach(graph, waiting, failed, first=EdgeKind.CANCEL)
    assert may_reach(graph, waiting, failed, first=EdgeKind.ERROR)
    assert not may_reach(graph, waiting, cancelled, first=EdgeKind.ERROR)
    assert may_reach(graph, waiting, Graph.RAISED, first=EdgeKind.CANCEL)
    assert not may_reach(graph, waiting, Graph.RAISED, avoiding=[failed], first=EdgeKind.ERROR)


def test_a_yield_may_never_be_resumed() -> None:
    graph = graph_of(
        "def f():\n    try:\n        yield\n    finally:\n        close()\n    after()"
    )
    (given,) = graph.of_kind(PointKind.YIELD)
    assert not on_every_path(graph, given, calls(graph, "close"))
    along = EdgeKind.ANY & ~EdgeKind.ABANDON
    assert on_every_path(graph, given, calls(graph, "close"), along=along)
    assert not may_reach(graph, given, call(graph, "after"), first=EdgeKind.CLOSE)


def test_a_generator_expression_is_a_body_of_its_own() -> None:
    function = function_in("def f(a):\n    return (g(x) for x in h(a) if x)")
    outer = build(function)
    assert calls(outer, "h")
    assert not calls(outer, "g")
    (statement,) = function.body.body
    inner = build(statement.expr)  # type: ignore[attr-defined]
    assert calls(inner, "g")
    assert not calls(inner, "h")
    assert inner.of_kind(PointKind.YIELD)


def test_dominators() -> None:
    graph = graph_of("def f():\n    a()\n    if b():\n        c()\n    d()")
    a, b, c, d = (call(graph, name) for name in "abcd")
    assert dominates(graph, a, d)
    assert dominates(graph, b, c)
    assert not dominates(graph, c, d)


class _Constant(Analysis[frozenset[int]]):
    """The numbers that ``x`` may be."""

    def start(self) -> frozenset[int]:
        return frozenset()

    def join(self, one: frozenset[int], other: frozenset[int]) -> frozenset[int]:
        return one if other <= one else one | other

    def transfer(self, point: Point, state: frozenset[int]) -> frozenset[int]:
        value = getattr(getattr(point.node, "rvalue", None), "value", None)
        return frozenset({value}) if "x" in bound_at(point) and value is not None else state

    def edge(
        self, point: Point, kind: int, before: frozenset[int], after: frozenset[int]
    ) -> frozenset[int] | None:
        del point
        return before if kind & EdgeKind.RAISING else after


class _Live(Analysis[frozenset[str]]):
    """The names that are looked up later."""

    backward = True

    def start(self) -> frozenset[str]:
        return frozenset()

    def join(self, one: frozenset[str], other: frozenset[str]) -> frozenset[str]:
        return one | other

    def transfer(self, point: Point, state: frozenset[str]) -> frozenset[str]:
        read = {name.name for name in point.reads if isinstance(name, NameExpr)}
        return (state - bound_at(point)) | read


LOOP = """
    def f(a):
        x = 1
        while a:
            x = 2
            if g(x):
                x = 3
                continue
            try:
                h()
                x = 4
            except ValueError:
                caught(x)
        done(x)
"""


def test_a_forward_analysis() -> None:
    graph = graph_of(LOOP)
    solution = solve(graph, _Constant())
    assert solution.before[call(graph, "g")] == frozenset({2})
    assert solution.before[call(graph, "caught")] == frozenset({2})
    assert solution.before[call(graph, "done")] == frozenset({1, 2, 3, 4})
    assert solution.before[Graph.ABANDONED] is None


def test_a_backward_analysis() -> None:
    graph = graph_of(
        "def f(a, b, c):\n    if g(a):\n        c = 1\n        h(b)\n    else:\n        h(c)"
    )
    solution = solve(graph, _Live())
    names = solution.after[Graph.ENTRY]
    assert names is not None
    assert names >= {"a", "b", "c"}
    (first, second) = calls(graph, "h")
    assert solution.after[first] == frozenset({"h", "b"})
    assert solution.after[second] == frozenset({"h", "c"})


def test_bindings() -> None:
    graph = graph_of(LOOP)
    bindings = Bindings(graph)
    points = sorted(bindings.of("x"))
    assert len(points) == 4
    assert bindings.reaching(call(graph, "g"), "x") == {points[1]}
    assert bindings.reaching(call(graph, "done"), "x") == set(points)
    assert bindings.reaching(call(graph, "g"), "a") == {Graph.ENTRY}
    assert bindings.seeing(points[2], "x") == [call(graph, "done")]
    assert bindings.seeing(points[1], "x") == sorted(
        call(graph, name) for name in ("g", "caught", "done")
    )
    assert bindings.is_live(points[0], "x")
    assert not bindings.is_live(call(graph, "done"), "x")


def test_a_comprehension_has_names_of_its_own() -> None:
    graph = graph_of("def f(s):\n    a([s for s in s.all()])\n    s = 1\n    b(s)")
    bindings = Bindings(graph)
    assert len(bindings.of("s")) == 1
    assert bindings.reaching(call(graph, "b"), "s") == set(bindings.of("s"))
    (all_,) = calls(graph, "all")
    assert bindings.seeing(Graph.ENTRY, "s") == [all_]


def test_a_state_and_where_it_came_from() -> None:
    graph = graph_of(
        """
        async def f(make):
            s = make()
            try:
                await s.commit()
            except IntegrityError:
                read_failed(s)
            else:
                read_committed(s)
            s.close()
            read(s)
        """
    )
    begun, closed = call(graph, "make"), call(graph, "close")
    (commit,) = graph.of_kind(PointKind.AWAIT)
    changes = {
        begun: [Change("open", begins=True, when=EdgeKind.NORMAL)],
        commit: [
            Change("committed", when=EdgeKind.NORMAL),
            Change("failed", frozenset({"open"}), EdgeKind.ERROR),
        ],
        closed: [Change("closed", when=EdgeKind.NORMAL)],
    }
    asked = [call(graph, name) for name in ("read_failed", "read_committed", "read")]
    tracked = follow(graph, changes, asked, Flags(graph, ()))
    assert tracked.states(asked[0]) == {"failed", "open"}  # what was not awaited did not fail
    assert tracked.states(asked[1]) == {"committed"}
    assert tracked.states(asked[2]) == {"closed"}
    (held,) = tracked.held(asked[2], "closed")
    history = tracked.history(held)
    assert [each.since for each in history] in ([begun, closed], [begun, commit, closed])
    (failed,) = tracked.held(asked[0], "failed")
    assert tracked.history(failed) == [Held("open", begun), Held("failed", commit)]
    assert not tracked.states(Graph.ENTRY)


def test_a_loop_begins_an_object_anew() -> None:
    graph = graph_of("def f():\n    for x in a():\n        use(x)\n        expire()\n    after(x)")
    bound = next(iter(graph.of_kind(PointKind.BIND)))
    changes = {
        bound: [Change("fresh", begins=True)],
        call(graph, "expire"): [Change("expired", when=EdgeKind.NORMAL)],
    }
    used, after = call(graph, "use"), call(graph, "after")
    tracked = follow(graph, changes, [used, after], Flags(graph, ()))
    assert tracked.states(used) == {"fresh"}
    assert tracked.states(after) == {"expired"}


@pytest.mark.parametrize(
    ("before", "handler", "test", "is_failed"),
    [
        ("ok = True", "ok = False", "ok", False),
        ("ok = True", "ok = False", "not ok", True),
        ("ok = True", "ok = False", "ok is True", False),
        ("ok = True", "ok = maybe()", "ok", True),
        ("ok, other = False, 1", "pass", "ok", False),
        ("error = None", "error = caught", "error is None", False),
        ("error = None", "error = caught", "error is not None", True),
        ("count = 0", "count += 1", "count == 0", False),
        ("count = 0", "count += 1", "count > 0", True),
        ("errors = []", "errors.append(caught)", "not errors", False),
        ("errors = []", "errors.append(caught)", "len(errors) > 0", True),
        ("errors = []", "report(errors)", "not errors", True),
        ("a.ok = True", "a.ok = False", "a.ok and b", False),
        ("a.ok = True", "a.ok = False; a.reset()", "a.ok", True),
        ("self.ok = True", "self.ok = False", "self.ok", False),
        ("self.ok = True", "self.ok = False; await other()", "self.ok", True),
        ("self.ok = True", "self.ok = False; self.begin()", "self.ok", True),
        ("status = 'new'", "status = 'failed'", "status == 'new'", False),
        ("status = 'new'", "status = 'failed'", "status != 'new'", True),
        ("status = 'new'", "status = 'failed'", "status != 'failed'", False),
        ("status = 'new'", "status = None", "status == 'new'", False),
        ("ok = True", "ok = 1", "ok == True", True),
        ("ok = True", "ok = 1", "ok is True", False),
        ("result = {'ok': True}", "result['ok'] = False", "result['ok']", False),
        ("result = {'ok': True}", "result = {'ok': False}", "result.get('ok')", False),
        ("result = {'ok': True}", "result.update(other)", "result['ok']", True),
        ("result = {'ok': True}", "result['ok'] = False; result = other()", "result['ok']", True),
        ("a.ok = True", "a.ok = False; a = other()", "a.ok", True),
    ],
)
def test_what_a_way_knows_of_flags(before: str, handler: str, test: str, is_failed: bool) -> None:
    graph = graph_of(
        f"""
        async def f():
            {before}
            try:
                await s.flush()
            except Error as caught:
                {handler}
            if {test}:
                use(s)
        """
    )
    flush = graph.of_kind(PointKind.AWAIT)[0]
    changes = {flush: [Change("failed", when=EdgeKind.ERROR, begins=True)]}
    used = call(graph, "use")
    tracked = follow(graph, changes, [used], Flags(graph, ()))
    assert tracked.states(used) == ({"failed"} if is_failed else set())
    # What another function may set, no way knows.
    name = before.replace(",", " ").replace(".", " ").split()[0]
    shared = follow(graph, changes, [used], Flags(graph, {name}))
    assert shared.states(used) == {"failed"}


def test_conditions_that_are_asked_again() -> None:
    graph = graph_of(
        """
        def f(late):
            s = make()
            if late:
                close(s)
            if late:
                use_closed(s)
            else:
                use_open(s)
        """
    )
    changes = {
        call(graph, "make"): [Change("open", begins=True)],
        call(graph, "close"): [Change("closed")],
    }
    asked = [call(graph, "use_closed"), call(graph, "use_open")]
    tracked = follow(graph, changes, asked, Flags(graph, ()))
    assert [tracked.states(each) for each in asked] == [{"closed"}, {"open"}]


def _spent(action: Callable[[], object]) -> float:
    begun = time.process_time()
    action()
    return time.process_time() - begun


def test_a_function_of_fifty_thousand_lines() -> None:
    lines = "".join(f"    x{number} = g(a, {number}).y\n" for number in range(50_000))
    function = function_in("async def f(a):\n" + lines)

    def everything() -> None:
        graph = build(function)
        assert len(graph.points) > 100_000
        solve(graph, _Constant())
        Bindings(graph).reaching(Graph.EXIT, "x1")

    assert _spent(everything) < 20


def test_five_thousand_sessions_in_one_function() -> None:
    lines = "".join(
        f"    async with m() as s{number}:\n        await s{number}.x()\n"
        for number in range(5_000)
    )
    graph = build(function_in("async def f():\n" + lines))

    def follow_each() -> None:
        bindings, flags = Bindings(graph), Flags(graph, ())
        for entered in graph.of_kind(PointKind.BIND):
            (name,) = bound_at(graph.points[entered])
            uses = bindings.seeing(entered, name)[:1] if entered < 100 else []
            changes = {entered: [Change("open", begins=True)]}
            asked = uses or [entered + 1]
            assert follow(graph, changes, asked, flags).states(asked[0]) == {"open"}

    assert _spent(follow_each) < 10


def _nested(depth: int) -> list[Statement]:
    """Statements in one another, deeper than mypy's parser would read them."""

    def name() -> CallExpr:
        return CallExpr(NameExpr("a"), [], [], [])

    inner: list[Statement] = [ExpressionStmt(name())]
    for level in range(depth):
        body = Block(inner)
        kinds: list[Statement] = [
            IfStmt([name()], [body], None),
            WithStmt([name()], [None], body),
            WhileStmt(name(), body, None),
            ForStmt(NameExpr("x"), name(), body, None),
            TryStmt(body, [None], [NameExpr("E")], [Block([ExpressionStmt(name())])], None, None),
            TryStmt(body, [], [], [], None, Block([ExpressionStmt(name())])),
        ]
        inner = [kinds[level % len(kinds)]]
    return inner


def test_statements_a_thousand_deep() -> None:
    graph = build(Block(_nested(6_000)))
    assert 10_000 < len(graph.points) < 100_000
    assert may_reach(graph, Graph.ENTRY, Graph.EXIT)


def test_finally_in_finally_does_not_explode() -> None:
    inner: list[Statement] = [ExpressionStmt(CallExpr(NameExpr("a"), [], [], []))]
    for _ in range(300):
        body = Block([ExpressionStmt(CallExpr(NameExpr("b"), [], [], []))])
        inner = [TryStmt(body, [], [], [], None, Block(inner))]
    assert len(build(Block(inner)).points) < 10_000


@pytest.mark.parametrize(
    "expression",
    [
        "+".join(["a()"] * 3_000),
        " and ".join(["a()"] * 3_000),
        "a" + ".b()" * 3_000,
        "a(" * 150 + ")" * 150,
        "(a and " * 150 + "b()" + ")" * 150,
    ],
    ids=["sum", "and", "chain", "calls", "conditions"],
)
def test_expressions_that_are_deep(expression: str) -> None:
    graph = build(function_in(f"def f(a):\n    return {expression}\n"))
    assert len(graph.points) > 150
    assert may_reach(graph, Graph.ENTRY, Graph.EXIT)


def bound_where_used(text: str) -> tuple[list[int], bool]:
    """The lines of the bindings of ``x`` that may hold at ``use(x)``, and whether one must."""
    tree = tree_of(text)
    body = Scope("module", None, names_of(tree.defs, "module", is_package=False))
    source = ModuleSource("module", "module.py", tree, body, False, lambda _path: text.encode())
    function = function_in(text)
    scope = source.scope_in(function, body)
    used = next(
        each
        for each in statements(function.body)
        if isinstance(each, (ExpressionStmt, WithStmt))
        and any(
            isinstance(inner, CallExpr) and getattr(inner.callee, "name", "") == "use"
            for inner in (each.expr if isinstance(each, WithStmt) else [each.expr])
        )
    )
    live, must = source.bindings_at("x", scope, scope.names.places[id(used)])
    return [binding.line for binding in live], must


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        pytest.param("x = a\nx = b\nuse(x)", ([3], True), id="the last one"),
        pytest.param("x = a\nif c:\n x = b\nuse(x)", ([2, 4], True), id="either"),
        pytest.param(
            "if c:\n x = a\nelse:\n x = b\nuse(x)", ([3, 5], True), id="one of the branches"
        ),
        pytest.param("if c:\n x = a\nuse(x)", ([3], False), id="or none"),
        pytest.param(
            "x = a\nif c:\n x = b\n return x\nuse(x)", ([2], True), id="a branch that returns"
        ),
        pytest.param(
            "x = a\nif c:\n x = b\n raise E\nuse(x)", ([2], True), id="a branch that raises"
        ),
        pytest.param(
            "x = a\nwhile c:\n use(x)\n x = b", ([2, 5], True), id="a round of the loop ago"
        ),
        pytest.param("x = a\nfor x in y:\n use(x)", ([3], True), id="the target of a loop"),
        pytest.param("x = a\ntry:\n x = b()\nexcept E:\n pass\nuse(x)", ([2, 4], True), id="a try"),
        pytest.param(
            "x = a\ntry:\n x = b()\nexcept E:\n raise\nuse(x)", ([4], True), id="a try that passes"
        ),
        pytest.param(
            "x = a\nwith m() as x, use(x):\n pass", ([3], True), id="an item of the same with"
        ),
        pytest.param("use([x for x in y])\nx = a", ([2], True), id="a comprehension's own"),
        pytest.param("z = [x for x in y]\nx = a\nuse(x)", ([3], True), id="not a comprehension's"),
        pytest.param("x = a\nx: int\nuse(x)", ([2], True), id="an annotation alone"),
        pytest.param("x = a\nfor y in y:\n use(x)\n x = b", ([2, 5], True), id="in a round"),
        pytest.param("while c:\n x = a\n x = b\n use(x)\n x = d", ([4], True), id="in a block"),
        pytest.param("use((x := a))", ([2], False), id="a walrus"),
    ],
)
def test_the_bindings_that_may_hold(body: str, expected: tuple[list[int], bool]) -> None:
    text = "def f(c, y, m):\n" + textwrap.indent(body, "    ")
    assert bound_where_used(text) == expected
