"""What lists and dicts hold: the elements they are written with, and those put into them later."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mypy.nodes import (
    CallExpr,
    ClassDef,
    Decorator,
    FuncDef,
    IndexExpr,
    IntExpr,
    MemberExpr,
    NameExpr,
    StrExpr,
)

from mypy_asyncsession.models.typing import ANNOTATED
from mypy_asyncsession.semantic.interpreter.base import Base, Where, argument_of
from mypy_asyncsession.semantic.values import (
    UNKNOWN,
    AliasValue,
    ContainerValue,
    FunctionValue,
    Value,
    fullname,
    join,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy.nodes import Expression, FuncItem

    from mypy_asyncsession.semantic.module_source import Stored
    from mypy_asyncsession.semantic.scopes import Scope


class Containers(Base):
    """Evaluates elements."""

    def index(self, expr: IndexExpr, scope: Scope, where: Where) -> Value:
        """What ``a[b]`` may be."""
        base = self.value(expr.base, scope, where)
        if fullname(base) in ANNOTATED:
            return AliasValue(expr, scope)
        if not isinstance(base, ContainerValue):
            return UNKNOWN
        return self.held(base, expr.base, expr.index, scope)

    def held(
        self, container: ContainerValue, written: Expression, key: Expression, scope: Scope
    ) -> Value:
        """What a container holds under a key.

        Args:
            container: The container.
            written: What stands for it, where it is asked.
            key: The key.
            scope: The scope in which it is asked.
        """
        known = key.value if isinstance(key, (StrExpr, IntExpr)) else None
        stored = [
            each
            for each in self._stored(written, scope)
            if known is None or each.key is None or each.key == known
        ]
        later = [self._put(each, scope) for each in stored]
        if known is not None:
            if container.element(known) is None:
                return join(later, exact=False)
            return join([self.element(container, known), *later], exact=False)
        first = [
            self.value(element, container.scope, container.where)
            for _, element in container.entries
        ]
        return join([*first, *later], exact=False)

    def element(self, container: ContainerValue, key: object) -> Value:
        """What a literal holds under a key or at a position."""
        found = container.element(key)
        return UNKNOWN if found is None else self.value(found, container.scope, container.where)

    def _stored(self, written: Expression, scope: Scope) -> list[Stored]:
        """What the module at hand puts into a container of its own."""
        source = self.program.source(scope.module)
        if source is None or scope.module != self._current():
            return []
        if isinstance(written, NameExpr):
            return source.stored().get(written.name, [])
        if isinstance(written, MemberExpr) and isinstance(written.expr, NameExpr):
            for inner in scope.chain():
                if isinstance(inner.node, ClassDef):
                    return source.stored().get(f"{inner.node.name}.{written.name}", [])
        return []

    def _put(self, stored: Stored, scope: Scope) -> Value:
        source = self.program.source(scope.module)
        assert source is not None
        inner = source.scope
        for node in stored.chain:
            inner = source.scope_in(node, inner)
        function = stored.chain[-1] if stored.chain else None
        value = stored.value
        if (
            isinstance(function, FuncDef)
            and isinstance(value, NameExpr)
            and argument_of(function, value.name) is not None
            and value.name not in inner.names.bindings
        ):
            return self._given(function, value.name, inner)
        return self.value(value, inner, inner.names.places.get(id(stored.statement)))

    def _given(self, function: FuncDef, name: str, scope: Scope) -> Value:
        """What the module gives to a parameter, in calls and as what a decorator is put on."""
        outer = scope.parent
        assert outer is not None
        found = [
            *self._in_calls(function, name, outer),
            *self._under_decorator(function, scope.module),
        ]
        return join(found, exact=False)

    def _in_calls(self, function: FuncDef, name: str, outer: Scope) -> Iterator[Value]:
        source = self.program.source(outer.module)
        position = [argument.variable.name for argument in function.arguments].index(name)
        is_method = isinstance(outer.node, ClassDef)
        for site in source.calls(function.name) if source is not None else ():
            if is_method is not isinstance(site.call.callee, MemberExpr):
                continue
            argument = site.given(position - is_method, name)
            if argument is not None and source is not None:
                scope = source.scope
                for node in site.chain:
                    scope = source.scope_in(node, scope)
                yield self.value(argument, scope, scope.names.places.get(id(site.statement)))

    def _under_decorator(self, function: FuncItem, module: str) -> Iterator[Value]:
        source = self.program.source(module)
        for bindings in source.scope.names.bindings.values() if source is not None else ():
            for binding in bindings:
                if not isinstance(binding.node, Decorator) or source is None:
                    continue
                for decorator in binding.node.original_decorators:
                    maker = decorator.callee if isinstance(decorator, CallExpr) else decorator
                    if not isinstance(maker, NameExpr):
                        continue
                    applied = self.value(decorator, source.scope, None)
                    if isinstance(applied, FunctionValue) and applied.node is function:
                        yield self.defined(binding.node.func, source.scope)
