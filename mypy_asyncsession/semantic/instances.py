"""Which session an expression has got an instance of a mapped class through."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from mypy.nodes import (
    AssignmentStmt,
    AwaitExpr,
    CallExpr,
    ConditionalExpr,
    FuncDef,
    GeneratorExpr,
    ListComprehension,
    ListExpr,
    MemberExpr,
    NameExpr,
    ReturnStmt,
    TypeInfo,
)
from mypy.types import Instance, NoneType, get_proper_type

from mypy_asyncsession.models.sqlalchemy import FORGETTING
from mypy_asyncsession.models.typing import COROUTINE_TYPES
from mypy_asyncsession.semantic.async_sessions import is_async_session, may_be_for_one_task
from mypy_asyncsession.semantic.cfg import Graph, PointKind
from mypy_asyncsession.semantic.combine import is_none
from mypy_asyncsession.semantic.result_kinds import GETTING, OF_RESULTS, QUERYING, Kind
from mypy_asyncsession.semantic.selections import selected_class
from mypy_asyncsession.semantic.syntax import is_stub_body, walk
from mypy_asyncsession.semantic.values import (
    UNKNOWN,
    ClassValue,
    FunctionValue,
    ObjectValue,
    fullname,
    members,
)

if TYPE_CHECKING:
    from mypy.nodes import Expression
    from mypy.types import ProperType

    from mypy_asyncsession.semantic.function_body import FunctionBody
    from mypy_asyncsession.semantic.interpreter import Interpreter
    from mypy_asyncsession.semantic.mapped_classes import MappedClass, MappedClasses
    from mypy_asyncsession.semantic.objects import Object
    from mypy_asyncsession.semantic.summaries import Summaries
    from mypy_asyncsession.semantic.values import Value


_DEPTH: Final = 6


@dataclass(frozen=True, slots=True)
class Source:
    """Where an instance comes from.

    Attributes:
        session: The session that it was got through.
        mapped: Its class; ``None`` where that is for the caller to say, of a repository that is
            generic in it.
        at: The point at which it was loaded, with others, into a list; ``None`` where its name is
            bound as it is loaded.
    """

    session: Object
    mapped: MappedClass | None
    at: int | None = None


@dataclass(frozen=True, slots=True)
class _Got:
    """What a session was asked for: a class, or the statement of a query."""

    session: Object
    klass: Value
    kind: Kind
    at: int


class Instances:
    """Follows instances to the session that they were got through."""

    def __init__(
        self, interpreter: Interpreter, summaries: Summaries, mapped: MappedClasses
    ) -> None:
        self._interpreter = interpreter
        self._objects = summaries.objects
        self._mapped = mapped
        self._returned: dict[int, Source | None] = {}
        self._listed: dict[int, _Got | None] = {}

    def bound(self, name: str, defined: int, body: FunctionBody) -> Source | None:
        """Where the instance comes from that a point binds to a name."""
        point = body.graph.points[defined]
        node = point.node
        if point.kind is PointKind.STATEMENT and isinstance(node, AssignmentStmt):
            if any(isinstance(each, NameExpr) and each.name == name for each in node.lvalues):
                return self.of(node.rvalue, body, defined)
        elif isinstance(node, NameExpr):
            several = body.gone_through(point)
            got = self._got(several, body, defined) if several is not None else None
            if got is not None and got.kind in (Kind.LIST, Kind.SCALARS):
                found = self._source(got)
                if found is not None and got.kind is Kind.LIST:
                    return replace(found, at=got.at)
                return found
        return None

    def of(self, expression: Expression, body: FunctionBody, at: int) -> Source | None:
        """Where an instance comes from that an expression gives."""
        if isinstance(expression, ConditionalExpr):
            return self._either(expression, body, at)
        if isinstance(expression, AwaitExpr) and isinstance(expression.expr, CallExpr):
            found = self._helper(expression, expression.expr, body)
            if found is not None:
                return found
        got = self._got(expression, body, at)
        return self._source(got) if got is not None and got.kind is Kind.ONE else None

    def _either(self, expression: ConditionalExpr, body: FunctionBody, at: int) -> Source | None:
        """``await session.get(User, key) if key else None``."""
        branches = (expression.if_expr, expression.else_expr)
        found = [
            self.of(each, body, at)
            for each in branches
            if not (isinstance(each, NameExpr) and each.name == "None")
        ]
        return found[0] if found and all(each == found[0] for each in found) else None

    def new(self, expression: Expression, body: FunctionBody, at: int) -> MappedClass | None:
        """The mapped class of which an expression makes an instance."""
        if not isinstance(expression, CallExpr):
            return None
        return self._class(self._objects.value(expression.callee, body, at))

    def mapped(self, name: NameExpr, body: FunctionBody, at: int) -> MappedClass | None:
        """The mapped class that what a name holds is an instance of."""
        return self._of_value(self._objects.value(name, body, at))

    def _of_value(self, value: Value) -> MappedClass | None:
        found = [
            each
            for each in members(value)
            if not is_none(each)
            and not (isinstance(each, ObjectValue) and isinstance(each.type, NoneType))
        ]
        if len(found) != 1 or not isinstance(found[0], ObjectValue):
            return None
        type_ = found[0].type
        if not isinstance(type_, Instance):
            return None
        return self._class(ClassValue(type_.type.fullname, type_.type))

    def _class(self, value: Value) -> MappedClass | None:
        return self._mapped.of_class(value) if isinstance(value, ClassValue) else None

    def _source(self, got: _Got) -> Source | None:
        mapped = self._class(got.klass)
        if mapped is None and isinstance(got.klass, ClassValue):
            return None
        return Source(got.session, mapped)

    def _got(
        self, expression: Expression, body: FunctionBody, at: int, depth: int = 0
    ) -> _Got | None:
        """What of a session an expression is: its query's result, or a part of that."""
        if depth > _DEPTH:
            return None
        if isinstance(expression, NameExpr):
            where = body.at(expression)
            if where is None:
                return None
            value = body.assigned(expression.name, where)
            return self._got(value[0], body, value[1], depth + 1) if value is not None else None
        if isinstance(expression, MemberExpr):
            return self._related(expression, body)
        if isinstance(expression, AwaitExpr):
            return self._asked(expression.expr, body) or self._helped(expression, body)
        if isinstance(expression, ListComprehension):
            return self._picked(expression.generator, body, at, depth)
        if isinstance(expression, CallExpr) and isinstance(expression.callee, MemberExpr):
            got = self._got(expression.callee.expr, body, at, depth + 1)
            kind = OF_RESULTS.get((got.kind, expression.callee.name)) if got is not None else None
            return replace(got, kind=kind) if got is not None and kind is not None else None
        if isinstance(expression, CallExpr) and len(expression.args) == 1:
            at_call = body.at(expression)
            if at_call is None:
                return None
            name = fullname(self._objects.value(expression.callee, body, at_call))
            got = self._got(expression.args[0], body, at, depth + 1)
            if name in ("builtins.list", "builtins.tuple") and got is not None:
                return replace(got, kind=Kind.LIST) if got.kind is not Kind.ROWS else None
        return None

    def _related(self, read: MemberExpr, body: FunctionBody) -> _Got | None:
        """``user.posts``, which are of the session that the user is of, and loaded once read."""
        at = body.at(read)
        source = self.result(read.expr, body, at) if at is not None else None
        if at is None or source is None or source.mapped is None:
            return None
        relationship = source.mapped.relationships.get(read.name)
        if relationship is None or relationship.many is False or relationship.target is None:
            return None
        target = self._mapped.named(relationship.target)
        if target is None:
            return None
        symbol = self._interpreter.program.symbol(target.fullname)
        klass = ClassValue(target.fullname, symbol if isinstance(symbol, TypeInfo) else None)
        return _Got(source.session, klass, Kind.LIST, at)

    def _picked(
        self, comprehension: GeneratorExpr, body: FunctionBody, at: int, depth: int
    ) -> _Got | None:
        """``[user for user in users if user.active]``."""
        (index, *more), element = comprehension.indices, comprehension.left_expr
        if more or not isinstance(index, NameExpr) or not isinstance(element, NameExpr):
            return None
        got = self._got(comprehension.sequences[0], body, at, depth + 1)
        if got is None or got.kind is Kind.ONE or got.kind is Kind.ROWS:
            return None
        return replace(got, kind=Kind.LIST) if index.name == element.name else None

    def _asked(self, call: Expression, body: FunctionBody) -> _Got | None:
        """``session.get(User, 1)``, ``session.execute(select(User))``, which are awaited."""
        if not isinstance(call, CallExpr) or not isinstance(call.callee, MemberExpr):
            return None
        method = call.callee.name
        at = body.at(call)
        if at is None or not call.args or method not in {**GETTING, **QUERYING}:
            return None
        value = self._objects.value(call.callee.expr, body, at)
        if value is not UNKNOWN and not is_async_session(value):
            return None
        session = self._objects.of(call.callee.expr, body, at)
        if session is None:
            return None
        first = call.args[0]
        if method == "merge":
            made = self._objects.value(first, body, at)
            type_ = made.type if isinstance(made, ObjectValue) else None
            if not isinstance(type_, Instance):
                return None
            return _Got(session, ClassValue(type_.type.fullname, type_.type), Kind.ONE, at)
        if method in GETTING:
            return _Got(session, self._objects.value(first, body, at), Kind.ONE, at)
        selected = selected_class(first, body, at, self._objects)
        return _Got(session, selected, QUERYING[method], at) if selected is not None else None

    def _helper(self, awaited: AwaitExpr, call: CallExpr, body: FunctionBody) -> Source | None:
        """Where an instance comes from that a function of the project returns."""
        at = body.at(call)
        if at is None:
            return None
        function = self._objects.value(call.callee, body, at)
        if not isinstance(function, FunctionValue):
            return None
        source = self.returned(function)
        if source is None:
            return None
        settled = self._settled(source.session, call, function, body, at)
        if settled is None:
            return None
        if source.mapped is not None:
            return Source(settled, source.mapped)
        inferred = self._interpreter.type_of(awaited, body.scope.module)
        mapped = self._of_value(self._interpreter.types.value(inferred)) if inferred else None
        return Source(settled, mapped or self._declared(function))

    def _helped(self, awaited: AwaitExpr, body: FunctionBody) -> _Got | None:
        """The list that a function of the project returns of what it has loaded."""
        call = awaited.expr
        at = body.at(call)
        if not isinstance(call, CallExpr) or at is None:
            return None
        function = self._objects.value(call.callee, body, at)
        got = self.listed(function) if isinstance(function, FunctionValue) else None
        if got is None or not isinstance(function, FunctionValue):
            return None
        settled = self._settled(got.session, call, function, body, at)
        klass = got.klass
        if not isinstance(klass, ClassValue):
            inferred = self._interpreter.type_of(awaited, body.scope.module)
            klass = _element(get_proper_type(inferred)) if inferred is not None else UNKNOWN
        return _Got(settled, klass, Kind.LIST, at) if settled is not None else None

    def _settled(
        self, session: Object, call: CallExpr, function: FunctionValue, body: FunctionBody, at: int
    ) -> Object | None:
        """The session of a function that is called, as the caller has it."""
        given = self._objects.given_by(call, function, body, at)
        callee = self._objects.body(function.node, function.scope)
        outside = self._objects.substitute(session, callee, given)
        settled = self._objects.settled(outside, body, at) if outside is not None else None
        return settled if settled is not None and may_be_for_one_task(settled.value) else None

    def _declared(self, function: FunctionValue) -> MappedClass | None:
        """The class that a method says it gives, seen from the object that it is bound to."""
        receiver = function.receiver
        type_ = receiver.type if isinstance(receiver, ObjectValue) else None
        if not isinstance(type_, Instance):
            return None
        result = get_proper_type(self._interpreter.types.method_result(type_, function.node.name))
        if isinstance(result, Instance) and result.type.fullname in COROUTINE_TYPES:
            result = get_proper_type(result.args[-1]) if result.args else None
        return self._of_value(self._interpreter.types.value(result)) if result else None

    def returned(self, function: FunctionValue) -> Source | None:
        """Where the instances come from that a coroutine function returns, if all from one."""
        node = function.node
        if not isinstance(node, FuncDef) or not self._is_read(node, function):
            return None
        if id(node) not in self._returned:
            self._returned[id(node)] = None  # inside itself
            self._returned[id(node)] = self._all_returned(node, function)
        return self._returned[id(node)]

    def listed(self, function: FunctionValue) -> _Got | None:
        """The list of instances that a coroutine function returns, if it returns no other."""
        node = function.node
        if not isinstance(node, FuncDef) or not self._is_read(node, function):
            return None
        if id(node) not in self._listed:
            self._listed[id(node)] = None  # inside itself
            self._listed[id(node)] = self._all_listed(node, function)
        return self._listed[id(node)]

    def _is_read(self, node: FuncDef, function: FunctionValue) -> bool:
        """Whether a function is a coroutine function of the project's, which keeps what it has."""
        return (
            node.is_coroutine
            and not node.is_generator
            and not is_stub_body(node)
            and self._interpreter.program.source(function.scope.module) is not None
            and not any(
                isinstance(each, MemberExpr) and each.name in FORGETTING for each in walk(node.body)
            )
        )

    def _all_listed(self, node: FuncDef, function: FunctionValue) -> _Got | None:
        body = self._objects.body(node, function.scope)
        found: _Got | None = None
        for index in body.graph.of_kind(PointKind.RETURN):
            statement = body.graph.points[index].node
            assert isinstance(statement, ReturnStmt)
            result = statement.expr
            if isinstance(result, ListExpr) and not result.items:
                continue
            got = self._got(result, body, index) if result is not None else None
            if got is None or got.kind not in (Kind.LIST, Kind.SCALARS):
                return None
            if found is not None and (got.session, got.klass) != (found.session, found.klass):
                return None
            found = got
        return found

    def _all_returned(self, node: FuncDef, function: FunctionValue) -> Source | None:
        body = self._objects.body(node, function.scope)
        found: Source | None = None
        for index in body.graph.of_kind(PointKind.RETURN):
            statement = body.graph.points[index].node
            assert isinstance(statement, ReturnStmt)
            result = statement.expr
            if result is None or (isinstance(result, NameExpr) and result.name == "None"):
                continue
            source = self.result(result, body, index)
            if source is None or (found is not None and source.session != found.session):
                return None
            found = source
        return found

    def result(self, result: Expression, body: FunctionBody, at: int) -> Source | None:
        """Where an instance comes from that a function returns at a point."""
        if not isinstance(result, NameExpr):
            return self.of(result, body, at)
        reaching = body.bindings.reaching(at, result.name)
        if len(reaching) != 1:
            return None
        (defined,) = reaching
        return self.bound(result.name, defined, body) if defined != Graph.ENTRY else None


def _element(listed: ProperType) -> Value:
    """The class of the elements of a list, by its type."""
    inner = (
        get_proper_type(listed.args[0]) if isinstance(listed, Instance) and listed.args else None
    )
    if isinstance(inner, Instance) and isinstance(listed, Instance) and len(listed.args) == 1:
        return ClassValue(inner.type.fullname, inner.type)
    return UNKNOWN
