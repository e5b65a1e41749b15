"""The types of what dependencies give, as exact as they can be known."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mypy.expandtype import expand_type, expand_type_by_instance
from mypy.maptype import map_instance_to_supertype
from mypy.nodes import (
    AssignmentStmt,
    AwaitExpr,
    CallExpr,
    ClassDef,
    FuncDef,
    LambdaExpr,
    MemberExpr,
    NameExpr,
    ReturnStmt,
    YieldExpr,
)
from mypy.types import (
    CallableType,
    Instance,
    NoneType,
    TypeType,
    TypeVarId,
    TypeVarType,
    UnionType,
    get_proper_type,
    has_type_vars,
)
from mypy.typevars import fill_typevars_with_any

from mypy_asyncsession.detectors.literal_types import literal_type
from mypy_asyncsession.detectors.related_types import is_same_class, is_stranger, without_none
from mypy_asyncsession.semantic.combine import is_none
from mypy_asyncsession.semantic.from_mypy_types import Bounded, informative
from mypy_asyncsession.semantic.session_disposal import class_at
from mypy_asyncsession.semantic.syntax import is_stub_body, returned, statements, walk, yields
from mypy_asyncsession.semantic.values import (
    UNKNOWN,
    ClassValue,
    FunctionValue,
    LiteralValue,
    ObjectValue,
    UnionValue,
    members,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy.nodes import Expression
    from mypy.types import Type

    from mypy_asyncsession.semantic.interpreter import Interpreter
    from mypy_asyncsession.semantic.scopes import Scope
    from mypy_asyncsession.semantic.values import Value


class ResultTypes:
    """Reads the types of what functions give."""

    def __init__(self, interpreter: Interpreter) -> None:
        self._interpreter = interpreter

    def result(self, function: FunctionValue) -> Type | None:
        """The type that a function says to return, a coroutine for an ``async def``."""
        signature = self._interpreter.signature(function.node, function.scope)
        return signature.ret_type if isinstance(signature, CallableType) else None

    def item(self, type_: Type | None) -> Type | None:
        """The type of what awaiting or iterating over an object of this type gives."""
        proper = get_proper_type(type_) if type_ is not None else None
        return self._interpreter.types.item_type(proper) if isinstance(proper, Instance) else None

    def exact(self, function: FunctionValue, value: Value, declared: Type | None) -> Type | None:
        """The type of what a function gives; ``None`` where it may be narrower than mypy says."""
        if declared is not None and self._returns_another(function, declared):
            return None
        found = self._exact(function, value, declared)
        if found is not None and has_type_vars(found):
            found = expand_type(found, self._given(function))
        if not informative(found):
            return self.of_body(function)
        if found is None or self._contradicted(function, found):
            return None
        if self._is_kept_narrower(function, found):
            return None
        given, said = self.of_body(function, several=True), without_none(found)
        if given is None or is_same_class(given, said):
            return found
        if not self._interpreter.program.is_subtype(given, said):
            return found
        return given if said is found else UnionType.make_union([given, NoneType()])

    def _exact(self, function: FunctionValue, value: Value, declared: Type | None) -> Type | None:
        receiver = self._receiver(function)
        if not isinstance(value, ObjectValue) or value.type is None:
            return self._resolved(function, declared, receiver) if declared is not None else None
        if isinstance(value, Bounded):
            return self._resolved(function, declared, receiver) if declared is not None else None
        if is_same_class(declared, value.type):
            return declared  # what the class holds is said by the annotation alone
        if informative(declared) or function.is_static or not isinstance(value.type, Instance):
            return value.type
        # An unannotated body may return ``self`` or ``cls()``, to mypy the class it stands in.
        owners = (class_at(self._interpreter, scope) for scope in function.scope.chain())
        owner = next(filter(None, owners), None)
        found = value.type.type
        if owner is None or found not in owner.mro:
            return value.type
        return value.type if receiver is not None and receiver.type is found else None

    # What the body says

    def of_body(self, function: FunctionValue, *, several: bool = False) -> Type | None:
        """The type of what a body that says enough gives, each time one, or one of *several*."""
        types: list[Type] = []
        for expression, given in self._given_out(function):
            if isinstance(given, UnionValue) and not several:
                return None
            for value in members(given):
                if is_none(value) and not isinstance(function.node, LambdaExpr):
                    continue
                written = value.node if isinstance(value, LiteralValue) else None
                type_ = literal_type(written or expression, self._interpreter)
                if type_ is None and isinstance(value, ObjectValue) and value.type is not None:
                    type_ = self._exact(function, value, None)
                if type_ is None or not informative(type_) or has_type_vars(type_):
                    return None
                if type_ not in types:
                    types.append(type_)
        if not types:
            return None
        return types[0] if len(types) == 1 else UnionType.make_union(types)

    def is_undecided(self, function: FunctionValue) -> bool:
        """Whether mypy may know the type of what a body gives whose annotation does not say it."""
        declared = self.result(function)
        if informative(declared) and (
            declared is None or informative(self.item(declared) or declared)
        ):
            return False
        # Of the body of another module it keeps no types.
        source = self._interpreter.program.current
        if source is None or source.module != function.scope.module:
            return False
        scope = source.scope_of(function)
        places = self._places(function, scope)
        return any(
            self._interpreter.undecided(expression, scope, places.get(id(expression)))
            for expression, value in self._given_out(function)
            if value is UNKNOWN
        )

    def _contradicted(self, function: FunctionValue, declared: Type) -> bool:
        """Whether a body gives what has nothing to do with what its annotation says."""
        if is_stub_body(function.node):
            return False
        given = [value for _, value in self._given_out(function)]
        if isinstance(get_proper_type(declared), NoneType):
            return not all(map(is_none, given))
        if any(self._is_another(each, declared) for each in given):
            return True
        return UNKNOWN in given and any(
            value is UNKNOWN and self._is_said_otherwise(expression, declared, function)
            for expression, value in self._given_out(function)
        )

    def _is_said_otherwise(
        self, expression: Expression, declared: Type, function: FunctionValue
    ) -> bool:
        """Whether what is returned comes of a call that is declared to give a stranger."""
        source = self._interpreter.program.source(function.scope.module)
        scope = source.scope_of(function) if source is not None else function.scope
        where = None
        if isinstance(expression, NameExpr):
            bindings = scope.names.bindings.get(expression.name, ())
            if len(bindings) != 1 or not isinstance(bindings[0].node, (AwaitExpr, CallExpr)):
                return False
            expression, where = bindings[0].node, bindings[0].blocks
        awaited = isinstance(expression, AwaitExpr)
        call = expression.expr if isinstance(expression, AwaitExpr) else expression
        callee = (
            self._interpreter.value(call.callee, scope, where)
            if isinstance(call, CallExpr)
            else UNKNOWN
        )
        if not isinstance(callee, FunctionValue):
            return False
        type_ = self.result(callee)
        type_ = self.item(type_) if awaited else type_
        if type_ is None:
            return False
        found = get_proper_type(without_none(self._resolved(callee, type_, self._receiver(callee))))
        return (
            isinstance(found, Instance)
            and found.type.fallback_to_any
            and is_stranger(found, declared)
        )

    def _is_another(self, given: Value, declared: Type) -> bool:
        """Whether what is given has nothing to do with a declared type, ``None`` apart."""
        found: list[Type] = []
        for each in members(given):
            if is_none(each):
                continue
            if not isinstance(each, ObjectValue) or each.type is None:
                return False
            type_ = get_proper_type(each.type)
            found += type_.items if isinstance(type_, UnionType) else [type_]
        found = [each for each in found if not isinstance(get_proper_type(each), NoneType)]
        is_subtype = self._interpreter.program.is_subtype
        return bool(found) and all(
            isinstance(each, Instance)
            and (
                is_stranger(each, declared)
                if each.type.fallback_to_any
                else not each.type.is_protocol
                and not is_subtype(each, declared)
                and not is_subtype(declared, each)
                and not is_same_class(each, declared)
            )
            for each in map(get_proper_type, found)
        )

    def _is_kept_narrower(self, function: FunctionValue, declared: Type) -> bool:
        """Whether a method returns an attribute that its class puts a narrower object into."""
        owner = function.scope.node
        if not isinstance(owner, ClassDef) or function.receiver is None:
            return False
        names = {
            expression.name
            for expression in filter(None, returned(function.node))
            if isinstance(expression, MemberExpr) and _is_self(expression.expr)
        }
        is_subtype = self._interpreter.program.is_subtype
        for node in walk(owner) if names else ():
            if not isinstance(node, AssignmentStmt):
                continue
            if not any(
                isinstance(target, MemberExpr) and target.name in names and _is_self(target.expr)
                for target in node.lvalues
            ):
                continue
            value = self._interpreter.value(node.rvalue, function.scope, None)
            if not isinstance(value, ObjectValue) or value.type is None or is_none(value):
                continue
            if is_subtype(value.type, declared) and not is_same_class(value.type, declared):
                return True
        return False

    def gives_none(self, function: FunctionValue) -> bool:
        """Whether a function may give ``None``, as far as its returns say."""
        if isinstance(function.node, LambdaExpr) or yields(function.node):
            return True
        body = statements(function.node.body)
        for each in body:
            if isinstance(each, ReturnStmt) and (
                each.expr is None or (isinstance(each.expr, NameExpr) and each.expr.name == "None")
            ):
                return True
        given = list(self._given_out(function))
        return not given or not all(
            _is_something(value) or self._is_tested(expression, function)
            for expression, value in given
        )

    def _is_tested(self, expression: Expression, function: FunctionValue) -> bool:
        """Whether a function has made sure that what it returns is not ``None``."""
        source = self._interpreter.program.source(function.scope.module)
        return (
            source is not None
            and isinstance(expression, NameExpr)
            and source.flow_of(function.node).none_tests.rule_out(expression)
        )

    def _given_out(self, function: FunctionValue) -> Iterator[tuple[Expression, Value]]:
        """What a function returns, or yields."""
        source = self._interpreter.program.source(function.scope.module)
        if source is None:
            return
        node = function.node
        scope = source.scope_of(function)
        yielded = yields(node) if isinstance(node, FuncDef) else []
        given = (
            [each.expr for each in yielded if isinstance(each, YieldExpr)]
            if yielded
            else returned(node)
        )
        places = self._places(function, scope)
        for expression in filter(None, given):
            where = places.get(id(expression))
            yield expression, self._interpreter.value(expression, scope, where)

    def _places(
        self, function: FunctionValue, scope: Scope
    ) -> dict[int, tuple[tuple[int, int], ...] | None]:
        """Where among the bindings of its names each of the expressions stands that it gives."""
        found: dict[int, tuple[tuple[int, int], ...] | None] = {}
        for statement in statements(function.node.body):
            expression = getattr(statement, "expr", None)
            if isinstance(expression, YieldExpr):
                expression = expression.expr
            if expression is not None:
                found[id(expression)] = scope.names.places.get(id(statement))
        return found

    # Type variables

    def _given(self, function: FunctionValue) -> dict[TypeVarId, Type]:
        """The type variables that the calls of the functions around have filled in."""
        found: dict[TypeVarId, Type] = {}
        for scope in function.scope.chain():
            if not isinstance(scope.node, FuncDef) or scope.parent is None or not scope.values:
                continue
            signature = self._interpreter.signature(scope.node, scope.parent)
            if not isinstance(signature, CallableType):
                continue
            for argument, type_ in zip(scope.node.arguments, signature.arg_types, strict=False):
                value = scope.values.get(argument.variable.name)
                if value is not None:
                    self._bind(get_proper_type(type_), value, found)
        return found

    def _bind(self, type_: Type, value: Value, found: dict[TypeVarId, Type]) -> None:
        """Read off a parameter's type and its value what the variables in the type stand for."""
        proper = get_proper_type(type_)
        if isinstance(proper, TypeType) and isinstance(proper.item, TypeVarType):
            if isinstance(value, ClassValue) and value.info is not None and value.info.mro:
                found[proper.item.id] = fill_typevars_with_any(value.info)
        elif isinstance(proper, TypeVarType):
            if isinstance(value, ObjectValue) and value.type is not None:
                found[proper.id] = value.type
        elif isinstance(proper, CallableType):
            made = get_proper_type(proper.ret_type)
            if isinstance(made, TypeVarType):
                if isinstance(value, FunctionValue):
                    given = self.result(value)
                    if informative(given) and given is not None:
                        found[made.id] = given
                elif isinstance(value, ClassValue) and value.info is not None and value.info.mro:
                    found[made.id] = fill_typevars_with_any(value.info)

    def _returns_another(self, function: FunctionValue, declared: Type) -> bool:
        """Whether a function returns a parameter of another type than it says to return."""
        signature = self._interpreter.signature(function.node, function.scope)
        if not isinstance(signature, CallableType) or yields(function.node):
            return False
        types = dict(zip(signature.arg_names, signature.arg_types, strict=True))
        given = [
            types.get(each.name) for each in returned(function.node) if isinstance(each, NameExpr)
        ]
        return any(
            informative(each)
            and each is not None
            and not self._interpreter.program.is_subtype(each, declared)
            for each in given
        )

    def _receiver(self, function: FunctionValue) -> Instance | None:
        """The object that a method is bound to, or one of the class that it is bound to."""
        receiver = function.receiver
        if isinstance(receiver, ClassValue):
            receiver = self._interpreter.instance(receiver)
        type_ = receiver.type if isinstance(receiver, ObjectValue) else None
        return type_ if isinstance(type_, Instance) else None

    def _resolved(self, function: FunctionValue, type_: Type, receiver: Instance | None) -> Type:
        """A type with the variables filled in that the object a method is bound to decides."""
        signature = self._interpreter.signature(function.node, function.scope)
        if receiver is None or not isinstance(signature, CallableType):
            return type_
        owner = receiver.type.get_containing_type_info(function.node.name)
        if owner is None:
            return type_
        type_ = expand_type_by_instance(type_, map_instance_to_supertype(receiver, owner))
        own = get_proper_type(signature.arg_types[0]) if signature.arg_types else None
        if isinstance(own, TypeType):
            own = own.item
        # ``Self``, in either spelling; with no annotation of its own, it is that of a class.
        found = {TypeVarId(0, namespace=base.fullname): receiver for base in receiver.type.mro}
        if isinstance(own, TypeVarType):
            found[own.id] = receiver
        return expand_type(type_, found)


def _is_something(value: Value) -> bool:
    """Whether this is an object of a type that is known, or one of several, and not ``None``.

    What a name is bound to in several places is known but for a ``None`` among it.
    """
    if isinstance(value, UnionValue):
        return value.exact and all(map(_is_something, value.members))
    return isinstance(value, ObjectValue) and value.type is not None and not is_none(value)


def _is_self(node: Expression) -> bool:
    return isinstance(node, NameExpr) and node.name == "self"
