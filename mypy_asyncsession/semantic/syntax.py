"""Walking mypy's trees, analysed or only parsed.

Interpreted code cannot subclass mypy's compiled visitors, so the children of a node are found
through a table of its fields.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from typing import TYPE_CHECKING, Final

from mypy import nodes
from mypy.nodes import (
    Block,
    CallExpr,
    ClassDef,
    Decorator,
    EllipsisExpr,
    ExpressionStmt,
    FuncDef,
    LambdaExpr,
    MemberExpr,
    NameExpr,
    Node,
    OverloadedFuncDef,
    PassStmt,
    RaiseStmt,
    ReturnStmt,
    StrExpr,
    YieldExpr,
    YieldFromExpr,
)

from mypy_asyncsession.semantic.overloads import implementation_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from mypy.nodes import Expression, FuncItem, MypyFile

#: The statements that define a function or a class.
DEFINITIONS: Final = (FuncDef, Decorator, OverloadedFuncDef, ClassDef)

#: The fields of a node that hold nodes, or lists (also of lists) of nodes, in source order.
FIELDS: Final[dict[type, tuple[str, ...]]] = {
    nodes.MypyFile: ("defs",),
    nodes.Block: ("body",),
    nodes.ExpressionStmt: ("expr",),
    nodes.AssignmentStmt: ("rvalue", "lvalues"),
    nodes.OperatorAssignmentStmt: ("lvalue", "rvalue"),
    nodes.WhileStmt: ("expr", "body", "else_body"),
    nodes.ForStmt: ("expr", "index", "body", "else_body"),
    nodes.ReturnStmt: ("expr",),
    nodes.AssertStmt: ("expr", "msg"),
    nodes.DelStmt: ("expr",),
    nodes.RaiseStmt: ("expr", "from_expr"),
    nodes.TryStmt: ("body", "types", "handlers", "else_body", "finally_body"),
    nodes.WithStmt: ("expr", "target", "body"),
    nodes.MatchStmt: ("subject", "guards", "bodies"),
    nodes.IfStmt: ("expr", "body", "else_body"),
    nodes.FuncDef: ("arguments", "body"),
    nodes.LambdaExpr: ("arguments", "body"),
    nodes.Argument: ("initializer",),
    nodes.Decorator: ("original_decorators", "func"),
    # mypy takes out what redefines a name: handlers of a framework often have the same one.
    nodes.OverloadedFuncDef: ("unanalyzed_items",),
    nodes.ClassDef: ("decorators", "base_type_exprs", "defs"),
    nodes.MemberExpr: ("expr",),
    nodes.CallExpr: ("callee", "args"),
    nodes.OpExpr: ("left", "right"),
    nodes.ComparisonExpr: ("operands",),
    nodes.UnaryExpr: ("expr",),
    nodes.IndexExpr: ("base", "index"),
    nodes.SliceExpr: ("begin_index", "end_index", "stride"),
    nodes.ListExpr: ("items",),
    nodes.TupleExpr: ("items",),
    nodes.SetExpr: ("items",),
    nodes.DictExpr: ("items",),
    nodes.ConditionalExpr: ("cond", "if_expr", "else_expr"),
    nodes.AssignmentExpr: ("value", "target"),
    nodes.AwaitExpr: ("expr",),
    nodes.YieldExpr: ("expr",),
    nodes.YieldFromExpr: ("expr",),
    nodes.StarExpr: ("expr",),
    nodes.CastExpr: ("expr",),
    nodes.AssertTypeExpr: ("expr",),
    nodes.RevealExpr: ("expr",),
    nodes.GeneratorExpr: ("sequences", "condlists", "left_expr"),
    nodes.ListComprehension: ("generator",),
    nodes.SetComprehension: ("generator",),
    nodes.DictionaryComprehension: ("sequences", "condlists", "key", "value"),
    nodes.SuperExpr: ("call",),
    nodes.TypeAliasStmt: ("value",),
}
#: The fields of a statement that hold blocks, or lists of blocks.
BLOCKS: Final[dict[type, tuple[str, ...]]] = {
    nodes.WhileStmt: ("body", "else_body"),
    nodes.ForStmt: ("body", "else_body"),
    nodes.TryStmt: ("body", "handlers", "else_body", "finally_body"),
    nodes.WithStmt: ("body",),
    nodes.MatchStmt: ("bodies",),
    nodes.IfStmt: ("body", "else_body"),
}
#: The kind of statement that catches exceptions.
CATCHER: Final = nodes.TryStmt
#: The same, and those of a definition that hold others, or its body.
_BODIES: Final[dict[type, tuple[str, ...]]] = {
    **BLOCKS,
    nodes.FuncDef: ("body",),
    nodes.Decorator: ("func",),
    nodes.OverloadedFuncDef: ("unanalyzed_items",),
    nodes.ClassDef: ("defs",),
}


def children(node: Node) -> Iterator[Node]:
    """The nodes directly inside *node*, in source order."""
    return inside(node, FIELDS.get(type(node), ()))


def blocks(statement: Node) -> Iterator[Block]:
    """The blocks directly inside a statement; functions and classes have none."""
    return inside(statement, BLOCKS.get(type(statement), ()))  # type: ignore[return-value]


def inside(node: Node, names: tuple[str, ...]) -> Iterator[Node]:
    """The nodes in some fields of *node*, in this order."""
    for name in names:
        value = getattr(node, name)
        if value is None:
            continue
        if isinstance(value, list):
            for element in value:
                if isinstance(element, Node):
                    yield element
                elif element is not None:
                    # The guards of a match, the pairs of a dict, the conditions of a comprehension.
                    yield from (inner for inner in element if isinstance(inner, Node))
        elif isinstance(value, Node):
            yield value


def expressions(node: Node, kinds: frozenset[type]) -> Iterator[Node]:
    """*node* and the nodes inside it that are of one of *kinds*, blocks and functions left out."""
    stack = [node]
    while stack:
        current = stack.pop()
        kind = type(current)
        names = BACKWARDS.get(kind)
        if names is None or kind is Block:
            continue
        if kind in kinds:
            yield current
        if kind is not LambdaExpr:
            push(stack, current, names)


def walk(node: Node, *, into_functions: bool = True) -> Iterator[Node]:
    """*node* and all that is inside it, in source order; unreachable blocks are left out.

    Args:
        node: Where to begin.
        into_functions: Whether the bodies of functions and classes inside *node* count.
    """
    stack = [node]
    while stack:
        current = stack.pop()
        kind = type(current)
        if kind is Block and current.is_unreachable:  # type: ignore[attr-defined]
            continue
        yield current
        names = BACKWARDS.get(kind)
        if names is None or (not into_functions and kind in _WITH_A_SCOPE and current is not node):
            continue
        push(stack, current, names)


def statements(block: Block | Sequence[Node], *, into_functions: bool = False) -> Iterator[Node]:
    """The statements of *block* and of the blocks inside it; unreachable ones are left out.

    Args:
        block: Where to begin.
        into_functions: Whether the bodies of functions and classes inside it count.
    """
    stack: list[Node] = list(reversed(block.body if isinstance(block, Block) else block))
    fields = _BODIES if into_functions else BLOCKS
    while stack:
        current = stack.pop()
        yield current
        kind = type(current)
        if kind is Block:
            if not current.is_unreachable:  # type: ignore[attr-defined]
                stack.extend(reversed(current.body))  # type: ignore[attr-defined]
        elif kind in fields:
            stack.extend(reversed(list(inside(current, fields[kind]))))


#: The fields that hold lists of nodes.
_LISTS: Final[dict[type, frozenset[str]]] = {
    nodes.MypyFile: frozenset({"defs"}),
    nodes.Block: frozenset({"body"}),
    nodes.AssignmentStmt: frozenset({"lvalues"}),
    nodes.TryStmt: frozenset({"handlers"}),
    nodes.WithStmt: frozenset({"expr"}),
    nodes.MatchStmt: frozenset({"bodies"}),
    nodes.IfStmt: frozenset({"expr", "body"}),
    nodes.FuncDef: frozenset({"arguments"}),
    nodes.LambdaExpr: frozenset({"arguments"}),
    nodes.Decorator: frozenset({"original_decorators"}),
    nodes.OverloadedFuncDef: frozenset({"unanalyzed_items"}),
    nodes.ClassDef: frozenset({"decorators", "base_type_exprs"}),
    nodes.CallExpr: frozenset({"args"}),
    nodes.ComparisonExpr: frozenset({"operands"}),
    nodes.ListExpr: frozenset({"items"}),
    nodes.TupleExpr: frozenset({"items"}),
    nodes.SetExpr: frozenset({"items"}),
    nodes.GeneratorExpr: frozenset({"sequences"}),
    nodes.DictionaryComprehension: frozenset({"sequences"}),
}
#: Those in whose lists nodes may be missing, or in lists of their own: the guards of a match, the
#: pairs of a dict, the conditions of a comprehension.
_LOOSE_LISTS: Final[dict[type, frozenset[str]]] = {
    nodes.TryStmt: frozenset({"types"}),
    nodes.WithStmt: frozenset({"target"}),
    nodes.MatchStmt: frozenset({"guards"}),
    nodes.DictExpr: frozenset({"items"}),
    nodes.GeneratorExpr: frozenset({"condlists"}),
    nodes.DictionaryComprehension: frozenset({"condlists"}),
}
#: The fields of each kind, the last one first, each with what it holds: a node or none (0), nodes
#: (1), or nodes that may be missing, or in lists of their own (2).
BACKWARDS: Final[dict[type, tuple[tuple[str, int], ...]]] = {
    kind: tuple(
        (
            name,
            1 if name in _LISTS.get(kind, ()) else 2 if name in _LOOSE_LISTS.get(kind, ()) else 0,
        )
        for name in reversed(names)
    )
    for kind, names in FIELDS.items()
}
_TEXT: Final = frozenset({nodes.BytesExpr, nodes.FloatExpr, nodes.IntExpr, StrExpr})
_YIELD: Final = re.compile(rb"\byield\b")
_WITH_A_SCOPE: Final = frozenset({FuncDef, LambdaExpr, ClassDef})


def push(stack: list[Node], node: Node, fields: tuple[tuple[str, int], ...]) -> None:
    """Put what is directly inside *node* onto a stack, so that the first of it comes off first.

    Whoever walks far spends most of the time here, so it does by hand what ``children`` does.
    """
    for name, holds in fields:
        value = getattr(node, name)
        if holds == 0:
            if value is not None:
                stack.append(value)
        elif holds == 1:
            stack.extend(value[::-1])
        else:
            for element in reversed(value):
                if isinstance(element, Node):
                    stack.append(element)
                elif element is not None:
                    stack.extend(inner for inner in reversed(element) if inner is not None)


def yields(function: FuncItem) -> list[YieldExpr | YieldFromExpr]:
    """The yields of *function* itself, not of the functions inside it."""
    return [
        node
        for node in walk(function.body, into_functions=False)
        if isinstance(node, (YieldExpr, YieldFromExpr))
    ]


def mark_generators(tree: MypyFile, content: bytes) -> None:
    """Set on the functions of a tree that was only parsed whether they yield, as mypy does.

    Args:
        tree: The tree.
        content: What it was parsed from: functions are gone through where it has the word alone.
    """
    if b"\r" in content:
        content = content.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    lines: list[int] = []
    line, start = 1, 0
    for found in _YIELD.finditer(content):
        line += content.count(b"\n", start, found.start())
        start = found.start()
        lines.append(line)
    if not lines:
        return
    for statement in statements(tree.defs, into_functions=True):
        if isinstance(statement, FuncDef):
            at = bisect_left(lines, statement.line)
            last = statement.end_line or lines[-1]
            if at < len(lines) and lines[at] <= last and yields(statement):
                statement.is_generator = True
                statement.is_async_generator = statement.is_coroutine


def definition_of(node: Node) -> FuncDef | None:
    """The function behind a definition, its decorators aside."""
    kind = type(node)
    if kind is FuncDef:
        return node  # type: ignore[return-value]
    if kind is Decorator:
        return node.func  # type: ignore[attr-defined, no-any-return]
    if isinstance(node, OverloadedFuncDef):
        last = implementation_of(node)
        if last is not None:
            return definition_of(last)
        return definition_of(node.items[0]) if node.items else None
    return None


def empty_class(name: str, base: Expression, line: int) -> ClassDef:
    """``class name(base): ...``, for what is written otherwise in a line."""
    made = ClassDef(name, Block([]), base_type_exprs=[base])
    made.line = line
    return made


def only_raises(function: FuncItem) -> bool:
    """Whether the body does nothing but raise, as one does that stands for another."""
    return is_stub_body(function) and any(
        isinstance(statement, RaiseStmt) for statement in function.body.body
    )


def leaves_function(block: Block) -> bool:
    """Whether a block ends with a ``return`` or a ``raise``, as written."""
    return isinstance(block.body[-1], (RaiseStmt, ReturnStmt))


def is_stub_body(function: FuncItem) -> bool:
    """Whether the body says nothing: ``...``, ``pass``, a docstring, a ``raise``.

    One without a statement was left out by mypy's parser: what it says is not known.
    """
    return bool(function.body.body) and all(
        isinstance(statement, RaiseStmt) or says_nothing(statement)
        for statement in function.body.body
    )


def says_nothing(statement: Node) -> bool:
    """Whether a statement does nothing: ``...``, ``pass``, a docstring."""
    return isinstance(statement, PassStmt) or (
        isinstance(statement, ExpressionStmt)
        and isinstance(statement.expr, (EllipsisExpr, StrExpr))
    )


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


def is_text(expression: Node) -> bool:
    """Whether an expression is a string or a number, an f-string among them."""
    kind = type(expression)
    if kind is CallExpr:
        return is_method_of_text(expression.callee)  # type: ignore[attr-defined]
    return kind in _TEXT


def is_method_of_text(callee: Node) -> bool:
    """Whether what is called is a method of a string in place: f-strings are made of such calls."""
    return isinstance(callee, MemberExpr) and type(callee.expr) is StrExpr


def as_written(name: str) -> str:
    """A name, or a chain of them, without the marks that mypy gives to those bound anew."""
    return name.replace("'", "")


def mentions(node: Node, name: str) -> int:
    """How often a name stands in *node*."""
    return sum(isinstance(inner, NameExpr) and inner.name == name for inner in walk(node))


def returned(function: FuncItem) -> list[Expression]:
    """The expressions that *function* returns."""
    return [
        node.expr
        for node in walk(function.body, into_functions=False)
        if isinstance(node, ReturnStmt) and node.expr is not None
    ]
