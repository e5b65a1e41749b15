"""What mypy may know of an expression of which nothing is known without it.

On trees that were only parsed an expression whose value is not known may be one that nobody knows,
mypy included: the parameter of a function without annotations, what comes of a package that is not
there. Or its type would have to be inferred in a way that is not followed here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mypy.nodes import (
    AssignmentExpr,
    AwaitExpr,
    CallExpr,
    ClassDef,
    ComparisonExpr,
    ConditionalExpr,
    DictionaryComprehension,
    Expression,
    FuncItem,
    IndexExpr,
    ListComprehension,
    MemberExpr,
    NameExpr,
    OpExpr,
    UnaryExpr,
)
from mypy.types import CallableType, Instance, get_proper_type

from mypy_asyncsession.semantic.from_mypy_types import informative
from mypy_asyncsession.semantic.interpreter.call_types import depends_on_types
from mypy_asyncsession.semantic.interpreter.context import argument_of
from mypy_asyncsession.semantic.interpreter.signatures import signature
from mypy_asyncsession.semantic.values import (
    UNKNOWN,
    ContainerValue,
    FunctionValue,
    ObjectValue,
    TypedCallable,
    members,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from mypy.types import Type

    from mypy_asyncsession.semantic.interpreter.context import Context
    from mypy_asyncsession.semantic.values import Value

#: How many names and parts of expressions are followed.
_DEPTH = 6


def undecided(expr: Expression, at: Context) -> bool:
    """Whether mypy may know what an expression is whose value is not known without it."""
    return not at.program.analysed and _is_open(expr, at) and _is_grounded(expr, at)


def _is_open(expr: Expression, at: Context, depth: int = 0) -> bool:
    """Whether it is not known what an expression is, and something that it is made of is typed."""
    if depth > _DEPTH or at.value(expr) is not UNKNOWN:
        return False
    deeper = depth + 1
    if isinstance(expr, NameExpr):
        return _is_open_name(expr.name, at, deeper)
    if isinstance(expr, CallExpr):
        return _of(expr.callee, at, deeper, _is_open_call)
    if isinstance(expr, MemberExpr):
        return _of(expr.expr, at, deeper, lambda each: _has_open(each, expr.name))
    if isinstance(expr, (ComparisonExpr, UnaryExpr)):
        return True
    parts = _parts(expr)
    if isinstance(expr, ConditionalExpr):
        return any(_is_open(each, at, deeper) for each in parts)
    return any(_is_part_open(each, at, deeper) for each in parts)


def _parts(expr: Expression) -> list[Expression]:
    """What decides the type of an expression."""
    if isinstance(expr, (AwaitExpr, MemberExpr, UnaryExpr)):
        return [expr.expr]
    if isinstance(expr, CallExpr):
        return [expr.callee]
    if isinstance(expr, IndexExpr):
        return [expr.base]
    if isinstance(expr, (AssignmentExpr, DictionaryComprehension)):
        return [expr.value]
    if isinstance(expr, ListComprehension):
        return [expr.generator.left_expr]
    if isinstance(expr, ConditionalExpr):
        return [expr.if_expr, expr.else_expr]
    return [expr.left, expr.right] if isinstance(expr, OpExpr) else []


def _is_part_open(expr: Expression, at: Context, depth: int) -> bool:
    return _is_open(expr, at, depth) or any(map(_is_typed, members(at.value(expr))))


def _is_open_name(name: str, at: Context, depth: int) -> bool:
    for scope in at.scope.chain():
        if isinstance(scope.node, FuncItem) and argument_of(scope.node, name) is not None:
            return True
        bindings = scope.names.bindings.get(name)
        if bindings:
            return name in scope.names.annotated or any(
                binding.kind == "other"
                or (
                    isinstance(binding.node, Expression)
                    and _is_part_open(binding.node, at.within(scope, binding.blocks), depth)
                )
                for binding in bindings
            )
    return False


def _is_grounded(expr: Expression, at: Context, depth: int = 0) -> bool:
    """Whether what an expression is made of has a type to mypy."""
    if depth > _DEPTH:
        return False
    if isinstance(expr, NameExpr):
        return _is_grounded_name(expr.name, at, depth + 1)
    if isinstance(expr, CallExpr):
        callee = at.value(expr.callee)
        if isinstance(callee, FunctionValue) and callee.node.type is None:
            return False
    grounded = [_is_grounded(each, at, depth + 1) for each in _parts(expr)]
    return not grounded or (any if isinstance(expr, ConditionalExpr) else all)(grounded)


def _says_all(type_: Type | None) -> bool:
    """Whether a declared type says what an object is: not if it has a base that is not known."""
    proper = get_proper_type(type_) if type_ is not None else None
    return informative(proper) and not (
        isinstance(proper, Instance) and proper.type.fallback_to_any
    )


def _is_grounded_name(name: str, at: Context, depth: int) -> bool:
    for scope in at.scope.chain():
        if name in scope.names.probed:
            return False  # the code itself asks what it is
        node = scope.node
        if isinstance(node, FuncItem) and argument_of(node, name) is not None:
            position = [argument.variable.name for argument in node.arguments].index(name)
            type_ = signature(node, scope, at.program)
            if isinstance(type_, CallableType) and _says_all(type_.arg_types[position]):
                return True
            return position == 0 and isinstance(scope.parent and scope.parent.node, ClassDef)
        bindings = scope.names.bindings.get(name)
        if bindings:
            written = scope.names.annotated.get(name)
            if written is not None:
                return _says_all(at.program.annotation(written, scope))
            # The type of a variable is that of what it is bound to first.
            return all(
                not isinstance(binding.node, Expression)
                or _is_grounded(binding.node, at.within(scope, binding.blocks), depth)
                for binding in bindings
            )
    return True


def _of(expr: Expression, at: Context, depth: int, is_open: Callable[[Value], bool]) -> bool:
    return _is_open(expr, at, depth) or any(map(is_open, members(at.value(expr))))


def _is_typed(value: Value) -> bool:
    """Whether this is an object whose type says what its parts are."""
    if isinstance(value, ContainerValue):
        return True
    return isinstance(value, ObjectValue) and informative(value.type)


def _is_open_call(callee: Value) -> bool:
    """Whether a type says what a call gives, by what it is given."""
    if isinstance(callee, TypedCallable):
        return depends_on_types(callee.type)
    if isinstance(callee, FunctionValue):
        return depends_on_types(get_proper_type(callee.node.type)) if callee.node.type else False
    return isinstance(callee, ObjectValue) and (
        isinstance(callee.type, Instance) and callee.type.type.get("__call__") is not None
    )


def _has_open(owner: Value, name: str) -> bool:
    """Whether a class has an attribute whose type would have to be inferred."""
    if not isinstance(owner, ObjectValue) or not isinstance(owner.type, Instance):
        return False
    info = owner.type.type
    return info.get(name) is not None or info.get("__getattr__") is not None
