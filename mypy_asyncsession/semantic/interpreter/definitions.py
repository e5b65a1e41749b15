"""What a definition is, its decorators applied."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from mypy.nodes import CallExpr, Decorator, Expression, MemberExpr, OverloadedFuncDef
from mypy.types import CallableType, ProperType, get_proper_type

from mypy_asyncsession.models.builtin import PROPERTY_DECORATORS
from mypy_asyncsession.models.fastapi import REGISTERING, ROUTE_METHODS
from mypy_asyncsession.semantic.from_mypy_types import informative
from mypy_asyncsession.semantic.interpreter.base import Base, Where
from mypy_asyncsession.semantic.scopes import qualname_in
from mypy_asyncsession.semantic.syntax import definition_of
from mypy_asyncsession.semantic.values import (
    UNKNOWN,
    ClassValue,
    FunctionValue,
    ManagerFactory,
    ObjectValue,
    Origin,
    TypedCallable,
    Value,
    fullname,
)

if TYPE_CHECKING:
    from mypy.nodes import FuncItem, Node
    from mypy.types import Type

    from mypy_asyncsession.semantic.scopes import Scope


class Definitions(Base):
    """Evaluates definitions."""

    def defined(self, node: Node, scope: Scope) -> Value:
        """The value of a definition, its decorators applied."""
        function = definition_of(node)
        if function is None:
            return UNKNOWN
        if isinstance(node, OverloadedFuncDef):
            first = node.items[0] if node.items else None
            if isinstance(first, Decorator) and any(
                fullname(self.value(d, scope, None)) in PROPERTY_DECORATORS
                for d in first.original_decorators
            ):
                return self.defined(first, scope)
            if node.impl is None or len(node.items) > 1:
                semantic = self.program.symbol(
                    f"{scope.module}.{qualname_in(scope, function.name)}"
                )
                found = self.semantic(semantic) if semantic is not None else UNKNOWN
                if isinstance(found, TypedCallable):
                    return found
                return UNKNOWN
            return self.defined(node.impl, scope)
        source = self.program.source(scope.module)
        qualname = qualname_in(scope, function.name)
        value: Value = FunctionValue(
            function,
            scope,
            qualname,
            f"{scope.module}.{qualname}",
            source.path if source else "",
            function.line,
        )
        if isinstance(node, Decorator):
            for decorator in reversed(node.original_decorators):
                value = self._decorated(decorator, value, scope)
            if value is UNKNOWN:
                semantic = (
                    node
                    if scope.module == self._current()
                    else self.program.symbol(f"{scope.module}.{qualname}")
                )
                if isinstance(semantic, Decorator) and informative(self.program.type_of(semantic)):
                    found = self.semantic(semantic)
                    if isinstance(found, TypedCallable):
                        origin = Origin(
                            qualname,
                            f"{scope.module}.{qualname}",
                            source.path if source else "",
                            function.line,
                        )
                        return TypedCallable(found.type, origin)
        return value

    def _decorated(self, decorator: Expression, value: Value, scope: Scope) -> Value:
        if isinstance(decorator, CallExpr) and self._registers(decorator.callee, scope):
            return value
        applied = self.value(decorator, scope, None)
        name = fullname(applied)
        if name in ("builtins.staticmethod", "builtins.classmethod"):
            is_static = name == "builtins.staticmethod"
            if isinstance(value, ManagerFactory) and isinstance(value.function, FunctionValue):
                inner = replace(value.function, is_static=is_static, is_class=not is_static)
                return replace(value, function=inner)
            if isinstance(value, FunctionValue):
                return replace(value, is_static=is_static, is_class=not is_static)
        if name in PROPERTY_DECORATORS and isinstance(value, FunctionValue):
            return replace(value, is_property=True)
        return self.called(applied, [value], scope)

    def _registers(self, callee: Expression, scope: Scope) -> bool:
        """Whether a decorator is ``router.get(...)``, which gives back the function itself."""
        return (
            isinstance(callee, MemberExpr)
            and callee.name in ROUTE_METHODS
            and fullname(self.value(callee, scope, None)) in REGISTERING
        )

    def callable_type(self, callee: Expression, scope: Scope, where: Where) -> CallableType | None:
        """The type of what is called, without what it is bound to; ``None`` if it has several."""
        found = self.type_of(callee, scope.module)
        if found is None and not self.program.analysed:
            found = self._signature_of(self.value(callee, scope, where))
        proper = get_proper_type(found) if found is not None else None
        return proper if isinstance(proper, CallableType) else None

    def static_type(self, expr: Expression, scope: Scope, where: Where) -> ProperType | None:
        """mypy's type of an expression; that of what it may be, where nobody has inferred types."""
        found = self.type_of(expr, scope.module)
        if found is not None or self.program.analysed:
            return get_proper_type(found) if found is not None else None
        value = self.value(expr, scope, where)
        return value.type if isinstance(value, ObjectValue) else None

    def _signature_of(self, callee: Value) -> Type | None:
        """The type of a callable value, by its definition."""
        if isinstance(callee, FunctionValue):
            signature = self.signature(callee.node, callee.scope)
            bound = callee.receiver is not None and not callee.is_static
            if not isinstance(signature, CallableType) or not bound or not signature.arg_types:
                return signature
            return signature.copy_modified(
                arg_types=signature.arg_types[1:],
                arg_kinds=signature.arg_kinds[1:],
                arg_names=signature.arg_names[1:],
            )
        if isinstance(callee, ClassValue):
            return self._signature_of(self.attribute(self.instance(callee), "__init__"))
        return callee.type if isinstance(callee, TypedCallable) else None

    def signature(self, function: FuncItem, scope: Scope) -> ProperType | None:
        """mypy's type of a function, or ``None`` where it has no annotation."""
        outer = scope.parent if scope.node is function else scope
        return self.program.signature(function, outer or scope)
