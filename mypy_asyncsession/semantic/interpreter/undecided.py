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

    from mypy_asyncsession.semantic.bound_names import Binding
    from mypy_asyncsession.semantic.interpreter.context import Context
    from mypy_asyncsession.semantic.values import Value

#: How many names and parts of expressions are followed.
_DEPTH = 6


def undecided(expr: Expression, at: Context, depth: int = 0) -> bool:
    """Whether mypy may know what an expression is whose value is not known without it."""
    if at.program.analysed or depth > _DEPTH or at.value(expr) is not UNKNOWN:
        return False
    deeper = depth + 1
    if isinstance(expr, NameExpr):
        return _name(expr.name, at, deeper)
    if isinstance(expr, (AwaitExpr, AssignmentExpr)):
        inner = expr.expr if isinstance(expr, AwaitExpr) else expr.value
        return _part(inner, at, deeper)
    if isinstance(expr, CallExpr):
        return _of(at.value(expr.callee), expr.callee, at, deeper, _is_open_call)
    if isinstance(expr, MemberExpr):
        return _of(
            at.value(expr.expr), expr.expr, at, deeper, lambda each: _has_open(each, expr.name)
        )
    if isinstance(expr, IndexExpr):
        return _of(at.value(expr.base), expr.base, at, deeper, _is_typed)
    if isinstance(expr, ConditionalExpr):
        return any(undecided(each, at, deeper) for each in (expr.if_expr, expr.else_expr))
    if isinstance(expr, ComparisonExpr):
        return True
    if isinstance(expr, (DictionaryComprehension, ListComprehension)):
        held = expr.value if isinstance(expr, DictionaryComprehension) else expr.generator.left_expr
        return _part(held, at, deeper)
    if isinstance(expr, OpExpr):
        return any(_part(each, at, deeper) for each in (expr.left, expr.right))
    return isinstance(expr, UnaryExpr) and (expr.op == "not" or _part(expr.expr, at, deeper))


def _part(expr: Expression, at: Context, depth: int) -> bool:
    """Whether mypy may know what is made of an expression."""
    if isinstance(expr, NameExpr) and not _name(expr.name, at, depth):
        return False
    return undecided(expr, at, depth) or any(map(_is_typed, members(at.value(expr))))


def _of(
    value: Value, expr: Expression, at: Context, depth: int, is_open: Callable[[Value], bool]
) -> bool:
    if value is UNKNOWN:
        return undecided(expr, at, depth)
    return any(map(is_open, members(value)))


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


def _name(name: str, at: Context, depth: int) -> bool:
    scope = at.scope
    for inner in scope.chain():
        if isinstance(inner.node, FuncItem) and argument_of(inner.node, name) is not None:
            names = [argument.variable.name for argument in inner.node.arguments]
            type_ = signature(inner.node, inner, at.program)
            declared = (
                type_.arg_types[names.index(name)] if isinstance(type_, CallableType) else None
            )
            return informative(declared)
        bindings = inner.names.bindings.get(name)
        if bindings:
            inside = at.within(inner)
            written = inner.names.annotated.get(name)
            if written is not None:
                return informative(at.program.annotation(written, inner))
            return any(_binding(each, inside, depth) for each in bindings)
    return False


def _binding(binding: Binding, at: Context, depth: int) -> bool:
    if binding.kind == "other":
        return True
    if binding.kind in ("from", "import", "def", "class"):
        return False
    node = binding.node
    return isinstance(node, Expression) and _part(node, at.within(at.scope, binding.blocks), depth)
