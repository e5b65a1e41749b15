"""What an expression may be, by its kind and by mypy's type."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from mypy.nodes import (
    AssignmentExpr,
    AwaitExpr,
    CallExpr,
    CastExpr,
    ClassDef,
    ComparisonExpr,
    ConditionalExpr,
    DictExpr,
    Expression,
    FuncDef,
    GeneratorExpr,
    IndexExpr,
    IntExpr,
    LambdaExpr,
    ListExpr,
    MemberExpr,
    NameExpr,
    OpExpr,
    RefExpr,
    SetExpr,
    StrExpr,
    SuperExpr,
    TupleExpr,
    UnaryExpr,
)
from mypy.types import CallableType, Instance, UnionType, get_proper_type

from mypy_asyncsession.semantic.combine import combine, is_none
from mypy_asyncsession.semantic.from_mypy_types import informative
from mypy_asyncsession.semantic.function_flow import FunctionFlow
from mypy_asyncsession.semantic.interpreter.attributes import member, super_attribute
from mypy_asyncsession.semantic.interpreter.calls import call
from mypy_asyncsession.semantic.interpreter.containers import index, mapping, sequence
from mypy_asyncsession.semantic.interpreter.context import (
    NESTING,
    Context,
    argument_of,
    is_read_by_name,
)
from mypy_asyncsession.semantic.interpreter.definitions import anonymous
from mypy_asyncsession.semantic.interpreter.inference import inferred
from mypy_asyncsession.semantic.interpreter.names import is_declared_anew, name_expression
from mypy_asyncsession.semantic.interpreter.protocols import awaited
from mypy_asyncsession.semantic.none_tests import none_test
from mypy_asyncsession.semantic.shapes import Shape
from mypy_asyncsession.semantic.values import (
    UNKNOWN,
    UNSURE,
    ClassValue,
    FunctionValue,
    LiteralValue,
    ManagerFactory,
    ObjectValue,
    TypedCallable,
    Value,
    join,
    members,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from mypy.nodes import SymbolNode

    from mypy_asyncsession.semantic.scopes import Scope

#: The expressions that others are made of: those are asked what they give, and of which type.
_ASKED_TWICE: Final = frozenset(
    {AwaitExpr, CallExpr, ComparisonExpr, IndexExpr, MemberExpr, OpExpr, UnaryExpr}
)
#: The shapes of what is no provider, and holds none.
_PLAIN = frozenset({Shape.OTHER, Shape.NONE})


def value(expr: Expression, at: Context) -> Value:
    """What an expression may be, by the definitions and by mypy's type."""
    frame = at.frame
    if type(expr) not in _ASKED_TWICE:
        return _value(expr, at)
    # What the definitions leave open is asked for again by types: of a chain of calls, that would
    # be twice for each of them.
    key = (expr, at.scope, at.where, at.depth)
    known = frame.values.get(key)
    if known is None:
        known = frame.values[key] = _value(expr, at)
    return known


def _value(expr: Expression, at: Context) -> Value:
    frame = at.frame
    evaluator = frame.evaluator
    evident = _evident(expr, at)
    if evident is not None:
        return evident
    budget = frame.budget
    budget.steps -= 1
    if at.depth > NESTING or budget.steps < 0:
        frame.trace.lasts = False
        return UNKNOWN
    depth = at.depth + 1
    trace = frame.trace
    trace.depth = max(trace.depth, depth)
    found = structural(expr, Context(at.scope, at.where, depth, frame))
    if found is UNKNOWN and not at.is_typed:
        return inferred(expr, Context(at.scope, at.where, depth, frame))
    type_ = evaluator.type_of(expr, at.scope.module)
    if type_ is None or not informative(type_):
        return found
    if found is UNSURE:
        return UNSURE
    if isinstance(expr, NameExpr) and is_declared_anew(expr.name, at):
        return found
    if isinstance(expr, AwaitExpr) and evaluator.is_recovered(expr.expr):
        # What we told mypy that awaiting it gives: it gives nothing.
        return found
    return combine(found, evaluator.types.value(type_))


def structural(expr: Expression, at: Context) -> Value:
    """What an expression may be, by the definitions alone."""
    evaluate = _BY_KIND.get(type(expr))
    return evaluate(expr, at) if evaluate is not None else UNKNOWN


def _evident(expr: Expression, at: Context) -> Value | None:
    """What a call gives, or awaiting it, that is no provider by the word of its function.

    That word stands: see ``combine_result``. Most calls are of this kind.
    """
    if not isinstance(expr, (AwaitExpr, CallExpr)):
        return None
    evaluator, module = at.frame.evaluator, at.scope.module
    if evaluator.thorough or evaluator.past_types or not at.is_current(module):
        return None
    call = expr.expr if isinstance(expr, AwaitExpr) else expr
    function = _callee(call, at) if isinstance(call, CallExpr) else None
    if (
        function is None
        or function.is_generator
        or function.is_coroutine is isinstance(expr, CallExpr)
        or not isinstance(function.type, CallableType)
    ):
        return None
    declared = get_proper_type(function.type.ret_type)
    if isinstance(expr, AwaitExpr) and isinstance(declared, Instance) and declared.args:
        declared = get_proper_type(declared.args[-1])
    found = get_proper_type(evaluator.type_of(expr, module)) or declared
    if isinstance(declared, Instance) and isinstance(found, Instance):
        agree = declared.type is found.type
    else:
        agree = isinstance(declared, UnionType) and declared == found
    value = at.types.value(found) if agree else UNKNOWN
    is_plain = all(isinstance(m, ObjectValue) and m.shape in _PLAIN for m in members(value))
    return value if is_plain else None


def _callee(call: CallExpr, at: Context) -> FuncDef | None:
    """The function or method that a call in the module at hand is of, if mypy knows."""
    callee = call.callee
    evaluator = at.frame.evaluator
    node: SymbolNode | None = None
    if isinstance(callee, RefExpr) and callee.node is not None:
        node = callee.node
    elif isinstance(callee, MemberExpr):
        owner = get_proper_type(evaluator.type_of(callee.expr, at.scope.module))
        if isinstance(owner, Instance):
            entry = owner.type.get(callee.name)
            node = entry.node if entry is not None else None
    if not isinstance(node, FuncDef) or is_read_by_name(node.fullname):
        return None
    if evaluator.declared is not None and evaluator.declared.names(node.fullname):
        return None
    return node


def _await(expr: AwaitExpr, at: Context) -> Value:
    coroutine = at.value(expr.expr)
    return UNSURE if _stands_for_others(coroutine) else awaited(coroutine)


def _operation(expr: OpExpr, at: Context) -> Value:
    if expr.op not in ("or", "and"):
        return UNKNOWN
    right = at.value(expr.right)
    if expr.op == "or":
        return _fallback(expr.left, right, at)
    return join([at.value(expr.left), right])


def _conditional(expr: ConditionalExpr, at: Context) -> Value:
    tested, is_none_first = none_test(expr.cond)
    if tested is not None and is_none(at.structural(tested)) and _is_local(tested, at.scope):
        return at.value(expr.if_expr if is_none_first else expr.else_expr)
    if (
        tested is not None
        and not at.is_typed
        and isinstance(expr.cond, ComparisonExpr)
        and all(map(_is_something, members(at.value(tested))))
    ):
        return at.value(expr.else_expr if is_none_first else expr.if_expr)
    return join([at.value(expr.if_expr), at.value(expr.else_expr)])


def _is_something(value: Value) -> bool:
    """Whether a value is surely not ``None``."""
    kinds = (ObjectValue, FunctionValue, ClassValue, ManagerFactory, TypedCallable)
    return isinstance(value, kinds) and not is_none(value)


def _fallback(first: Expression, right: Value, at: Context) -> Value:
    """``first or right``, whose *right* may never be reached."""
    if is_none(at.structural(first)):
        # What a module or an object has ``None`` for, others are to set.
        return right if _is_local(first, at.scope) else UNKNOWN
    given = [member for member in members(at.value(first)) if not is_none(member)]
    return join([*given, right], exact=False) if given else UNKNOWN


def _is_local(expr: Expression, scope: Scope) -> bool:
    """Whether this is a parameter or a variable of a function, or ``None`` itself."""
    if isinstance(expr, NameExpr) and expr.name == "None":
        return True
    return isinstance(expr, NameExpr) and any(
        inner.node is not None
        and not isinstance(inner.node, ClassDef)
        and (expr.name in inner.names.bindings or argument_of(inner.node, expr.name))
        for inner in scope.chain()
    )


def _generator(expr: GeneratorExpr, at: Context) -> Value:
    del expr, at
    return UNSURE  # mypy takes some asynchronous ones for generators


def _stands_for_others(coroutine: Value) -> bool:
    """Whether an ``async def`` that only raises is annotated as what the others are without it.

    Who awaits it does not have an async generator in mind.
    """
    if not isinstance(coroutine, ObjectValue) or coroutine.shape is not Shape.COROUTINE:
        return False
    item = coroutine.item
    function = coroutine.origin.function if coroutine.origin is not None else None
    return (
        isinstance(item, ObjectValue)
        and item.shape in (Shape.ASYNC_GENERATOR, Shape.ASYNC_ITERATOR)
        and function is not None
        and not FunctionFlow(function.node).returns
    )


#: What an expression of each kind may be; one of another kind is not known.
_BY_KIND: Final[Mapping[type[Expression], Callable[[Any, Context], Value]]] = {
    AssignmentExpr: lambda expr, at: at.value(expr.value),
    AwaitExpr: _await,
    CallExpr: call,
    CastExpr: lambda expr, at: at.types.value(get_proper_type(expr.type)),
    ConditionalExpr: _conditional,
    DictExpr: mapping,
    GeneratorExpr: _generator,
    IndexExpr: index,
    IntExpr: lambda expr, _: LiteralValue(expr.value, expr),
    LambdaExpr: anonymous,
    ListExpr: sequence,
    MemberExpr: member,
    NameExpr: name_expression,
    OpExpr: _operation,
    SetExpr: sequence,
    StrExpr: lambda expr, _: LiteralValue(expr.value, expr),
    SuperExpr: super_attribute,
    TupleExpr: sequence,
}
