"""What the names in annotations stand for, looked up where these are written."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mypy.nodes import ClassDef, FuncDef, MypyFile, TypeInfo, Var

from mypy_asyncsession.semantic.declarations.unsaid import missing

if TYPE_CHECKING:
    from collections.abc import Callable

    from mypy.nodes import SymbolNode

    from mypy_asyncsession.semantic.declarations.type_binding import TypePlace
    from mypy_asyncsession.semantic.scopes import Scope


class WrittenNames:
    """Looks names up, in the symbol tables of a program and in the bodies of its functions."""

    def __init__(
        self,
        entry: Callable[[str, str], SymbolNode | None],
        module: Callable[[str], MypyFile | None],
        local_class: Callable[[ClassDef, str, Scope], TypeInfo | None],
    ) -> None:
        """Begin with nothing looked up.

        Args:
            entry: What the symbol table of a module holds under a name.
            module: The tree of a module.
            local_class: The record of a class that stands in a function, by its definition, its
                full name and the scope that it stands in.
        """
        self._entry = entry
        self._module = module
        self._local_class = local_class

    def resolve(self, name: str, place: TypePlace) -> SymbolNode | None:
        """What a dotted name stands for at a place."""
        first, *rest = name.split(".")
        found = self._first(first, place)
        for part in rest:
            if isinstance(found, MypyFile):
                found = self._entry(found.fullname, part)
            elif isinstance(found, TypeInfo):
                entry = found.names.get(part)
                found = entry.node if entry is not None else None
            elif isinstance(found, Var) and found.is_suppressed_import:
                found = missing(part, f"{found.fullname}.{part}")
            else:
                return None
        return found

    def _first(self, name: str, place: TypePlace) -> SymbolNode | None:
        for parameter in place.function.type_args or () if place.function is not None else ():
            if parameter.name == name:
                return None
        klass = place.klass
        if klass is not None:
            entry = klass.names.get(name)
            if entry is not None and isinstance(entry.node, TypeInfo):
                return entry.node
            if any(known.name == name for known in klass.defn.type_args or ()):
                return None
        for inner in place.scope.chain() if place.scope is not None else ():
            if isinstance(inner.node, ClassDef) and inner is not place.scope:
                continue  # what a class body binds is not seen inside its methods
            if isinstance(inner.node, FuncDef) and any(
                parameter.name == name for parameter in inner.node.type_args or ()
            ):
                return None
            if inner.node is not None and name in inner.names.bindings:
                return self._local(name, inner)
        found = self._entry(place.module, name)
        return found if found is not None else self._entry("builtins", name)

    def _local(self, name: str, scope: Scope) -> SymbolNode | None:
        """What a name stands for that a function or class body binds."""
        bindings = scope.names.bindings[name]
        if len(bindings) != 1:
            return None
        binding = bindings[0]
        if binding.kind == "from" and binding.target[1] is not None:
            module, original = binding.target[0], binding.target[1]
            return self._entry(module, original) or self._module(f"{module}.{original}")
        if binding.kind == "import":
            return self._module(binding.target[0])
        if isinstance(binding.node, ClassDef):
            fullname = f"{scope.module}.{name}@{binding.line}"
            return self._local_class(binding.node, fullname, scope)
        return None
