"""Coroutines of sessions that are dropped, or taken for what they would give."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Final

from mypy.nodes import (
    AssignmentStmt,
    AwaitExpr,
    CallExpr,
    ComparisonExpr,
    ConditionalExpr,
    DictionaryComprehension,
    ExpressionStmt,
    FuncDef,
    FuncItem,
    GeneratorExpr,
    IndexExpr,
    ListComprehension,
    ListExpr,
    MemberExpr,
    NameExpr,
    OpExpr,
    SetComprehension,
    TupleExpr,
    UnaryExpr,
)
from mypy.types import AnyType, Instance, UnionType, get_proper_type

from mypy_asyncsession.detectors.fixtures import is_of_fixture
from mypy_asyncsession.detectors.session_coroutines import COROUTINES, SessionCoroutines
from mypy_asyncsession.detectors.spans import span_of, written
from mypy_asyncsession.detectors.time_records import Neglect, Unawaited
from mypy_asyncsession.models.sqlalchemy import COROUTINE_METHODS, SYNC_ONLY_ATTRIBUTES
from mypy_asyncsession.models.typing import COROUTINE_TYPES
from mypy_asyncsession.semantic.cfg.conditions import deciding
from mypy_asyncsession.semantic.combine import is_none
from mypy_asyncsession.semantic.shapes import Shape
from mypy_asyncsession.semantic.syntax import children, dotted, walk
from mypy_asyncsession.semantic.values import UNKNOWN, UNSURE, NamedValue, ObjectValue, members

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy.nodes import Expression, Node

    from mypy_asyncsession.detectors.candidates import Candidates
    from mypy_asyncsession.semantic.interpreter import Interpreter
    from mypy_asyncsession.semantic.program_point import ProgramPoint
    from mypy_asyncsession.semantic.values import Value

#: The expressions that do something with what they are made of.
NEGLECTING: Final = frozenset({ComparisonExpr, ConditionalExpr, OpExpr, UnaryExpr})
#: What a coroutine has, besides its special methods.
_OWN: Final = frozenset({"close", "send", "throw"})
#: In place of a name: what reads all of them.
_ALL: Final = "*"


class UnawaitedCoroutines:
    """Finds the coroutines of one module that nobody awaits."""

    def __init__(self, interpreter: Interpreter, module: str, candidates: Candidates) -> None:
        self._interpreter = interpreter
        self._module = module
        self._candidates = candidates
        self._coroutines = SessionCoroutines(interpreter, candidates)
        self._reads: dict[FuncItem, defaultdict[str, list[tuple[Node, Node]]]] = {}

    def of_statement(self, statement: Node, point: ProgramPoint) -> Iterator[Unawaited]:
        """What a statement drops, tests or stores in vain."""
        if isinstance(statement, ExpressionStmt):
            for call in _dropped(statement.expr):
                yield from self._record(call, Neglect.DROPPED, None, point)
        elif isinstance(statement, AssignmentStmt):
            target = statement.lvalues[0]
            if len(statement.lvalues) == 1 and isinstance(target, NameExpr):
                yield from self._of_assignment(target.name, statement.rvalue, point)
        else:
            for condition in deciding(statement):
                yield from self._tested(condition, point)

    def of_expression(self, expression: Node, point: ProgramPoint) -> Iterator[Unawaited]:
        """What an expression asks of a coroutine as if it were its result."""
        if isinstance(expression, MemberExpr):
            if not _is_own(expression.name):
                yield from self._record(expression.expr, Neglect.ATTRIBUTE, expression.name, point)
        elif isinstance(expression, IndexExpr):
            yield from self._record(expression.base, Neglect.INDEXED, None, point)
        elif isinstance(expression, ComparisonExpr):
            for operand in expression.operands:
                yield from self._record(operand, Neglect.COMPARED, None, point)
        elif isinstance(expression, AwaitExpr):
            yield from self._called_elsewhere(expression, point)
        elif isinstance(expression, UnaryExpr):
            if expression.op == "not":
                yield from self._tested(expression.expr, point)
        elif isinstance(expression, OpExpr):
            if expression.op in ("and", "or"):
                yield from self._tested(expression.left, point)
        elif isinstance(expression, ConditionalExpr):
            yield from self._tested(expression.cond, point)
        elif isinstance(expression, (GeneratorExpr, DictionaryComprehension)):
            for conditions in expression.condlists:
                for condition in conditions:
                    yield from self._tested(condition, point)

    def _tested(self, condition: Expression, point: ProgramPoint) -> Iterator[Unawaited]:
        # What stands on the left of "and" and "or" is found with these.
        while isinstance(condition, OpExpr) and condition.op in ("and", "or"):
            condition = condition.right
        yield from self._record(condition, Neglect.TESTED, None, point)

    def _of_assignment(
        self, name: str, value: Expression, point: ProgramPoint
    ) -> Iterator[Unawaited]:
        """``result = session.execute(query)``, where nothing awaits the result."""
        function = point.body.function()
        if not isinstance(value, CallExpr) or function is None or function is not point.body.node:
            return
        if name in point.scope.names.outer or not self._may_be_one(value):
            return
        reads = self._reads.get(function)
        if reads is None:
            reads = self._reads[function] = _reads_in(function)
        uses = [*reads[name], *reads[_ALL]]
        bindings = point.scope.names.bindings.get(name, [])
        if not uses or (len(bindings) == 1 and all(_takes_for_result(*use) for use in uses)):
            yield from self._record(value, Neglect.ASSIGNED, name, point)

    def _called_elsewhere(self, expression: AwaitExpr, point: ProgramPoint) -> Iterator[Unawaited]:
        """``await session.run_sync(load)``, where ``load`` is a coroutine function."""
        call = expression.expr
        if not isinstance(call, CallExpr):
            return
        given = self._coroutines.called_in_sync(call, point)
        if given is not None and not _is_awaited_again(expression, point):
            yield _made(call, Neglect.ELSEWHERE, None, point)._replace(text=written(given))

    def _record(
        self, call: Expression, how: Neglect, detail: str | None, point: ProgramPoint
    ) -> Iterator[Unawaited]:
        if not isinstance(call, CallExpr) or not self._may_be_one(call):
            return
        if not self._is_coroutine(call, point) and not self._coroutines.makes(call, point):
            return
        yield _made(call, how, detail, point)

    def _may_be_one(self, call: CallExpr) -> bool:
        """A quick look: mypy knows what most calls give."""
        if not isinstance(call.callee, (MemberExpr, NameExpr)):
            return False
        found = get_proper_type(self._interpreter.type_of(call, self._module))
        if found is None or self._interpreter.past_types:
            return True
        # What may be ``None`` is called as well.
        items = map(get_proper_type, found.items) if isinstance(found, UnionType) else [found]
        return any(
            isinstance(each, AnyType)
            or (isinstance(each, Instance) and each.type.fullname in COROUTINE_TYPES)
            for each in items
        )

    def _is_coroutine(self, call: CallExpr, point: ProgramPoint) -> bool:
        """Whether a call makes a coroutine of an async session's, or connection's."""
        callee = call.callee
        if not isinstance(callee, MemberExpr):
            return False
        if not self._candidates.may_lead(callee.expr, point.body):
            return False
        found = list(members(self._interpreter.value(callee.expr, point.scope, point.where)))
        is_open = any(
            each is UNKNOWN or each is UNSURE or isinstance(each, NamedValue) for each in found
        )
        if is_open:
            found = list(members(self._of_parameter(callee.expr, point)))
        receivers = [each for each in found if not is_none(each)]
        if not receivers or not all(
            isinstance(each, ObjectValue)
            and each.shape is Shape.SESSION
            and each.resource is not None
            for each in receivers
        ):
            return False
        if any(isinstance(each, ObjectValue) and each.type is None for each in receivers):
            # Its package is not installed: the methods are known by name.
            if callee.name not in COROUTINE_METHODS:
                return False
        else:
            if is_open or len(receivers) < len(found):
                # ``None`` has no methods, so nothing is known of the call as such.
                made = [
                    self._interpreter.called(
                        self._interpreter.attribute(each, callee.name), [], point.scope
                    )
                    for each in receivers
                ]
            else:
                made = list(members(self._interpreter.value(call, point.scope, point.where)))
            if not made or not all(
                isinstance(each, ObjectValue)
                and each.shape is Shape.COROUTINE
                and each.label in COROUTINES
                for each in made
            ):
                return False
        return not is_of_fixture(callee.expr, point) and not _is_used_as_sync(callee.expr, point)

    def _of_parameter(self, expression: Expression, point: ProgramPoint) -> Value:
        """What a parameter is that nothing at hand has filled in, as far as can be said."""
        function = point.scope.node
        if not isinstance(expression, NameExpr) or not isinstance(function, FuncDef):
            return UNKNOWN
        name = expression.name
        names = [each.variable.name for each in function.arguments]
        if name not in names:
            return UNKNOWN
        position = names.index(name)
        declared = self._interpreter.declared_parameter(function, position, point.scope)
        if declared is not UNKNOWN:
            # It falls back on what is not known: ``session = session or db.session``.
            return declared if _is_asked_as_async(function, name) else UNKNOWN
        is_rebound = name in point.scope.names.bindings
        if is_rebound or not function.is_coroutine or function.arguments[position].initializer:
            return UNKNOWN
        return self._interpreter.given(function, name, point.scope)


def _is_asked_as_async(function: FuncDef, name: str) -> bool:
    """Whether a function awaits what it asks a parameter for."""
    return any(
        isinstance(node, AwaitExpr)
        and isinstance(node.expr, CallExpr)
        and isinstance(node.expr.callee, MemberExpr)
        and node.expr.callee.name in COROUTINE_METHODS
        and isinstance(node.expr.callee.expr, NameExpr)
        and node.expr.callee.expr.name == name
        for node in walk(function.body)
    )


def _made(call: CallExpr, how: Neglect, detail: str | None, point: ProgramPoint) -> Unawaited:
    """The record of a coroutine that a call makes."""
    function = point.body.function()
    span = span_of(call)
    first = min(point.statement.line, span.line)
    return Unawaited(
        how=how,
        text=written(call),
        callee=written(call.callee),
        detail=detail.rstrip("'") if detail is not None else None,
        in_async=isinstance(function, FuncDef) and function.is_coroutine,
        span=span,
        function=point.body.outermost(),
        lines=tuple(range(first, span.end_line + 1)),
    )


def _is_awaited_again(expression: AwaitExpr, point: ProgramPoint) -> bool:
    """Whether a function awaits what an ``await`` gives, there or under its name."""
    function, statement = point.body.function(), point.statement
    target = statement.lvalues[0] if isinstance(statement, AssignmentStmt) else None
    name = target.name if isinstance(target, NameExpr) else None
    return function is None or any(
        isinstance(each, AwaitExpr)
        and (
            each.expr is expression
            or (isinstance(each.expr, NameExpr) and name is not None and each.expr.name == name)
        )
        for each in walk(function.body)
    )


def _dropped(expression: Expression) -> Iterator[Expression]:
    """The expressions whose value a statement drops."""
    if isinstance(expression, ConditionalExpr):
        yield from _dropped(expression.if_expr)
        yield from _dropped(expression.else_expr)
    elif isinstance(expression, OpExpr) and expression.op in ("and", "or"):
        yield from _dropped(expression.right)
    elif isinstance(expression, (ListExpr, TupleExpr)):
        for item in expression.items:
            yield from _dropped(item)
    elif isinstance(expression, (ListComprehension, SetComprehension)):
        yield from _dropped(expression.generator.left_expr)
    else:
        yield expression


def _is_own(name: str) -> bool:
    return name in _OWN or name.startswith(("__", "cr_"))


def _reads_in(function: FuncItem) -> defaultdict[str, list[tuple[Node, Node]]]:
    """Where a function, or one inside it, reads each name: the name, and what it is a part of."""
    found: defaultdict[str, list[tuple[Node, Node]]] = defaultdict(list)
    stack: list[tuple[Node, Node]] = [(function.body, function.body)]
    while stack:
        node, around = stack.pop()
        if isinstance(node, NameExpr):
            if not (isinstance(around, AssignmentStmt) and node in around.lvalues):
                found[node.name].append((node, around))
            continue
        stack.extend((child, node) for child in children(node))
        if isinstance(node, CallExpr) and dotted(node.callee) in ("locals", "vars"):
            found[_ALL].append((node, around))
    return found


def _takes_for_result(use: Node, around: Node) -> bool:
    """Whether a use of a coroutine's name asks of it what only its result can do."""
    if isinstance(around, MemberExpr):
        return not _is_own(around.name)
    if isinstance(around, IndexExpr):
        return around.base is use
    if isinstance(around, ComparisonExpr):
        return True
    if isinstance(around, UnaryExpr):
        return around.op == "not"
    if isinstance(around, ConditionalExpr):
        return around.cond is use
    return any(each is use for each in deciding(around))


def _is_used_as_sync(receiver: Expression, point: ProgramPoint) -> bool:
    """Whether a function uses a session as a sync one, whatever its annotation says.

    One that is given to ``run_sync`` gets such a session.
    """
    function = point.body.function()
    name = dotted(receiver)
    if function is None or name is None:
        return False
    asked = [
        node
        for node in walk(function.body)
        if isinstance(node, MemberExpr) and dotted(node.expr) == name
    ]
    if any(node.name in SYNC_ONLY_ATTRIBUTES for node in asked):
        return True
    if not isinstance(function, FuncDef) or function.is_coroutine:
        return False
    if not any(argument.variable.name == name for argument in function.arguments):
        return False
    chained = {
        id(node.expr.callee)
        for node in walk(function.body)
        if isinstance(node, MemberExpr) and isinstance(node.expr, CallExpr)
    }
    return any(id(node) in chained for node in asked) or _is_run_sync(function.name, point)


def _is_run_sync(name: str, point: ProgramPoint) -> bool:
    """Whether the module gives a function of that name to a ``run_sync``."""
    return name in point.body.run_in_sync()
