"""Walking mypy's trees, analysed or only parsed.

Interpreted code cannot subclass mypy's compiled visitors, so the children of a node are found
through a table of its fields.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from mypy.nodes import (
    Block,
    ClassDef,
    Decorator,
    FuncDef,
    LambdaExpr,
    Node,
    OverloadedFuncDef,
    YieldExpr,
    YieldFromExpr,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy.nodes import FuncItem

#: The fields of a node that hold nodes, or lists (also of lists) of nodes, in source order.
FIELDS: Final[dict[str, tuple[str, ...]]] = {
    "MypyFile": ("defs",),
    "Block": ("body",),
    "ExpressionStmt": ("expr",),
    "AssignmentStmt": ("rvalue", "lvalues"),
    "OperatorAssignmentStmt": ("lvalue", "rvalue"),
    "WhileStmt": ("expr", "body", "else_body"),
    "ForStmt": ("expr", "index", "body", "else_body"),
    "ReturnStmt": ("expr",),
    "AssertStmt": ("expr", "msg"),
    "DelStmt": ("expr",),
    "RaiseStmt": ("expr", "from_expr"),
    "TryStmt": ("body", "types", "handlers", "else_body", "finally_body"),
    "WithStmt": ("expr", "target", "body"),
    "MatchStmt": ("subject", "guards", "bodies"),
    "IfStmt": ("expr", "body", "else_body"),
    "FuncDef": ("arguments", "body"),
    "LambdaExpr": ("arguments", "body"),
    "Argument": ("initializer",),
    "Decorator": ("original_decorators", "func"),
    "OverloadedFuncDef": ("items", "impl"),
    "ClassDef": ("decorators", "base_type_exprs", "defs"),
    "MemberExpr": ("expr",),
    "CallExpr": ("callee", "args"),
    "OpExpr": ("left", "right"),
    "ComparisonExpr": ("operands",),
    "UnaryExpr": ("expr",),
    "IndexExpr": ("base", "index"),
    "SliceExpr": ("begin_index", "end_index", "stride"),
    "ListExpr": ("items",),
    "TupleExpr": ("items",),
    "SetExpr": ("items",),
    "DictExpr": ("items",),
    "ConditionalExpr": ("cond", "if_expr", "else_expr"),
    "AssignmentExpr": ("value", "target"),
    "AwaitExpr": ("expr",),
    "YieldExpr": ("expr",),
    "YieldFromExpr": ("expr",),
    "StarExpr": ("expr",),
    "CastExpr": ("expr",),
    "AssertTypeExpr": ("expr",),
    "RevealExpr": ("expr",),
    "GeneratorExpr": ("sequences", "condlists", "left_expr"),
    "ListComprehension": ("generator",),
    "SetComprehension": ("generator",),
    "DictionaryComprehension": ("sequences", "condlists", "key", "value"),
    "SuperExpr": ("call",),
}


def children(node: Node) -> Iterator[Node]:
    """The nodes directly inside *node*, in source order."""
    for name in FIELDS.get(type(node).__name__, ()):
        yield from _nodes(getattr(node, name))


def _nodes(value: object) -> Iterator[Node]:
    if isinstance(value, Node):
        yield value
    elif isinstance(value, (list, tuple)):
        for element in value:
            yield from _nodes(element)


def walk(node: Node, *, into_functions: bool = True) -> Iterator[Node]:
    """*node* and all that is inside it, in source order; unreachable blocks are left out.

    Args:
        node: Where to begin.
        into_functions: Whether the bodies of functions and classes inside *node* count.
    """
    stack = [node]
    while stack:
        current = stack.pop()
        if isinstance(current, Block) and current.is_unreachable:
            continue
        yield current
        if (
            not into_functions
            and current is not node
            and isinstance(current, (FuncDef, LambdaExpr, ClassDef))
        ):
            continue
        stack.extend(reversed(list(children(current))))


def statements(block: Block | list[Node]) -> Iterator[Node]:
    """The statements of *block* and of the blocks inside it, functions and classes aside."""
    stack: list[Node] = list(reversed(block.body if isinstance(block, Block) else block))
    while stack:
        current = stack.pop()
        yield current
        if isinstance(current, Block):
            if not current.is_unreachable:
                stack.extend(reversed(current.body))
            continue
        if isinstance(current, (FuncDef, Decorator, OverloadedFuncDef, ClassDef)):
            continue
        stack.extend(reversed([child for child in children(current) if isinstance(child, Block)]))


def yields(function: FuncItem) -> list[YieldExpr | YieldFromExpr]:
    """The yields of *function* itself, not of the functions inside it."""
    return [
        node
        for node in walk(function.body, into_functions=False)
        if isinstance(node, (YieldExpr, YieldFromExpr))
    ]


def definition_of(node: Node) -> FuncDef | None:
    """The function behind a definition, its decorators aside."""
    if isinstance(node, Decorator):
        return node.func
    if isinstance(node, OverloadedFuncDef):
        if node.impl is not None:
            return definition_of(node.impl)
        return definition_of(node.items[0]) if node.items else None
    return node if isinstance(node, FuncDef) else None


def is_stub_body(function: FuncItem) -> bool:
    """Whether the body says nothing: ``...``, ``pass``, a docstring, ``raise NotImplementedError``."""
    for statement in function.body.body:
        kind = type(statement).__name__
        if kind in ("PassStmt", "RaiseStmt"):
            continue
        if kind == "ExpressionStmt":
            inner = type(statement.expr).__name__  # type: ignore[attr-defined]
            if inner in ("EllipsisExpr", "StrExpr"):
                continue
        return False
    return True

