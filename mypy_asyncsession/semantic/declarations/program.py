"""A program whose modules are only parsed: nobody has analysed them, and nobody knows types."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mypy.nodes import ClassDef, FuncDef, MypyFile, TypeInfo

from mypy_asyncsession.models.frameworks import is_independent
from mypy_asyncsession.semantic.declarations.analysis import analyse
from mypy_asyncsession.semantic.declarations.modules import ModuleTable
from mypy_asyncsession.semantic.declarations.symbols import Symbols
from mypy_asyncsession.semantic.declarations.type_binding import TypePlace
from mypy_asyncsession.semantic.program import Program
from mypy_asyncsession.semantic.scopes import qualname_in
from mypy_asyncsession.semantic.syntax import dotted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mypy.nodes import Expression, FuncItem, Node, RefExpr, SymbolNode
    from mypy.types import ProperType, Type

    from mypy_asyncsession.semantic.module_source import ModuleSource
    from mypy_asyncsession.semantic.scopes import Scope


class ParsedProgram(Program):
    """The modules of a program, each parsed on demand."""

    analysed = False
    #: Whether a function will be looked at; all will if ``None``.
    concerns: Callable[[Node], bool] | None = None

    def __init__(
        self,
        find: Callable[[str], str | None],
        parse: Callable[[str, str, str | None], MypyFile | None],
        foreign: Callable[[str], bool],
    ) -> None:
        """Begin with nothing read.

        Args:
            find: The path of a module, or ``None`` where there is none of that name.
            parse: Parses a file, given its path, module name, and text if it is not the file's;
                ``None`` where that fails.
            foreign: Whether a path is in the standard library or in an installed package.
        """
        modules = ModuleTable(find, lambda path, module: parse(path, module, None))
        super().__init__(modules, parse, foreign)
        self._table = modules
        self._symbols = Symbols(modules)
        self._binder = self._symbols.binder
        self._analysed: set[str] = set()
        self._signatures: dict[FuncDef, ProperType | None] = {}
        self._parts: dict[str, tuple[str, str]] = {}
        self._knowing: dict[str, bool] = {}

    def forget_modules(self, is_stale: Callable[[str], bool]) -> None:
        """Let go of modules that have changed, and of those that import them."""
        self._table.forget(is_stale)
        self._symbols.forget(is_stale)
        self._sources = {
            module: source for module, source in self._sources.items() if not is_stale(module)
        }
        self._analysed = {module for module in self._analysed if not is_stale(module)}
        self._signatures.clear()
        self._parts.clear()
        self._knowing.clear()
        for answers in self._answers.values():
            answers.clear()
        self.modules_read.clear()

    def split(self, fullname: str) -> tuple[str, str]:
        """The module and the name inside it of a full name: modules neither come nor go here."""
        known = self._parts.get(fullname)
        if known is None:
            known = self._parts[fullname] = super().split(fullname)
        return known

    def known(self) -> Iterator[tuple[str, str | None]]:
        """The modules that were asked for, each with its path if it is there."""
        return self._table.paths()

    def enter(self, tree: MypyFile) -> ModuleSource:
        """Make *tree* the module at hand."""
        source = self.source(tree.fullname)
        assert source is not None and source.tree is tree
        if source.module not in self._analysed:
            self._analysed.add(source.module)
            analyse(source, self._symbols, self.concerns)
        self.current = source
        return source

    def leave(self, *, for_good: bool) -> None:
        """Turn away from the module at hand."""
        del for_good
        self.current = None

    def source(self, module: str) -> ModuleSource | None:
        """The source of *module*, or ``None`` for a stub, an installed package, or none at all."""
        if module not in self._sources:
            tree = self.modules.get(module)
            is_own = tree is not None and tree.path.endswith(".py") and not self._foreign(tree.path)
            self._sources[module] = self._make(module, tree.path, tree) if is_own and tree else None
        found = self._sources[module]
        if found is not None:
            self.modules_read.add(module)
        return found

    def entry(self, module: str, name: str) -> SymbolNode | None:
        """What a module's symbol table holds under a name, or ``None``."""
        return self._symbols.entry(module, name)

    def exports(self, module: str, name: str) -> SymbolNode | None:
        """What others may import from a module under a name, or ``None``."""
        return self._symbols.entry(module, name) if self._symbols.exports(module, name) else None

    def full_names(self, module: str) -> Iterator[tuple[str, str]]:
        """The names in a module's symbol table, each with the full name of what it stands for."""
        declared = self._symbols.names(module)
        for name in declared.nodes if declared is not None else ():
            yield name, self._symbols.fullname_of(module, name, self.knows_framework)

    def knows_framework(self, module: str) -> bool:
        """Whether a module may import a framework: not where its package is known not to."""
        package = module.partition(".")[0]
        known = self._knowing.get(package)
        if known is None:
            path = self._table.path(package) if is_independent(package) else None
            known = self._knowing[package] = path is None or not self._foreign(path)
        return known

    def declared_names(self, module: str) -> Iterator[tuple[str, SymbolNode | None]]:
        """The names in a module's symbol table, each with what it stands for."""
        declared = self._symbols.names(module)
        for name in declared.nodes if declared is not None else ():
            yield name, self._symbols.entry(module, name)

    def referent(self, expression: RefExpr, scope: Scope) -> SymbolNode | None:
        """The definition that a name refers to, or ``None`` where that is not known."""
        name = dotted(expression)
        if name is None:
            return None
        return self._symbols.resolve(name, TypePlace(scope.module, None, None, scope))

    def type_of(self, symbol: SymbolNode) -> Type | None:
        """What is declared of a symbol, or ``None``."""
        return self._symbols.type_of(symbol)

    def class_record(self, node: ClassDef, fullname: str, scope: Scope) -> TypeInfo | None:
        """mypy's record of the class that a statement in a scope defines, or ``None``."""
        if scope.node is None:
            found = self._symbols.entry(scope.module, node.name)
            if isinstance(found, TypeInfo) and found.defn is node:
                return found
        return self._symbols.class_record(
            node, fullname, TypePlace(scope.module, None, None, scope)
        )

    def signature(self, function: FuncItem, scope: Scope) -> ProperType | None:
        """mypy's type of a function that stands in a scope, or ``None``."""
        if not isinstance(function, FuncDef):
            return None
        if function not in self._signatures:
            if isinstance(scope.node, ClassDef) and scope.parent is not None:
                # Its bases and type variables are known once the class is.
                owner = qualname_in(scope.parent, scope.node.name)
                self.class_record(scope.node, f"{scope.module}.{owner}", scope.parent)
            self._signatures[function] = self._symbols.local_signature(function, scope)
        return self._signatures[function]

    def complete(self, type_: Type) -> None:
        """See to it that the members of the classes in a type have their types."""
        self._symbols.complete(type_)

    def type_expression(self, expression: Expression, scope: Scope) -> Type | None:
        """The type that an expression means where one is expected, or ``None``."""
        return self._symbols.expression(expression, scope)
