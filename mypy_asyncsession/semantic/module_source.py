"""One module as its tree has it: its names, and what its bodies do with attributes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mypy.nodes import (
    AssignmentStmt,
    CallExpr,
    ClassDef,
    ExpressionStmt,
    ForStmt,
    FuncDef,
    FuncItem,
    LambdaExpr,
    MemberExpr,
    NameExpr,
    TupleExpr,
    WithStmt,
)

from mypy_asyncsession.semantic.bindings import may_bind, names_of
from mypy_asyncsession.semantic.call_sites import calls_in
from mypy_asyncsession.semantic.function_flow import FunctionFlow
from mypy_asyncsession.semantic.index import Contents, ModuleIndex, contents
from mypy_asyncsession.semantic.module_bodies import (
    Bodies,
    Stored,
    bodies_in,
    set_by_name,
)
from mypy_asyncsession.semantic.scopes import Scope
from mypy_asyncsession.semantic.syntax import definition_of, statements

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mypy.nodes import Expression, MypyFile, Node

    from mypy_asyncsession.semantic.bindings import Names
    from mypy_asyncsession.semantic.bound_names import Binding
    from mypy_asyncsession.semantic.call_sites import CallSite, Chain
    from mypy_asyncsession.semantic.values import FunctionValue

    Place = tuple[tuple[int, int], ...]


#: The methods that change the elements of a list, a dict or a set.
_CHANGES = frozenset({"add", "append", "clear", "extend", "insert", "pop", "remove", "update"})


@dataclass(slots=True, eq=False)
class ModuleSource:
    """One module as its tree has it.

    Attributes:
        module: The full name.
        path: The file.
        tree: The tree, analysed (the module at hand) or only parsed (any other).
        scope: The scope of the module's body.
        content: What is in a file; nothing where it cannot be read.
    """

    module: str
    path: str
    tree: MypyFile
    scope: Scope
    is_package: bool
    content: Callable[[str], bytes]
    _names: dict[int, Names] = field(default_factory=dict)
    _attributes: dict[int, tuple[dict[str, list[tuple[Expression, FuncDef | None]]], set[str]]] = (
        field(default_factory=dict)
    )
    _flows: dict[int, FunctionFlow] = field(default_factory=dict)
    _contents: dict[int, Contents] = field(default_factory=dict)
    _index: ModuleIndex | None = None
    _bodies: Bodies | None = None
    _mutated: set[str] | None = None
    _calls: dict[str, list[CallSite]] | None = None
    _rebound: dict[str, list[tuple[Binding, Scope]]] | None = None
    _shared: dict[tuple[int, str], list[tuple[Binding, Scope]]] | None = None
    _run_in_sync: frozenset[str] | None = None
    _lines: list[str] | None = None

    def text(self, first: int, last: int) -> str:
        """The text of some lines, counted from 1; empty where the file cannot be read."""
        if self._lines is None:
            data = self.content(self.path)
            self._lines = data.decode("utf-8", errors="replace").split("\n")
        return "\n".join(self._lines[first - 1 : last])

    def scope_in(self, node: FuncItem | ClassDef, parent: Scope) -> Scope:
        """A scope for the body of *node*, with nothing known about its parameters."""
        names = self._names.get(id(node))
        if names is None:
            if isinstance(node, ClassDef):
                names = names_of(node.defs.body, self.module, is_package=self.is_package)
            elif isinstance(node, LambdaExpr):
                names = names_of([], self.module, is_package=self.is_package, extra=node.body.body)
            else:
                names = names_of(
                    node.body.body,
                    self.module,
                    is_package=self.is_package,
                    expressions=may_bind(self.contents(node)),
                )
            self._names[id(node)] = names
        return Scope(self.module, node, names, parent, {}, parent.depth + 1)

    @property
    def index(self) -> ModuleIndex:
        """What stands in the module."""
        self.read_whole()
        assert self._index is not None
        return self._index

    def read_whole(self) -> None:
        """Read the whole module in one walk, because most of its functions will be asked for."""
        if self._index is None:
            self._index = ModuleIndex(self.tree)

    def contents(self, function: FuncItem) -> Contents:
        """What stands in a function of the module."""
        found = self._contents.get(id(function))
        if found is None:
            if self._index is not None:
                found = self._index.of(function)
            found = self._contents[id(function)] = found or contents(function)
        return found

    def scope_of(self, function: FunctionValue) -> Scope:
        """A scope for the body of a function, where what it is bound to is known."""
        scope = self.scope_in(function.node, function.scope)
        if function.receiver is None or function.is_static or not function.node.arguments:
            return scope
        return scope.with_values({function.node.arguments[0].variable.name: function.receiver})

    def bindings_at(
        self, name: str, scope: Scope, where: Place | None, *, at_end: bool = False
    ) -> tuple[list[Binding], bool]:
        """The bindings of a name in a body that may hold at a place, and whether one of them must.

        Where none must, the name may be what it was when the body began.

        Args:
            name: The name.
            scope: The body.
            where: The blocks around the use, or ``None`` where it stands in another body.
            at_end: Whether the end of the body is meant.
        """
        names = scope.names
        bound = names.ordered(name)
        if where is None and not at_end:
            return bound.own, bound.surely
        inner = bound.within(where) if where is not None else None
        last = inner or bound.last_in_block(where)
        if last is not None:
            return [last], True
        flow = self.flow_of(scope.node or self.tree)
        found = flow.binders(name, names.statement_at(where) if where is not None else None)
        if not found:
            return bound.own, False
        live = bound.at([names.places[each] for each in found if each in names.places])
        return live, 0 not in found or bool(bound.unplaced)

    def flow_of(self, node: FuncItem | ClassDef | MypyFile) -> FunctionFlow:
        """The control flow of a function or class of the module, or of the module itself."""
        flow = self._flows.get(id(node))
        if flow is None:
            flow = self._flows[id(node)] = FunctionFlow(node)
        return flow

    def attributes(self, node: ClassDef) -> dict[str, list[tuple[Expression, FuncDef | None]]]:
        """What the methods and the body of a class assign to its attributes.

        Returns:
            For every attribute, the expressions assigned, each with the method that does so.
        """
        return self._read_class(node)[0]

    def open_attributes(self, node: ClassDef) -> set[str]:
        """The attributes of a class that its methods bind to what is no single expression."""
        return self._read_class(node)[1]

    def _read_class(
        self, node: ClassDef
    ) -> tuple[dict[str, list[tuple[Expression, FuncDef | None]]], set[str]]:
        known = self._attributes.get(id(node))
        if known is not None:
            return known
        result: dict[str, list[tuple[Expression, FuncDef | None]]] = {}
        left_open: set[str] = set()
        for statement in node.defs.body:
            if isinstance(statement, AssignmentStmt):
                for lvalue in statement.lvalues:
                    if isinstance(lvalue, NameExpr) and not _no_value(statement.rvalue):
                        result.setdefault(lvalue.name, []).append((statement.rvalue, None))
                continue
            method = definition_of(statement)
            if method is None or not method.arguments:
                continue
            me = method.arguments[0].variable.name
            for inner in statements(method.body, into_functions=True):
                for target, value in _targets(inner):
                    attribute = _attribute_of(target, me)
                    if attribute is None:
                        continue
                    if value is None:
                        left_open.add(attribute)
                    elif not _no_value(value):
                        result.setdefault(attribute, []).append((value, method))
        self._attributes[id(node)] = result, left_open
        return result, left_open

    def loose_attributes(self) -> dict[str, list[tuple[Expression, Chain]]]:
        """What the module assigns to ``x.state.NAME``, with the scopes around it."""
        return self._read_bodies().loose

    def patched(self, name: str) -> set[str]:
        """The attributes that the module sets, anywhere, of what has a name in it."""
        return self._read_bodies().patched.get(name, set())

    def patches(self, attribute: str, *, aside: str = "") -> bool:
        """Whether the module sets an attribute of that name, of whatever has another name in it."""
        patched = self._read_bodies().patched
        return any(attribute in found for name, found in patched.items() if name != aside)

    def rebound(self) -> dict[str, list[tuple[Binding, Scope]]]:
        """The names of the module that functions bind anew, under a ``global`` statement."""
        if self._rebound is None:
            self._rebound = {}
            for chain in self._read_bodies().declaring:
                scope = self.scope
                for node in chain:
                    scope = self.scope_in(node, scope)
                for name in scope.names.outer:
                    for binding in scope.names.bindings.get(name, ()):
                        self._rebound.setdefault(name, []).append((binding, scope))
        return self._rebound

    def rebound_inside(self, name: str, function: FuncItem) -> list[tuple[Binding, Scope]]:
        """Where functions inside a function bind a name of its anew, under ``nonlocal``."""
        if self._shared is None:
            self._shared = {}
            for chain in self._read_bodies().sharing:
                self._share(chain, self._shared)
        return self._shared.get((id(function), name), [])

    def _share(
        self, chain: Chain, shared: dict[tuple[int, str], list[tuple[Binding, Scope]]]
    ) -> None:
        """Take note of the names that one function binds of those around it."""
        scopes = [self.scope]
        for each in chain:
            scopes.append(self.scope_in(each, scopes[-1]))
        inner = scopes.pop()
        for name in inner.names.outer & inner.names.bindings.keys():
            for around in reversed(scopes):
                node = around.node
                if not isinstance(node, FuncItem) or name in around.names.outer:
                    continue
                if name in around.names.bindings or any(
                    argument.variable.name == name for argument in node.arguments
                ):
                    found = [(binding, inner) for binding in inner.names.bindings[name]]
                    shared.setdefault((id(node), name), []).extend(found)
                    break

    def put_by_name(self) -> set[str]:
        """The names of the module that it binds through ``globals()`` or ``setattr``."""
        return self._read_bodies().put

    def stored(self) -> dict[str, list[Stored]]:
        """What the module puts into containers, by ``NAME`` or ``Class.attribute``."""
        return self._read_bodies().stored

    def subclasses(self, name: str) -> list[ClassDef]:
        """The classes of the module that descend from one of that name, as written."""
        found: list[ClassDef] = []
        names = [name]
        while names:
            for node in self._read_bodies().classes.get(names.pop(), ()):
                if node not in found:
                    found.append(node)
                    names.append(node.name)
        return found

    def calls(self, name: str) -> list[CallSite]:
        """The calls in the module of what has *name* as its last name."""
        if name not in self.index.words:
            return []
        if self._calls is None:
            self._calls = calls_in(self.tree)
        return self._calls.get(name, [])

    def mutated(self) -> set[str]:
        """The names of containers whose elements the module changes in ways that are not seen."""
        if self._mutated is None:
            self._mutated = {
                node.callee.expr.name
                for node in self.index.of_kind(CallExpr)
                if isinstance(node.callee, MemberExpr)
                and node.callee.name in _CHANGES
                and isinstance(node.callee.expr, NameExpr)
            }
        return self._mutated

    def run_in_sync(self) -> frozenset[str]:
        """The names of the functions that the module gives to a ``run_sync``."""
        if self._run_in_sync is None:
            self._run_in_sync = frozenset(
                argument.name
                for node in self.index.of_kind(CallExpr)
                if isinstance(node.callee, MemberExpr) and node.callee.name == "run_sync"
                for argument in node.args[:1]
                if isinstance(argument, (MemberExpr, NameExpr))
            )
        return self._run_in_sync

    def _read_bodies(self) -> Bodies:
        """What stands in the bodies of the module, whichever functions they are of."""
        if self._bodies is None:
            self._bodies = bodies_in(self.tree)
        return self._bodies

    def class_named(self, qualname: str) -> tuple[ClassDef, Scope] | None:
        """The class of that name (``Outer.Inner``), with the scope that it stands in."""
        scope = self.scope
        found: ClassDef | None = None
        for name in qualname.split("."):
            if found is not None:
                scope = self.scope_in(found, scope)
            found = next(
                (
                    binding.node
                    for binding in scope.names.bindings.get(name, ())
                    if isinstance(binding.node, ClassDef)
                ),
                None,
            )
            if found is None:
                return None
        assert found is not None
        return found, scope


def _targets(statement: Node) -> Iterator[tuple[Node, Expression | None]]:
    """What a statement binds, each with the expression that it is bound to, if it is one."""
    if isinstance(statement, AssignmentStmt):
        for lvalue in statement.lvalues:
            yield from _pairs(lvalue, statement.rvalue)
    elif isinstance(statement, WithStmt):
        yield from ((target, None) for target in statement.target if target is not None)
    elif isinstance(statement, ForStmt):
        yield statement.index, None
    elif isinstance(statement, ExpressionStmt):
        put = set_by_name(statement.expr)
        if put is not None:
            yield statement.expr, None


def _pairs(target: Node, value: Expression) -> Iterator[tuple[Node, Expression | None]]:
    if not isinstance(target, TupleExpr):
        yield target, value
    elif isinstance(value, TupleExpr) and len(value.items) == len(target.items):
        yield from zip(target.items, value.items, strict=True)
    else:
        yield from ((item, None) for item in target.items)


def _attribute_of(target: Node, name: str) -> str | None:
    """The attribute that ``name.attribute`` or ``setattr(name, "attribute", ...)`` binds."""
    if isinstance(target, MemberExpr) and isinstance(target.expr, NameExpr):
        return target.name if target.expr.name == name else None
    put = set_by_name(target)
    return put[1] if put is not None and put[0] == name else None


def _no_value(node: Expression) -> bool:
    return type(node).__name__ in ("TempNode", "EllipsisExpr")
