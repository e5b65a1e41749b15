"""Which object an expression is, as far as that is certain.

An attribute that an ``__init__``
has from one of its arguments is that argument, so ``Users(db).session`` is ``db``, and two
repositories that were given one session have one session, be it in ``__init__``, in ``__aenter__``
or by a property. What may be one object or another is none that is known.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from mypy.nodes import (
    AssignmentExpr,
    AssignmentStmt,
    CallExpr,
    CastExpr,
    ClassDef,
    FuncDef,
    MemberExpr,
    NameExpr,
    OpExpr,
    SuperExpr,
    TypeInfo,
    Var,
    WithStmt,
)
from mypy.types import Instance

from mypy_asyncsession.semantic.async_sessions import is_for_one_task
from mypy_asyncsession.semantic.call_arguments import matched
from mypy_asyncsession.semantic.cfg import Graph, PointKind
from mypy_asyncsession.semantic.from_mypy_types import informative
from mypy_asyncsession.semantic.function_bodies import FunctionBodies
from mypy_asyncsession.semantic.initializers import (
    FILLING,
    Initializers,
    argument_to,
    calls_super_init,
)
from mypy_asyncsession.semantic.interpreter.context import argument_of
from mypy_asyncsession.semantic.objects import FREE, MODULE, Attribute, Made, Object, Variable
from mypy_asyncsession.semantic.syntax import walk
from mypy_asyncsession.semantic.values import UNKNOWN, ObjectValue, Value

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mypy.nodes import Expression, FuncItem, Node

    from mypy_asyncsession.semantic.function_body import FunctionBody
    from mypy_asyncsession.semantic.interpreter import Interpreter
    from mypy_asyncsession.semantic.scopes import Scope
    from mypy_asyncsession.semantic.values import FunctionValue

#: How many names, attributes and calls an object is followed through.
_DEPTH: Final = 12


class Objects:
    """Says which objects the expressions of functions are."""

    def __init__(self, interpreter: Interpreter) -> None:
        self._interpreter = interpreter
        self._bodies = FunctionBodies(interpreter)
        self._initializers = Initializers(interpreter.program, self.body)

    def body(self, node: FuncItem, scope: Scope) -> FunctionBody:
        """The body of a function that stands in a scope; its graph is made once."""
        return self._bodies.of(node, scope)

    def value(self, expression: Expression, body: FunctionBody, at: int) -> Value:
        """What an expression may be at a point of a function."""
        return self._interpreter.value(expression, body.scope, body.where(at))

    def of(self, expression: Node, body: FunctionBody, at: int, depth: int = 0) -> Object | None:
        """The object that an expression is at a point of a function, if it is a certain one."""
        if depth > _DEPTH:
            return None
        if isinstance(expression, NameExpr):
            return self._name(expression, body, at, depth)
        if isinstance(expression, MemberExpr):
            base = self.of(expression.expr, body, at, depth + 1)
            if base is None or _is_bound_in(expression.name, body):
                return None
            value = self.value(expression, body, at)
            return self.attribute(base, expression.name, value, depth + 1)
        if isinstance(expression, CallExpr):
            klass = self.value(expression.callee, body, at)
            made = self._interpreter.instance(klass)
            if made is UNKNOWN or is_for_one_task(made):
                return None
            return Made(expression, body, at, made)
        if isinstance(expression, AssignmentExpr):
            return self.of(expression.value, body, at, depth + 1)
        if isinstance(expression, CastExpr):
            return self.of(expression.expr, body, at, depth + 1)
        return None

    def _name(self, expression: NameExpr, body: FunctionBody, at: int, depth: int) -> Object | None:
        name = expression.name
        if name in body.graph.points[at].inner:
            return None  # another one in each round of a comprehension
        owner = _owner(name, body.scope)
        if owner is None:
            return None
        value = self.value(expression, body, at)
        if owner.node is None:
            return self._global(name, owner, value)
        if owner.node is not body.node:
            return Variable(id(owner.node), name, FREE, value)
        return self.variable(name, body, at, value, depth)

    def variable(
        self, name: str, body: FunctionBody, at: int, value: Value, depth: int = 0
    ) -> Object | None:
        """What a name of a function's own holds at a point."""
        reaching = body.bindings.reaching(at, name)
        if len(reaching) != 1:
            return None
        (defined,) = reaching
        if defined == Graph.ENTRY and argument_of(body.node, name) is None:
            return None
        found = Variable(id(body.node), name, defined, value)
        if defined == Graph.ENTRY:
            return found
        point = body.graph.points[defined]
        node = point.node
        if point.kind is PointKind.STATEMENT and isinstance(node, AssignmentStmt):
            if not any(isinstance(each, NameExpr) and each.name == name for each in node.lvalues):
                return found
            return self._assigned(node.rvalue, found, body, defined, depth)
        if point.kind is PointKind.BIND and isinstance(node, AssignmentExpr):
            return self._assigned(node.value, found, body, defined, depth)
        if point.kind is PointKind.BIND and isinstance(point.statement, WithStmt):
            return self._entered(point.statement, node, found, body, defined, depth)
        return found

    def _assigned(
        self, value: Node, found: Variable, body: FunctionBody, at: int, depth: int
    ) -> Object | None:
        if isinstance(value, OpExpr):
            return None  # one or the other
        if not isinstance(value, (NameExpr, MemberExpr, CallExpr, CastExpr)):
            return found
        known = self.of(value, body, at, depth + 1)
        if known is None and isinstance(value, (NameExpr, MemberExpr)):
            return None
        return replace(known, name=found.name) if isinstance(known, Made) else known or found

    def _entered(
        self,
        statement: WithStmt,
        target: Node | None,
        found: Variable,
        body: FunctionBody,
        at: int,
        depth: int,
    ) -> Object | None:
        """What a ``with`` binds: entering a session that there is gives it itself."""
        for expression, bound in zip(statement.expr, statement.target, strict=True):
            if (
                bound is target
                and isinstance(expression, (NameExpr, MemberExpr))
                and is_for_one_task(self.value(expression, body, at))
            ):
                return self.of(expression, body, at, depth + 1)
        return found

    def _global(self, name: str, scope: Scope, value: Value) -> Object | None:
        bindings = scope.names.bindings.get(name, ())
        source = self._interpreter.program.source(scope.module)
        if len(bindings) != 1 or (source is not None and name in source.rebound()):
            return None
        target = bindings[0].target
        fullname = f"{target[0]}.{target[1]}" if bindings[0].kind == "from" else None
        return Variable(MODULE, fullname or f"{scope.module}.{name}", FREE, value)

    def attribute(
        self, base: Object, name: str, value: Value = UNKNOWN, depth: int = 0
    ) -> Object | None:
        """An attribute of an object, unless it is a property or another thing that is called."""
        if depth > _DEPTH:
            return None
        if base.value is not UNKNOWN:
            found = self._interpreter.attribute(base.value, name)
            value = found if found is not UNKNOWN else value
        info = _class_of(base.value)
        text = f"{base.text}.{name}"
        if info is None:
            return Attribute(base, name, value, text)
        symbol = info.get(name)
        if symbol is not None:
            if not isinstance(symbol.node, Var) or symbol.node.is_property:
                return self._got(base, info, name, depth)
            declared = self._interpreter.program.type_of(symbol.node)
            if value is UNKNOWN and informative(declared):
                value = self._interpreter.types.value(declared)
        elif info.get("__getattr__") is not None:
            return None
        given = self._initialised(base, info, name, depth)
        if given is None and isinstance(base, Made) and base.is_transient:
            return None  # another one each time
        if given is None:
            return Attribute(base, name, value, text)
        if isinstance(given, Attribute):
            kept = value if value is not UNKNOWN else given.value
            return replace(given, value=kept, text=text)
        return given

    def _initialised(self, base: Object, info: TypeInfo, name: str, depth: int) -> Object | None:
        """The object that ``__init__`` puts into an attribute which nothing else binds."""
        located = self._initializers.of_attribute(info, name)
        if located is None:
            return None
        expression, init = located
        if isinstance(expression, NameExpr) and argument_of(init.node, expression.name) is not None:
            return self._given(base, info, init, expression.name, depth)
        if not isinstance(expression, CallExpr):
            return None
        at = init.at(expression)
        made = self.of(expression, init, at, depth + 1) if at is not None else None
        if not isinstance(made, Made):
            return None
        return self._rebased(made, base, info, init, depth)

    def _rebased(
        self, made: Made, base: Object, info: TypeInfo, init: FunctionBody, depth: int
    ) -> Made | None:
        """What an ``__init__`` makes, with the arguments that it was itself given."""
        own, *others = init.parameters()
        given: dict[str, Object | None] = {own: base}
        given |= {name: self._given(base, info, init, name, depth + 1) for name in others}
        return replace(made, given=given)

    def _got(self, base: Object, info: TypeInfo, name: str, depth: int) -> Object | None:
        """What a property gives: an object of its owner's, or one that it makes of these."""
        located = self._initializers.of_property(info, name)
        if located is None:
            return None
        expression, body = located
        parameters = list(body.parameters())
        at = body.at(expression)
        if at is None or len(parameters) != 1:
            return None
        given = {parameters[0]: base}
        is_kept = isinstance(expression, MemberExpr) and _is_bound_in(expression.name, body)
        if is_kept and isinstance(expression, MemberExpr):
            # ``if self._users is None: self._users = Users(self.session)``
            once = self._initializers.of_attribute(info, expression.name, frozenset({name}))
            at = body.at(once[0]) if once is not None else None
            if once is None or at is None:
                return None
            expression = once[0]
        found = self.of(expression, body, at, depth + 1)
        if isinstance(found, Made):
            return replace(found, given=given, is_transient=not is_kept)
        return self.substitute(found, body, given, depth + 1) if found is not None else None

    def _given(
        self, base: Object, info: TypeInfo, init: FunctionBody, parameter: str, depth: int
    ) -> Object | None:
        """What the ``__init__`` of an object got for a parameter."""
        if not init.bindings.of(parameter):
            if isinstance(base, Made):
                return self._argument(base, info, init, parameter, depth)
            value = self._interpreter.parameter(parameter, init.scope)
            return Attribute(base, f"{parameter}()", value, f"{base.text}.{parameter}")
        return None

    def _argument(
        self, made: Made, info: TypeInfo, init: FunctionBody, parameter: str, depth: int
    ) -> Object | None:
        own = self._initializers.own(info)
        if own is None:
            return None
        argument = argument_to(made.call, own.node, parameter if own is init else None)
        if own is not init:
            # ``super().__init__(session)`` in the ``__init__`` of a class that is derived from it.
            calls = [each for each in walk(own.node.body) if calls_super_init(each)]
            if len(calls) != 1:
                return None
            call = calls[0]
            assert isinstance(call, CallExpr)
            passed = argument_to(call, init.node, parameter)
            if not isinstance(passed, NameExpr) or argument_of(own.node, passed.name) is None:
                return None
            argument = argument_to(made.call, own.node, passed.name)
        if argument is None:
            return None
        found = self.of(argument, made.body, made.at, depth + 1)
        if found is None or made.given is None:
            return found
        return self.substitute(found, made.body, made.given, depth + 1)

    def substitute(
        self,
        object_: Object,
        callee: FunctionBody,
        given: Mapping[str, Object | None],
        depth: int = 0,
    ) -> Object | None:
        """An object of a function, as its caller knows it who has given it some arguments."""
        if isinstance(object_, Attribute):
            base = self.substitute(object_.base, callee, given, depth + 1)
            if base is None:
                return None
            name = object_.name
            if name.endswith("()"):
                return self._renewed(base, object_, depth)
            return self.attribute(base, name, object_.value, depth + 1)
        if isinstance(object_, Variable):
            if object_.owner != id(callee.node):
                return object_
            return given.get(object_.name) if object_.defined == Graph.ENTRY else None
        return None

    def settled(self, object_: Object, body: FunctionBody, at: int) -> Object | None:
        """An object that a function inside has named, at a point of the function around it."""
        if isinstance(object_, Attribute):
            base = self.settled(object_.base, body, at)
            if base is None or base is object_.base:
                return object_ if base is not None else None
            if object_.name.endswith("()"):
                return self._renewed(base, object_, 0)
            return self.attribute(base, object_.name, object_.value)
        if not isinstance(object_, Variable) or object_.defined != FREE:
            return object_
        if object_.owner != id(body.node):
            return object_
        return self.variable(object_.name, body, at, object_.value)

    def _renewed(self, base: Object, object_: Attribute, depth: int) -> Object | None:
        """What an ``__init__`` was given, of an object that is known better now."""
        info = _class_of(base.value)
        parameter = object_.name.removesuffix("()")
        init = self._initializers.own(info) if info is not None else None
        text = f"{base.text}.{object_.text.rpartition('.')[2]}"
        if not isinstance(base, Made) or init is None or info is None:
            return replace(object_, base=base, text=text)
        if argument_of(init.node, parameter) is None:
            return None
        return self._argument(base, info, init, parameter, depth + 1)

    def given_by(
        self, call: CallExpr, callee: FunctionValue, body: FunctionBody, at: int
    ) -> dict[str, Object | None]:
        """What the parameters of a function are in a call of it."""
        given: dict[str, Object | None] = {
            name: self.of(argument, body, at) for name, argument in matched(call, callee)
        }
        formal = callee.node.arguments
        if callee.receiver is not None and not callee.is_static and formal:
            if isinstance(call.callee, MemberExpr):
                given[formal[0].variable.name] = self.of(call.callee.expr, body, at)
            elif isinstance(call.callee, SuperExpr) and body.node.arguments:
                first = body.node.arguments[0].variable.name
                value = callee.receiver
                given[formal[0].variable.name] = self.variable(first, body, at, value)
        return given


def _class_of(value: Value) -> TypeInfo | None:
    if isinstance(value, ObjectValue) and isinstance(value.type, Instance):
        return value.type.type
    return None


def _owner(name: str, scope: Scope) -> Scope | None:
    """The scope that a name is looked up in."""
    current: Scope | None = scope
    while current is not None:
        if isinstance(current.node, ClassDef):
            current = current.parent
            continue
        if current.node is None:
            return current
        if name not in current.names.outer and (
            name in current.names.bindings or argument_of(current.node, name) is not None
        ):
            return current
        current = current.parent
    return None


def _is_bound_in(attribute: str, body: FunctionBody) -> bool:
    """Whether a function binds an attribute of that name, of whatever object."""
    if isinstance(body.node, FuncDef) and body.node.name in FILLING:
        return False
    return any(patched.rpartition(".")[2] == attribute for patched in body.scope.names.patched)
