"""What the bodies of a module put where: into attributes, containers and its own names."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from mypy.nodes import (
    AssignmentStmt,
    CallExpr,
    ClassDef,
    DictExpr,
    ExpressionStmt,
    GlobalDecl,
    IndexExpr,
    IntExpr,
    MemberExpr,
    NameExpr,
    NonlocalDecl,
    StrExpr,
)

from mypy_asyncsession.semantic.call_sites import last_name
from mypy_asyncsession.semantic.syntax import definition_of, statements

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from mypy.nodes import Expression, MypyFile, Node

    from mypy_asyncsession.semantic.call_sites import Chain


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
class Bodies:
    """What stands in the bodies of a module.

    Attributes:
        loose: What is assigned to ``x.state.NAME``, with the scopes around it.
        patched: For names, the attributes of what they stand for that something is put into.
        declaring: The functions with a ``global`` statement.
        sharing: The functions with a ``nonlocal`` statement.
        put: The names of the module that are bound through ``globals()`` or ``setattr``.
        classes: The classes, by the last names of their bases.
        stored: What is put into containers, by ``NAME`` or ``Class.attribute``.
    """

    loose: dict[str, list[tuple[Expression, Chain]]] = field(default_factory=dict)
    patched: dict[str, set[str]] = field(default_factory=dict)
    declaring: list[Chain] = field(default_factory=list)
    sharing: list[Chain] = field(default_factory=list)
    put: set[str] = field(default_factory=set)
    classes: dict[str, list[ClassDef]] = field(default_factory=dict)
    stored: dict[str, list[Stored]] = field(default_factory=dict)


def bodies_in(tree: MypyFile) -> Bodies:
    """What stands in the bodies of a module, whichever functions they are of."""
    found = Bodies()
    stack: list[tuple[Chain, Sequence[Node]]] = [((), tree.defs)]
    while stack:
        chain, body = stack.pop()
        declares = shares = False
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
                        found.loose.setdefault(lvalue.name, []).append((statement.rvalue, chain))
                    if isinstance(owner, NameExpr):
                        found.patched.setdefault(owner.name, set()).add(lvalue.name)
            elif isinstance(statement, ExpressionStmt):
                put = set_by_name(statement.expr)
                if put is not None:
                    found.patched.setdefault(put[0], set()).add(put[1])
                found.put.update(_put_by_call(statement.expr))
                _store_default(statement, chain, found.stored)
            elif isinstance(statement, ClassDef):
                for base in statement.base_type_exprs:
                    generic = base.base if isinstance(base, IndexExpr) else base
                    if (name := last_name(generic)) is not None:
                        found.classes.setdefault(name, []).append(statement)
                stack.append(((*chain, statement), statement.defs.body))
            elif isinstance(statement, GlobalDecl):
                declares = True
            elif isinstance(statement, NonlocalDecl):
                shares = True
            elif (function := definition_of(statement)) is not None:
                stack.append(((*chain, function), function.body.body))
        if declares:
            found.declaring.append(chain)
        if shares:
            found.sharing.append(chain)
    return found


def set_by_name(expression: Node) -> tuple[str, str] | None:
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


def _store_default(statement: ExpressionStmt, chain: Chain, found: dict[str, list[Stored]]) -> None:
    """Take note of ``NAME.setdefault(key, value)``."""
    call = statement.expr
    if not (
        isinstance(call, CallExpr)
        and isinstance(call.callee, MemberExpr)
        and call.callee.name == "setdefault"
        and isinstance(call.callee.expr, NameExpr)
        and len(call.args) == 2
    ):
        return
    key = call.args[0].value if isinstance(call.args[0], (IntExpr, StrExpr)) else None
    stored = Stored(key, call.args[1], chain, statement)
    found.setdefault(call.callee.expr.name, []).append(stored)


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
