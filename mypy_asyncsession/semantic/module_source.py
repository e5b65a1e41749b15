"""One module as its tree has it: its names, and what its bodies do with attributes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from mypy.nodes import (
    AssignmentStmt,
    CallExpr,
    ClassDef,
    DictExpr,
    ExpressionStmt,
    ForStmt,
    FuncDef,
    GlobalDecl,
    IndexExpr,
    IntExpr,
    LambdaExpr,
    MemberExpr,
    NameExpr,
    StrExpr,
    TupleExpr,
    WithStmt,
)

from mypy_asyncsession.semantic.bindings import may_bind, names_of
from mypy_asyncsession.semantic.call_sites import calls_in, last_name
from mypy_asyncsession.semantic.function_flow import FunctionFlow
from mypy_asyncsession.semantic.index import Contents, ModuleIndex, contents
from mypy_asyncsession.semantic.scopes import Scope
from mypy_asyncsession.semantic.syntax import definition_of, statements

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from mypy.nodes import Expression, FuncItem, MypyFile, Node

    from mypy_asyncsession.semantic.bindings import Binding, Names
    from mypy_asyncsession.semantic.call_sites import CallSite, Chain


#: The methods that change the elements of a list, a dict or a set.
_CHANGES = frozenset(
    {"add", "append", "clear", "extend", "insert", "pop", "remove", "setdefault", "update"}
)


class Stored(NamedTuple):
    """Something that is put into a container.

    Attributes:
        key: The key, if it is a literal.
        value: What is put there.
        chain: The functions and classes around the statement.
        statement: The statement.
    """

    key: object
    value: Expression
    chain: Chain
    statement: Node


@dataclass(slots=True, eq=False)
class _Bodies:
    """What stands in the bodies of a module.

    Attributes:
        loose: What is assigned to ``x.state.NAME``, with the scopes around it.
        patched: For names, the attributes of what they stand for that something is put into.
        declaring: The functions with a ``global`` statement.
        put: The names of the module that are bound through ``globals()`` or ``setattr``.
        classes: The classes, by the last names of their bases.
        stored: What is put into containers, by ``NAME`` or ``Class.attribute``.
    """

    loose: dict[str, list[tuple[Expression, Chain]]] = field(default_factory=dict)
    patched: dict[str, set[str]] = field(default_factory=dict)
    declaring: list[Chain] = field(default_factory=list)
    put: set[str] = field(default_factory=set)
    classes: dict[str, list[ClassDef]] = field(default_factory=dict)
    stored: dict[str, list[Stored]] = field(default_factory=dict)


@dataclass(slots=True, eq=False)
class ModuleSource:
    """One module as its tree has it.

    Attributes:
        module: The full name.
        path: The file.
        tree: The tree, analysed (the module at hand) or only parsed (any other).
        scope: The scope of the module's body.
    """

    module: str
    path: str
    tree: MypyFile
    scope: Scope
    is_package: bool
    _names: dict[int, Names] = field(default_factory=dict)
    _attributes: dict[int, tuple[dict[str, list[tuple[Expression, FuncDef | None]]], set[str]]] = (
        field(default_factory=dict)
    )
    _flows: dict[int, FunctionFlow] = field(default_factory=dict)
    _contents: dict[int, Contents] = field(default_factory=dict)
    _index: ModuleIndex | None = None
    _bodies: _Bodies | None = None
    _mutated: set[str] | None = None
    _calls: dict[str, list[CallSite]] | None = None
    _rebound: dict[str, list[tuple[Binding, Scope]]] | None = None
    _run_in_sync: frozenset[str] | None = None

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

    def flow_of(self, node: FuncItem | MypyFile) -> FunctionFlow:
        """The control flow of a function of the module, or of the module itself."""
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

    def patches(self, attribute: str) -> bool:
        """Whether the module sets an attribute of that name, of whatever has a name in it."""
        return any(attribute in found for found in self._read_bodies().patched.values())

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

    def _read_bodies(self) -> _Bodies:
        """What stands in the bodies of the module, whichever functions they are of."""
        if self._bodies is not None:
            return self._bodies
        found = _Bodies()
        stack: list[tuple[Chain, Sequence[Node]]] = [((), self.tree.defs)]
        while stack:
            chain, body = stack.pop()
            declares = False
            for statement in statements(body):
                if isinstance(statement, AssignmentStmt):
                    for lvalue in statement.lvalues:
                        if (key := _global_key(lvalue)) is not None:
                            found.put.add(key)
                        if isinstance(lvalue, IndexExpr):
                            _store(lvalue, statement, chain, found.stored)
                        if not isinstance(lvalue, MemberExpr):
                            continue
                        owner = lvalue.expr
                        if isinstance(owner, (MemberExpr, NameExpr)) and owner.name == "state":
                            found.loose.setdefault(lvalue.name, []).append(
                                (statement.rvalue, chain)
                            )
                        if isinstance(owner, NameExpr):
                            found.patched.setdefault(owner.name, set()).add(lvalue.name)
                elif isinstance(statement, ExpressionStmt):
                    put = _set_by_name(statement.expr)
                    if put is not None:
                        found.patched.setdefault(put[0], set()).add(put[1])
                    found.put.update(_put_by_call(statement.expr))
                elif isinstance(statement, ClassDef):
                    for base in statement.base_type_exprs:
                        generic = base.base if isinstance(base, IndexExpr) else base
                        if (name := last_name(generic)) is not None:
                            found.classes.setdefault(name, []).append(statement)
                    stack.append(((*chain, statement), statement.defs.body))
                elif isinstance(statement, GlobalDecl):
                    declares = True
                elif (function := definition_of(statement)) is not None:
                    stack.append(((*chain, function), function.body.body))
            if declares:
                found.declaring.append(chain)
        self._bodies = found
        return found

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
        put = _set_by_name(statement.expr)
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
    put = _set_by_name(target)
    return put[1] if put is not None and put[0] == name else None


def _set_by_name(expression: Node) -> tuple[str, str] | None:
    """The name and the attribute in ``setattr(name, "attribute", ...)``."""
    if (
        isinstance(expression, CallExpr)
        and isinstance(expression.callee, NameExpr)
        and expression.callee.name == "setattr"
        and len(expression.args) == 3
    ):
        owner, attribute, _ = expression.args
        if isinstance(owner, NameExpr) and isinstance(attribute, StrExpr):
            return owner.name, attribute.value
    return None


def _store(
    target: IndexExpr, statement: AssignmentStmt, chain: Chain, found: dict[str, list[Stored]]
) -> None:
    """Take note of ``NAME[key] = value`` or ``self.name[key] = value``."""
    base, owner = target.base, next((n for n in reversed(chain) if isinstance(n, ClassDef)), None)
    if isinstance(base, NameExpr):
        name = base.name
    elif isinstance(base, MemberExpr) and isinstance(base.expr, NameExpr) and owner is not None:
        name = f"{owner.name}.{base.name}"
    else:
        return
    key = target.index.value if isinstance(target.index, (IntExpr, StrExpr)) else None
    found.setdefault(name, []).append(Stored(key, statement.rvalue, chain, statement))


def _is_globals(node: Node) -> bool:
    return (
        isinstance(node, CallExpr)
        and isinstance(node.callee, NameExpr)
        and node.callee.name == "globals"
    )


def _global_key(target: Node) -> str | None:
    """The name in ``globals()["name"]``."""
    if isinstance(target, IndexExpr) and _is_globals(target.base):
        return target.index.value if isinstance(target.index, StrExpr) else None
    return None


def _put_by_call(expression: Node) -> Iterator[str]:
    """The names in ``globals().update(x=...)`` and ``setattr(sys.modules[...], "x", ...)``."""
    if not isinstance(expression, CallExpr):
        return
    callee = expression.callee
    if isinstance(callee, MemberExpr) and callee.name == "update" and _is_globals(callee.expr):
        yield from filter(None, expression.arg_names)
        for argument in expression.args:
            if isinstance(argument, DictExpr):
                yield from (key.value for key, _ in argument.items if isinstance(key, StrExpr))
    elif isinstance(callee, NameExpr) and callee.name == "setattr" and len(expression.args) == 3:
        owner, attribute, _ = expression.args
        if isinstance(owner, IndexExpr) and isinstance(attribute, StrExpr):
            yield attribute.value


def _no_value(node: Expression) -> bool:
    return type(node).__name__ in ("TempNode", "EllipsisExpr")
