"""What an expression may be, by its kind and by mypy's type."""

from __future__ import annotations

from typing import TYPE_CHECKING

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
from mypy.types import CallableType, Instance, NoneType, Type, UnionType, get_proper_type

from mypy_asyncsession.semantic.combine import combine, is_none
from mypy_asyncsession.semantic.from_mypy_types import informative
from mypy_asyncsession.semantic.function_flow import FunctionFlow
from mypy_asyncsession.semantic.interpreter.base import (
    NESTING,
    STEPS,
    Base,
    Where,
    argument_of,
    is_read_by_name,
)
from mypy_asyncsession.semantic.shapes import Shape
from mypy_asyncsession.semantic.values import (
    UNKNOWN,
    UNSURE,
    ContainerValue,
    FunctionValue,
    LiteralValue,
    ObjectValue,
    Value,
    join,
    members,
)

if TYPE_CHECKING:
    from mypy.nodes import SymbolNode

    from mypy_asyncsession.semantic.scopes import Scope


#: The shapes of what is no provider, and holds none.
_PLAIN = frozenset({Shape.OTHER, Shape.NONE})


class Expressions(Base):
    """Evaluates expressions."""

    def value(self, expr: Expression, scope: Scope, where: Where) -> Value:
        """What *expr* may be.

        Args:
            expr: The expression.
            scope: The scope that it stands in.
            where: The blocks around it, as ``Names.places`` has them, or ``None``.
        """
        evident = self._evident(expr, scope)
        if evident is not None:
            return evident
        if self._depth == 0:
            self._steps = 0
        self._steps += 1
        frame = self.frame
        if self._depth > NESTING or self._steps > STEPS:
            frame.lasts = False
            return UNKNOWN
        self._depth += 1
        frame.depth = max(frame.depth, self._depth)
        try:
            structural = self.structural(expr, scope, where)
        finally:
            self._depth -= 1
        found = self.type_of(expr, scope.module)
        if found is None or not informative(found):
            return structural
        if structural is UNSURE:
            return UNSURE
        if isinstance(expr, AwaitExpr) and expr.expr in self.recovered:
            # What we told mypy that awaiting it gives: it gives nothing.
            return structural
        return combine(structural, self.types.value(found))

    def _evident(self, expr: Expression, scope: Scope) -> Value | None:
        """What a call gives, or awaiting it, that is no provider by the word of its function.

        That word stands: see ``combine_result``. Most calls are of this kind.
        """
        if self.thorough or self.past_types or scope.module != self._current():
            return None
        if not isinstance(expr, (AwaitExpr, CallExpr)):
            return None
        call = expr.expr if isinstance(expr, AwaitExpr) else expr
        function = self._callee(call, scope) if isinstance(call, CallExpr) else None
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
        found = get_proper_type(self.type_of(expr, scope.module)) or declared
        if isinstance(declared, Instance) and isinstance(found, Instance):
            agree = declared.type is found.type
        else:
            agree = isinstance(declared, UnionType) and declared == found
        value = self.types.value(found) if agree else UNKNOWN
        is_plain = all(isinstance(m, ObjectValue) and m.shape in _PLAIN for m in members(value))
        return value if is_plain else None

    def _callee(self, call: CallExpr, scope: Scope) -> FuncDef | None:
        """The function or method that a call in the module at hand is of, if mypy knows."""
        callee = call.callee
        node: SymbolNode | None = None
        if isinstance(callee, RefExpr) and callee.node is not None:
            node = callee.node
        elif isinstance(callee, MemberExpr):
            owner = get_proper_type(self.type_of(callee.expr, scope.module))
            if isinstance(owner, Instance):
                entry = owner.type.get(callee.name)
                node = entry.node if entry is not None else None
        if not isinstance(node, FuncDef) or is_read_by_name(node.fullname):
            return None
        if self.declared is not None and self.declared.names(node.fullname):
            return None
        return node

    def type_of(self, expr: Expression, module: str) -> Type | None:
        """mypy's own type of an expression of the module at hand."""
        if self.program.current is None or module != self.program.current.module:
            return None
        if expr in self.recovered:
            return self.recovered[expr]
        return self.inferred.get(expr)

    def structural(self, expr: Expression, scope: Scope, where: Where) -> Value:
        """What *expr* may be, by the definitions alone."""
        if isinstance(expr, NameExpr):
            if expr.name == "None":
                return ObjectValue(Shape.NONE, type=NoneType(), label="None")
            return self.name(expr.name, scope, where)
        if isinstance(expr, MemberExpr):
            return self.member(expr, scope, where)
        if isinstance(expr, CallExpr):
            return self.call(expr, scope, where)
        if isinstance(expr, AwaitExpr):
            coroutine = self.value(expr.expr, scope, where)
            return UNSURE if _stands_for_others(coroutine) else self.awaited(coroutine)
        if isinstance(expr, ConditionalExpr):
            return self._conditional(expr, scope, where)
        if isinstance(expr, OpExpr) and expr.op in ("or", "and"):
            right = self.value(expr.right, scope, where)
            if expr.op == "or":
                return self._fallback(expr.left, right, scope, where)
            return join([self.value(expr.left, scope, where), right])
        if isinstance(expr, AssignmentExpr):
            return self.value(expr.value, scope, where)
        if isinstance(expr, LambdaExpr):
            source = self.program.source(scope.module)
            path = source.path if source else ""
            return FunctionValue(expr, scope, "lambda", f"{scope.module}.<lambda>", path, expr.line)
        if isinstance(expr, DictExpr):
            pairs = [
                (key.value if isinstance(key, (StrExpr, IntExpr)) else None, value)
                for key, value in expr.items
            ]
            return ContainerValue(tuple(pairs), scope, where, is_sequence=False)
        if isinstance(expr, (ListExpr, TupleExpr, SetExpr)):
            return ContainerValue(tuple(enumerate(expr.items)), scope, where, is_sequence=True)
        if isinstance(expr, IndexExpr):
            return self.index(expr, scope, where)
        if isinstance(expr, (StrExpr, IntExpr)):
            return LiteralValue(expr.value, expr)
        if isinstance(expr, SuperExpr):
            return self.super_attribute(expr, scope)
        if isinstance(expr, GeneratorExpr):
            return UNSURE  # mypy takes some asynchronous ones for generators
        if isinstance(expr, CastExpr):
            proper = get_proper_type(expr.type)
            return self.types.value(proper)
        return UNKNOWN

    def _conditional(self, expr: ConditionalExpr, scope: Scope, where: Where) -> Value:
        tested, is_none_first = _none_test(expr.cond)
        if (
            tested is not None
            and is_none(self.structural(tested, scope, where))
            and self._is_local(tested, scope)
        ):
            return self.value(expr.if_expr if is_none_first else expr.else_expr, scope, where)
        return join(
            [self.value(expr.if_expr, scope, where), self.value(expr.else_expr, scope, where)]
        )

    def _fallback(self, first: Expression, right: Value, scope: Scope, where: Where) -> Value:
        """``first or right``, whose *right* may never be reached."""
        if is_none(self.structural(first, scope, where)):
            # What a module or an object has ``None`` for, others are to set.
            return right if self._is_local(first, scope) else UNKNOWN
        left = self.value(first, scope, where)
        given = [member for member in members(left) if not is_none(member)]
        return join([*given, right], exact=False) if given else UNKNOWN

    def _is_local(self, expr: Expression, scope: Scope) -> bool:
        """Whether this is a parameter or a variable of a function, or ``None`` itself."""
        if isinstance(expr, NameExpr) and expr.name == "None":
            return True
        return isinstance(expr, NameExpr) and any(
            inner.node is not None
            and not isinstance(inner.node, ClassDef)
            and (expr.name in inner.names.bindings or argument_of(inner.node, expr.name))
            for inner in scope.chain()
        )


def _none_test(condition: Expression) -> tuple[Expression | None, bool]:
    """The name that a condition asks whether it is ``None``, and whether it holds if so."""
    if isinstance(condition, UnaryExpr) and condition.op == "not":
        tested, holds = _none_test(condition.expr)
        return tested, not holds
    if isinstance(condition, NameExpr):
        return condition, False
    if isinstance(condition, ComparisonExpr) and condition.operators in (["is"], ["is not"]):
        first, second = condition.operands
        if isinstance(first, NameExpr) and isinstance(second, NameExpr) and second.name == "None":
            return first, condition.operators == ["is"]
    return None, False


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
