"""What the body of a module, a class or a function binds to which names, read from the tree alone.

This works in the same way on the analysed tree of the module at hand and on the tree of another
module that was only parsed, so that a cold and a warm run see the same.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from mypy.nodes import (
    AssignmentExpr,
    AssignmentStmt,
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
    ListExpr,
    MemberExpr,
    NameExpr,
    NonlocalDecl,
    OperatorAssignmentStmt,
    OverloadedFuncDef,
    StarExpr,
    TupleExpr,
    TypeAliasStmt,
    WithStmt,
)

from mypy_asyncsession.models.builtin import PROBES
from mypy_asyncsession.semantic.bound_names import Binding, BoundName
from mypy_asyncsession.semantic.cfg.attempts import attempt_of
from mypy_asyncsession.semantic.cfg.names import BINDING_NOTHING, caught_or_captured
from mypy_asyncsession.semantic.imports import source_of
from mypy_asyncsession.semantic.index import head
from mypy_asyncsession.semantic.syntax import blocks, definition_of, dotted, expressions, returned

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mypy.nodes import Node
    from mypy.types import Type

    from mypy_asyncsession.semantic.bound_names import Blocks
    from mypy_asyncsession.semantic.index import Contents


#: The kinds of binding that go through the elements of something.
ITERATING = frozenset({"for", "async for", "comprehension", "async comprehension"})


#: The expressions that bind names, or ask what a name is.
_BINDING = frozenset({AssignmentExpr, CallExpr, DictionaryComprehension, GeneratorExpr})
#: Those that bind names wherever they stand.
_ALWAYS_BINDING = _BINDING - {CallExpr}


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
        annotated: For every name with an annotation, that of the first statement with one.
    """

    bindings: dict[str, list[Binding]] = field(default_factory=dict)
    outer: set[str] = field(default_factory=set)
    probed: set[str] = field(default_factory=set)
    patched: set[str] = field(default_factory=set)
    stars: list[str] = field(default_factory=list)
    places: dict[int, tuple[tuple[int, int], ...]] = field(default_factory=dict)
    annotated: dict[str, Type] = field(default_factory=dict)
    _statements: dict[tuple[tuple[int, int], ...], int] = field(default_factory=dict)
    _ordered: dict[str, BoundName] = field(default_factory=dict)

    def ordered(self, name: str) -> BoundName:
        """The bindings of a name, by where they stand."""
        found = self._ordered.get(name)
        if found is None:
            found = self._ordered[name] = BoundName(self.bindings.get(name, ()))
        return found

    def statement_at(self, where: tuple[tuple[int, int], ...]) -> int:
        """The id of the statement at a place; 0 where there is none."""
        if len(self._statements) < len(self.places):
            self._statements = {place: statement for statement, place in self.places.items()}
        return self._statements.get(where, 0)


def names_of(
    body: Sequence[Node],
    module: str,
    *,
    is_package: bool,
    extra: Sequence[Node] = (),
    expressions: bool = True,
) -> Names:
    """Read the bindings of *body*, without the bodies of the functions and classes inside it.

    Args:
        body: The statements.
        module: The module that they stand in.
        is_package: Whether that is a package.
        extra: Expressions that belong to it.
        expressions: Whether expressions in it may bind names, or ask what a name is.
    """
    reader = _Reader(module, is_package=is_package, expressions=expressions)
    reader.block(body, (), id(body))
    for node in extra:
        reader.read(node, ())
    return reader.names


class _Reader:
    """Reads one body. Functions inside one another would do, but would be garbage in a cycle."""

    def __init__(self, module: str, *, is_package: bool, expressions: bool) -> None:
        self.names = Names()
        self._expressions = expressions
        self._module = module
        self._is_package = is_package
        self._handlers = 0

    def block(self, body: Sequence[Node], where: Blocks, key: int) -> None:
        """Read the statements of a block."""
        places = self.names.places
        for position, statement in enumerate(body):
            here = (*where, (key, position))
            places[id(statement)] = here
            if self._expressions or type(statement) not in BINDING_NOTHING:
                self._statement(statement, here)

    def read(self, node: Node, where: Blocks) -> None:
        """Read what an expression binds, or asks."""
        if not self._expressions:
            return
        for inner in expressions(node, _BINDING):
            if isinstance(inner, AssignmentExpr):
                self._target(inner.target, "assign", inner.value, where)
            elif isinstance(inner, (GeneratorExpr, DictionaryComprehension)):
                for index, sequence, is_async in zip(
                    inner.indices, inner.sequences, inner.is_async, strict=False
                ):
                    kind = "async comprehension" if is_async else "comprehension"
                    self._target(index, kind, sequence, where)
            elif isinstance(inner, CallExpr) and inner.args:
                callee = inner.callee
                name = callee.name if isinstance(callee, (NameExpr, MemberExpr)) else ""
                if name in PROBES:
                    probed = dotted(inner.args[0])
                    if probed is not None:
                        self.names.probed.add(probed)

    def _bind(self, name: str, binding: Binding) -> None:
        if self._handlers:
            binding = replace(binding, fallback=True)
        self.names.bindings.setdefault(name, []).append(binding)

    def _target(
        self, node: Node, kind: str, value: Node | None, where: Blocks, element: int | None = None
    ) -> None:
        if isinstance(node, NameExpr):
            self._bind(node.name, Binding(kind, value, element, where, line=node.line))
        elif isinstance(node, MemberExpr):
            patched = dotted(node)
            if patched is not None:
                self.names.patched.add(patched)
        elif isinstance(node, StarExpr):
            self._target(node.expr, "other", None, where)
        elif isinstance(node, (TupleExpr, ListExpr)):
            for position, item in enumerate(node.items):
                if element is None and kind in ITERATING | {"assign"}:
                    self._target(item, kind, value, where, position)
                else:
                    self._target(item, "other", None, where)

    def _statement(self, statement: Node, here: Blocks) -> None:
        if isinstance(statement, (FuncDef, Decorator, OverloadedFuncDef)):
            function = definition_of(statement)
            if function is not None:
                binding = Binding("def", statement, None, here, line=statement.line)
                self._bind(function.name, binding)
        elif isinstance(statement, ClassDef):
            self._bind(statement.name, Binding("class", statement, None, here, line=statement.line))
        elif isinstance(statement, (Import, ImportFrom, ImportAll)):
            self._import(statement, here)
        elif isinstance(statement, (GlobalDecl, NonlocalDecl)):
            self.names.outer.update(statement.names)
        elif isinstance(statement, AssignmentStmt):
            for lvalue in statement.lvalues:
                self._target(lvalue, "assign", statement.rvalue, here)
                if statement.unanalyzed_type is not None and isinstance(lvalue, NameExpr):
                    self.names.annotated.setdefault(lvalue.name, statement.unanalyzed_type)
            self.read(statement.rvalue, here)
        elif isinstance(statement, TypeAliasStmt):
            for result in returned(statement.value):
                self._target(statement.name, "assign", result, here)
        elif isinstance(statement, WithStmt):
            kind = "async with" if statement.is_async else "with"
            for entered, bound in zip(statement.expr, statement.target, strict=False):
                self.read(entered, here)
                if bound is not None:
                    self._target(bound, kind, entered, here)
            self.block(statement.body.body, here, id(statement.body))
        else:
            self._compound(statement, here)

    def _import(self, statement: Import | ImportFrom | ImportAll, here: Blocks) -> None:
        if isinstance(statement, Import):
            for module_id, alias in statement.ids:
                top = alias or module_id.split(".")[0]
                whole = module_id if alias else top
                self._bind(top, Binding("import", statement, None, here, (whole, None)))
            return
        base = source_of(statement, self._module, is_package=self._is_package)
        if isinstance(statement, ImportAll):
            self.names.stars.append(base)
        else:
            for name, alias in statement.names:
                self._bind(alias or name, Binding("from", statement, None, here, (base, name)))

    def _compound(self, statement: Node, here: Blocks) -> None:
        if isinstance(statement, ForStmt):
            kind = "async for" if statement.is_async else "for"
            self._target(statement.index, kind, statement.expr, here)
        elif isinstance(statement, (DelStmt, OperatorAssignmentStmt)):
            changed = statement.expr if isinstance(statement, DelStmt) else statement.lvalue
            self._target(changed, "other", None, here)
        for name in caught_or_captured(statement):
            self._target(name, "other", None, here)
        for part in head(statement):
            self.read(part, here)
        attempt = attempt_of(statement)
        handling = [handler.block for handler in attempt.handlers] if attempt is not None else []
        for block in blocks(statement):
            if not block.is_unreachable:
                is_handler = block in handling
                self._handlers += is_handler
                self.block(block.body, here, id(block))
                self._handlers -= is_handler


def may_bind(found: Contents) -> bool:
    """Whether an expression in a body may bind a name, or ask what one is."""
    return not found.kinds.isdisjoint(_ALWAYS_BINDING) or not found.words.isdisjoint(PROBES)
