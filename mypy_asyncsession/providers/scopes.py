"""What the names of a module, a class or a function are bound to, read from the tree alone.

This works in the same way on the analysed tree of the module at hand and on the tree of another
module that was only parsed, so that a cold and a warm run see the same.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from mypy.nodes import (
    AssignmentExpr,
    AssignmentStmt,
    Block,
    CallExpr,
    ClassDef,
    Decorator,
    DelStmt,
    DictionaryComprehension,
    ForStmt,
    FuncDef,
    GeneratorExpr,
    GlobalDecl,
    Import,
    ImportAll,
    ImportFrom,
    LambdaExpr,
    MatchStmt,
    MemberExpr,
    NameExpr,
    Node,
    NonlocalDecl,
    OperatorAssignmentStmt,
    OverloadedFuncDef,
    ReturnStmt,
    StarExpr,
    TryStmt,
    TupleExpr,
    TypeAliasStmt,
    WithStmt,
)

from mypy_asyncsession.providers import known
from mypy_asyncsession.providers.imports import source_of
from mypy_asyncsession.providers.syntax import (
    children,
    definition_of,
    expressions,
    statements,
    walk,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from mypy.nodes import Expression, FuncItem

    from mypy_asyncsession.providers.values import Value


#: The kinds of binding that go through the elements of something.
ITERATING = frozenset({"for", "async for", "comprehension", "async comprehension"})


#: The expressions that bind names, or ask what a name is.
_BINDING = frozenset({AssignmentExpr, CallExpr, DictionaryComprehension, GeneratorExpr})


@dataclass(slots=True, eq=False)
class Binding:
    """One place where a name gets a value; never changed, and not frozen because that is slow.

    Attributes:
        kind: ``assign``, ``with``, ``async with``, ``for``, ``async for``, ``comprehension``,
            ``async comprehension``, ``def``, ``class``, ``import``, ``from`` or ``other``.
        node: The definition, the expression assigned, entered or iterated over, or the import.
        element: The position in a tuple target, or ``None``.
        blocks: The blocks around it, outermost first, each with the position inside.
        target: The module imported, and the name imported from it.
        fallback: Whether it stands in an ``except``, and so counts only if the ``try`` fails.
    """

    kind: str
    node: Node | None
    element: int | None = None
    blocks: tuple[tuple[int, int], ...] = ()
    target: tuple[str, str | None] = ("", None)
    line: int = 0
    fallback: bool = False


@dataclass(slots=True, eq=False)
class Names:
    """The bindings of one function, class or module body.

    Attributes:
        bindings: For every name, the places where it gets a value, in source order.
        outer: The names under ``global`` and ``nonlocal``.
        probed: What the body asks at run time what it is, as written.
        patched: The attributes that the body assigns to, as written.
        stars: The modules that it imports all names of.
        places: For every statement, the blocks around it: where a use stands among the bindings.
    """

    bindings: dict[str, list[Binding]] = field(default_factory=dict)
    outer: set[str] = field(default_factory=set)
    probed: set[str] = field(default_factory=set)
    patched: set[str] = field(default_factory=set)
    stars: list[str] = field(default_factory=list)
    places: dict[int, tuple[tuple[int, int], ...]] = field(default_factory=dict)


@dataclass(slots=True, eq=False)
class Scope:
    """A place where names are looked up.

    Attributes:
        module: The full name of the module.
        node: The function, class or module body that the scope is of.
        parent: The scope around it.
        values: Parameters with a value that is known from a call.
    """

    module: str
    node: FuncItem | ClassDef | None
    names: Names
    parent: Scope | None = None
    values: dict[str, Value] = field(default_factory=dict)
    depth: int = 0

    def chain(self) -> Iterator[Scope]:
        """This scope and those around it, innermost first."""
        scope: Scope | None = self
        while scope is not None:
            yield scope
            scope = scope.parent

    def function(self) -> FuncItem | None:
        """The innermost function around this scope."""
        scope: Scope | None = self
        while scope is not None:
            if isinstance(scope.node, (FuncDef, LambdaExpr)):
                return scope.node
            scope = scope.parent
        return None


def dotted(node: Node) -> str | None:
    """``a.b.c`` for a name or a chain of attributes, else ``None``; calls count as ``f()``."""
    if isinstance(node, NameExpr):
        return node.name
    if isinstance(node, MemberExpr):
        base = dotted(node.expr)
        return f"{base}.{node.name}" if base is not None else None
    if isinstance(node, CallExpr) and not node.args:
        base = dotted(node.callee)
        return f"{base}()" if base is not None else None
    return None


def captures(pattern: Node) -> Iterator[NameExpr]:
    """The names that a pattern of a ``match`` statement binds."""
    for field_name in ("name", "rest", "capture"):
        value = getattr(pattern, field_name, None)
        if isinstance(value, NameExpr):
            yield value
    for field_name in ("pattern", "patterns", "values", "positionals", "keyword_values"):
        value = getattr(pattern, field_name, None)
        for inner in value if isinstance(value, list) else [value]:
            if isinstance(inner, Node):
                yield from captures(inner)


def names_of(
    body: Sequence[Node], module: str, *, is_package: bool, extra: Sequence[Node] = ()
) -> Names:
    """Read the bindings of *body*, without the bodies of the functions and classes inside it."""
    names = Names()
    handlers: list[Block] = []

    def bind(name: str, binding: Binding) -> None:
        if handlers:
            binding = replace(binding, fallback=True)
        names.bindings.setdefault(name, []).append(binding)

    def target(
        node: Node,
        kind: str,
        value: Node | None,
        where: tuple[tuple[int, int], ...],
        element: int | None = None,
    ) -> None:
        if isinstance(node, NameExpr):
            bind(node.name, Binding(kind, value, element, where, line=node.line))
        elif isinstance(node, MemberExpr):
            patched = dotted(node)
            if patched is not None:
                names.patched.add(patched)
        elif isinstance(node, StarExpr):
            target(node.expr, "other", None, where)
        elif isinstance(node, TupleExpr) or type(node).__name__ == "ListExpr":
            for position, item in enumerate(node.items):  # type: ignore[attr-defined]
                if element is None and kind in ITERATING | {"assign"}:
                    target(item, kind, value, where, position)
                else:
                    target(item, "other", None, where)

    def read(node: Node, where: tuple[tuple[int, int], ...]) -> None:
        for inner in expressions(node, _BINDING):
            if isinstance(inner, AssignmentExpr):
                target(inner.target, "assign", inner.value, where)
            elif isinstance(inner, (GeneratorExpr, DictionaryComprehension)):
                for index, sequence, is_async in zip(
                    inner.indices, inner.sequences, inner.is_async, strict=False
                ):
                    kind = "async comprehension" if is_async else "comprehension"
                    target(index, kind, sequence, where)
            elif isinstance(inner, CallExpr) and inner.args:
                callee = inner.callee
                name = callee.name if isinstance(callee, (NameExpr, MemberExpr)) else ""
                if name in known.PROBES:
                    probed = dotted(inner.args[0])
                    if probed is not None:
                        names.probed.add(probed)

    def block(body: Sequence[Node], where: tuple[tuple[int, int], ...], key: int) -> None:
        for position, statement in enumerate(body):
            here = (*where, (key, position))
            names.places[id(statement)] = here
            if isinstance(statement, (FuncDef, Decorator, OverloadedFuncDef)):
                function = definition_of(statement)
                if function is not None:
                    bind(function.name, Binding("def", statement, None, here, line=statement.line))
                continue
            if isinstance(statement, ClassDef):
                bind(statement.name, Binding("class", statement, None, here, line=statement.line))
                continue
            if isinstance(statement, Import):
                for module_id, alias in statement.ids:
                    top = alias or module_id.split(".")[0]
                    whole = module_id if alias else top
                    bind(top, Binding("import", statement, None, here, (whole, None)))
                continue
            if isinstance(statement, (ImportFrom, ImportAll)):
                base = source_of(statement, module, is_package=is_package)
                if isinstance(statement, ImportAll):
                    names.stars.append(base)
                else:
                    for name, alias in statement.names:
                        bind(alias or name, Binding("from", statement, None, here, (base, name)))
                continue
            if isinstance(statement, (GlobalDecl, NonlocalDecl)):
                names.outer.update(statement.names)
                continue
            if isinstance(statement, AssignmentStmt):
                for lvalue in statement.lvalues:
                    target(lvalue, "assign", statement.rvalue, here)
                read(statement.rvalue, here)
                continue
            if isinstance(statement, TypeAliasStmt):
                for result in returned(statement.value):
                    target(statement.name, "assign", result, here)
                continue
            if isinstance(statement, WithStmt):
                kind = "async with" if statement.is_async else "with"
                for entered, bound in zip(statement.expr, statement.target, strict=False):
                    read(entered, here)
                    if bound is not None:
                        target(bound, kind, entered, here)
                block(statement.body.body, here, id(statement.body))
                continue
            if isinstance(statement, ForStmt):
                target(
                    statement.index,
                    "async for" if statement.is_async else "for",
                    statement.expr,
                    here,
                )
            if isinstance(statement, TryStmt):
                for caught in statement.vars:
                    if caught is not None:
                        target(caught, "other", None, here)
            elif isinstance(statement, MatchStmt):
                for pattern in statement.patterns:
                    for captured in captures(pattern):
                        target(captured, "other", None, here)
            elif isinstance(statement, (DelStmt, OperatorAssignmentStmt)):
                changed = statement.expr if isinstance(statement, DelStmt) else statement.lvalue
                target(changed, "other", None, here)
            for child in children(statement):
                if isinstance(child, Block):
                    if not child.is_unreachable:
                        is_handler = isinstance(statement, TryStmt) and child in statement.handlers
                        if is_handler:
                            handlers.append(child)
                        block(child.body, here, id(child))
                        if is_handler:
                            handlers.pop()
                else:
                    read(child, here)

    block(body, (), id(body))
    for node in extra:
        read(node, ())
    return names


def reaching(bindings: list[Binding], use: tuple[tuple[int, int], ...] | None) -> list[Binding]:
    """The bindings that may hold at *use*: the last one on every way there, and those in between.

    Args:
        bindings: All bindings of one name in one body, in source order.
        use: The blocks around the use, or ``None`` where it stands in another function.
    """
    if use is None:
        return [binding for binding in bindings if "comprehension" not in binding.kind]
    at = dict(use)
    result: list[Binding] = []
    later: list[Binding] = []
    for binding in bindings:
        if not binding.blocks:
            result.append(binding)
            continue
        block, position = binding.blocks[-1]
        if "comprehension" in binding.kind:
            # Such a name lives in its own statement only.
            if at.get(block) == position:
                result = [binding]
                later = []
            continue
        if block in at and position < at[block]:
            result = [binding]
            later = []
        elif block in at and position == at[block] and "with" in binding.kind:
            result = [binding]
            later = []
        elif block in at and position == at[block] and "for" in binding.kind:
            result = [binding]
            later = []
        elif _before(binding.blocks, use):
            result.append(binding)
        else:
            later.append(binding)
    # What is bound later holds at the use only when both stand in one loop; then nothing is sure.
    return result or later


def _before(one: tuple[tuple[int, int], ...], use: tuple[tuple[int, int], ...]) -> bool:
    for (block, position), (other, at) in zip(one, use, strict=False):
        if block != other:
            return False
        if position != at:
            return position < at
    return False


def nested(body: Sequence[Node]) -> Iterator[Node]:
    """The functions and classes that stand in a body, those inside them left out."""
    for statement in statements(body):
        if isinstance(statement, (FuncDef, Decorator, OverloadedFuncDef, ClassDef)):
            yield statement


def returned(function: FuncItem) -> list[Expression]:
    """The expressions that *function* returns."""
    return [
        node.expr
        for node in walk(function.body, into_functions=False)
        if isinstance(node, ReturnStmt) and node.expr is not None
    ]
