"""What names stand for, and what is declared of them, on demand."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from mypy.nodes import (
    AssignmentStmt,
    CallExpr,
    ClassDef,
    Decorator,
    FuncDef,
    Import,
    ImportFrom,
    MemberExpr,
    NameExpr,
    OverloadedFuncDef,
    TypeAliasStmt,
    TypeInfo,
    Var,
    type_aliases,
)

from mypy_asyncsession.semantic.declarations.classes import (
    ClassBuilder,
    functions_of,
    mark,
    parts_of,
)
from mypy_asyncsession.semantic.declarations.function_types import FunctionTypes
from mypy_asyncsession.semantic.declarations.member_types import MemberTypes
from mypy_asyncsession.semantic.declarations.modules import Declared
from mypy_asyncsession.semantic.declarations.type_binding import TypeBinder, TypePlace
from mypy_asyncsession.semantic.declarations.unsaid import missing, says_nothing
from mypy_asyncsession.semantic.declarations.written_names import WrittenNames
from mypy_asyncsession.semantic.syntax import dotted, empty_class

if TYPE_CHECKING:
    from collections.abc import Callable

    from mypy.nodes import Expression, Node, SymbolNode
    from mypy.types import ProperType, Type

    from mypy_asyncsession.semantic.declarations.modules import ModuleTable
    from mypy_asyncsession.semantic.scopes import Scope

_NOTHING: Final = (None, None)
_NEW_TYPES: Final = frozenset({"typing.NewType", "typing_extensions.NewType"})


class Symbols:
    """The symbols of a program, from the trees of its modules.

    Attributes:
        binder: Binds annotations.
    """

    def __init__(self, modules: ModuleTable) -> None:
        """Begin with nothing looked up.

        Args:
            modules: The modules, parsed on demand.
        """
        self._modules = modules
        self._declared: dict[str, Declared] = {}
        self._entries: dict[tuple[str, str], SymbolNode | None] = {}
        self._busy: set[tuple[str, str]] = set()
        self._places: dict[SymbolNode, tuple[Node, TypePlace]] = {}
        self._bound: dict[SymbolNode, Type | None] = {}
        self._binding: set[SymbolNode] = set()
        self._written = WrittenNames(self.entry, modules.get, self._local_class)
        self.binder = TypeBinder(self.resolve, self._alias)
        self._classes = ClassBuilder(self.binder, self.resolve, self._declare)
        self._functions = FunctionTypes(self.binder, self.resolve, self.type_of)
        self._members = MemberTypes(self.type_of)

    def forget(self, is_stale: Callable[[str], bool]) -> None:
        """Let go of what was looked up in some modules: nothing else may lead into them."""
        self._declared = {
            module: declared for module, declared in self._declared.items() if not is_stale(module)
        }
        self._entries = {
            key: symbol for key, symbol in self._entries.items() if not is_stale(key[0])
        }
        self._places = {
            symbol: found for symbol, found in self._places.items() if not is_stale(found[1].module)
        }
        self._bound = {
            symbol: type_ for symbol, type_ in self._bound.items() if symbol in self._places
        }
        self._members.forget(is_stale)

    def names(self, module: str) -> Declared | None:
        """What a module declares, or ``None`` where it is not there."""
        found = self._declared.get(module)
        if found is None:
            tree = self._modules.get(module)
            if tree is None:
                return None
            is_package = os.path.basename(tree.path) in ("__init__.py", "__init__.pyi")
            found = self._declared[module] = Declared(tree.defs, module, is_package=is_package)
        return found

    def exports(self, module: str, name: str) -> bool:
        """Whether a module means a name for others: an import without an alias is its own."""
        declared = self.names(module)
        if declared is None:
            return False
        if declared.exported is not None:
            return name in declared.exported
        found = declared.nodes.get(name)
        if found is None:
            return any(self.exports(star, name) for star in declared.stars)
        node = found[0]
        tree = self._modules.get(module)
        if tree is None or not tree.path.endswith(".pyi"):
            return not name.startswith("_")
        if isinstance(node, ImportFrom):
            return (name, name) in node.names
        return not isinstance(node, Import)

    def entry(self, module: str, name: str) -> SymbolNode | None:
        """What a module's symbol table would hold under a name, imports followed."""
        key = (module, name)
        if key in self._entries:
            return self._entries[key]
        if key in self._busy:
            return self._begun(module, name)
        self._busy.add(key)
        try:
            found = self._entry(module, name)
        finally:
            self._busy.discard(key)
        self._entries[key] = found
        return found

    def fullname_of(self, module: str, name: str, into: Callable[[str], bool]) -> str:
        """The full name of what a module's symbol table would hold under a name.

        No record of a class is made for it: imports are followed as they are written.

        Args:
            module: The module.
            name: The name.
            into: Whether to follow imports into a module; else its name for it is taken.
        """
        seen: set[tuple[str, str]] = set()
        while (module, name) not in seen and into(module):
            seen.add((module, name))
            declared = self.names(module)
            node, target = declared.nodes.get(name, _NOTHING) if declared is not None else _NOTHING
            if isinstance(node, (ClassDef, FuncDef, Decorator, OverloadedFuncDef)) or (
                isinstance(node, AssignmentStmt) and not _is_other_name(node)
            ):
                break
            if isinstance(node, Import):
                assert target is not None
                return target
            if not isinstance(node, ImportFrom):
                symbol = self.entry(module, name)
                return symbol.fullname if symbol is not None else f"{module}.{name}"
            assert target is not None
            module, _, name = target.partition(":")
        return f"{module}.{name}"

    def _begun(self, module: str, name: str) -> TypeInfo | None:
        """The record of a class that is being made; what it descends from may not be known yet."""
        declared = self.names(module)
        node = declared.nodes[name][0] if declared is not None and name in declared.nodes else None
        info = node.info if isinstance(node, ClassDef) else None
        return info if type(info) is TypeInfo else None

    def _entry(self, module: str, name: str) -> SymbolNode | None:
        declared = self.names(module)
        if declared is None:
            return None
        found = declared.nodes.get(name)
        if found is None:
            return self._from_elsewhere(module, name, declared)
        node, target = found
        if isinstance(node, Import):
            assert target is not None
            return self._modules.get(target) or missing(name, target)
        if isinstance(node, ImportFrom):
            assert target is not None
            base, _, original = target.partition(":")
            imported = self.entry(base, original) or self._modules.get(f"{base}.{original}")
            if imported is None:
                return missing(name, f"{base}.{original}")
            return imported
        place = TypePlace(module)
        fullname = f"{module}.{name}"
        meant = type_aliases.get(fullname)
        if meant is not None:
            # ``typing.Dict`` is written as an object there, and known to mypy.
            home, _, known_as = meant.rpartition(".")
            return self.entry(home, known_as)
        if isinstance(node, ClassDef):
            return self.class_record(node, fullname, place)
        if isinstance(node, (FuncDef, Decorator, OverloadedFuncDef)):
            mark(node)
            for part in parts_of(node):
                part._fullname = fullname  # noqa: SLF001
            for symbol in (node, *functions_of(node)):
                self._declare(symbol, symbol, place)
            return node
        assert isinstance(node, (AssignmentStmt, TypeAliasStmt))
        return self._variable(name, node, place)

    def _variable(
        self, name: str, node: AssignmentStmt | TypeAliasStmt, place: TypePlace
    ) -> SymbolNode:
        if isinstance(node, AssignmentStmt) and _is_other_name(node):
            # Another name for a class, a function or a module.
            target = dotted(node.rvalue)
            meant = self.resolve(target, place) if target is not None else None
            if meant is not None and not isinstance(meant, Var):
                return meant
        if isinstance(node, AssignmentStmt) and isinstance(node.rvalue, CallExpr):
            new = self._new_type(name, node.rvalue, place)
            if new is not None:
                return new
        var = Var(name)
        var._fullname = f"{place.module}.{name}"  # noqa: SLF001
        var.line = node.line
        var.is_inferred = isinstance(node, AssignmentStmt) and node.unanalyzed_type is None
        self._declare(var, node, place)
        return var

    def _new_type(self, name: str, call: CallExpr, place: TypePlace) -> TypeInfo | None:
        """The class that ``NewType("UserId", int)`` stands for, which nothing else is."""
        maker = self.resolve(dotted(call.callee) or "", place)
        if maker is None or maker.fullname not in _NEW_TYPES or len(call.args) != 2:
            return None
        definition = empty_class(name, call.args[1], call.line)
        return self._classes.build(definition, f"{place.module}.{name}", place)

    def _from_elsewhere(self, module: str, name: str, declared: Declared) -> SymbolNode | None:
        if not name.startswith("__"):
            for star in declared.stars:
                exporting = self.names(star)
                if exporting is None:
                    continue
                if exporting.exported is not None and name not in exporting.exported:
                    continue
                if exporting.exported is None and name.startswith("_"):
                    continue
                found = self.entry(star, name)
                if found is not None:
                    return found
        return self._modules.get(f"{module}.{name}")

    def class_record(self, node: ClassDef, fullname: str, place: TypePlace) -> TypeInfo:
        """The record of a class, made when it is first asked for."""
        known = getattr(node, "info", None)
        if type(known) is TypeInfo:
            return known
        return self._classes.build(node, fullname, place)

    def _declare(self, symbol: SymbolNode, node: Node, place: TypePlace) -> None:
        self._places[symbol] = (node, place)

    def _alias(self, symbol: SymbolNode) -> tuple[AssignmentStmt | TypeAliasStmt, TypePlace] | None:
        found = self._places.get(symbol)
        if found is None or not isinstance(found[0], (AssignmentStmt, TypeAliasStmt)):
            return None
        return found[0], found[1]

    def resolve(self, name: str, place: TypePlace) -> SymbolNode | None:
        """What a dotted name stands for at a place."""
        return self._written.resolve(name, place)

    def _local_class(self, node: ClassDef, fullname: str, scope: Scope) -> TypeInfo:
        return self.class_record(node, fullname, TypePlace(scope.module, None, None, scope))

    def type_of(self, symbol: SymbolNode) -> Type | None:
        """What is declared of a symbol; ``None`` where nothing is."""
        if symbol in self._bound:
            return self._bound[symbol]
        if symbol in self._binding:
            return None
        found = self._places.get(symbol)
        if found is None:
            return None
        self._binding.add(symbol)
        try:
            type_ = self._declared_type(symbol, *found)
        finally:
            self._binding.discard(symbol)
        self._bound[symbol] = type_
        return type_

    def _declared_type(self, symbol: SymbolNode, node: Node, place: TypePlace) -> Type | None:
        if isinstance(symbol, FuncDef):
            return self.signature(symbol, place)
        if isinstance(symbol, Decorator):
            return self._functions.decorated(symbol, place)
        if isinstance(symbol, OverloadedFuncDef):
            return self._functions.overloaded(symbol, place)
        if isinstance(symbol, Var) and isinstance(node, AssignmentStmt):
            written = node.unanalyzed_type
            if written is not None and not says_nothing(written):
                return self.binder.bind(written, place)
        return None

    def signature(self, function: FuncDef, place: TypePlace) -> ProperType | None:
        """A function's own signature, decorators aside; ``None`` where it has no annotation."""
        return self._functions.signature(function, place)

    def complete(self, type_: Type) -> None:
        """Give the members of the classes in a type their types, for mypy to compare them."""
        self._members.complete(type_)

    def local_signature(self, function: FuncDef, scope: Scope) -> ProperType | None:
        """The signature of a function that stands in a scope, at any depth."""
        klass: TypeInfo | None = None
        if isinstance(scope.node, ClassDef) and scope.parent is not None:
            known = getattr(scope.node, "info", None)
            klass = known if type(known) is TypeInfo else None
        return self.signature(function, TypePlace(scope.module, klass, function, scope))

    def bind(self, type_: Type, place: TypePlace) -> Type:
        """The type that an annotation at a place means."""
        return self.binder.bind(type_, place)

    def expression(self, expression: Expression, scope: Scope) -> Type | None:
        """The type that an expression in a scope means where a type is expected."""
        return self.binder.bind_expression(expression, TypePlace(scope.module, None, None, scope))


__all__ = ["Symbols"]


def _is_other_name(node: AssignmentStmt) -> bool:
    """Whether a variable may be another name for a class, a function or a module."""
    return (
        node.unanalyzed_type is None
        and len(node.lvalues) == 1
        and isinstance(node.rvalue, (NameExpr, MemberExpr))
    )
