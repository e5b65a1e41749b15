"""What is known to lead to a provider: names of modules, attributes of classes, expressions."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Final

from mypy.nodes import (
    AssertTypeExpr,
    AssignmentExpr,
    AwaitExpr,
    CallExpr,
    CastExpr,
    ClassDef,
    ConditionalExpr,
    DictExpr,
    DictionaryComprehension,
    FuncDef,
    GeneratorExpr,
    IndexExpr,
    LambdaExpr,
    ListComprehension,
    ListExpr,
    MemberExpr,
    NameExpr,
    OpExpr,
    SetComprehension,
    SetExpr,
    StarExpr,
    StrExpr,
    SuperExpr,
    TupleExpr,
)

from mypy_asyncsession.models.frameworks import DEPENDS_NAMES, REQUEST_PARAMETERS
from mypy_asyncsession.models.sqlalchemy import AWAITABLE
from mypy_asyncsession.semantic.call_sites import last_name
from mypy_asyncsession.semantic.leading_names import (
    COMMON,
    HOLDERS,
    KEEPING,
    PASSING,
    SEEDS,
)
from mypy_asyncsession.semantic.mentions import (
    METADATA,
    Unit,
    is_open,
    names_in,
    signature_of,
)
from mypy_asyncsession.semantic.syntax import (
    dotted,
    returned,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from mypy.nodes import Expression, Node
    from mypy.types import Type

    from mypy_asyncsession.semantic.leading_modules import ReadModule

_OPEN: Final = frozenset({"Any", "object"})
#: Which part of the classes that have an attribute of a name must lead to a provider by it, for
#: any attribute of that name to count.
_MOST: Final = 3
_ME: Final = frozenset({"cls", "self"})


class LeadingValues:
    """What is known to lead to a provider so far, and what is still to be followed."""

    def __init__(self, resources: Iterable[str] = ()) -> None:
        """Begin with no module.

        Args:
            resources: The full names of the resources that the configuration adds.
        """
        self._seeds = SEEDS | HOLDERS | {name.rpartition(".")[2] for name in resources}
        self._modules: dict[str, ReadModule] = {}
        self._importing: dict[tuple[str, str], list[tuple[str, str]]] = defaultdict(list)
        self._importing_all: dict[str, list[str]] = defaultdict(list)
        self._mentions: dict[str, list[Unit]] = defaultdict(list)
        self._defined: dict[tuple[str, str], list[tuple[FuncDef, Unit]]] = defaultdict(list)
        self._coroutines: set[str] = set()
        self._own: set[str] = set()
        self._handing = set(PASSING)
        #: For each name, the classes and modules that have something of that name.
        self._having: dict[str, set[str]] = defaultdict(set)
        #: For each name, the classes in which it leads to a provider, and the modules of these.
        self._owners: dict[str, set[str]] = {}
        self._homes: dict[str, set[str]] = {}
        self._bases: dict[str, set[str]] = defaultdict(set)
        self._families: dict[str, set[str]] = {}
        self._near: dict[str, set[str]] = {}
        #: The names that stand for ``Depends``, or for an annotation that holds one.
        self._dependencies = set(DEPENDS_NAMES)
        self._dependencies.update(name.rpartition(".")[2] for name in REQUEST_PARAMETERS)
        self._leading = 0
        self._types: dict[int, tuple[Type, set[str]]] = {}
        self._queue: list[Unit] = []
        self._queued: set[Unit] = set()
        #: The attributes that were found to lead to a provider since their mentions were followed.
        self._named: dict[str, None] = {}
        self._nodes: set[int] = set()
        self._by_node: dict[int, Unit] = {}
        #: The functions of a name, and for that of a class, its ``__init__``.
        self._by_name: dict[str, list[FuncDef]] = defaultdict(list)
        self._concerned: set[str] = set()
        #: The names of functions and classes that may be given what stands in for a provider.
        self._taking: set[str] = set()

    def _push(self, unit: Unit) -> None:
        if unit not in self._queued:
            self._queued.add(unit)
            self._queue.append(unit)

    def _concern(self, unit: Unit) -> None:
        self._nodes.add(id(unit.node))
        self._concerned.add(unit.module)

    def _lead(self, module: str, name: str) -> None:
        """Take in that a name of a module leads to a provider, there and where it is imported."""
        stack = [(module, name)]
        while stack:
            home, known_as = stack.pop()
            found = self._modules.get(home)
            if found is None or known_as in found.leads:
                continue
            found.leads.add(known_as)
            self._leading += 1
            for unit in found.units:
                if known_as in unit.words:
                    self._push(unit)
            stack += self._importing.get((home, known_as), ())
            stack += ((each, known_as) for each in self._importing_all.get(home, ()))
            # ``import module`` and ``module.name``.
            self._lead_member(known_as, home, home)

    def _lead_member(self, name: str, owner: str, home: str) -> None:
        """Take in that an attribute of a class or module leads to a provider."""
        owners = self._owners.setdefault(name, set())
        if owner not in owners:
            owners.add(owner)
            self._homes.setdefault(name, set()).add(home)
            self._leading += 1
            self._named[name] = None

    def _next(self) -> Unit | None:
        """The next unit to follow values through, if there is one left.

        Who mentions an attribute is asked once all others were: many classes may have one of it.
        """
        if not self._queue:
            for name in self._named:
                for unit in self._mentions.get(name, ()):
                    self._push(unit)
            self._named.clear()
        if not self._queue:
            return None
        unit = self._queue.pop()
        self._queued.discard(unit)
        return unit

    def settle(self, over: Collection[str]) -> None:
        """Let go of bodies: what leads to a provider stays known.

        Args:
            over: The modules of which nothing will be asked.
        """
        for name, module in self._modules.items():
            for unit in module.units:
                unit.flows.clear()
                unit.words.clear()
                unit.named = None
                if name in over:
                    for node in unit.definitions():
                        self._by_node.pop(id(node), None)
                    self._nodes.discard(id(unit.node))
            if name in over:
                module.units.clear()
        self._mentions.clear()
        self._by_name.clear()
        self._defined.clear()
        self._types.clear()

    def _lead_declared(self, declared: Mapping[str, Iterable[str]]) -> None:
        """Take in that functions are declared to give something, whatever their bodies say."""
        for module, names in declared.items():
            for name in names if module in self._modules else ():
                owner, _, last = name.rpartition(".")
                if owner:
                    self._lead_member(last, owner.rpartition(".")[2], module)
                else:
                    self._lead(module, last)

    def _lead_function(self, function: FuncDef, unit: Unit) -> None:
        if not unit.defines(function):
            if function.name not in unit.local:
                unit.local.add(function.name)
                self._push(unit)
        elif unit.klass is not None:
            self._lead_member(function.name, unit.klass, unit.module)
            if function.name == "__call__":
                self._lead(unit.module, unit.klass)
        else:
            self._lead(unit.module, function.name)

    def _names_in(self, type_: Type) -> set[str]:
        found = self._types.get(id(type_))
        if found is None:
            # That it is kept keeps others from being known by its number.
            found = self._types[id(type_)] = (type_, names_in(type_))
        return found[1]

    def _are_leading(self, type_: Type, unit: Unit) -> bool:
        leads = self._modules[unit.module].leads
        return any(
            name in leads or name in SEEDS or (name in self._owners and name[:1].isupper())
            for name in self._names_in(type_)
            if name not in HOLDERS
        )

    def _is_open(self, type_: Type) -> bool:
        return is_open(type_) or not _OPEN.isdisjoint(self._names_in(type_))

    def _is_near(self, name: str, unit: Unit) -> bool:
        """Whether a module is near one whose class has a provider under that name."""
        return any(unit.module in self._neighbours(home) for home in self._homes.get(name, ()))

    def _neighbours(self, home: str) -> set[str]:
        """The modules that import a module, or one that does."""
        found = self._near.get(home)
        if found is None:
            found = {home}
            for _ in range(2):
                found |= {
                    module.name
                    for module in self._modules.values()
                    if not module.sources.isdisjoint(found)
                }
            self._near[home] = found
        return found

    def _family(self, klass: str) -> set[str]:
        """The names of a class and of its bases."""
        found = self._families.get(klass)
        if found is None:
            found = self._families[klass] = {klass}
            stack = [klass]
            while stack:
                for base in self._bases.get(stack.pop(), ()):
                    if base not in found:
                        found.add(base)
                        stack.append(base)
        return found

    def _member_leads(self, node: MemberExpr, unit: Unit) -> bool:
        name = node.name
        if name in SEEDS or (isinstance(node.expr, MemberExpr) and node.expr.name == AWAITABLE):
            return True
        owners = self._owners.get(name)
        if owners is None:
            return False
        base = node.expr
        if (
            isinstance(base, NameExpr) and base.name in _ME and unit.klass is not None
        ) or isinstance(base, SuperExpr):
            return not owners.isdisjoint(self._family(unit.klass or ""))
        text = dotted(base)
        if text is not None:
            module = self._modules[unit.module]
            first, _, rest = text.partition(".")
            for source, original in module.imports.get(first, ()):
                full = ".".join(filter(None, (source, original, rest)))
                if full in self._modules:
                    return name in self._modules[full].leads
        having = len(self._having.get(name, ()))
        if name not in COMMON and len(owners) * _MOST >= having:
            return True
        return self._is_near(name, unit)

    def _leads(self, expression: Expression | Node, unit: Unit) -> bool:
        """Whether the value of an expression may be a provider, or hold one."""
        leads = self._modules[unit.module].leads
        stack: list[Node] = [expression]
        while stack:
            node = stack.pop()
            if isinstance(node, NameExpr):
                if node.name in leads or node.name in unit.local or node.name in SEEDS:
                    return True
                # In the body of a class it may be one of its members.
                body = unit.node
                if isinstance(body, ClassDef) and body.name in self._owners.get(node.name, ()):
                    return True
            elif isinstance(node, MemberExpr):
                if self._member_leads(node, unit):
                    return True
            elif isinstance(node, SuperExpr):
                owners = self._owners.get(node.name, ())
                if any(each in owners for each in self._family(unit.klass or "")):
                    return True
            elif isinstance(node, CallExpr):
                name = last_name(node.callee)
                stack.append(node.callee)
                named = by_string(node)
                if named is not None:
                    stack.append(named)
                if name in KEEPING and isinstance(node.callee, MemberExpr):
                    stack.append(node.callee.expr)
                if name in self._handing or name is None:
                    stack.extend(node.args)
            elif isinstance(node, (AwaitExpr, StarExpr, CastExpr, AssertTypeExpr)):
                stack.append(node.expr)
            elif isinstance(node, ConditionalExpr):
                stack += (node.if_expr, node.else_expr)
            elif isinstance(node, OpExpr):
                stack += (node.left, node.right)
            elif isinstance(node, AssignmentExpr):
                stack.append(node.value)
            elif isinstance(node, (ListExpr, TupleExpr, SetExpr)):
                stack.extend(node.items)
            elif isinstance(node, DictExpr):
                stack.extend(value for _, value in node.items)
            elif isinstance(node, IndexExpr):
                stack.append(node.base)
                named = by_string(node)
                if named is not None:
                    stack.append(named)
                if isinstance(node.base, NameExpr) and node.base.name[:1].isupper():
                    stack.append(node.index)
            elif isinstance(node, (ListComprehension, SetComprehension)):
                stack.append(node.generator.left_expr)
            elif isinstance(node, GeneratorExpr):
                stack.append(node.left_expr)
            elif isinstance(node, DictionaryComprehension):
                stack.append(node.value)
            elif isinstance(node, LambdaExpr):
                stack.extend(returned(node))
        return False

    def _is_dependency(self, value: Expression) -> bool:
        """Whether a value is ``Depends``, or an annotation that holds a call of it."""
        if isinstance(value, (MemberExpr, NameExpr)):
            return value.name in self._dependencies
        if isinstance(value, CallExpr):
            return last_name(value.callee) in self._dependencies
        if isinstance(value, IndexExpr):
            items = value.index.items if isinstance(value.index, TupleExpr) else [value.index]
            return any(map(self._is_dependency, items))
        if isinstance(value, OpExpr):
            return self._is_dependency(value.left) or self._is_dependency(value.right)
        return False

    def _has_dependency(self, function: FuncDef) -> bool:
        """Whether calling a function leaves a dependency of FastAPI's in a parameter."""
        signature = signature_of(function)
        return any(
            isinstance(each.initializer, CallExpr)
            and last_name(each.initializer.callee) in self._dependencies
            for each in function.arguments
        ) or (
            signature is not None
            and any(
                METADATA in names or not names.isdisjoint(self._dependencies)
                for names in map(self._names_in, signature.arg_types)
            )
        )


def by_string(node: Node) -> MemberExpr | NameExpr | None:
    """The name or attribute that is got at by a string.

    ``getattr(x, "name")``, ``globals()["name"]``, ``vars(x)["name"]``, ``x.__dict__["name"]``.
    """
    if isinstance(node, CallExpr):
        if len(node.args) < 2 or last_name(node.callee) != "getattr":
            return None
        name = node.args[1]
        return MemberExpr(node.args[0], name.value) if isinstance(name, StrExpr) else None
    if not isinstance(node, IndexExpr) or not isinstance(node.index, StrExpr):
        return None
    base, text = node.base, node.index.value
    if isinstance(base, MemberExpr) and base.name == "__dict__":
        return MemberExpr(base.expr, text)
    if isinstance(base, CallExpr) and last_name(base.callee) in ("globals", "locals", "vars"):
        return MemberExpr(base.args[0], text) if base.args else NameExpr(text)
    return None
