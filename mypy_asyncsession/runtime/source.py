"""What the source of a function says of what it hands out: asked only where something is wrong."""

from __future__ import annotations

import ast
import functools
import inspect
import textwrap
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import CodeType

    Function = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)


@dataclass(frozen=True)
class Body:
    """What a function hands out, as its source says it.

    Attributes:
        returns: The annotation of what it returns.
        handed: The expressions that it yields, or returns if it yields nothing.
        bound: The expressions that a local name is bound to.
        entered: The names that a ``with`` of its own binds.
    """

    returns: ast.expr | None = None
    handed: tuple[ast.expr, ...] = ()
    bound: dict[str, list[ast.expr]] = field(default_factory=dict)
    entered: frozenset[str] = frozenset()

    @property
    def handed_names(self) -> frozenset[str]:
        """The local names that it hands out, alone or in something: not what is asked of them."""
        found = set()
        pending: list[ast.AST] = list(self.handed)
        while pending:
            node = pending.pop()
            if isinstance(node, ast.Name):
                found.add(node.id)
            elif not isinstance(node, (ast.Attribute, ast.Subscript)):
                pending += ast.iter_child_nodes(node)
        return frozenset(found)


#: By the file, the line and the name: code objects of two files may be equal.
_known: dict[tuple[str, int, str], Body | None] = {}


def body_of(code: CodeType) -> Body | None:
    """What the source of a function says, or ``None`` where there is no source."""
    key = (code.co_filename, code.co_firstlineno, code.co_name)
    if key not in _known:
        try:
            _known[key] = _read(code)
        except (OSError, SyntaxError, ValueError, RecursionError):
            _known[key] = None
    return _known[key]


def _read(code: CodeType) -> Body | None:
    node = _node(code)
    return None if node is None else _body(node)


def _node(code: CodeType) -> Function | None:
    for node in ast.walk(ast.parse(textwrap.dedent(inspect.getsource(code)))):
        if isinstance(node, _FUNCTIONS) and getattr(node, "name", "<lambda>") == code.co_name:
            return node
    return None


def drives(code: CodeType, name: str) -> bool:
    """Whether a function enters a name, awaits it, or iterates over it."""
    for node in _nodes(code):
        driven: list[ast.expr] = []
        if isinstance(node, (ast.With, ast.AsyncWith)):
            driven = [item.context_expr for item in node.items]
        elif isinstance(node, ast.Await):
            driven = [node.value]
        elif isinstance(node, (ast.For, ast.AsyncFor, ast.comprehension)):
            driven = [node.iter]
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            driven = node.args if node.func.attr in _ENTERING else []
        if any(isinstance(each, ast.Name) and each.id == name for each in driven):
            return True
    return False


def only_looks_at(code: CodeType, name: str) -> bool:
    """Whether a function does nothing with a name but to print it, to compare it, and so on.

    Where there is no source, or any doubt, it may do more.
    """
    looked_at = set()
    for node in _nodes(code):
        looking: list[ast.expr] = []
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            looking = node.args if node.func.id in _LOOKING else []
        elif isinstance(node, ast.FormattedValue):
            looking = [node.value]
        elif isinstance(node, ast.Compare):
            looking = [node.left, *node.comparators]
        elif isinstance(node, (ast.If, ast.IfExp, ast.While, ast.Assert)):
            looking = [node.test]
        elif isinstance(node, ast.UnaryOp):
            looking = [node.operand]
        looked_at |= set(map(id, looking))
    uses = [node for node in _nodes(code) if isinstance(node, ast.Name) and node.id == name]
    return bool(uses) and all(id(use) in looked_at for use in uses)


#: What enters its argument.
_ENTERING = frozenset({"enter_async_context", "enter_context"})
#: What looks at an object, and does nothing with it.
_LOOKING = frozenset({"bool", "id", "isinstance", "print", "repr", "str", "type"})


@functools.lru_cache(maxsize=64)
def _nodes(code: CodeType) -> tuple[ast.AST, ...]:
    """All nodes of a function; none where there is no source."""
    try:
        function = _node(code)
    except (OSError, SyntaxError, ValueError, RecursionError):
        return ()
    return () if function is None else tuple(ast.walk(function))


def _body(function: Function) -> Body:
    if isinstance(function, ast.Lambda):
        return Body(handed=(function.body,))
    yielded: list[ast.expr] = []
    returned: list[ast.expr] = []
    bound: dict[str, list[ast.expr]] = {}
    entered = set()
    arguments = function.args
    for each in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs):
        if each.annotation is not None:
            bound.setdefault(each.arg, []).append(_Unquoted().visit(each.annotation))
    for node in _own(function):
        if isinstance(node, (ast.Yield, ast.YieldFrom)) and node.value is not None:
            yielded.append(node.value)
        elif isinstance(node, ast.Return) and node.value is not None:
            returned.append(node.value)
        elif isinstance(node, (ast.With, ast.AsyncWith)):
            for item in node.items:
                if isinstance(item.optional_vars, ast.Name):
                    bound.setdefault(item.optional_vars.id, []).append(item.context_expr)
                    entered.add(item.optional_vars.id)
        elif isinstance(node, ast.Assign):
            for target in node.targets:
                if isinstance(target, ast.Name):
                    bound.setdefault(target.id, []).append(node.value)
        elif isinstance(node, (ast.AnnAssign, ast.NamedExpr, ast.For, ast.AsyncFor)):
            value = node.iter if isinstance(node, (ast.For, ast.AsyncFor)) else node.value
            if isinstance(node.target, ast.Name) and value is not None:
                bound.setdefault(node.target.id, []).append(value)
    returns = function.returns and _Unquoted().visit(function.returns)
    return Body(returns, tuple(yielded or returned), bound, frozenset(entered))


def _own(function: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[ast.AST]:
    """The nodes of a function without those of functions and classes in it."""
    pending: list[ast.AST] = list(reversed(function.body))
    while pending:
        node = pending.pop()
        yield node
        if not isinstance(node, (*_FUNCTIONS, ast.ClassDef)):
            pending += reversed(list(ast.iter_child_nodes(node)))


class _Unquoted(ast.NodeTransformer):
    """An annotation without the quotes in it."""

    def visit_Constant(self, node: ast.Constant) -> ast.expr:
        if isinstance(node.value, str):
            try:
                return ast.parse(node.value.strip(), mode="eval").body
            except SyntaxError:
                return node
        return node
