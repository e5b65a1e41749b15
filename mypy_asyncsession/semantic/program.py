"""The modules of the program, each read from source once, on demand."""

from __future__ import annotations

import os
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Protocol

from mypy.nodes import (
    ClassDef,
    Decorator,
    FuncDef,
    MypyFile,
    OverloadedFuncDef,
    SymbolNode,
    TypeInfo,
)
from mypy.subtypes import is_subtype
from mypy.types import AnyType, CallableType, UnionType, get_proper_type

from mypy_asyncsession.semantic.bindings import names_of
from mypy_asyncsession.semantic.declarations.type_binding import TypeBinder
from mypy_asyncsession.semantic.declarations.type_place import TypePlace
from mypy_asyncsession.semantic.declarations.unsaid import says_nothing
from mypy_asyncsession.semantic.declarations.written_names import WrittenNames
from mypy_asyncsession.semantic.from_mypy_types import declared_type, is_nominal
from mypy_asyncsession.semantic.module_source import ModuleSource
from mypy_asyncsession.semantic.scopes import Scope, qualname_in
from mypy_asyncsession.semantic.syntax import definition_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from mypy.nodes import Expression, FuncItem, RefExpr
    from mypy.types import ProperType, Type


class Modules(Protocol):
    """A table of modules by name."""

    def get(self, module: str, /) -> MypyFile | None:
        """The tree of a module, or ``None``."""

    def __contains__(self, module: object, /) -> bool: ...

    def __getitem__(self, module: str, /) -> MypyFile: ...


class Program:
    """The modules that mypy has loaded, and their sources where these are the project's own.

    Attributes:
        analysed: Whether mypy has analysed the modules, and may know the types of expressions.
        modules: mypy's own table of modules.
        modules_read: The modules whose bodies were read since the set was last cleared, the one at
            hand among them.
        unsettled: The lines of the module at hand with a use that cannot be decided without mypy,
            where it has not analysed the modules.
    """

    analysed: ClassVar[bool] = True

    def __init__(
        self,
        modules: Modules,
        parse: Callable[[str, str, str | None], MypyFile | None],
        foreign: Callable[[str], bool],
    ) -> None:
        """Begin with no source read.

        Args:
        modules: mypy's table of modules, which it goes on filling.
        parse: Parses a file, given its path, module name, and text if it is not the file's;
            ``None`` where that fails.
        foreign: Whether a path is in the standard library or in an installed package.
        """
        self.modules = modules
        self.modules_read: set[str] = set()
        self.unsettled: set[int] = set()
        self._parse = parse
        self._foreign = foreign
        self._sources: dict[str, ModuleSource | None] = {}
        self._kept: dict[str, ModuleSource] = {}
        self._answers: dict[str, dict[object, bool]] = {}
        names = WrittenNames(self.entry, modules.get, self.class_record)
        self._binder = TypeBinder(names.resolve, lambda _: None)
        self.current: ModuleSource | None = None
        #: By path, what counts in place of what is in a file.
        self.texts: Mapping[str, bytes] = {}

    @contextmanager
    def noting(self) -> Iterator[set[str]]:
        """The modules that are read inside the block; they count around it, too."""
        outside, self.modules_read = self.modules_read, set()
        try:
            yield self.modules_read
        finally:
            outside |= self.modules_read
            self.modules_read = outside

    def content(self, path: str) -> bytes:
        """What is in a file of the program; nothing where it cannot be read."""
        if path in self.texts:
            return self.texts[path]
        try:
            return Path(path).read_bytes()
        except OSError:
            return b""

    def enter(self, tree: MypyFile) -> ModuleSource:
        """Make *tree*, analysed, the module at hand."""
        kept = self._kept.get(tree.fullname)
        if kept is None or kept.tree is not tree:
            kept = self._kept[tree.fullname] = self._make(tree.fullname, tree.path, tree)
        self.current = kept
        return kept

    def leave(self, *, for_good: bool) -> None:
        """Turn away from the module at hand; *for_good* if its tree is about to be freed."""
        if for_good and self.current is not None:
            self._kept.pop(self.current.module, None)
        self.current = None

    def forget(self) -> None:
        """Forget what was read: modules may have changed, appeared or gone."""
        self._sources.clear()
        self._kept.clear()
        for answers in self._answers.values():
            answers.clear()

    def source(self, module: str) -> ModuleSource | None:
        """The source of *module*, or ``None`` for a stub, an installed package, or none at all."""
        if self.current is not None and self.current.module == module:
            self.modules_read.add(module)
            return self.current
        if module in self._sources:
            if self._sources[module] is not None:
                self.modules_read.add(module)
            return self._sources[module]
        tree = self.modules.get(module)
        result: ModuleSource | None = None
        if tree is not None and self.is_own(module):
            parsed = self._parse(tree.path, module, None)
            if parsed is not None:
                result = self._make(module, tree.path, parsed)
        self._sources[module] = result
        if result is not None:
            self.modules_read.add(module)
        return result

    def answers_to(self, question: str) -> dict[object, bool]:
        """What was found out already about definitions and modules, for as long as it holds."""
        return self._answers.setdefault(question, {})

    def is_own(self, module: str) -> bool:
        """Whether a module is the project's own, and no stub: what ``source`` has a source of."""
        tree = self.modules.get(module)
        return tree is not None and tree.path.endswith(".py") and not self._foreign(tree.path)

    def mentions(self, module: str, *words: str) -> bool:
        """Whether one of *words* stands anywhere in the text of a module of the project's own.

        Most questions about the bodies of another module can be answered so, without its tree.
        """
        if not self.is_own(module):
            return False
        self.modules_read.add(module)
        answers = self.answers_to("mentions")
        known = answers.get((module, words))
        if known is None:
            path = self.modules[module].path
            try:
                text = self.texts[path] if path in self.texts else Path(path).read_bytes()
            except OSError:
                return True  # who reads it in another way will know
            known = answers[module, words] = any(word.encode() in text for word in words)
        return known

    def parse_text(self, text: str, module: str) -> MypyFile | None:
        """A piece of source that stands in *module*, parsed on its own; ``None`` if it is not."""
        return self._parse("<text>", module, f"({text}\n)\n")

    def _make(self, module: str, path: str, tree: MypyFile) -> ModuleSource:
        is_package = os.path.basename(path) in ("__init__.py", "__init__.pyi")
        names = names_of(tree.defs, module, is_package=is_package)
        scope = Scope(module, None, names)
        return ModuleSource(module, path, tree, scope, is_package, self.content)

    def symbol(self, fullname: str, *, inherited: bool = False) -> SymbolNode | None:
        """What mypy's symbol tables hold under a full name, or ``None``.

        Args:
            fullname: The full name.
            inherited: Whether a class counts as holding what its bases hold.
        """
        owner, _, last = fullname.rpartition(".")
        module, inner = self.split(owner)
        if module not in self.modules:
            return None
        first, *rest = [*filter(None, inner.split(".")), last]
        node = self.entry(module, first)
        for name in rest:
            if isinstance(node, TypeInfo):
                entry = node.get(name) if inherited else node.names.get(name)
                node = entry.node if entry is not None else None
            elif isinstance(node, MypyFile):
                node = self.entry(node.fullname, name)
            else:
                return None
        return node

    def entry(self, module: str, name: str) -> SymbolNode | None:
        """What a module's symbol table holds under a name, or ``None``."""
        tree = self.modules.get(module)
        entry = tree.names.get(name) if tree is not None else None
        return entry.node if entry is not None else None

    def exports(self, module: str, name: str) -> SymbolNode | None:
        """What others may import from a module under a name, or ``None``."""
        tree = self.modules.get(module)
        entry = tree.names.get(name) if tree is not None else None
        return entry.node if entry is not None and entry.module_public else None

    def full_names(self, module: str) -> Iterator[tuple[str, str]]:
        """The names in a module's symbol table, each with the full name of what it stands for."""
        for name, node in self.declared_names(module):
            if node is not None:
                yield name, node.fullname

    def declared_names(self, module: str) -> Iterator[tuple[str, SymbolNode | None]]:
        """The names in a module's symbol table, each with what it stands for."""
        tree = self.modules.get(module)
        for name, entry in tree.names.items() if tree is not None else ():
            yield name, entry.node

    def referent(self, expression: RefExpr, scope: Scope) -> SymbolNode | None:
        """The definition that a name refers to, or ``None`` where that is not known."""
        del scope
        return expression.node

    def type_of(self, symbol: SymbolNode) -> Type | None:
        """mypy's type of a symbol, or ``None``."""
        return declared_type(symbol)

    def class_record(self, node: ClassDef, fullname: str, scope: Scope) -> TypeInfo | None:
        """mypy's record of the class that a statement in a scope defines, or ``None``."""
        # The tree of another module was only parsed: its classes have no records of their own.
        is_current = self.current is not None and scope.module == self.current.module
        info = node.info if is_current else self.symbol(fullname)
        if info is None:
            # mypy keeps the record of a class in a function under the line as well.
            info = self.entry(scope.module, f"{node.name}@{node.line}")
        return info if type(info) is TypeInfo and info.mro else None

    def signature(self, function: FuncItem, scope: Scope) -> ProperType | None:
        """mypy's type of a function, or ``None`` where it has no annotation.

        Args:
            function: The function.
            scope: The scope that its definition stands in.
        """
        found: Type | None = None
        if self.current is not None and scope.module == self.current.module:
            found = function.type
        elif isinstance(function, FuncDef):
            symbol = self.symbol(f"{scope.module}.{qualname_in(scope, function.name)}")
            node = definition_of(symbol) if isinstance(symbol, OverloadedFuncDef) else symbol
            if isinstance(node, Decorator):
                node = node.func
            if isinstance(node, FuncDef):
                found = node.type
            else:
                found = self._local_signature(function, scope)
        return get_proper_type(found) if found is not None else None

    def _local_signature(self, function: FuncDef, scope: Scope) -> Type | None:
        """The signature of a function inside another one, of which mypy keeps no record."""
        written = function.unanalyzed_type or function.type
        if not isinstance(written, CallableType):
            return None
        klass: TypeInfo | None = None
        if isinstance(scope.node, ClassDef) and scope.parent is not None:
            name = qualname_in(scope.parent, scope.node.name)
            klass = self.class_record(scope.node, f"{scope.module}.{name}", scope.parent)
        place = TypePlace(scope.module, klass, function, scope)
        return self._binder.signature(written, place, function)

    def type_expression(self, expression: Expression, scope: Scope) -> Type | None:
        """The type that an expression means where one is expected, or ``None``."""
        del expression, scope
        return None

    def annotation(self, written: Type, scope: Scope) -> Type | None:
        """The type that an annotation of a variable in a scope means, or ``None``."""
        if says_nothing(written):
            return None
        return self._binder.bind(written, TypePlace(scope.module, None, None, scope))

    def is_subtype(self, one: Type, other: Type) -> bool:
        """Whether each object of one type can be taken for one of the other."""
        one, other = get_proper_type(one), get_proper_type(other)
        if not isinstance(one, AnyType) and not isinstance(other, AnyType):
            items = other.items if isinstance(other, UnionType) else [other]
            by_name = [*filter(is_nominal, items)] if is_nominal(one) else []
            # To read the members of classes may take as many modules as all else.
            if any(is_subtype(one, item) for item in by_name):
                return True
            if len(by_name) < len(items):
                self.complete(one)
                self.complete(other)
        return is_subtype(one, other)

    def complete(self, type_: Type) -> None:
        """See to it that the members of the classes in a type have their types."""

    def methods(self, info: TypeInfo) -> Iterator[FuncDef]:
        """The methods that a class defines itself, where its source is at hand."""
        source = self.source(info.module_name)
        qualname = info.fullname[len(info.module_name) + 1 :]
        located = source.class_named(qualname) if source is not None else None
        for statement in located[0].defs.body if located is not None else ():
            method = definition_of(statement)
            if method is not None:
                yield method

    def path_of(self, node: SymbolNode) -> str:
        """The file that a definition stands in; empty where it is not known."""
        tree = self.modules.get(self.split(node.fullname)[0])
        return tree.path if tree is not None else ""

    def split(self, fullname: str) -> tuple[str, str]:
        """The module and the name inside it of a full name."""
        module = fullname
        while module and module not in self.modules:
            module = module.rpartition(".")[0]
        return module, fullname[len(module) + 1 :]
