"""Whether a function closes what it is given, or hands it to what does."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mypy.nodes import (
    AssignmentStmt,
    AwaitExpr,
    CallExpr,
    ClassDef,
    ForStmt,
    FuncDef,
    IndexExpr,
    LambdaExpr,
    MemberExpr,
    NameExpr,
    ReturnStmt,
    YieldExpr,
)

from mypy_asyncsession.semantic.call_arguments import matched
from mypy_asyncsession.semantic.session_ownership import closes, stands_for
from mypy_asyncsession.semantic.syntax import dotted, walk
from mypy_asyncsession.semantic.values import ClassValue, FunctionValue, Value

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy.nodes import Expression, FuncItem, Node, TypeInfo

    from mypy_asyncsession.semantic.interpreter import Interpreter
    from mypy_asyncsession.semantic.scopes import Scope

_EXITS = ("__aexit__", "__exit__")
#: How many functions an object is followed into.
_DEPTH = 2


class Closing:
    """Follows an object through the functions of a project to where it is closed."""

    def __init__(self, interpreter: Interpreter) -> None:
        self._interpreter = interpreter

    def handles(self, function: FuncItem, name: str, scope: Scope, depth: int = 0) -> bool:
        """Whether a function drives or closes what a parameter is, or hands it on.

        Args:
            function: The function.
            name: The parameter.
            scope: The scope that the function stands in.
            depth: How many functions it has been followed into.
        """
        if isinstance(function, LambdaExpr):
            return True
        for node in walk(function.body):
            if closes(node, name) or _hands_back(node, name):
                return True
            if any(self._is_kept(target, scope) for target in _stores(node, name)):
                return True
            if isinstance(node, CallExpr) and self._passes(node, name, function, scope, depth):
                return True
        return False

    def keeps(self, function: FuncItem, made: Expression, scope: Scope) -> bool:
        """Whether a function that returns what it has made leaves it to others to close as well."""
        name = made.name if isinstance(made, NameExpr) else None
        if name is None:
            return False
        for node in walk(function.body):
            if closes(node, name) or any(_stores(node, name)):
                return True
            if isinstance(node, AssignmentStmt) and any(
                isinstance(target, NameExpr) and target.name == name for target in node.lvalues
            ):  # ``request.state.db = session = Maker()``
                if any(isinstance(target, (MemberExpr, IndexExpr)) for target in node.lvalues):
                    return True
            elif isinstance(node, CallExpr) and any(stands_for(each, name) for each in node.args):
                # A method that nobody can read, ``sessions.append``, may keep it for somebody.
                if self._passes(node, name, function, scope, 0):
                    return True
                if isinstance(node.callee, MemberExpr) and not isinstance(
                    self._callee(node.callee, function, scope), (FunctionValue, ClassValue)
                ):
                    return True
        return False

    def _callee(self, callee: Expression, function: FuncItem, scope: Scope) -> Value:
        source = self._interpreter.program.source(scope.module)
        inner = source.scope_in(function, scope) if source is not None else scope
        return self._interpreter.value(callee, inner, None)

    def _passes(
        self, call: CallExpr, name: str, function: FuncItem, scope: Scope, depth: int
    ) -> bool:
        """Whether a call gives an object to a function of the project that closes it."""
        if depth >= _DEPTH or not any(stands_for(argument, name) for argument in call.args):
            return False
        if self._takes(self._callee(call.callee, function, scope), call, name, depth):
            return True
        # ``tasks.add_task(finish, db)``
        return len(call.args) > 1 and self._takes(
            self._callee(call.args[0], function, scope), call, name, depth, after=1
        )

    def _takes(
        self, callee: Value, call: CallExpr, name: str, depth: int, *, after: int = 0
    ) -> bool:
        if isinstance(callee, ClassValue):
            if callee.info is not None and any(callee.info.get(each) for each in _EXITS):
                return True
            callee = self._interpreter.initializer(callee)
        if not isinstance(callee, FunctionValue) or not isinstance(callee.node, FuncDef):
            return False
        return any(
            self.handles(callee.node, parameter, callee.scope, depth + 1)
            for parameter, argument in matched(call, callee, after=after)
            if stands_for(argument, name)
        )

    def _is_kept(self, target: MemberExpr | IndexExpr, scope: Scope) -> bool:
        """Whether somebody closes what is stored there, or may do so."""
        if dotted(target) != f"self.{getattr(target, 'name', None)}":
            return True  # ``request.state.db``
        info = class_at(self._interpreter, scope)
        if info is None:
            return False
        if any(info.get(each) for each in _EXITS):
            return True
        attribute = f"self.{target.name}"  # type: ignore[union-attr]
        return any(
            closes(node, attribute)
            for base in info.mro
            for method in self._interpreter.program.methods(base)
            for node in walk(method.body)
        )


def class_at(interpreter: Interpreter, scope: Scope) -> TypeInfo | None:
    """The class that a scope is the body of, or ``None``."""
    if not isinstance(scope.node, ClassDef) or scope.parent is None:
        return None
    return interpreter.class_of(scope.node, scope.parent).info


def _hands_back(node: Node, name: str) -> bool:
    return (
        isinstance(node, (ReturnStmt, YieldExpr, ForStmt, AwaitExpr))
        and node.expr is not None
        and stands_for(node.expr, name)
    )


def _stores(node: Node, name: str) -> Iterator[MemberExpr | IndexExpr]:
    """The attributes and elements that an object is stored in."""
    if isinstance(node, AssignmentStmt) and stands_for(node.rvalue, name):
        yield from (each for each in node.lvalues if isinstance(each, (MemberExpr, IndexExpr)))
