"""What the conditions of a body may know of its names: ``ok = False`` in a handler, ``if ok:``.

A way through a body on which a name was set to ``False`` does not lead into ``if name:``. A name,
an attribute (``response.success``) or an element (``result["ok"]``) that is tested is a flag if it
is set to something whose truth can be read, or if it is tested more than once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from mypy.nodes import (
    AssignmentStmt,
    BytesExpr,
    CallExpr,
    ComparisonExpr,
    DictExpr,
    FloatExpr,
    IndexExpr,
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
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from mypy.nodes import Expression, Node

    from mypy_asyncsession.semantic.cfg import Graph, Point


class _Value(NamedTuple):
    """What a flag may hold.

    Attributes:
        mask: Which of what is told apart below, as bits.
        literal: The one string or number that it is, as it is written; else nothing.
    """

    mask: int
    literal: str = ""


#: What is known on a way: flags in order, each with what it may hold.
Known = tuple[tuple[str, _Value], ...]

_NONE: Final = 1
_FALSE: Final = 2
_TRUE: Final = 4
#: What is false, or true, beside these: an empty list, an exception.
_EMPTY: Final = 8
_SOME: Final = 16
_ANY: Final = 31
_TRUTHY: Final = _TRUE | _SOME
_UNKNOWN: Final = _Value(_ANY)
_CONSTANTS: Final = {"None": _Value(_NONE), "False": _Value(_FALSE), "True": _Value(_TRUE)}
#: What else is equal to these: 0 and 1.
_EQUAL: Final = {"False": _EMPTY, "True": _SOME}
#: After these a collection is not empty.
_FILLING: Final = frozenset({"add", "append", "appendleft", "insert"})
_OPPOSITE: Final = {"!=": "==", "is not": "is"}
#: The object that a method is of.
_SHARED: Final = ("cls", "self")
#: The edges on which a point has not yet bound anything.
_UNDONE: Final = EdgeKind.RAISING


class _Test(NamedTuple):
    """A condition.

    Attributes:
        name: What it asks for.
        true: What that holds where the condition is true.
        false: What it holds where it is false.
    """

    name: str
    true: _Value
    false: _Value

    def reversed(self) -> _Test:
        """The condition with ``not`` before it."""
        return _Test(self.name, self.false, self.true)


class Flags:
    """The flags of one graph, and which edges are closed to those who know them."""

    def __init__(self, graph: Graph, shared: Collection[str]) -> None:
        """Find the flags.

        Args:
            graph: The graph.
            shared: Names that are bound elsewhere, too: in functions inside, or around.
        """
        self._graph = graph
        self._tests: dict[int, _Test] = {}
        self._set: dict[int, dict[str, _Value]] = {}
        self._live: dict[str, set[int]] = {}
        self._always: Solution[Known] | None = None
        self._find(shared)

    def _find(self, shared: Collection[str]) -> None:
        points = self._graph.points
        tests: dict[str, list[int]] = {}
        for index in self._graph.of_kind(PointKind.BRANCH):
            test = _asked(points[index].node)
            root = _root(test.name) if test is not None else ""
            if test is not None and root not in shared and root not in points[index].inner:
                self._tests[index] = test
                tests.setdefault(test.name, []).append(index)
        if not tests:
            return
        handlers = self._graph.of_kind(PointKind.HANDLER)
        caught = set().union(*(bound_at(points[index]) for index in handlers))
        by_root: dict[str, list[str]] = {}
        for name in tests:
            by_root.setdefault(_root(name), []).append(name)
        for point in points:
            made = dict(_set_at(point, by_root, caught))
            if made:
                self._set[point.index] = made
        settings = [item for made in self._set.values() for item in made.items()]
        told = {name for name, value in settings if value != _UNKNOWN}
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
        if test is not None and kind in (EdgeKind.TRUE, EdgeKind.FALSE):
            side = test.true if kind == EdgeKind.TRUE else test.false
            left = _both(now.get(test.name, _UNKNOWN), side)
            if left is None:
                return None
            now[test.name] = left
        elif made is not None:
            now.update(made)
        return tuple(sorted(item for item in now.items() if item[1] != _UNKNOWN))

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
        joined = ((name, _either(value, others.get(name, _UNKNOWN))) for name, value in one)
        return tuple(item for item in joined if item[1] != _UNKNOWN)

    def transfer(self, point: Point, state: Known) -> Known:
        del point
        return state

    def edge(self, point: Point, kind: int, before: Known, after: Known) -> Known | None:
        del after
        return self._flags.after(point.index, kind, before)


def _both(known: _Value, said: _Value) -> _Value | None:
    """What is left of what is known by what a condition says; ``None`` if it cannot be so."""
    mask = known.mask & said.mask
    if not mask:
        return None
    if said.literal.startswith("!"):
        return None if known.literal == said.literal[1:] else _Value(mask, known.literal)
    if known.literal and said.literal and known.literal != said.literal:
        return None
    return _Value(mask, known.literal or said.literal)


def _either(one: _Value, other: _Value) -> _Value:
    literal = one.literal if one.literal == other.literal else ""
    return _Value(one.mask | other.mask, literal)


def _asked(condition: Node | None) -> _Test | None:
    """What a condition asks for, and what that may hold if it is true, and if not."""
    if isinstance(condition, UnaryExpr) and condition.op == "not":
        asked = _asked(condition.expr)
        return asked.reversed() if asked is not None else None
    name = _text(condition)
    if name is not None:
        return _Test(name, _Value(_TRUTHY), _Value(_ANY & ~_TRUTHY))
    if isinstance(condition, CallExpr) and _is_length(condition):
        return _asked(condition.args[0])
    if not isinstance(condition, ComparisonExpr) or len(condition.operators) != 1:
        return None
    (operator,) = condition.operators
    first, second = condition.operands
    asked = _asked(first) if not isinstance(first, (ComparisonExpr, UnaryExpr)) else None
    if asked is None:
        return None
    compared = _compared(asked, operator, second)
    if compared is None and operator in _OPPOSITE:
        opposite = _compared(asked, _OPPOSITE[operator], second)
        return opposite.reversed() if opposite is not None else None
    return compared


def _compared(asked: _Test, operator: str, value: Expression) -> _Test | None:
    """What ``==``, ``is`` and ``>`` say of what they compare with something that is written."""
    if isinstance(value, NameExpr) and operator in ("is", "=="):
        constant = _CONSTANTS.get(value.name)
        if constant is None:
            return None
        equal = _EQUAL.get(value.name, 0) if operator == "==" else 0
        return _Test(asked.name, _Value(constant.mask | equal), _Value(_ANY & ~constant.mask))
    if isinstance(value, IntExpr) and (operator, value.value) in ((">", 0), (">=", 1)):
        return asked
    if isinstance(value, IntExpr) and (operator, value.value) == ("==", 0):
        return asked.reversed()
    if isinstance(value, (IntExpr, StrExpr)) and operator == "==":
        literal = repr(value.value)
        mask = _TRUTHY if value.value else _ANY & ~_TRUTHY
        return _Test(asked.name, _Value(mask, literal), _Value(_ANY, f"!{literal}"))
    return None


def _text(node: Node | None) -> str | None:
    """How a name, an attribute or an element is called: ``result["ok"]``, ``result.get("ok")``."""
    if isinstance(node, (MemberExpr, NameExpr)):
        return dotted(node)
    if isinstance(node, IndexExpr):
        return _element(node.base, node.index)
    callee = node.callee if isinstance(node, CallExpr) and len(node.args) == 1 else None
    if isinstance(node, CallExpr) and isinstance(callee, MemberExpr) and callee.name == "get":
        return _element(callee.expr, node.args[0])
    return None


def _element(owner: Expression, key: Expression) -> str | None:
    text = _text(owner) if isinstance(key, StrExpr) else None
    return f"{text}[{key.value!r}]" if text is not None and isinstance(key, StrExpr) else None


def _root(name: str) -> str:
    return name.partition("[")[0].partition(".")[0]


def _is_of(name: str, owner: str) -> bool:
    """Whether a name is another one, or an attribute or an element of that."""
    return name == owner or name.startswith((f"{owner}.", f"{owner}["))


def _is_length(node: CallExpr) -> bool:
    return (
        isinstance(node.callee, NameExpr)
        and node.callee.name in ("bool", "len")
        and len(node.args) == 1
        and _text(node.args[0]) is not None
    )


def _set_at(
    point: Point, flags: Mapping[str, Sequence[str]], caught: Collection[str]
) -> Iterator[tuple[str, _Value]]:
    """What flags hold after a point that sets them.

    Args:
        point: The point.
        flags: By the name that each begins with.
        caught: Names that hold exceptions.
    """
    node = point.node
    for root in bound_at(point):
        for name in flags.get(root, ()):
            yield name, _Value(_SOME) if point.kind is PointKind.HANDLER else _UNKNOWN
    if point.kind in (PointKind.AWAIT, PointKind.YIELD):
        # Meanwhile another task may change the object that a method is of.
        for root in _SHARED:
            yield from ((name, _UNKNOWN) for name in flags.get(root, ()) if name != root)
    elif point.kind is PointKind.CALL and isinstance(node, CallExpr):
        yield from _changed_by(node, flags)
    elif isinstance(node, OperatorAssignmentStmt):
        counts = node.op == "+" and isinstance(node.rvalue, IntExpr) and node.rvalue.value > 0
        text = _text(node.lvalue)
        if text is not None and text in flags.get(_root(text), ()):
            yield text, _Value(_SOME) if counts else _UNKNOWN
    elif isinstance(node, AssignmentStmt):
        for target in node.lvalues:
            for each, value in _pairs(target, node.rvalue):
                yield from _assigned(each, value, flags, caught)


def _assigned(
    target: Expression,
    value: Expression | None,
    flags: Mapping[str, Sequence[str]],
    caught: Collection[str],
) -> Iterator[tuple[str, _Value]]:
    text = _text(target)
    if text is None:
        return
    names = flags.get(_root(text), ())
    items = value.items if isinstance(value, DictExpr) else []
    elements = {key.value: each for key, each in items if isinstance(key, StrExpr)}
    for name in names:
        if name == text:
            yield name, _held(value, caught)
        elif _is_of(name, text):
            yield name, _UNKNOWN
    for key, each in elements.items():
        if f"{text}[{key!r}]" in names:
            yield f"{text}[{key!r}]", _held(each, caught)


def _pairs(target: Expression, value: Expression) -> Iterator[tuple[Expression, Expression | None]]:
    if not isinstance(target, TupleExpr):
        yield target, value
        return
    values: list[Expression] = value.items if isinstance(value, TupleExpr) else []
    is_same = len(values) == len(target.items)
    for place, each in enumerate(target.items):
        yield each, values[place] if is_same else None


def _held(value: Expression | None, caught: Collection[str]) -> _Value:
    if isinstance(value, NameExpr):
        return _Value(_SOME) if value.name in caught else _CONSTANTS.get(value.name, _UNKNOWN)
    if isinstance(value, (IntExpr, StrExpr)):
        return _Value(_SOME if value.value else _EMPTY, repr(value.value))
    if isinstance(value, (BytesExpr, FloatExpr)):
        return _Value(_SOME if value.value else _EMPTY)
    if isinstance(value, (DictExpr, ListExpr, SetExpr, TupleExpr)):
        return _Value(_SOME if value.items else _EMPTY)
    return _UNKNOWN


def _changed_by(call: CallExpr, flags: Mapping[str, Sequence[str]]) -> Iterator[tuple[str, _Value]]:
    """What a call may change: what it is a method of, and what it is given."""
    if _is_length(call) or _text(call) is not None:
        return
    owner = call.callee.expr if isinstance(call.callee, MemberExpr) else None
    method = call.callee.name if isinstance(call.callee, MemberExpr) else ""
    texts = (_text(each) for each in (owner, *call.args) if each is not None)
    touched = [text for text in texts if text is not None]
    for name in {name for text in touched for name in flags.get(_root(text), ())}:
        if owner is not None and _text(owner) == name and method in _FILLING:
            yield name, _Value(_SOME)
        elif any(_is_of(name, each) for each in touched):
            yield name, _UNKNOWN
