"""What other modules may read of a module that was only parsed, and which names an edit changes.

Other modules may read what a module binds, its classes, signatures and decorators, and the bodies
of functions that give something nobody has annotated, or put something where others find it. The
other bodies are summed up by ``facts``. So a name whose text without them is what it was, and
whose facts are, means to all others what it meant, unless it is made of one that does not.
"""

from __future__ import annotations

import re
import sys
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from mypy.nodes import (
    AssignmentStmt,
    ClassDef,
    Decorator,
    ForStmt,
    FuncDef,
    GlobalDecl,
    ImportFrom,
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

from mypy_asyncsession.semantic.leading_names import HOLDERS, SEEDS
from mypy_asyncsession.semantic.mentions import is_open, names_in, signature_of
from mypy_asyncsession.semantic.syntax import definition_of, statements

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from mypy.nodes import MypyFile, Node

    from mypy_asyncsession.semantic.module_source import ModuleSource

#: What declares, defines or keeps something that is not a variable of the function.
_LASTING: Final = frozenset(
    {ClassDef, Decorator, FuncDef, GlobalDecl, LambdaExpr, NonlocalDecl, OverloadedFuncDef}
)
#: Types of results that what is returned may say more than, or something else.
_TELLING: Final = HOLDERS | SEEDS
#: Functions that put something under a name.
_PUTTING: Final = frozenset({"__setattr__", "globals", "patch", "setattr", "setdefault", "vars"})


@dataclass(frozen=True, slots=True)
class Interface:
    """What others may read of a module, by the names that it binds; of the rest under no name.

    Attributes:
        told: What they may read.
        whole: All of it, with the bodies that say nothing to them.
        order: The names in the order in which statements bind them.
    """

    told: dict[str, str]
    whole: dict[str, str]
    order: tuple[str, ...] = ()

    def changed(self, new: Interface) -> set[str] | None:
        """The names that mean something else to others in *new*.

        Returns:
            ``None`` if that cannot be told by names.
        """
        names = {name for name, text in self.told.items() if new.told.get(name) != text}
        names |= new.told.keys() - self.told.keys()
        if "" in names or any(map(_is_special, names)):
            return None
        # What a name is may depend on which statement comes first.
        if self._order_without(names) != new._order_without(names):
            return None
        while names:
            # What is made of one of them may be another thing as well.
            mentions = mentioning(names)
            more = {
                name
                for interface in (self, new)
                for name, text in interface.whole.items()
                if name not in names and mentions.search(text.encode())
            }
            if "" in more:
                return None
            if not more:
                break
            names |= more
        return names

    def _order_without(self, names: set[str]) -> list[str]:
        return [name for name in self.order if name not in names]


def _is_special(name: str) -> bool:
    """Whether a name counts where it is not mentioned, or cannot be found where it is.

    ``__all__`` and ``__getattr__`` decide what other names are; what is not ASCII may be written
    in several ways.
    """
    return (name.startswith("__") and name.endswith("__")) or not name.isascii()


def mentioning(names: Iterable[str]) -> re.Pattern[bytes]:
    """Finds where a text mentions one of some names."""
    return re.compile(rb"\b(?:%s)\b" % b"|".join(re.escape(name.encode()) for name in names))


def interface(source: ModuleSource, facts: Iterable[str]) -> Interface:
    """What others may read of a module, without lines that are blank or a comment.

    Args:
        source: The module.
        facts: What its bodies say, a line each: see ``facts.lines``.
    """
    hidden: set[int] = set()
    for function in _functions(source.tree):
        first, last = function.body.line, function.body.end_line
        if last is not None and _is_apart(function, source) and _is_quiet(function, source):
            hidden.update(range(first, last + 1))
    told: dict[str, list[str]] = defaultdict(list)
    whole: dict[str, list[str]] = defaultdict(list)
    text = source.text(1, sys.maxsize)
    if "\ufffd" in text or "\r" in text.replace("\r\n", ""):
        # The lines of the tree may be others, or different bytes look the same.
        return Interface({"": text}, {"": text})
    lines = text.split("\n")
    names: list[str | None] = [None] * (len(lines) + 1)
    order = []
    for statement in source.tree.defs:
        bound = _bound(statement)
        order.append(bound)
        first = min([statement.line, *(each.line for each in _decorators(statement))])
        for number in range(first, (statement.end_line or statement.line) + 1):
            # Two on one line are told under no name.
            names[number] = bound if names[number] is None else ""
    for number, line in enumerate(lines, 1):
        if not _says_nothing(line):
            name = names[number] or ""
            whole[name].append(line)
            if number not in hidden:
                told[name].append(line)
    for fact in sorted(facts):
        told[re.split(r"\W", fact, maxsplit=1)[0]].append(fact)
    # What the hidden ones do to the containers, names and functions of the module.
    for kind in (source.mutated(), source.put_by_name(), source.run_in_sync()):
        for name in kind:
            told[name].append(repr(name))
    return Interface(
        {name: "\n".join(text) for name, text in told.items()},
        {name: "\n".join(text) for name, text in whole.items()},
        tuple(order),
    )


def _bound(statement: Node) -> str:
    """The one name that a statement of a module binds; none if it is another number of them."""
    if isinstance(statement, ClassDef):
        return statement.name
    function = definition_of(statement)
    if function is not None:
        return function.name
    if isinstance(statement, AssignmentStmt) and len(statement.lvalues) == 1:
        target = statement.lvalues[0]
        return target.name if isinstance(target, NameExpr) else ""
    if isinstance(statement, ImportFrom) and len(statement.names) == 1:
        name, alias = statement.names[0]
        return alias or name
    return ""


def _decorators(statement: Node) -> Iterator[Node]:
    if isinstance(statement, ClassDef):
        yield from statement.decorators
    elif isinstance(statement, Decorator):
        yield from statement.original_decorators
    elif isinstance(statement, OverloadedFuncDef):
        for item in statement.items:
            yield item
            yield from _decorators(item)


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


def _is_apart(function: FuncDef, source: ModuleSource) -> bool:
    """Whether nothing of what comes before the body of a function stands on a line of the body."""
    body = function.body
    if body.line <= function.line or not body.body:
        return False
    before = source.text(body.line, body.line).encode()[: max(body.body[0].column, 0)]
    return not before.strip()


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
            or not _TELLING.isdisjoint(names_in(signature.ret_type))
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
