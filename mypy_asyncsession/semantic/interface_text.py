"""The text of a module, without the bodies of functions that say nothing to other modules.

Other modules may read what a module binds, its classes, signatures and decorators, and the bodies
of functions that give something nobody has annotated, or put something where others find it. The
other bodies are summed up by ``facts``. So a module whose text without them is what it was, and
whose facts are, means to all others what it meant.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final

from mypy.nodes import (
    AssignmentStmt,
    ClassDef,
    Decorator,
    ForStmt,
    FuncDef,
    GlobalDecl,
    LambdaExpr,
    ListExpr,
    NameExpr,
    NonlocalDecl,
    OperatorAssignmentStmt,
    OverloadedFuncDef,
    StarExpr,
    TupleExpr,
    WithStmt,
)

from mypy_asyncsession.semantic.leading_names import HOLDERS
from mypy_asyncsession.semantic.mentions import is_open, names_in, signature_of
from mypy_asyncsession.semantic.syntax import statements

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy.nodes import MypyFile, Node

    from mypy_asyncsession.semantic.module_source import ModuleSource

_LAST_LINE: Final = sys.maxsize
#: What declares, defines or keeps something that is not a variable of the function.
_LASTING: Final = frozenset(
    {ClassDef, Decorator, FuncDef, GlobalDecl, LambdaExpr, NonlocalDecl, OverloadedFuncDef}
)
#: Functions that put something under a name.
_PUTTING: Final = frozenset({"__setattr__", "globals", "patch", "setattr", "setdefault", "vars"})


def interface_text(source: ModuleSource) -> str:
    """The lines of a module that others may read, without those that are blank or a comment."""
    hidden: set[int] = set()
    for function in _functions(source.tree):
        first, last = function.body.line, function.body.end_line
        if last is not None and first > function.line and _is_quiet(function, source):
            hidden.update(range(first, last + 1))
    lines = source.text(1, _LAST_LINE).split("\n")
    shown = [
        line
        for number, line in enumerate(lines, 1)
        if number not in hidden and not _says_nothing(line)
    ]
    # What the hidden ones do to the containers, names and functions of the module.
    shown += map(repr, map(sorted, (source.mutated(), source.put_by_name(), source.run_in_sync())))
    return "\n".join(shown)


def _says_nothing(line: str) -> bool:
    text = line.strip()
    return not text or (text.startswith("#") and "type:" not in text)


def _functions(tree: MypyFile) -> Iterator[FuncDef]:
    """The functions of a module and of its classes, not those inside of functions."""
    stack: list[list[Node]] = [list(tree.defs)]
    while stack:
        for statement in statements(stack.pop()):
            if isinstance(statement, ClassDef):
                stack.append(list(statement.defs.body))
            elif isinstance(statement, OverloadedFuncDef):
                stack.append([*statement.items])
            elif isinstance(statement, Decorator):
                yield statement.func
            elif isinstance(statement, FuncDef):
                yield statement


def _is_quiet(function: FuncDef, source: ModuleSource) -> bool:
    """Whether the body of a function says nothing to other modules but what ``facts`` has."""
    contents = source.contents(function)
    if function.name.startswith("__") or "commit" in function.name:
        return False
    if contents.yields or not contents.kinds.isdisjoint(_LASTING):
        return False
    if contents.returned:
        signature = signature_of(function)
        if (
            signature is None
            or is_open(signature.ret_type)
            or not HOLDERS.isdisjoint(names_in(signature.ret_type))
        ):
            return False
    return contents.words.isdisjoint(_PUTTING) and not any(map(_keeps, contents.nodes))


def _keeps(node: Node) -> bool:
    """Whether a statement binds what is not a variable of its function."""
    if isinstance(node, AssignmentStmt):
        return not all(map(_is_variable, node.lvalues))
    if isinstance(node, OperatorAssignmentStmt):
        return not _is_variable(node.lvalue)
    if isinstance(node, ForStmt):
        return not _is_variable(node.index)
    if isinstance(node, WithStmt):
        return not all(map(_is_variable, filter(None, node.target)))
    return False


def _is_variable(target: Node) -> bool:
    if isinstance(target, (ListExpr, TupleExpr)):
        return all(map(_is_variable, target.items))
    if isinstance(target, StarExpr):
        return _is_variable(target.expr)
    return isinstance(target, NameExpr)
