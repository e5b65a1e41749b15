"""The names that each function and each body of a module mentions, read by one walk."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from mypy.nodes import (
    AssignmentExpr,
    AssignmentStmt,
    CallExpr,
    ClassDef,
    Decorator,
    DictionaryComprehension,
    ForStmt,
    FuncDef,
    GeneratorExpr,
    GlobalDecl,
    Import,
    ImportFrom,
    IndexExpr,
    MemberExpr,
    NameExpr,
    NonlocalDecl,
    OverloadedFuncDef,
    ReturnStmt,
    StrExpr,
    TypeAliasStmt,
    WithStmt,
    YieldExpr,
    YieldFromExpr,
)
from mypy.types import (
    CallableType,
    RawExpressionType,
    TupleType,
    TypeList,
    UnboundType,
    UnionType,
    UnpackType,
)

from mypy_asyncsession.models.frameworks import DEPENDS_NAMES, is_of_framework
from mypy_asyncsession.semantic.index import bodies, head
from mypy_asyncsession.semantic.leading_names import HOLDERS, NAMING
from mypy_asyncsession.semantic.syntax import BACKWARDS, BLOCKS, CATCHER, push

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from mypy.nodes import MypyFile, Node
    from mypy.types import Type

#: Marks among the words of a unit: what it does, besides the names that it mentions.
ASYNC_BLOCK: Final = "<async block>"
METADATA: Final = "<metadata>"
YIELDING: Final = "<yield>"
GLOBAL: Final = "<global>"
CATCHING: Final = "<except>"
#: The beginnings of such marks: what is iterated over, and what is entered, by name.
OVER: Final = "for "
ENTERED: Final = "with "

#: The nodes through which values get from one name to another.
_FLOWS: Final = frozenset(
    {
        AssignmentExpr,
        AssignmentStmt,
        CallExpr,
        DictionaryComprehension,
        ForStmt,
        FuncDef,
        GeneratorExpr,
        ReturnStmt,
        TypeAliasStmt,
        WithStmt,
    }
)
_USING: Final = frozenset({DictionaryComprehension, ForStmt, GeneratorExpr, WithStmt})
#: What ``globals()`` and ``x.__dict__`` are.
_NAMESPACES: Final = frozenset({CallExpr, MemberExpr})
_NAMED: Final = frozenset({MemberExpr, NameExpr})
_FUNCTIONS: Final = frozenset({Decorator, FuncDef, OverloadedFuncDef})


#: Annotations that say nothing of what a value is.
_OPEN: Final = frozenset({"Any", "ClassVar", "Final", "Self", "TypeAlias", "object"})


class Unit:
    """A function with all that is inside it, or what a module or class body holds besides these.

    Attributes:
        module: The full name of its module.
        node: The definition; the tree itself for the body of a module.
        klass: The name of the class that it stands in, or is.
        words: The names that it mentions, and marks of what it does.
        flows: The nodes through which values get from one name to another.
    """

    __slots__ = ("flows", "klass", "local", "module", "named", "node", "words")

    def __init__(self, module: str, node: Node, klass: str | None = None) -> None:
        """Begin with nothing read.

        Args:
            module: The full name of its module.
            node: The definition.
            klass: The name of the class that it stands in, or is.
        """
        self.module = module
        self.node = node
        self.klass = klass
        #: The names and attributes in it, by name, once somebody has asked for them.
        self.named: dict[str, list[MemberExpr | NameExpr]] | None = None
        self.words: set[str] = set()
        self.flows: list[Node] = []
        #: The names of parameters and variables that were found to lead to a provider.
        self.local: set[str] = set()

    def defines(self, function: FuncDef) -> bool:
        """Whether it is of a function: not of one around that."""
        return any(each is function for each in self.definitions())

    def definitions(self) -> Iterator[Node]:
        """What it is of, and the functions that this decorates or overloads."""
        node = self.node
        yield node
        items = [node]
        if isinstance(node, OverloadedFuncDef):
            items = [*node.unanalyzed_items]
            yield from items
        for item in items:
            if isinstance(item, Decorator):
                yield item.func


def units(tree: MypyFile) -> Iterator[Unit]:
    """The units of a module."""
    injects = any(map(_is_injecting, tree.imports))
    body = Unit(tree.fullname, tree)
    yield body
    yield from _of_body(body, tree.defs, injects=injects)


def _of_body(unit: Unit, body: Sequence[Node], *, injects: bool) -> Iterator[Unit]:
    """The units in the body of a module or class, whose own words go into its unit."""
    stack: list[Node] = list(reversed(body))
    while stack:
        node = stack.pop()
        kind = type(node)
        if kind in _FUNCTIONS:
            inner = Unit(unit.module, node, unit.klass)
            _read(inner, node, injects=injects)
            yield inner
        elif isinstance(node, ClassDef):
            inner = Unit(unit.module, node, node.name)
            inner.words.add(node.name)
            inner.flows.append(node)
            for each in (*node.decorators, *node.base_type_exprs):
                _read(inner, each, injects=injects)
            yield inner
            yield from _of_body(inner, node.defs.body, injects=injects)
        elif kind in BLOCKS:
            if kind in _USING:
                unit.flows.append(node)
                _mark(unit, node, {})
            for part in head(node):
                _read(unit, part, injects=injects)
            stack.extend(each for inner in [*bodies(node)][::-1] for each in reversed(inner))
        else:
            _read(unit, node, injects=injects)


def _read(unit: Unit, top: Node, *, injects: bool) -> None:
    """Take in all that stands in a node. Most of the time of a reading goes here."""
    flows = unit.flows
    add = unit.words.add
    stack: list[Node] = [top]
    pop, append, extend = stack.pop, stack.append, stack.extend
    made: dict[str, str] = {}
    using: list[Node] = []
    while stack:
        node = pop()
        kind = type(node)
        if kind is NameExpr:
            add(node.name)  # type: ignore[attr-defined]
        elif kind is MemberExpr:
            add(node.name)  # type: ignore[attr-defined]
            append(node.expr)  # type: ignore[attr-defined]
        elif kind is CallExpr:
            callee, arguments = node.callee, node.args  # type: ignore[attr-defined]
            append(callee)
            if arguments:
                flows.append(node)
                extend(arguments)
                if type(callee) in _NAMED and callee.name in NAMING:
                    for each in arguments:
                        if type(each) is StrExpr:
                            add(each.value.rpartition(".")[2])
        elif kind is IndexExpr:
            base, index = node.base, node.index  # type: ignore[attr-defined]
            append(base)
            append(index)
            if type(index) is StrExpr and type(base) in _NAMESPACES:
                add(index.value)  # ``globals()["name"]``
        elif kind is FuncDef:
            assert isinstance(node, FuncDef)
            flows.append(node)
            add(node.name)
            signature = signature_of(node)
            if signature is not None:
                for written in signature.arg_types:
                    _add_type(written, unit.words, injects=injects)
                _add_type(signature.ret_type, unit.words, injects=injects)
            extend(each.initializer for each in node.arguments if each.initializer is not None)
            append(node.body)
        elif kind is AssignmentStmt:
            assert isinstance(node, AssignmentStmt)
            flows.append(node)
            if node.unanalyzed_type is not None:
                _add_type(node.unanalyzed_type, unit.words, injects=injects)
            append(node.rvalue)
            extend(node.lvalues)
            if type(node.rvalue) is CallExpr:
                target, callee = node.lvalues[0], node.rvalue.callee
                if isinstance(target, NameExpr) and isinstance(callee, (MemberExpr, NameExpr)):
                    made[target.name] = callee.name
        else:
            if kind in _FLOWS:
                flows.append(node)
                if kind in _USING:
                    using.append(node)
            elif kind is GlobalDecl or kind is NonlocalDecl:
                add(GLOBAL)
            elif kind is YieldExpr or kind is YieldFromExpr:
                add(YIELDING)
            elif kind is CATCHER:
                add(CATCHING)
            names = BACKWARDS.get(kind)
            if names is not None:
                push(stack, node, names)
    for node in using:
        _mark(unit, node, made)


def _mark(unit: Unit, node: Node, made: dict[str, str]) -> None:
    """Note what is iterated over or entered, by the name of what is called for it."""
    sequences: list[tuple[str, Node]] = []
    is_async = False
    if isinstance(node, WithStmt):
        sequences = [(ENTERED, each) for each in node.expr]
        is_async = node.is_async
    elif isinstance(node, ForStmt):
        sequences = [(OVER, node.expr)]
        is_async = node.is_async
    elif isinstance(node, (GeneratorExpr, DictionaryComprehension)):
        sequences = [(OVER, each) for each in node.sequences]
        is_async = any(node.is_async)
    if is_async:
        unit.words.add(ASYNC_BLOCK)
    for mark, each in sequences:
        called = each.callee if isinstance(each, CallExpr) else each
        if isinstance(called, (MemberExpr, NameExpr)):
            name = called.name if called is not each else made.get(called.name, "")
            if name:
                dot = "." if mark is ENTERED and isinstance(called, MemberExpr) else ""
                unit.words.add(mark + dot + name)


def signature_of(function: FuncDef) -> CallableType | None:
    """The annotations of a function as they are written; ``None`` where there is none."""
    written = function.unanalyzed_type or function.type
    return written if isinstance(written, CallableType) else None


def names_in(type_: Type) -> set[str]:
    """The names in an annotation, by their last part; a mark where it holds other expressions."""
    found: set[str] = set()
    stack = [type_]
    while stack:
        current = stack.pop()
        if isinstance(current, UnboundType):
            name = current.name.rpartition(".")[2]
            found.add(name)
            if name != "Literal":
                stack.extend(current.args)
        elif isinstance(current, (UnionType, TupleType, TypeList)):
            stack.extend(current.items)
        elif isinstance(current, RawExpressionType):
            if current.literal_value is None:
                found.add(METADATA)
        elif isinstance(current, CallableType):
            stack.extend((*current.arg_types, current.ret_type))
        elif isinstance(current, UnpackType):
            stack.append(current.type)
    return found


def is_open(type_: Type | None) -> bool:
    """Whether an annotation says nothing: the values count."""
    if isinstance(type_, UnionType):
        return any(map(is_open, type_.items))
    if not isinstance(type_, UnboundType):
        return not isinstance(type_, (CallableType, TupleType, TypeList))
    name = type_.name.rpartition(".")[2]
    if name in ("Optional", "Union", "Annotated"):
        return any(map(is_open, type_.args[:1] if name == "Annotated" else type_.args))
    return name in _OPEN or (len(name) <= 2 and name.isupper()) or name.endswith("_T")


def _add_type(type_: Type, words: set[str], *, injects: bool) -> None:
    found = names_in(type_)
    found -= HOLDERS
    if not injects:
        found.discard(METADATA)
    words |= found


def _is_injecting(statement: Node) -> bool:
    """Whether an import may be of what names a dependency."""
    if isinstance(statement, Import):
        return any(is_of_framework(name) for name, _ in statement.ids)
    return isinstance(statement, ImportFrom) and (
        is_of_framework(statement.id) or any(name in DEPENDS_NAMES for name, _ in statement.names)
    )
