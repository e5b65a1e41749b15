"""What expressions are by the types of what they are made of, where nobody has inferred them.

mypy knows the type of each expression. On trees that were only parsed, what definitions leave open
is looked up here: the methods behind operators and brackets, and what attributes and variables are
declared to be.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from mypy.nodes import (
    ComparisonExpr,
    Expression,
    IndexExpr,
    IntExpr,
    MemberExpr,
    NameExpr,
    OpExpr,
    StrExpr,
    UnaryExpr,
)
from mypy.operators import op_methods, reverse_op_methods, unary_op_methods
from mypy.types import Instance, LiteralType, TupleType, TypedDictType, get_proper_type

from mypy_asyncsession.semantic.combine import without_none
from mypy_asyncsession.semantic.interpreter.argument_types import (
    bound_signature,
    make,
    type_of_value,
)
from mypy_asyncsession.semantic.interpreter.call_types import accepts
from mypy_asyncsession.semantic.values import (
    UNKNOWN,
    ContainerValue,
    FunctionValue,
    LiteralValue,
    ObjectValue,
    TypedCallable,
    UnionValue,
    Value,
    map_members,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from mypy.types import ProperType

    from mypy_asyncsession.semantic.interpreter.context import Context

#: Operators that give a ``bool``, whatever they stand between.
_TESTS: Final = frozenset({"in", "is", "is not", "not in"})


def inferred(expr: Expression, at: Context) -> Value:
    """What an expression may be of which the definitions say nothing."""
    infer = _BY_KIND.get(type(expr))
    return infer(expr, at) if infer is not None else UNKNOWN


def _index(expr: IndexExpr, at: Context) -> Value:
    base = at.value(expr.base)
    if isinstance(base, ContainerValue) and isinstance(expr.base, (MemberExpr, NameExpr)):
        base = _declared(expr.base, at)
    return map_members(base, lambda each: _element(each, expr.index, at))


def _element(base: Value, key: Expression, at: Context) -> Value:
    type_ = base.type if isinstance(base, ObjectValue) else None
    if isinstance(type_, TupleType) and isinstance(key, IntExpr):
        return at.types.value(type_.items[key.value]) if key.value < len(type_.items) else UNKNOWN
    if isinstance(type_, TypedDictType) and isinstance(key, StrExpr):
        return at.types.value(type_.items.get(key.value))
    return _method(base, "__getitem__", [at.value(key)], at, known=False)


def _declared(expr: MemberExpr | NameExpr, at: Context) -> Value:
    """What a variable or attribute is declared to be."""
    if isinstance(expr, MemberExpr):
        return _attribute(expr, at)
    for scope in at.scope.chain():
        if expr.name in scope.names.probed:
            break  # the code itself asks what it is
        if expr.name in scope.names.annotated:
            return at.types.value(at.program.annotation(scope.names.annotated[expr.name], scope))
        if expr.name in scope.names.bindings:
            break
    return UNKNOWN


def _attribute(expr: MemberExpr, at: Context) -> Value:
    def one(owner: Value) -> Value:
        if isinstance(owner, LiteralValue):
            return at.attribute(_object(owner, at), expr.name)
        type_ = _instance(owner)
        if type_ is None or not isinstance(owner, ObjectValue):
            return UNKNOWN
        if type_ is not owner.type:
            return at.attribute(at.types.value(type_), expr.name)
        return at.types.value(at.types.method_type(type_, expr.name))

    return map_members(without_none(at.value(expr.expr)), one)


def _operation(expr: OpExpr, at: Context) -> Value:
    method = op_methods.get(expr.op)
    if method is None:
        return UNKNOWN
    return _between(at.value(expr.left), at.value(expr.right), method, at)


def _comparison(expr: ComparisonExpr, at: Context) -> Value:
    values = [at.value(each) for each in expr.operands]
    found = [
        _bool(at) if operator in _TESTS else _between(left, right, op_methods[operator], at)
        for operator, left, right in zip(expr.operators, values, values[1:], strict=False)
    ]
    same = all(isinstance(each, ObjectValue) and each.type == _instance(found[0]) for each in found)
    return found[0] if same else UNKNOWN


def _between(left: Value, right: Value, method: str, at: Context) -> Value:
    """What an operator gives: the object to the right has the word if the other takes it not."""
    found = _method(left, method, [right], at)
    other = reverse_op_methods.get(method)
    return _method(right, other, [left], at) if found is UNKNOWN and other is not None else found


def _unary(expr: UnaryExpr, at: Context) -> Value:
    if expr.op == "not":
        return _bool(at)
    return _method(at.value(expr.expr), unary_op_methods[expr.op], [], at)


def _method(
    owner: Value, name: str, arguments: list[Value], at: Context, *, known: bool = True
) -> Value:
    """What a method of an object gives that takes such arguments, *known* ones alone or not."""
    owner = without_none(owner)
    if isinstance(owner, UnionValue):
        return map_members(owner, lambda each: _method(each, name, arguments, at, known=known))
    if isinstance(owner, LiteralValue):
        owner = _object(owner, at)
    type_ = _instance(owner)
    if type_ is None:
        return UNKNOWN
    method = at.attribute(at.types.value(type_), name)
    declared = method.type if isinstance(method, TypedCallable) else None
    if isinstance(method, FunctionValue):
        declared = bound_signature(method, at)
    if declared is None or (arguments and not accepts(declared, arguments, at, known=known)):
        return UNKNOWN
    return at.called(method, arguments)


def _object(literal: LiteralValue, at: Context) -> Value:
    """The object that a literal is, as one of its class."""
    type_ = get_proper_type(type_of_value(literal, at))
    return at.types.value(type_.fallback if isinstance(type_, LiteralType) else type_)


def _instance(owner: Value) -> Instance | None:
    type_: ProperType | None = owner.type if isinstance(owner, ObjectValue) else None
    if isinstance(type_, LiteralType):
        return type_.fallback
    if isinstance(type_, TupleType):
        return type_.partial_fallback
    return type_ if isinstance(type_, Instance) else None


def _bool(at: Context) -> Value:
    type_ = make("builtins.bool", (), at)
    return at.types.value(type_) if type_ is not None else UNKNOWN


#: What is inferred of an expression of each kind.
_BY_KIND: Final[Mapping[type[Expression], Callable[[Any, Context], Value]]] = {
    ComparisonExpr: _comparison,
    IndexExpr: _index,
    MemberExpr: _attribute,
    NameExpr: _declared,
    OpExpr: _operation,
    UnaryExpr: _unary,
}
