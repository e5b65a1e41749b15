"""Which session an expression has got an instance of a mapped class through."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum
from typing import TYPE_CHECKING, Final

from mypy.nodes import (
    AssignmentStmt,
    AwaitExpr,
    CallExpr,
    ConditionalExpr,
    ForStmt,
    FuncDef,
    MemberExpr,
    NameExpr,
    ReturnStmt,
)
from mypy.types import Instance, NoneType, get_proper_type

from mypy_asyncsession.models.typing import COROUTINE_TYPES
from mypy_asyncsession.semantic.async_sessions import is_async_session, may_be_for_one_task
from mypy_asyncsession.semantic.cfg import Graph, PointKind
from mypy_asyncsession.semantic.combine import is_none
from mypy_asyncsession.semantic.syntax import is_stub_body
from mypy_asyncsession.semantic.values import (
    UNKNOWN,
    ClassValue,
    FunctionValue,
    ObjectValue,
    fullname,
    members,
)

if TYPE_CHECKING:
    from mypy.nodes import Expression, Node

    from mypy_asyncsession.semantic.function_body import FunctionBody
    from mypy_asyncsession.semantic.interpreter import Interpreter
    from mypy_asyncsession.semantic.mapped_classes import MappedClass, MappedClasses
    from mypy_asyncsession.semantic.objects import Object
    from mypy_asyncsession.semantic.summaries import Summaries
    from mypy_asyncsession.semantic.values import Value


class Kind(Enum):
    """What is left to be done to get at an instance."""

    ROWS = "rows"
    SCALARS = "scalars"
    LIST = "list"
    ONE = "one"


#: What the methods of a session give.
_GETTING: Final = {"get": Kind.ONE, "get_one": Kind.ONE, "merge": Kind.ONE}
_QUERYING: Final = {
    "exec": Kind.SCALARS,
    "execute": Kind.ROWS,
    "scalar": Kind.ONE,
    "scalars": Kind.SCALARS,
}
#: What the methods of a result give, by what the result is.
_OF_RESULTS: Final = {
    (Kind.ROWS, "scalar"): Kind.ONE,
    (Kind.ROWS, "scalar_one"): Kind.ONE,
    (Kind.ROWS, "scalar_one_or_none"): Kind.ONE,
    (Kind.ROWS, "scalars"): Kind.SCALARS,
    (Kind.ROWS, "unique"): Kind.ROWS,
    (Kind.SCALARS, "all"): Kind.LIST,
    (Kind.SCALARS, "fetchall"): Kind.LIST,
    (Kind.SCALARS, "first"): Kind.ONE,
    (Kind.SCALARS, "one"): Kind.ONE,
    (Kind.SCALARS, "one_or_none"): Kind.ONE,
    (Kind.SCALARS, "unique"): Kind.SCALARS,
}
#: What makes another statement of a statement, with the same rows.
_BUILDING: Final = frozenset(
    {
        "distinct",
        "execution_options",
        "filter",
        "filter_by",
        "group_by",
        "join",
        "limit",
        "offset",
        "options",
        "order_by",
        "outerjoin",
        "where",
        "with_for_update",
    }
)
_SELECTS: Final = frozenset(
    {
        "sqlalchemy.select",
        "sqlalchemy.sql.select",
        "sqlalchemy.future.select",
        "sqlalchemy.sql._selectable_constructors.select",
        "sqlalchemy.sql.expression.select",
        "sqlmodel.select",
        "sqlmodel.sql.expression.select",
        "sqlmodel.sql._expression_select_gen.select",
    }
)
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

    def bound(self, name: str, defined: int, body: FunctionBody) -> Source | None:
        """Where the instance comes from that a point binds to a name."""
        point = body.graph.points[defined]
        node = point.node
        if point.kind is PointKind.STATEMENT and isinstance(node, AssignmentStmt):
            if any(isinstance(each, NameExpr) and each.name == name for each in node.lvalues):
                return self.of(node.rvalue, body, defined)
        elif (
            point.kind is PointKind.BIND
            and isinstance(point.statement, ForStmt)
            and isinstance(node, NameExpr)
            and node is point.statement.index
        ):
            got = self._got(point.statement.expr, body, defined)
            if got is not None and got.kind in (Kind.LIST, Kind.SCALARS):
                found = self._source(got)
                listed = found is not None and got.kind is Kind.LIST
                return replace(found, at=got.at) if listed and found is not None else found
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
            value = _assigned(expression.name, body, where)
            return self._got(value[0], body, value[1], depth + 1) if value is not None else None
        if isinstance(expression, AwaitExpr):
            return self._asked(expression.expr, body)
        if isinstance(expression, CallExpr) and isinstance(expression.callee, MemberExpr):
            got = self._got(expression.callee.expr, body, at, depth + 1)
            kind = _OF_RESULTS.get((got.kind, expression.callee.name)) if got is not None else None
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

    def _asked(self, call: Expression, body: FunctionBody) -> _Got | None:
        """``session.get(User, 1)``, ``session.execute(select(User))``, which are awaited."""
        if not isinstance(call, CallExpr) or not isinstance(call.callee, MemberExpr):
            return None
        method = call.callee.name
        at = body.at(call)
        if at is None or not call.args or method not in {**_GETTING, **_QUERYING}:
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
        if method in _GETTING:
            return _Got(session, self._objects.value(first, body, at), Kind.ONE, at)
        selected = self.selected(first, body, at)
        return _Got(session, selected, _QUERYING[method], at) if selected is not None else None

    def selected(
        self, statement: Expression, body: FunctionBody, at: int, depth: int = 0
    ) -> Value | None:
        """The one class whose instances a statement selects; ``None`` for any other statement."""
        if depth > _DEPTH:
            return None
        if isinstance(statement, NameExpr):
            found: list[Value | None] = []
            for defined in body.bindings.reaching(at, statement.name):
                node = body.graph.points[defined].node
                if defined == Graph.ENTRY or not isinstance(node, AssignmentStmt):
                    return None
                found.append(self.selected(node.rvalue, body, defined, depth + 1))
            names = {fullname(each) if each is not None else None for each in found}
            return found[0] if len(names) == 1 else None
        if not isinstance(statement, CallExpr):
            return None
        callee = statement.callee
        if isinstance(callee, MemberExpr) and callee.name in _BUILDING:
            return self.selected(callee.expr, body, at, depth + 1)
        value = self._objects.value(callee, body, at)
        if fullname(value) in _SELECTS and len(statement.args) == 1:
            return self._objects.value(statement.args[0], body, at)
        return None

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
        given = self._objects.given_by(call, function, body, at)
        callee = self._objects.body(function.node, function.scope)
        session = self._objects.substitute(source.session, callee, given)
        settled = self._objects.settled(session, body, at) if session is not None else None
        if settled is None or not may_be_for_one_task(settled.value):
            return None
        if source.mapped is not None:
            return Source(settled, source.mapped)
        inferred = self._interpreter.type_of(awaited, body.scope.module)
        mapped = self._of_value(self._interpreter.types.value(inferred)) if inferred else None
        return Source(settled, mapped or self._declared(function))

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
        if not isinstance(node, FuncDef) or not node.is_coroutine or node.is_generator:
            return None
        if is_stub_body(node) or self._interpreter.program.source(function.scope.module) is None:
            return None
        if id(node) not in self._returned:
            self._returned[id(node)] = None  # inside itself
            self._returned[id(node)] = self._all_returned(node, function)
        return self._returned[id(node)]

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


def _assigned(name: str, body: FunctionBody, at: int) -> tuple[Expression, int] | None:
    """What the one assignment that may have bound a name holds, and its point."""
    reaching = body.bindings.reaching(at, name)
    if len(reaching) != 1:
        return None
    (defined,) = reaching
    node: Node | None = body.graph.points[defined].node
    if defined == Graph.ENTRY or not isinstance(node, AssignmentStmt):
        return None
    if not any(isinstance(each, NameExpr) and each.name == name for each in node.lvalues):
        return None
    return node.rvalue, defined
