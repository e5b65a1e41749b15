"""What stands in a module and in each of its functions, read by one walk.

Whoever wants to know what a function holds asks here: each walk of its own would visit the same
nodes again, and that is where most of the time went.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Final, TypeVar

from mypy.nodes import (
    Block,
    CallExpr,
    ClassDef,
    ForStmt,
    FuncDef,
    IndexExpr,
    LambdaExpr,
    MemberExpr,
    NameExpr,
    ReturnStmt,
    TryStmt,
    WhileStmt,
    YieldExpr,
    YieldFromExpr,
)

from mypy_asyncsession.semantic.cfg.attempts import attempt_of
from mypy_asyncsession.semantic.syntax import (
    BACKWARDS,
    BLOCKS,
    FIELDS,
    blocks,
    inside,
    push,
    statements,
    walk,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from collections.abc import Set as AbstractSet

    from mypy.nodes import Expression, FuncItem, MypyFile, Node, Statement

    from mypy_asyncsession.semantic.cfg.attempts import Attempt

_N = TypeVar("_N", bound="Node")

#: What has a body with names of its own.
_SCOPES: Final = frozenset({FuncDef, LambdaExpr, ClassDef})
_YIELDS: Final = frozenset({YieldExpr, YieldFromExpr})
_NAMED: Final = frozenset({MemberExpr, NameExpr})
#: The bodies of what has names of its own.
_OWN_BODIES: Final[dict[type, tuple[str, ...]]] = {
    Block: ("body",),
    ClassDef: ("defs",),
    FuncDef: ("body",),
    LambdaExpr: ("body",),
}
#: The fields of each kind that hold neither blocks nor a body.
_HEADS: Final = {
    kind: tuple(name for name in names if name not in {**BLOCKS, **_OWN_BODIES}.get(kind, ()))
    for kind, names in FIELDS.items()
}


class Contents:
    """What stands in the body of a function.

    Attributes:
        nodes: The nodes of the body and of the functions inside it, as ``walk`` has them.
    """

    def __init__(self, body: Block, nodes: Sequence[Node]) -> None:
        """Take over what was found.

        Args:
            body: The body.
            nodes: All that is inside it.
        """
        self._body = body
        self.nodes = nodes

    @cached_property
    def words(self) -> AbstractSet[str]:
        """The names of variables and attributes in the body."""
        return {node.name for node in self.nodes if type(node) in _NAMED}  # type: ignore[attr-defined]

    @cached_property
    def kinds(self) -> AbstractSet[type]:
        """The kinds of the nodes in the body."""
        return set(map(type, self.nodes))

    @cached_property
    def keys(self) -> AbstractSet[str]:
        """The names that something is looked up by: ``a[key]``, ``a.get(key)``."""
        if IndexExpr not in self.kinds and CallExpr not in self.kinds:
            return frozenset()
        return {key.name for node in self.nodes if isinstance(key := _key(node), NameExpr)}

    @cached_property
    def own(self) -> Sequence[Node]:
        """The nodes of the function itself, not of those inside it."""
        if not self.kinds.isdisjoint(_SCOPES):
            return list(walk(self._body, into_functions=False))
        return self.nodes

    @cached_property
    def yields(self) -> list[YieldExpr | YieldFromExpr]:
        """The yields of the function itself."""
        if self.kinds.isdisjoint(_YIELDS):
            return []
        return [node for node in self.own if isinstance(node, (YieldExpr, YieldFromExpr))]

    @cached_property
    def returned(self) -> list[Expression]:
        """The expressions that the function itself returns."""
        if ReturnStmt not in self.kinds:
            return []
        found = (node.expr for node in self.own if type(node) is ReturnStmt)
        return [each for each in found if each is not None]

    @cached_property
    def attempts(self) -> list[Attempt]:
        """The blocks of the function itself whose exceptions are caught."""
        if TryStmt not in self.kinds:
            return []
        found = (attempt_of(node) for node in self.own if type(node) is TryStmt)
        return [attempt for attempt in found if attempt is not None]

    def of_kind(self, kind: type[_N]) -> list[_N]:
        """The nodes of a kind, those of the functions inside among them."""
        return [node for node in self.nodes if type(node) is kind] if kind in self.kinds else []


class ModuleIndex:
    """What stands in a module.

    Attributes:
        nodes: All nodes, as ``walk`` has them.
        words: The names of variables and attributes.
        keywords: The names of the arguments in calls; ``None`` is of those without one.
    """

    def __init__(self, tree: MypyFile) -> None:
        """Read a module.

        Args:
            tree: Its tree.
        """
        self.words: set[str] = set()
        self.keywords: set[str | None] = set()
        self.nodes: list[Node] = []
        self._ends: dict[int, tuple[int, int]] = {}
        self._read(tree)

    def _read(self, tree: MypyFile) -> None:
        nodes, words, ends, keywords = self.nodes, self.words, self._ends, self.keywords
        stack: list[Node | int] = [tree]
        pop, append = stack.pop, stack.append
        while stack:
            current = pop()
            kind = type(current)
            if kind is NameExpr:
                words.add(current.name)  # type: ignore[union-attr]
                nodes.append(current)  # type: ignore[arg-type]
                continue
            if kind is MemberExpr:
                words.add(current.name)  # type: ignore[union-attr]
                nodes.append(current)  # type: ignore[arg-type]
                append(current.expr)  # type: ignore[union-attr]
                continue
            if kind is CallExpr:
                nodes.append(current)  # type: ignore[arg-type]
                keywords.update(current.arg_names)  # type: ignore[union-attr]
                stack.extend(reversed(current.args))  # type: ignore[union-attr]
                append(current.callee)  # type: ignore[union-attr]
                continue
            if kind is Block:
                if current.is_unreachable:  # type: ignore[union-attr]
                    continue
                ends[id(current)] = len(nodes), 0
                append(id(current))
            elif kind is int:
                ends[current] = ends[current][0], len(nodes)  # type: ignore[index]
                continue
            nodes.append(current)  # type: ignore[arg-type]
            names = BACKWARDS.get(kind)
            if names is not None:
                push(stack, current, names)  # type: ignore[arg-type]

    def of(self, function: FuncItem) -> Contents | None:
        """What stands in a function of the module; ``None`` where it is not reached."""
        span = self._ends.get(id(function.body))
        return Contents(function.body, self.nodes[slice(*span)]) if span is not None else None

    def of_kind(self, kind: type[_N]) -> list[_N]:
        """The nodes of a kind."""
        return [node for node in self.nodes if type(node) is kind]


class Enclosing:
    """A block that a statement stands in.

    Attributes:
        statement: What the block is of.
        block: The block.
        outer: The block around that; ``None`` for the body of the function.
    """

    __slots__ = ("block", "outer", "statement")

    def __init__(self, statement: Node, block: Block, outer: Enclosing | None) -> None:
        self.statement = statement
        self.block = block
        self.outer = outer


def enclosing_in(body: Block | Sequence[Node]) -> dict[int, Enclosing | None]:
    """For each statement of a body, by id: the innermost block of another one that it is in."""
    found: dict[int, Enclosing | None] = {}
    first = body.body if isinstance(body, Block) else body
    stack: list[tuple[Enclosing | None, Sequence[Node]]] = [(None, first)]
    while stack:
        outer, run = stack.pop()
        for statement in run:
            found[id(statement)] = outer
            stack.extend(
                (Enclosing(statement, block, outer), block.body)
                for block in blocks(statement)
                if not block.is_unreachable
            )
    return found


def bodies(statement: Node) -> Iterator[Sequence[Statement]]:
    """The statements in each of the blocks of a statement that are reached, in source order."""
    inner = (statement,) if isinstance(statement, Block) else blocks(statement)
    return (block.body for block in inner if not block.is_unreachable)


def looped(among: Iterable[Node]) -> Iterator[Node]:
    """What is in the bodies of the loops among some statements: a ``break`` there leaves these."""
    for statement in among:
        if isinstance(statement, (ForStmt, WhileStmt)):
            yield from statements(statement.body)


def head(statement: Node) -> Iterator[Node]:
    """The expressions of a statement itself, those in its blocks left out."""
    return inside(statement, _HEADS.get(type(statement), ()))


def contents(function: FuncItem) -> Contents:
    """What stands in a function, wherever that is."""
    return Contents(function.body, list(walk(function.body)))


def _key(node: Node) -> Node | None:
    """What something is looked up by in an expression."""
    if isinstance(node, IndexExpr):
        return node.index
    if isinstance(node, CallExpr) and node.args and isinstance(node.callee, MemberExpr):
        return node.args[0] if node.callee.name == "get" else None
    return None
