"""The calls in a module: what is given to which parameter, and what is left to its default."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from mypy.nodes import (
    ArgKind,
    CallExpr,
    ClassDef,
    Decorator,
    LambdaExpr,
    MemberExpr,
    NameExpr,
    OverloadedFuncDef,
)

from mypy_asyncsession.semantic.index import head
from mypy_asyncsession.semantic.syntax import definition_of, expressions, statements

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from mypy.nodes import Expression, FuncItem, MypyFile, Node

    #: The functions and classes around a body, outermost first.
    Chain = tuple[FuncItem | ClassDef, ...]

_CALLS = frozenset({CallExpr, LambdaExpr})


class CallSite(NamedTuple):
    """One call.

    Attributes:
        call: The call.
        chain: The functions and classes around it.
        statement: The statement that it stands in.
    """

    call: CallExpr
    chain: Chain
    statement: Node

    def leaves_out(self, position: int, name: str) -> bool:
        """Whether the call surely gives nothing to a parameter.

        Args:
            position: The parameter's position, what the function is bound to aside.
            name: Its name.
        """
        kinds = self.call.arg_kinds
        if ArgKind.ARG_STAR in kinds or ArgKind.ARG_STAR2 in kinds:
            return False
        return name not in self.call.arg_names and kinds.count(ArgKind.ARG_POS) <= position

    def given(self, position: int, name: str) -> Expression | None:
        """What the call gives to a parameter, as in ``leaves_out``; ``None`` if that is open."""
        given = zip(self.call.args, self.call.arg_kinds, self.call.arg_names, strict=True)
        for at, (argument, kind, keyword) in enumerate(given):
            if keyword == name or (kind is ArgKind.ARG_POS and at == position):
                return argument
            if kind is ArgKind.ARG_STAR:
                return None
        return None


def calls_in(tree: MypyFile) -> dict[str, list[CallSite]]:
    """The calls in a module, by the last name of what is called."""
    found: dict[str, list[CallSite]] = {}
    stack: list[tuple[Chain, Sequence[Node]]] = [((), tree.defs)]
    while stack:
        chain, body = stack.pop()
        for statement in statements(body):
            for part in _parts(statement):
                for node in expressions(part, _CALLS):
                    if isinstance(node, LambdaExpr):
                        stack.append(((*chain, node), node.body.body))
                    elif isinstance(node, CallExpr):
                        name = last_name(node.callee)
                        if name is not None:
                            site = CallSite(node, chain, statement)
                            found.setdefault(name, []).append(site)
            if isinstance(statement, ClassDef):
                stack.append(((*chain, statement), statement.defs.body))
            elif (function := definition_of(statement)) is not None:
                stack.append(((*chain, function), function.body.body))
    return found


def last_name(callee: Node) -> str | None:
    """``f`` for ``f`` and for ``a.f``."""
    return callee.name if isinstance(callee, (MemberExpr, NameExpr)) else None


def _parts(statement: Node) -> Iterator[Node]:
    """The expressions of a statement, those of the blocks inside it aside."""
    if isinstance(statement, (Decorator, OverloadedFuncDef)):
        yield from statement.original_decorators if isinstance(statement, Decorator) else ()
        function = definition_of(statement)
        statement = function if function is not None else statement
    yield from head(statement)
