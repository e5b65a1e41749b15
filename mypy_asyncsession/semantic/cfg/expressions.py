"""The events of an expression, in the order in which Python evaluates it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from mypy import nodes
from mypy.nodes import (
    AssignmentExpr,
    AwaitExpr,
    CallExpr,
    ComparisonExpr,
    ConditionalExpr,
    DictionaryComprehension,
    Expression,
    FuncItem,
    GeneratorExpr,
    IntExpr,
    LambdaExpr,
    ListComprehension,
    MemberExpr,
    NameExpr,
    Node,
    OpExpr,
    SetComprehension,
    StrExpr,
    TemplateStrExpr,
    UnaryExpr,
    YieldExpr,
    YieldFromExpr,
)

from mypy_asyncsession.semantic.cfg.flow import Branches
from mypy_asyncsession.semantic.cfg.graph import EdgeKind, Graph, PointKind, Way
from mypy_asyncsession.semantic.cfg.handlers import RAISING
from mypy_asyncsession.semantic.syntax import FIELDS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from mypy_asyncsession.semantic.cfg.flow import Flow

    #: What a builder does, step by step: each step is to be done before the next one.
    Steps = Iterator["Steps"]

ERROR: Final = (Way.ERROR,)
WAITING: Final = (Way.ERROR, Way.CANCEL)

#: The expressions that cannot fail by themselves.
_SAFE: Final = frozenset(
    {
        nodes.ListExpr,
        nodes.TupleExpr,
        nodes.DictExpr,
        nodes.AssignmentExpr,
        nodes.CastExpr,
        nodes.AssertTypeExpr,
        nodes.RevealExpr,
        nodes.SliceExpr,
    }
)
#: The expressions that are kept among what a point reads.
_READ: Final = frozenset({nodes.MemberExpr, nodes.IndexExpr, nodes.SuperExpr})
_EVENTS: Final = frozenset({CallExpr, AwaitExpr, YieldExpr, YieldFromExpr, AssignmentExpr})
_COMPREHENSIONS: Final = frozenset({ListComprehension, SetComprehension, DictionaryComprehension})
_BRANCHING: Final = (
    frozenset({OpExpr, ComparisonExpr, ConditionalExpr, GeneratorExpr, LambdaExpr})
    | _COMPREHENSIONS
)
#: The fields that hold what an expression evaluates, in order, where it evaluates them all once.
_PARTS: Final[dict[type, tuple[str, ...]]] = {
    **{
        kind: names
        for kind, names in FIELDS.items()
        if issubclass(kind, Expression)
        and (kind not in _BRANCHING or kind in (OpExpr, ComparisonExpr))
    },
    nodes.AssignmentExpr: ("value",),
    nodes.TemplateStrExpr: ("items",),
}


def drive(first: Steps) -> None:
    """Do all the steps, however deep they are in one another, without recursion."""
    stack = [first]
    while stack:
        step = next(stack[-1], None)
        if step is None:
            stack.pop()
        else:
            stack.append(step)


class Expressions:
    """Adds the points of expressions to a graph."""

    def __init__(self, flow: Flow, never_returns: Callable[[CallExpr], bool]) -> None:
        self._flow = flow
        self._never_returns = never_returns
        self._awaited: set[int] = set()

    def value(self, root: Expression) -> Steps:
        """The points of an expression."""
        flow = self._flow
        stack: list[Node | tuple[Node]] = [root]
        while stack:
            if not flow.loose:
                return
            top = stack.pop()
            if isinstance(top, tuple):
                self._done(top[0])
                continue
            kind = type(top)
            if kind is NameExpr:
                flow.reads.append(top)
                continue
            if kind in _BRANCHING:
                steps = self._branching(top)
                if steps is not None:
                    yield steps
                    continue
            parts = _PARTS.get(kind)
            if parts is None:
                continue
            if isinstance(top, AwaitExpr):
                self._awaited.add(id(top.expr))
            stack.append((top,))
            stack.extend(reversed(list(_inside(top, parts))))

    def _done(self, node: Node) -> None:
        """What an expression does when its parts have been evaluated."""
        flow = self._flow
        kind = type(node)
        if kind in _READ:
            flow.reads.append(node)
        if kind not in _EVENTS:
            flow.risky = flow.risky or kind not in _SAFE
        elif isinstance(node, CallExpr):
            point = flow.point(PointKind.CALL, node, raises=ERROR)
            # Where a coroutine function is called, it is the ``await`` that never ends.
            if id(node) not in self._awaited and self._never_returns(node):
                flow.raise_at(point, (Way.CANCEL,))
                flow.dead()
        elif isinstance(node, AwaitExpr):
            flow.point(PointKind.AWAIT, node, raises=WAITING)
            if isinstance(node.expr, CallExpr) and self._never_returns(node.expr):
                flow.dead()
        elif isinstance(node, AssignmentExpr):
            flow.point(PointKind.BIND, node)
        else:
            self.suspend(node)

    def suspend(self, node: Node) -> None:
        """A ``yield``: it is resumed, something is thrown in, it is closed, or it is forgotten."""
        point = self._flow.point(PointKind.YIELD, node, raises=RAISING)
        self._flow.graph.connect(point, Graph.ABANDONED, EdgeKind.ABANDON)

    def _branching(self, node: Node) -> Steps | None:
        """The steps of an expression of which not all parts need to be evaluated once."""
        if isinstance(node, OpExpr):
            if node.op in ("and", "or") and not _is_plain(node.right):
                return self._either(node)
        elif isinstance(node, ComparisonExpr):
            if len(node.operands) > 2 and not all(map(_is_plain, node.operands[2:])):
                return self._chain(node)
        elif isinstance(node, ConditionalExpr):
            return self._choice(node)
        elif isinstance(node, LambdaExpr):
            self._flow.reads.append(node)
            return self.defaults(node)
        elif isinstance(node, GeneratorExpr):
            return self._generator(node)
        elif isinstance(node, (ListComprehension, SetComprehension)):
            return self._comprehension(node.generator, [node.generator.left_expr])
        elif isinstance(node, DictionaryComprehension):
            parts = [node.value] if node.key is None else [node.key, node.value]
            return self._comprehension(node, parts)
        return None

    def defaults(self, function: FuncItem) -> Steps:
        """What is evaluated where a function is defined: the defaults of its parameters."""
        for argument in function.arguments:
            if argument.initializer is not None:
                yield self.value(argument.initializer)

    def _either(self, node: OpExpr) -> Steps:
        flow = self._flow
        branches = Branches()
        yield self.condition(node.left, branches)
        flow.loose = branches.true if node.op == "and" else branches.false
        yield self.value(node.right)
        flow.loose = flow.loose + (branches.false if node.op == "and" else branches.true)

    def _chain(self, node: ComparisonExpr) -> Steps:
        flow = self._flow
        over = []
        for position, operand in enumerate(node.operands):
            if position >= 2 and flow.loose:
                flow.risky = True
                point = flow.point(PointKind.BRANCH, node)
                over.append((point, EdgeKind.FALSE))
                flow.loose = [(point, EdgeKind.TRUE)]
            yield self.value(operand)
        flow.risky = bool(flow.loose)
        flow.loose = flow.loose + over

    def _choice(self, node: ConditionalExpr) -> Steps:
        flow = self._flow
        branches = Branches()
        yield self.condition(node.cond, branches)
        if _is_plain(node.if_expr) and _is_plain(node.else_expr):
            flow.loose = branches.true + branches.false
            yield self.value(node.if_expr)
            yield self.value(node.else_expr)
            return
        flow.loose = branches.true
        yield self.value(node.if_expr)
        ends, flow.loose = flow.loose, branches.false
        yield self.value(node.else_expr)
        flow.loose = ends + flow.loose

    def _generator(self, node: GeneratorExpr) -> Steps:
        """All but the first iterable is evaluated later, in a body of its own."""
        yield self.value(node.sequences[0])
        self._flow.reads.append(node)

    def _comprehension(
        self, node: GeneratorExpr | DictionaryComprehension, parts: list[Expression]
    ) -> Steps:
        yield self.value(node.sequences[0])
        yield self.loops(node, lambda: self._all(parts))

    def _all(self, parts: Iterable[Expression]) -> Steps:
        for part in parts:
            yield self.value(part)

    def loops(
        self, node: GeneratorExpr | DictionaryComprehension, element: Callable[[], Steps]
    ) -> Steps:
        """The loops of a comprehension, whose first iterable has been evaluated."""
        flow = self._flow
        outside = flow.inner
        own = {name.name for index in node.indices for name in _names(index)}
        tops: list[int] = []
        end: list[tuple[int, int]] = []
        for position, (index, conditions, is_async) in enumerate(
            zip(node.indices, node.condlists, node.is_async, strict=True)
        ):
            if position:
                yield self.value(node.sequences[position])
            if not flow.loose:
                break
            flow.point(PointKind.ITERATE, node, raises=ERROR, item=position)
            flow.inner = outside | own
            raises = WAITING if is_async else ERROR
            top = flow.point(PointKind.NEXT, node, raises=raises, item=position)
            self._again(tops, [(top, EdgeKind.FALSE)], end)
            tops.append(top)
            flow.loose = [(top, EdgeKind.TRUE)]
            yield self.target(index)
            if flow.loose:
                flow.point(PointKind.BIND_INNER, index)
            for condition in conditions:
                branches = Branches()
                yield self.condition(condition, branches)
                self._again(tops, branches.false, end)
                flow.loose = branches.true
        yield element()
        if flow.loose and (flow.reads or flow.risky):
            flow.point(PointKind.JOIN, node)
        self._again(tops, flow.loose, end)
        flow.reads = []
        flow.inner = outside
        flow.loose = end

    def _again(
        self, tops: list[int], loose: list[tuple[int, int]], end: list[tuple[int, int]]
    ) -> None:
        """Go back to the innermost loop, or to what follows where there is none."""
        if not tops:
            end.extend(loose)
        for source, edge in loose if tops else ():
            self._flow.graph.connect(source, tops[-1], edge)

    def target(self, target: Expression) -> Steps:
        """What is evaluated to bind a target: the objects of attributes and elements."""
        stack: list[Node] = [target]
        while stack:
            top = stack.pop()
            if isinstance(top, (nodes.TupleExpr, nodes.ListExpr)):
                self._flow.risky = True
                stack.extend(reversed(top.items))
            elif isinstance(top, nodes.StarExpr):
                stack.append(top.expr)
            elif isinstance(top, MemberExpr):
                self._flow.risky = True
                yield self.value(top.expr)
            elif isinstance(top, nodes.IndexExpr):
                self._flow.risky = True
                yield self.value(top.base)
                yield self.value(top.index)

    def condition(self, node: Expression, out: Branches) -> Steps:
        """The points of a condition, and where it leads."""
        flow = self._flow
        negated = False
        while isinstance(node, UnaryExpr) and node.op == "not":
            negated = not negated
            node = node.expr
        if negated:
            swapped = Branches()
            swapped.true, swapped.false = out.false, out.true
            out = swapped
        if isinstance(node, OpExpr) and node.op in ("and", "or"):
            left = Branches()
            yield self.condition(node.left, left)
            if node.op == "and":
                out.false.extend(left.false)
                flow.loose = left.true
            else:
                out.true.extend(left.true)
                flow.loose = left.false
            if flow.loose:
                yield self.condition(node.right, out)
            return
        if isinstance(node, ConditionalExpr):
            test = Branches()
            yield self.condition(node.cond, test)
            for loose, part in ((test.true, node.if_expr), (test.false, node.else_expr)):
                flow.loose = loose
                if loose:
                    yield self.condition(part, out)
            return
        known = _truth(node)
        if known is None:
            yield self.value(node)
        if not flow.loose:
            return
        if known is not None:
            (out.true if known else out.false).extend(flow.loose)
        else:
            point = flow.point(PointKind.BRANCH, node)
            out.true.append((point, EdgeKind.TRUE))
            out.false.append((point, EdgeKind.FALSE))
        flow.loose = []


def _is_plain(node: Expression) -> bool:
    """Whether an expression is a name, an attribute of one, or a literal: it has no events."""
    while isinstance(node, MemberExpr):
        node = node.expr
    return isinstance(node, NameExpr) or (type(node) not in _PARTS and type(node) not in _BRANCHING)


def _truth(node: Expression) -> bool | None:
    """Whether a condition always holds, or never does."""
    if isinstance(node, NameExpr):
        return {"True": True, "False": False, "None": False, "__debug__": True}.get(node.name)
    return bool(node.value) if isinstance(node, (IntExpr, StrExpr)) else None


def _inside(node: Node, parts: tuple[str, ...]) -> Iterator[Node]:
    for name in parts:
        value = getattr(node, name)
        if isinstance(value, Node):
            yield value
        elif isinstance(value, list):
            for element in value:
                if isinstance(element, Node):
                    yield element
                elif isinstance(node, TemplateStrExpr):
                    yield from (each for each in element if isinstance(each, Node))
                else:  # the key and the value of an item of a dict
                    yield from (each for each in element if each is not None)


def _names(target: Node) -> Iterator[NameExpr]:
    stack = [target]
    while stack:
        top = stack.pop()
        if isinstance(top, NameExpr):
            yield top
        elif isinstance(top, (nodes.TupleExpr, nodes.ListExpr)):
            stack.extend(top.items)
        elif isinstance(top, nodes.StarExpr):
            stack.append(top.expr)
