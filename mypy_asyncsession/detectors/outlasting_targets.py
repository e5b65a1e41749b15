"""What a function assigns to and leaves behind when it has ended."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mypy.nodes import (
    AssignmentStmt,
    FuncItem,
    GlobalDecl,
    IndexExpr,
    MemberExpr,
    NameExpr,
    NonlocalDecl,
)

from mypy_asyncsession.detectors.block_flow import connecting
from mypy_asyncsession.detectors.collections_read import is_taken_from
from mypy_asyncsession.semantic.syntax import dotted, statements

if TYPE_CHECKING:
    from collections.abc import Collection

    from mypy.nodes import Expression, MypyFile

    from mypy_asyncsession.semantic.program_point import ProgramPoint


def is_outside(target: Expression, point: ProgramPoint) -> bool:
    """Whether what is assigned to is still there when the function has ended."""
    if isinstance(target, NameExpr):
        function, name = point.body.function(), target.name
        return function is not None and any(
            (isinstance(each, GlobalDecl) and name in each.names)
            or (isinstance(each, NonlocalDecl) and name in each.names and _is_used(name, point))
            for each in statements(function.body)
        )
    if isinstance(target, IndexExpr):
        target = target.base
    return isinstance(target, MemberExpr)


def is_put(target: Expression, tree: MypyFile, point: ProgramPoint) -> bool:
    """Whether this is ``NAME[key]`` of a collection of the module's that gives it again."""
    return (
        isinstance(target, IndexExpr)
        and isinstance(target.base, NameExpr)
        and is_of_module(target.base.name, point)
        and is_taken_from(tree, target.base)
    )


def is_of_module(name: str, point: ProgramPoint) -> bool:
    """Whether a name is one of the module's that no function around binds."""
    module = next(each for each in point.scope.chain() if each.parent is None)
    return name in module.names.bindings and not any(
        name in each.names.bindings or each.names.outer
        for each in point.scope.chain()
        if each.parent is not None
    )


def _is_used(name: str, point: ProgramPoint) -> bool:
    """Whether a function around uses what a name of its stands for as an open session."""
    body = point.body.parent
    while body is not None and body.parent is not None:
        if isinstance(body.node, FuncItem) and connecting(body.flow(), name):
            return True
        body = body.parent
    return False


def is_reset(
    statement: AssignmentStmt, targets: Collection[Expression], point: ProgramPoint
) -> bool:
    """Whether the function assigns something else to the same place."""
    function = point.body.function()
    places = {dotted(each.base if isinstance(each, IndexExpr) else each) for each in targets}
    return function is not None and any(
        isinstance(each, AssignmentStmt)
        and each is not statement
        and not places.isdisjoint(
            dotted(target.base if isinstance(target, IndexExpr) else target)
            for target in each.lvalues
        )
        for each in statements(function.body)
    )
