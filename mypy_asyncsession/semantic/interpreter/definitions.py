"""What a definition is, its decorators applied."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from mypy.nodes import CallExpr, Decorator, Expression, FuncDef, MemberExpr, OverloadedFuncDef
from mypy.types import ProperType, get_proper_type

from mypy_asyncsession.models.builtin import PROPERTY_DECORATORS
from mypy_asyncsession.models.fastapi import REGISTERING, ROUTE_METHODS
from mypy_asyncsession.semantic.from_mypy_types import informative
from mypy_asyncsession.semantic.interpreter.base import Base, qualname_in
from mypy_asyncsession.semantic.syntax import definition_of
from mypy_asyncsession.semantic.values import (
    UNKNOWN,
    FunctionValue,
    ManagerFactory,
    Origin,
    TypedCallable,
    Value,
    fullname,
)

if TYPE_CHECKING:
    from mypy.nodes import FuncItem, Node

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
                if isinstance(semantic, Decorator) and informative(semantic.var.type):
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

    def signature(self, function: FuncItem, scope: Scope) -> ProperType | None:
        """mypy's type of a function, or ``None`` where it has no annotation."""
        if scope.module == self._current():
            found = function.type
        elif isinstance(function, FuncDef):
            outer = scope.parent if scope.node is function else scope
            qualname = qualname_in(outer, function.name) if outer is not None else function.name
            symbol = self.program.symbol(f"{scope.module}.{qualname}")
            if symbol is None:
                return None
            node = definition_of(symbol) if isinstance(symbol, OverloadedFuncDef) else symbol
            found = (
                node.func.type
                if isinstance(node, Decorator)
                else node.type
                if isinstance(node, FuncDef)
                else None
            )
        else:
            found = None
        return get_proper_type(found) if found is not None else None
