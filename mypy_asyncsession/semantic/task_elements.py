"""The awaitables that are run side by side: one by one, in lists, in comprehensions and loops."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from mypy.nodes import (
    AssignmentStmt,
    CallExpr,
    DictExpr,
    DictionaryComprehension,
    GeneratorExpr,
    IntExpr,
    LambdaExpr,
    ListComprehension,
    ListExpr,
    MemberExpr,
    NameExpr,
    OperatorAssignmentStmt,
    OpExpr,
    SetComprehension,
    SetExpr,
    StarExpr,
    TupleExpr,
)

from mypy_asyncsession.models.asyncio import AWAITS_FIRST_ARGUMENT, TASK_MAKERS
from mypy_asyncsession.semantic.cfg import Graph, PointKind
from mypy_asyncsession.semantic.cfg.names import names_in
from mypy_asyncsession.semantic.dataflow import may_reach
from mypy_asyncsession.semantic.syntax import returned
from mypy_asyncsession.semantic.values import fullname

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from mypy.nodes import Expression

    from mypy_asyncsession.semantic.function_body import FunctionBody
    from mypy_asyncsession.semantic.summaries import Summaries

_COPIES: Final = frozenset({"builtins.list", "builtins.set", "builtins.tuple", "builtins.sorted"})
_ADDING: Final = frozenset({"add", "append", "insert"})
_EXTENDING: Final = frozenset({"extend", "update"})
_DEPTH: Final = 4


@dataclass(frozen=True, slots=True)
class Element:
    """One awaitable, or as many as a comprehension or a loop makes.

    Attributes:
        call: The call that makes it.
        at: The point of that call.
        many: Whether there is one for each round of a comprehension.
        collected: The point at which it is put into a list, if it is.
        anew: The points that bind this list.
        grows: Whether the list is there before, so that a loop puts several into it.
        applied: Whether *call* is the function itself, which ``map`` calls.
        own: The names of the generator expression that makes it.
    """

    call: Expression
    at: int
    many: bool = False
    collected: int | None = None
    anew: frozenset[int] = frozenset()
    grows: bool = False
    applied: bool = False
    own: frozenset[str] = frozenset()


class Elements:
    """Finds the awaitables in the arguments of what runs them."""

    def __init__(self, summaries: Summaries) -> None:
        self._objects = summaries.objects

    def one(self, expression: Expression, body: FunctionBody, depth: int = 0) -> Iterator[Element]:
        """The awaitable that an expression is."""
        if isinstance(expression, CallExpr):
            at = body.at(expression)
            if at is None or depth > _DEPTH:
                return
            name = fullname(self._objects.value(expression.callee, body, at))
            is_method = (
                isinstance(expression.callee, MemberExpr)
                and expression.callee.name == "create_task"
            )
            if (name in AWAITS_FIRST_ARGUMENT | TASK_MAKERS or is_method) and expression.args:
                yield from self.one(expression.args[0], body, depth + 1)
            else:
                yield Element(expression, at)
        elif isinstance(expression, NameExpr):
            made = _assigned(expression, body)
            if made is not None and depth <= _DEPTH:
                yield from self.one(made, body, depth + 1)

    def several(
        self, expression: Expression, body: FunctionBody, depth: int = 0
    ) -> Iterator[Element]:
        """The awaitables that the elements of an expression are."""
        if depth > _DEPTH:
            return
        if isinstance(expression, (ListExpr, SetExpr, TupleExpr)):
            for item in expression.items:
                if isinstance(item, StarExpr):
                    yield from self.several(item.expr, body, depth + 1)
                else:
                    yield from self.one(item, body)
        elif isinstance(expression, (ListComprehension, SetComprehension)):
            generator = expression.generator
            yield from self._many(generator.left_expr, body, once=_is_once(generator))
        elif isinstance(expression, GeneratorExpr):
            yield from self._generated(expression, body)
        elif isinstance(expression, DictionaryComprehension):
            yield from self._many(expression.value, body, once=_is_once(expression))
        elif isinstance(expression, DictExpr):
            for _, value in expression.items:
                yield from self.one(value, body)
        elif isinstance(expression, OpExpr) and expression.op == "+":
            yield from self.several(expression.left, body, depth + 1)
            yield from self.several(expression.right, body, depth + 1)
        elif isinstance(expression, NameExpr):
            yield from self._listed(expression, body, depth)
        elif isinstance(expression, CallExpr):
            yield from self._called(expression, body, depth)

    def _many(self, element: Expression, body: FunctionBody, *, once: bool) -> Iterator[Element]:
        for found in self.one(element, body):
            yield replace(found, many=not once)

    def _generated(self, expression: GeneratorExpr, body: FunctionBody) -> Iterator[Element]:
        """The elements of a generator expression, whose graph is one of its own."""
        at = body.at(expression)
        if at is not None and isinstance(expression.left_expr, CallExpr):
            own = {name.name for index in expression.indices for name in names_in(index)}
            many = not _is_once(expression)
            yield Element(expression.left_expr, at, many=many, own=frozenset(own))

    def _called(self, call: CallExpr, body: FunctionBody, depth: int) -> Iterator[Element]:
        callee = call.callee
        if isinstance(callee, MemberExpr):
            if callee.name == "values" and not call.args:
                yield from self.several(callee.expr, body, depth + 1)
            return
        at = body.at(call)
        if at is None or not call.args:
            return
        name = fullname(self._objects.value(callee, body, at))
        if name in _COPIES:
            yield from self.several(call.args[0], body, depth + 1)
        elif name == "builtins.map" and len(call.args) == 2:
            mapped = call.args[0]
            if isinstance(mapped, LambdaExpr):
                own = frozenset(each.variable.name for each in mapped.arguments)
                for made in returned(mapped):
                    if isinstance(made, CallExpr):
                        yield Element(made, at, many=True, own=own)
            else:
                yield Element(mapped, at, many=True, applied=True)

    def _listed(self, name: NameExpr, body: FunctionBody, depth: int) -> Iterator[Element]:
        """The elements of a list with a name: those that it begins with, and those put into it."""
        at = body.at(name)
        if at is None:
            return
        graph = body.graph
        anew = frozenset(body.bindings.of(name.name))
        for defined in _behind(name.name, at, body):
            node = graph.points[defined].node
            if isinstance(node, AssignmentStmt):
                for each in self.several(node.rvalue, body, depth + 1):
                    yield replace(each, collected=defined)
            elif isinstance(node, OperatorAssignmentStmt):
                for each in self.several(node.rvalue, body, depth + 1):
                    yield replace(each, collected=defined, anew=anew - {defined}, grows=True)
        for index in graph.of_kind(PointKind.CALL):
            call = graph.points[index].node
            assert isinstance(call, CallExpr)
            callee = call.callee
            if (
                not isinstance(callee, MemberExpr)
                or not isinstance(callee.expr, NameExpr)
                or callee.expr.name != name.name
                or not call.args
                or not may_reach(graph, index, at, avoiding=anew)
            ):
                continue
            if callee.name in _ADDING:
                for each in self.one(call.args[-1], body):
                    yield replace(each, collected=index, anew=anew, grows=True)
            elif callee.name in _EXTENDING:
                for each in self.several(call.args[0], body, depth + 1):
                    yield replace(each, collected=index, anew=anew, grows=True)


def _is_once(comprehension: DictionaryComprehension | GeneratorExpr) -> bool:
    """Whether a comprehension has one round: ``for _ in range(1)``."""
    return all(
        (isinstance(each, (ListExpr, SetExpr, TupleExpr)) and _is_alone(each.items))
        or (
            isinstance(each, CallExpr)
            and isinstance(each.callee, NameExpr)
            and each.callee.name == "range"
            and len(each.args) == 1
            and isinstance(each.args[0], IntExpr)
            and each.args[0].value <= 1
        )
        for each in comprehension.sequences
    )


def _is_alone(items: Sequence[Expression]) -> bool:
    return len(items) == 1 and not isinstance(items[0], StarExpr)


def _behind(name: str, at: int, body: FunctionBody) -> set[int]:
    """The points that may have bound a name, those among them that others only add to."""
    found: set[int] = set()
    waiting = [*body.bindings.reaching(at, name)]
    while waiting:
        defined = waiting.pop()
        if defined in found:
            continue
        found.add(defined)
        if isinstance(body.graph.points[defined].node, OperatorAssignmentStmt):
            waiting += body.bindings.reaching(defined, name)
    return found


def _assigned(name: NameExpr, body: FunctionBody) -> Expression | None:
    """What the one binding that a name may have holds."""
    at = body.at(name)
    reaching = body.bindings.reaching(at, name.name) if at is not None else ()
    if len(reaching) != 1:
        return None
    (defined,) = reaching
    point = body.graph.points[defined]
    if defined == Graph.ENTRY or not isinstance(point.node, AssignmentStmt):
        return None
    if not any(isinstance(each, NameExpr) for each in point.node.lvalues):
        return None
    return point.node.rvalue
