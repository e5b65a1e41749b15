"""The types of the members of classes, put where mypy looks for them when it compares classes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mypy.nodes import Decorator, FuncDef, OverloadedFuncDef, Var
from mypy.types import Instance, get_proper_type
from mypy.typestate import type_state

from mypy_asyncsession.semantic.from_mypy_types import classes_in

if TYPE_CHECKING:
    from collections.abc import Callable

    from mypy.nodes import SymbolNode, TypeInfo
    from mypy.types import Type


class MemberTypes:
    """Completes the records of classes."""

    def __init__(self, type_of: Callable[[SymbolNode], Type | None]) -> None:
        """Begin with no class.

        Args:
            type_of: What is declared of a symbol.
        """
        self._type_of = type_of
        self._complete: set[TypeInfo] = set()

    def forget(self, is_stale: Callable[[str], bool]) -> None:
        """Let go of the classes of some modules."""
        self._complete = {info for info in self._complete if not is_stale(info.module_name)}
        type_state.reset_all_subtype_caches()

    def complete(self, type_: Type) -> None:
        """Give the members of the classes in a type their types, for mypy to compare them."""
        for info in classes_in(type_):
            if info in self._complete:
                continue
            self._complete.add(info)
            type_state.reset_all_subtype_caches()
            for base in info.mro:
                for entry in base.names.values():
                    if entry.node is not None:
                        self._complete_member(entry.node)

    def _complete_member(self, symbol: SymbolNode) -> None:
        found = self._type_of(symbol)
        if found is None:
            return
        if isinstance(symbol, FuncDef):
            symbol.unanalyzed_type = symbol.unanalyzed_type or symbol.type
            symbol.type = get_proper_type(found)
        elif isinstance(symbol, Decorator):
            symbol.var.type = found
        elif isinstance(symbol, OverloadedFuncDef):
            symbol.type = get_proper_type(found)
        elif isinstance(symbol, Var):
            symbol.type = found
        for info in classes_in(found):
            if info.is_protocol:
                self.complete(Instance(info, []))
