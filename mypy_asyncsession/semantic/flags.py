"""What the conditions of a body may know of its names: ``ok = False`` in a handler, ``if ok:``.

A way through a body on which a name was set to ``False`` does not lead into ``if name:``. What is
tested, a name or an attribute (``response.success``), is a flag if it is set to something whose
truth can be read, or if it is tested more than once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from mypy.nodes import (
    AssignmentStmt,
    BytesExpr,
    CallExpr,
    ComparisonExpr,
    DictExpr,
    FloatExpr,
    IntExpr,
    ListExpr,
    MemberExpr,
    NameExpr,
    OperatorAssignmentStmt,
    SetExpr,
    StrExpr,
    TupleExpr,
    UnaryExpr,
)

from mypy_asyncsession.semantic.cfg import EdgeKind, PointKind
from mypy_asyncsession.semantic.cfg.names import bound_at
from mypy_asyncsession.semantic.dataflow import Analysis, Solution, reachable, solve
from mypy_asyncsession.semantic.syntax import dotted

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from mypy.nodes import Expression, Node

    from mypy_asyncsession.semantic.cfg import Graph, Point

#: What is known on a way: names in order, each with what it may hold, as bits.
Known = tuple[tuple[str, int], ...]

_NONE: Final = 1
_FALSE: Final = 2
_TRUE: Final = 4
#: What is false, or true, beside these: an empty list, an exception.
_EMPTY: Final = 8
_SOME: Final = 16
_ANY: Final = 31
_TRUTHY: Final = _TRUE | _SOME
_CONSTANTS: Final = {"None": _NONE, "False": _FALSE, "True": _TRUE}
#: After these a collection is not empty.
_FILLING: Final = frozenset({"add", "append", "appendleft", "insert"})
#: The edges on which a point has not yet bound anything.
_UNDONE: Final = EdgeKind.RAISING


class Flags:
    """The flags of one graph, and which edges are closed to those who know them."""

    def __init__(self, graph: Graph, shared: Collection[str]) -> None:
        """Find the flags.

        Args:
            graph: The graph.
            shared: Names that are bound elsewhere, too: in functions inside, or around.
        """
        self._graph = graph
        #: By branch: the flag, and what it holds where the condition is true, and false.
        self._tests: dict[int, tuple[str, int, int]] = {}
        self._set: dict[int, dict[str, int]] = {}
        self._live: dict[str, set[int]] = {}
        self._always: Solution[Known] | None = None
        self._find(shared)

    def _find(self, shared: Collection[str]) -> None:
        points = self._graph.points
        tests: dict[str, list[int]] = {}
        for index in self._graph.of_kind(PointKind.BRANCH):
            asked = _asked(points[index].node)
            root = asked[0].partition(".")[0] if asked is not None else ""
            if asked is not None and root not in shared and root not in points[index].inner:
                self._tests[index] = asked
                tests.setdefault(asked[0], []).append(index)
        if not tests:
            return
        handlers = self._graph.of_kind(PointKind.HANDLER)
        caught = set().union(*(bound_at(points[index]) for index in handlers))
        for point in points:
            made = dict(_set_at(point, tests, caught))
            if made:
                self._set[point.index] = made
        settings = [item for made in self._set.values() for item in made.items()]
        told = {name for name, value in settings if value != _ANY}
        for name, branches in tests.items():
            if name not in told and len(branches) == 1:
                del self._tests[branches[0]]
                continue
            bound = {index for index, made in self._set.items() if name in made}
            before = reachable(self._graph, branches, avoiding=bound, backward=True)
            self._live[name] = before | bound | {*branches}

    def after(self, point: int, kind: int, known: Known) -> Known | None:
        """What is known after an edge; ``None`` where it cannot be taken.

        Args:
            point: The point that it leaves.
            kind: The kind of edge.
            known: What is known before the point.
        """
        test = self._tests.get(point)
        made = self._set.get(point)
        if test is None and (made is None or kind & _UNDONE):
            return known
        now = dict(known)
        if test is not None:
            name, true, false = test
            left = now.get(name, _ANY) & (
                true if kind == EdgeKind.TRUE else false if kind == EdgeKind.FALSE else _ANY
            )
            if not left:
                return None
            now[name] = left
        elif made is not None:
            now.update(made)
        return tuple(sorted(item for item in now.items() if item[1] != _ANY))

    def living(self, point: int, known: Known) -> Known:
        """What of it a condition may still ask for, from a point on."""
        if not known:
            return known
        return tuple(item for item in known if point in self._live.get(item[0], ()))

    def always(self, point: int) -> Known:
        """What is known before a point on every way that leads there."""
        if not self._live:
            return ()
        if self._always is None:
            self._always = solve(self._graph, _Always(self))
        return self._always.before[point] or ()


class _Always(Analysis[Known]):
    """What is known on each way."""

    def __init__(self, flags: Flags) -> None:
        self._flags = flags

    def start(self) -> Known:
        return ()

    def join(self, one: Known, other: Known) -> Known:
        others = dict(other)
        joined = ((name, mask | others.get(name, _ANY)) for name, mask in one)
        return tuple(item for item in joined if item[1] != _ANY)

    def transfer(self, point: Point, state: Known) -> Known:
        del point
        return state

    def edge(self, point: Point, kind: int, before: Known, after: Known) -> Known | None:
        del after
        return self._flags.after(point.index, kind, before)


def _asked(condition: Node | None) -> tuple[str, int, int] | None:
    """The name that a condition asks for, and what it may hold if that is true, and if not."""
    if isinstance(condition, UnaryExpr) and condition.op == "not":
        asked = _asked(condition.expr)
        return (asked[0], asked[2], asked[1]) if asked is not None else None
    if isinstance(condition, (MemberExpr, NameExpr)):
        name = dotted(condition)
        return (name, _TRUTHY, _ANY & ~_TRUTHY) if name is not None else None
    if _is_length(condition):
        assert isinstance(condition, CallExpr)
        return _asked(condition.args[0])
    if not isinstance(condition, ComparisonExpr) or len(condition.operators) != 1:
        return None
    (operator,) = condition.operators
    first, second = condition.operands
    asked = _asked(first) if not isinstance(first, ComparisonExpr) else None
    if asked is None:
        return None
    constant = _CONSTANTS.get(second.name) if isinstance(second, NameExpr) else None
    if constant is not None and operator in ("is", "=="):
        return asked[0], constant, _ANY & ~constant
    if constant is not None and operator in ("is not", "!="):
        return asked[0], _ANY & ~constant, constant
    if isinstance(second, IntExpr) and (operator, second.value) in ((">", 0), ("!=", 0), (">=", 1)):
        return asked[0], _TRUTHY, _ANY & ~_TRUTHY
    if isinstance(second, IntExpr) and (operator, second.value) == ("==", 0):
        return asked[0], _ANY & ~_TRUTHY, _TRUTHY
    return None


def _is_length(node: Node | None) -> bool:
    return (
        isinstance(node, CallExpr)
        and isinstance(node.callee, NameExpr)
        and node.callee.name in ("bool", "len")
        and len(node.args) == 1
        and isinstance(node.args[0], (MemberExpr, NameExpr))
    )


def _set_at(
    point: Point, names: Collection[str], caught: Collection[str]
) -> Iterator[tuple[str, int]]:
    """What names hold after a point that sets them; some names hold exceptions that are caught."""
    node = point.node
    bound = bound_at(point)
    for name in names:
        if name.partition(".")[0] in bound:
            yield name, _SOME if point.kind is PointKind.HANDLER else _ANY
    if point.kind is PointKind.CALL and isinstance(node, CallExpr):
        yield from _changed_by(node, names)
    elif isinstance(node, OperatorAssignmentStmt):
        counts = node.op == "+" and isinstance(node.rvalue, IntExpr) and node.rvalue.value > 0
        text = dotted(node.lvalue)
        if text is not None and text in names:
            yield text, _SOME if counts else _ANY
    elif isinstance(node, AssignmentStmt):
        for target in node.lvalues:
            for each, value in _pairs(target, node.rvalue):
                text = dotted(each)
                if text is not None and text in names:
                    yield text, _held(value, caught)


def _pairs(target: Expression, value: Expression) -> Iterator[tuple[Expression, Expression | None]]:
    if not isinstance(target, TupleExpr):
        yield target, value
        return
    values: list[Expression] = value.items if isinstance(value, TupleExpr) else []
    is_same = len(values) == len(target.items)
    for place, each in enumerate(target.items):
        yield each, values[place] if is_same else None


def _held(value: Expression | None, caught: Collection[str]) -> int:
    if isinstance(value, NameExpr):
        return _SOME if value.name in caught else _CONSTANTS.get(value.name, _ANY)
    if isinstance(value, (BytesExpr, FloatExpr, IntExpr, StrExpr)):
        return _SOME if value.value else _EMPTY
    if isinstance(value, (DictExpr, ListExpr, SetExpr, TupleExpr)):
        return _SOME if value.items else _EMPTY
    return _ANY


def _changed_by(call: CallExpr, names: Collection[str]) -> Iterator[tuple[str, int]]:
    """What a call may change: what it is a method of, and what it is given."""
    owner = call.callee.expr if isinstance(call.callee, MemberExpr) else None
    method = call.callee.name if isinstance(call.callee, MemberExpr) else ""
    touched = [dotted(each) for each in (owner, *call.args) if each is not None]
    if _is_length(call):
        return
    for name in names:
        if owner is not None and dotted(owner) == name and method in _FILLING:
            yield name, _SOME
        elif any(each is not None and f"{name}.".startswith(f"{each}.") for each in touched):
            yield name, _ANY
