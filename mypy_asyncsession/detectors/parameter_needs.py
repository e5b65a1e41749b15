"""What a function does with what it is given, checked where it is given something.

``async def use(factory): async with factory() as s: ...`` needs a factory of context managers;
nothing in its signature says so.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING

from mypy.nodes import (
    AssignmentStmt,
    AwaitExpr,
    CallExpr,
    Decorator,
    ExpressionStmt,
    ForStmt,
    FuncDef,
    IndexExpr,
    MemberExpr,
    NameExpr,
    NonlocalDecl,
    RefExpr,
    ReturnStmt,
    StrExpr,
    WithStmt,
)

from mypy_asyncsession.detectors.record import Pairing
from mypy_asyncsession.semantic.cfg import EdgeKind, Graph, PointKind
from mypy_asyncsession.semantic.dataflow import may_reach
from mypy_asyncsession.semantic.function_flow import FunctionFlow
from mypy_asyncsession.semantic.syntax import definition_of, dotted, mentions, walk

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mypy.nodes import ClassDef, Expression, Node

    from mypy_asyncsession.semantic.program import Program
    from mypy_asyncsession.semantic.scopes import Scope


#: What a graph calls the uses of an object.
_KINDS: dict[type, PointKind] = {
    WithStmt: PointKind.ENTER,
    ForStmt: PointKind.ITERATE,
    AwaitExpr: PointKind.AWAIT,
}

#: What may stand before a function that is returned, so that it is returned whatever happens.
_PLAIN = (AssignmentStmt, Decorator, ExpressionStmt, FuncDef, NonlocalDecl)


@dataclass(frozen=True, slots=True)
class Need:
    """What a function does with a parameter.

    Attributes:
        pairing: How it uses it.
        called: Whether it uses the result of a call of it, or the argument itself.
        part: The attribute that it calls, if it is one of the argument's.
        key: What the argument holds under a key, if it calls that.
        methods: The methods of a class that come to it, where a class keeps the argument.
    """

    pairing: Pairing
    called: bool
    part: str | None = None
    key: str | None = None
    methods: frozenset[str] = field(default=frozenset(), compare=False)


def may_need(call: CallExpr, scope: Scope, program: Program) -> bool:
    """Whether a call is given a function, or what a function hands out: a quick look."""
    return any(is_reference(argument, scope, program) for argument in call.args)


def is_reference(argument: Expression, scope: Scope, program: Program) -> bool:
    """Whether an argument is a function, or what one hands out: a quick look."""
    if isinstance(argument, CallExpr):
        argument = argument.callee
    return isinstance(argument, RefExpr) and isinstance(
        program.referent(argument, scope), (FuncDef, Decorator)
    )


def needs(function: FuncDef) -> dict[str, list[Need]]:
    """What a function does, whatever happens, with each of its parameters."""
    names = {argument.variable.name for argument in function.arguments}
    if not names:
        return {}
    found: dict[tuple[str, str | None, str | None], set[Need]] = {}
    uses: dict[tuple[str, str | None, str | None], list[tuple[PointKind, Node, int]]] = {}
    for node in walk(function.body):
        for position, (pairing, expression) in enumerate(pairings(node)):
            name, need = _parameter(expression, pairing)
            if name in names:
                what = name, need.part, need.key
                found.setdefault(what, set()).add(need)
                uses.setdefault(what, []).append((_KINDS[type(node)], node, position))
    # Two ways to use one thing: the function will know which is right.
    certain = {what: next(iter(ways)) for what, ways in found.items() if len(ways) == 1}
    if not certain:
        return {}
    flow = FunctionFlow(function)
    sure: dict[str, list[Need]] = {}
    for what, need in certain.items():
        name = what[0]
        if (need.part or need.key) and is_changed(function, name):
            continue
        if _is_sure(name, uses[what], flow) or _is_sure_inside(name, uses[what], function):
            sure.setdefault(name, []).append(need)
    return sure


def is_changed(function: FuncDef, name: str) -> bool:
    """Whether a function puts something into what has a name, or gives that to another one."""
    for node in walk(function.body):
        if isinstance(node, AssignmentStmt):
            for target in node.lvalues:
                if isinstance(target, MemberExpr) and dotted(target.expr) == name:
                    return True
                if isinstance(target, IndexExpr) and dotted(target.base) == name:
                    return True
        elif isinstance(node, CallExpr) and any(
            isinstance(each, NameExpr) and each.name == name for each in node.args
        ):
            return True
    return False


def _is_sure_inside(name: str, uses: list[tuple[PointKind, Node, int]], outer: FuncDef) -> bool:
    """The same for a function that returns one which uses what it was given.

    That is what the maker of a decorator does, and a decorator.
    """
    inner = _returned_function(outer)
    if inner is None or any(each.variable.name == name for each in inner.arguments):
        return False
    inside = {id(node) for node in walk(inner.body)}
    if mentions(outer.body, name) != sum(id(node) in inside for _, node, _ in uses):
        return False
    return _is_sure_free(uses, FunctionFlow(inner)) or _is_sure_inside(name, uses, inner)


def _returned_function(outer: FuncDef) -> FuncDef | None:
    """The function that another one defines and returns, and does not ask anything before."""
    body = outer.body.body
    last = body[-1] if body else None
    if not isinstance(last, ReturnStmt) or not isinstance(last.expr, NameExpr):
        return None
    if not all(isinstance(each, _PLAIN) for each in body[:-1]):
        return None
    found = [inner for each in body if (inner := definition_of(each)) is not None]
    return found[0] if len(found) == 1 and found[0].name == last.expr.name else None


def _is_sure_free(uses: list[tuple[PointKind, Node, int]], flow: FunctionFlow) -> bool:
    return flow.always(_points_of(uses, flow.graph))


def _points_of(uses: list[tuple[PointKind, Node, int]], graph: Graph) -> list[int]:
    return [
        index
        for kind, node, position in uses
        for index in graph.points_of(node)
        if graph.points[index].kind is kind and graph.points[index].item in (-1, position)
    ]


def kept(init: FuncDef, owner: ClassDef, replaces: Callable[[str], bool]) -> dict[str, list[Need]]:
    """What the methods of a class do with what its ``__init__`` is given, and keeps.

    Only what is kept as it is, in an attribute that is used in one way wherever it is used.

    Args:
        init: The ``__init__``.
        owner: The class.
        replaces: Whether another one may be put into an attribute, from outside.
    """
    me = init.arguments[0].variable.name if init.arguments else ""
    attributes: dict[str, str] = {}
    for statement in init.body.body:
        if isinstance(statement, AssignmentStmt) and isinstance(statement.rvalue, NameExpr):
            target = statement.lvalues[0]
            if (
                isinstance(target, MemberExpr)
                and dotted(target.expr) == me
                and not replaces(target.name)
            ):
                attributes[target.name] = statement.rvalue.name
    found: dict[str, list[Need]] = {}
    reads = _Reads(owner) if attributes else None
    for attribute, name in attributes.items():
        assert reads is not None
        if mentions(init.body, name) != 1:
            continue
        parts = list(_kept_parts(reads, attribute))
        if parts:
            found[name] = parts
            continue
        ways = reads.ways[f"self.{attribute}"]
        # Once it is kept, all else are its uses, and all are of one kind.
        if len(set(ways)) == 1 and reads.named[attribute] == len(ways) + 1:
            found[name] = [ways[0]]
    return found


class _Reads:
    """What the methods of a class do with attributes, by what is written: one walk of it.

    Attributes:
        ways: How something is used: ``self.maker``, or what a call of it gives.
        parts: How what the attributes of something give is used: the attribute, and how.
        named: How often an attribute is named.
        read: How often each attribute of something is named.
        assigned: What attributes of are assigned.
    """

    def __init__(self, owner: ClassDef) -> None:
        self.ways: defaultdict[str, list[Need]] = defaultdict(list)
        self.parts: defaultdict[str, list[tuple[str, Need]]] = defaultdict(list)
        self.named: Counter[str] = Counter()
        self.read: defaultdict[str, Counter[str]] = defaultdict(Counter)
        self.assigned: set[str] = set()
        self._owner = owner
        for node in walk(owner.defs):
            if isinstance(node, MemberExpr):
                self.named[node.name] += 1
                if (text := dotted(node.expr)) is not None:
                    self.read[text][node.name] += 1
            elif isinstance(node, AssignmentStmt):
                targets = [each for each in node.lvalues if isinstance(each, MemberExpr)]
                self.assigned.update(filter(None, (dotted(each.expr) for each in targets)))
            else:
                for pairing, expression in pairings(node):
                    self._use(pairing, expression)

    def _use(self, pairing: Pairing, expression: Expression) -> None:
        called = isinstance(expression, CallExpr)
        held = expression.callee if isinstance(expression, CallExpr) else expression
        if not isinstance(held, MemberExpr):
            return
        if (text := dotted(held)) is not None:
            self.ways[text].append(Need(pairing, called))
        if called and (owner := dotted(held.expr)) is not None:
            self.parts[owner].append((held.name, Need(pairing, True, part=held.name)))

    @cached_property
    def by_method(self) -> dict[str, set[str]]:
        """What is written of attributes in each method: ``self.maker``."""
        methods = [each for each in map(definition_of, self._owner.defs.body) if each is not None]
        return {
            method.name: {
                name
                for node in walk(method.body)
                if isinstance(node, MemberExpr) and (name := dotted(node)) is not None
            }
            for method in methods
        }


def _kept_parts(reads: _Reads, attribute: str) -> Iterator[Need]:
    """What the methods of a class do with what the attributes of one of its own give.

    Where that is only read, and each of them is used in one way.
    """
    own = f"self.{attribute}"
    # It is bound once, and all else are its attributes.
    if own in reads.assigned or reads.named[attribute] != reads.read[own].total() + 1:
        return
    ways: defaultdict[str, list[Need]] = defaultdict(list)
    for name, need in reads.parts[own]:
        ways[name].append(need)
    for name, found in ways.items():
        if len(set(found)) == 1 and reads.read[own][name] == len(found):
            yield replace(found[0], methods=_reaching(reads.by_method, f"{own}.{name}"))


def _reaching(read: dict[str, set[str]], attribute: str) -> frozenset[str]:
    """The methods of a class that read an attribute, themselves or through others of them."""
    found = {name for name, names in read.items() if attribute in names}
    more = found
    while more:
        more = {
            name
            for name, names in read.items()
            if name not in found and any(f"self.{each}" in names for each in more)
        }
        found |= more
    return frozenset(found)


def _is_sure(name: str, uses: list[tuple[PointKind, Node, int]], flow: FunctionFlow) -> bool:
    """Whether a function uses a parameter in one of some places, whatever happens."""
    graph = flow.graph
    points = [
        index
        for index in _points_of(uses, graph)
        # Before that it may have been put in order.
        if flow.bindings.reaching(index, name) == {Graph.ENTRY}
    ]
    # If one of them fails, that is what comes of the call.
    return flow.always(points) and not may_reach(
        graph, points, Graph.EXIT, first=EdgeKind.ERROR, avoiding=points
    )


def needed(node: Node) -> Iterator[tuple[str, Need]]:
    """The names that one node uses, or calls and uses, each with how."""
    for pairing, expression in pairings(node):
        name, need = _parameter(expression, pairing)
        if need.part is None and need.key is None:
            yield name, need


def _parameter(expression: Expression, pairing: Pairing) -> tuple[str, Need]:
    """The name that is used, or called and used, with how: an attribute of it, or an element."""
    called = isinstance(expression, CallExpr)
    used = expression.callee if isinstance(expression, CallExpr) else expression
    if isinstance(used, NameExpr):
        return used.name, Need(pairing, called)
    if called and isinstance(used, MemberExpr) and isinstance(used.expr, NameExpr):
        return used.expr.name, Need(pairing, called, part=used.name)
    if (
        called
        and isinstance(used, IndexExpr)
        and isinstance(used.base, NameExpr)
        and isinstance(used.index, StrExpr)
    ):
        return used.base.name, Need(pairing, called, key=used.index.value)
    return "", Need(pairing, called)


def pairings(node: Node) -> Iterator[tuple[Pairing, Expression]]:
    """What a statement or an ``await`` uses, and how."""
    if isinstance(node, WithStmt):
        for expression in node.expr:
            yield Pairing.ASYNC_WITH if node.is_async else Pairing.WITH, expression
    elif isinstance(node, ForStmt):
        yield Pairing.ASYNC_FOR if node.is_async else Pairing.FOR, node.expr
    elif isinstance(node, AwaitExpr):
        yield Pairing.AWAIT, node.expr
