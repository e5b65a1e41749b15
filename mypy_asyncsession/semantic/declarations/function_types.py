"""The types of functions as their definitions have them: overloads and decorators."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from mypy.nodes import Decorator
from mypy.types import AnyType, CallableType, Overloaded, TypeOfAny, TypeVarType, get_proper_type

from mypy_asyncsession.models.contextlib import (
    ASYNC_CONTEXT_MANAGER_DECORATORS,
    CONTEXT_MANAGER_DECORATORS,
)
from mypy_asyncsession.models.typing import (
    ASYNC_GENERATOR_TYPES,
    ASYNC_ITERATOR_TYPES,
    GENERATOR_TYPES,
    ITERATOR_TYPES,
)
from mypy_asyncsession.semantic.syntax import dotted

if TYPE_CHECKING:
    from collections.abc import Callable

    from mypy.nodes import Expression, FuncDef, OverloadedFuncDef, SymbolNode
    from mypy.types import ProperType, Type

    from mypy_asyncsession.semantic.declarations.type_binding import TypeBinder
    from mypy_asyncsession.semantic.declarations.type_place import TypePlace

#: Decorators after which a function has the type that it was written with.
_KEEPING: Final = frozenset(
    {
        "abstractmethod",
        "cached_property",
        "classmethod",
        "deprecated",
        "final",
        "overload",
        "override",
        "property",
        "setter",
        "staticmethod",
        "type_check_only",
    }
)


class FunctionTypes:
    """Reads the types of functions."""

    def __init__(
        self,
        binder: TypeBinder,
        resolve: Callable[[str, TypePlace], SymbolNode | None],
        type_of: Callable[[SymbolNode], Type | None],
    ) -> None:
        """Begin.

        Args:
            binder: Binds types.
            resolve: What a dotted name stands for at a place.
            type_of: What is declared of a symbol.
        """
        self._binder = binder
        self._resolve = resolve
        self._type_of = type_of

    def signature(self, function: FuncDef, place: TypePlace) -> ProperType | None:
        """A function's own signature, decorators aside; ``None`` where it has no annotation."""
        written = function.unanalyzed_type or function.type
        if not isinstance(written, CallableType):
            return None
        return self._binder.signature(written, place, function)

    def overloaded(self, symbol: OverloadedFuncDef, place: TypePlace) -> Type | None:
        """The type of an overloaded function."""
        types: list[CallableType] = []
        for item in symbol.items:
            found = (
                self.decorated(item, place)
                if isinstance(item, Decorator)
                else self.signature(item, place)
            )
            proper = get_proper_type(found) if found is not None else None
            if not isinstance(proper, CallableType):
                return None
            if symbol.is_property:
                return proper
            types.append(proper)
        return Overloaded(types) if types else None

    def decorated(self, symbol: Decorator, place: TypePlace) -> Type | None:
        """The type of a decorated function; ``None`` where a decorator may change it."""
        found: Type | None = self.signature(symbol.func, place)
        for decorator in reversed(symbol.original_decorators):
            name = dotted(decorator) or ""
            if name.rpartition(".")[2] in _KEEPING:
                continue
            proper = get_proper_type(found) if found is not None else None
            if not isinstance(proper, CallableType):
                return None
            found = self._applied(decorator, proper, place)
        return found

    def _applied(
        self, decorator: Expression, function: CallableType, place: TypePlace
    ) -> Type | None:
        """The type of a function under a decorator, where that can be told."""
        called = getattr(decorator, "callee", None)
        name = dotted(called if called is not None else decorator)
        symbol = self._resolve(name, place) if name is not None else None
        if symbol is None:
            return None
        if symbol.fullname in ASYNC_CONTEXT_MANAGER_DECORATORS:
            kinds = ASYNC_GENERATOR_TYPES | ASYNC_ITERATOR_TYPES
            return self._managed(function, kinds, "contextlib._AsyncGeneratorContextManager", place)
        if symbol.fullname in CONTEXT_MANAGER_DECORATORS:
            kinds = GENERATOR_TYPES | ITERATOR_TYPES
            return self._managed(function, kinds, "contextlib._GeneratorContextManager", place)
        declared = get_proper_type(self._type_of(symbol))
        if called is not None and isinstance(declared, CallableType):
            declared = get_proper_type(declared.ret_type)
        if not isinstance(declared, CallableType) or not declared.arg_types:
            return None
        taken, given = get_proper_type(declared.arg_types[0]), get_proper_type(declared.ret_type)
        same = isinstance(taken, TypeVarType) and isinstance(given, TypeVarType)
        return function if same and taken == given else None

    def _managed(
        self, function: CallableType, kinds: frozenset[str], made: str, place: TypePlace
    ) -> Type | None:
        result = get_proper_type(function.ret_type)
        manager = self._binder.instance(made, place)
        item = getattr(result, "args", ())
        if manager is None or not item or getattr(result, "type", None) is None:
            return None
        if result.type.fullname not in kinds:  # type: ignore[attr-defined]
            return None
        arguments = [item[0]]
        arguments += [AnyType(TypeOfAny.special_form)] * (len(manager.type.defn.type_vars) - 1)
        return function.copy_modified(ret_type=manager.copy_modified(args=arguments))
