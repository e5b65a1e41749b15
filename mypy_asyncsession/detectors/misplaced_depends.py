"""``db = Depends(get_db)`` where FastAPI does not look, and ``db`` then used as a session."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from mypy.nodes import (
    AssignmentStmt,
    AwaitExpr,
    CallExpr,
    ClassDef,
    Decorator,
    ExpressionStmt,
    ForStmt,
    FuncDef,
    MemberExpr,
    NameExpr,
    WithStmt,
)

from mypy_asyncsession.models.frameworks import ROUTE_METHODS
from mypy_asyncsession.semantic.syntax import definition_of, dotted, walk

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy.nodes import FuncItem, MypyFile, Node

    from mypy_asyncsession.semantic.program_point import ProgramPoint

#: What the object has that ``Depends`` returns.
_OWN: Final = frozenset({"dependency", "scope", "scopes", "use_cache"})
#: The bases of classes that nobody gives attributes to.
_PLAIN_BASES: Final = frozenset({"ABC", "Generic", "Protocol", "object"})


def misplaced(statement: AssignmentStmt, point: ProgramPoint, module: MypyFile) -> str | None:
    """The name that an assignment gives to a ``Depends(...)`` and that is used as what it gives.

    Args:
        statement: The assignment of a ``Depends(...)``.
        point: Where it stands.
        module: The module that it stands in.
    """
    if len(statement.lvalues) != 1:
        return None
    target = statement.lvalues[0]
    node = point.body.node
    if isinstance(target, NameExpr) and isinstance(node, FuncDef):
        bound = point.scope.names.bindings.get(target.name, ())
        if len(bound) == 1 and _is_used(node, target.name):
            return target.name
    elif isinstance(target, NameExpr) and isinstance(node, ClassDef):
        if _is_plain(node, module) and _is_used_in(node, f"self.{target.name}"):
            return f"self.{target.name}"
    elif isinstance(target, MemberExpr) and isinstance(node, FuncDef):
        name = dotted(target)
        owner = point.body.parent.node if point.body.parent is not None else None
        if (
            name == f"self.{target.name}"
            and isinstance(owner, ClassDef)
            and _assigned(owner, name) == 1
            and _is_used_in(owner, name)
        ):
            return name
    return None


def _is_plain(owner: ClassDef, module: MypyFile) -> bool:
    """Whether objects of a class are made as Python makes them, and here.

    A decorator may fill in the attributes, of the class or of one that others derive from it.
    """
    bases = [dotted(each) or "" for each in owner.base_type_exprs]
    return (
        not owner.decorators
        and any(
            isinstance(node, CallExpr)
            and isinstance(node.callee, NameExpr)
            and node.callee.name == owner.name
            for node in walk(module)
        )
        and not any(
            isinstance(node, CallExpr)
            and any(isinstance(each, NameExpr) and each.name == owner.name for each in node.args)
            for statement in module.defs
            if isinstance(statement, (AssignmentStmt, ExpressionStmt))
            for node in walk(statement)
        )
        and owner.metaclass is None
        and all(base.rpartition(".")[2] in _PLAIN_BASES for base in bases)
        and not any(
            isinstance(each, Decorator)
            and any(
                isinstance(decorator, CallExpr)
                and isinstance(decorator.callee, MemberExpr)
                and decorator.callee.name in ROUTE_METHODS
                for decorator in each.original_decorators
            )
            for each in owner.defs.body
        )
    )


def _methods(owner: ClassDef) -> Iterator[FuncDef]:
    for each in owner.defs.body:
        method = definition_of(each)
        if method is not None:
            yield method


def _assigned(owner: ClassDef, name: str) -> int:
    return sum(
        isinstance(node, AssignmentStmt) and any(dotted(each) == name for each in node.lvalues)
        for method in _methods(owner)
        for node in walk(method.body)
    )


def _is_used_in(owner: ClassDef, name: str) -> bool:
    attribute = name.partition(".")[2]
    if any(method.name in ("__getattribute__", "__getattr__") for method in _methods(owner)):
        return False
    if any(
        isinstance(node, CallExpr)
        and isinstance(node.callee, NameExpr)
        and node.callee.name in ("setattr", "vars", "getattr")
        for method in _methods(owner)
        for node in walk(method.body)
    ):
        return False
    first = f"self.{attribute}"
    return any(_is_used(method, first) for method in _methods(owner))


def _is_used(function: FuncItem, name: str) -> bool:
    """Whether a function does with a name what only the object itself can do."""
    return any(_uses(node, name) for node in walk(function.body))


def _uses(node: Node, name: str) -> bool:
    if isinstance(node, MemberExpr):
        return node.name not in _OWN and dotted(node.expr) == name
    if isinstance(node, (AwaitExpr, ForStmt)):
        return dotted(node.expr) == name
    if isinstance(node, WithStmt):
        return any(dotted(each) == name for each in node.expr)
    return isinstance(node, CallExpr) and dotted(node.callee) == name
