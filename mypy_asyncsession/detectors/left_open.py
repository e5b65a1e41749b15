"""Expressions that the code leaves open: it asks what they are, or puts others in their place."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mypy.nodes import (
    AwaitExpr,
    CallExpr,
    ClassDef,
    FuncDef,
    IndexExpr,
    MemberExpr,
    NameExpr,
    TypeInfo,
)
from mypy.types import Instance

from mypy_asyncsession.detectors.fixtures import is_of_fixture
from mypy_asyncsession.detectors.open_stubs import is_open_stub
from mypy_asyncsession.semantic.syntax import dotted
from mypy_asyncsession.semantic.values import ClassValue, FunctionValue, ModuleValue, ObjectValue

if TYPE_CHECKING:
    from mypy.nodes import Expression, Node

    from mypy_asyncsession.semantic.interpreter import Interpreter
    from mypy_asyncsession.semantic.module_source import ModuleSource
    from mypy_asyncsession.semantic.program_point import ProgramPoint


class LeftOpen:
    """Says of which expressions of one module it is open what they are."""

    def __init__(self, interpreter: Interpreter, source: ModuleSource) -> None:
        self._interpreter = interpreter
        self._source = source

    def has(self, expression: Expression, point: ProgramPoint) -> bool:
        """Whether the code finds out for itself what it is, or puts another in its place."""
        if is_of_fixture(expression, point):
            return True
        probed = {name for scope in point.scope.chain() for name in scope.names.probed}
        outside = probed - point.scope.names.probed
        patched = {name for scope in point.scope.chain() for name in scope.names.patched}
        current: Node = expression
        while True:
            name = dotted(current)
            if name is not None and name in probed:
                return True
            if isinstance(current, MemberExpr):
                # Inside a nested function mypy forgets what the function around has asked.
                if dotted(current.expr) in outside:
                    return True
                if name in patched:
                    owner = self._interpreter.value(current.expr, point.scope, point.where)
                    if isinstance(owner, ModuleValue):
                        return True
                if self._source.patches(current.name) and self._is_patched(current, point):
                    return True
            if isinstance(current, IndexExpr) and isinstance(current.base, NameExpr):
                return current.base.name in self._source.mutated()
            if isinstance(current, CallExpr):
                current = current.callee
            elif isinstance(current, AwaitExpr):
                current = current.expr
            else:
                return False

    def has_member(self, expression: Expression, point: ProgramPoint) -> bool:
        """Whether this calls a member of a protocol that leaves open what it is.

        ``async def f(self) -> AsyncGenerator: ...`` is a coroutine function by its word, and an
        async generator function in every class that implements it, as a rule.
        """
        if not isinstance(expression, CallExpr):
            return False
        callee = self._interpreter.value(expression.callee, point.scope, point.where)
        if not isinstance(callee, FunctionValue) or not isinstance(callee.node, FuncDef):
            return False
        owner = callee.scope.node
        info = self._interpreter.program.symbol(callee.fullname.rpartition(".")[0])
        return (
            isinstance(owner, ClassDef)
            and isinstance(info, TypeInfo)
            and is_open_stub(callee.node, info)
        )

    def _is_patched(self, member: MemberExpr, point: ProgramPoint) -> bool:
        """Whether the module puts another method in the place of this one, in its class."""
        owner = self._interpreter.value(member.expr, point.scope, point.where)
        type_ = owner.type if isinstance(owner, ObjectValue) else None
        name = type_.type.name if isinstance(type_, Instance) else None
        if isinstance(owner, ClassValue):
            name = owner.fullname.rpartition(".")[2]
        return name is not None and member.name in self._source.patched(name)
