"""What commits when a provider goes on after its yield: itself, a manager of its, or a helper.

What is found here of one module, others rely on: it is part of the facts of that module.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from mypy.nodes import (
    AssignmentStmt,
    AwaitExpr,
    Block,
    CallExpr,
    ExpressionStmt,
    ForStmt,
    FuncDef,
    IfStmt,
    MemberExpr,
    NameExpr,
    RaiseStmt,
    ReturnStmt,
    TryStmt,
    WithStmt,
    YieldExpr,
)
from mypy.types import Instance

from mypy_asyncsession.semantic.shapes import Shape
from mypy_asyncsession.semantic.syntax import (
    DEFINITIONS,
    blocks,
    dotted,
    is_stub_body,
    walk,
    yields,
)
from mypy_asyncsession.semantic.values import ClassValue, FunctionValue, ObjectValue, members

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from mypy.nodes import Node, TypeInfo

    from mypy_asyncsession.semantic.interpreter import Interpreter
    from mypy_asyncsession.semantic.scopes import Scope
    from mypy_asyncsession.semantic.values import Value

#: How many managers and helpers are followed.
_DEPTH: Final = 4
#: The methods that give a manager which commits at its end.
_BEGINNING: Final = frozenset({"begin"})
_EXITS: Final = ("__aexit__", "__exit__")


class LateCommits:
    """Follows a provider to what it does after its yield."""

    def __init__(self, interpreter: Interpreter) -> None:
        self._interpreter = interpreter

    def after_yield(self, function: FunctionValue, depth: int = 0) -> str | None:
        """What commits after the yield of a generator function, as written there, or ``None``.

        Args:
            function: The generator function.
            depth: How many managers and helpers it has been followed into.
        """
        scope = self._scope_in(function)
        if scope is None or depth > _DEPTH:
            return None
        own = _names_of_sessions(function, scope, self._interpreter)
        for node in _following(function.node.body):
            if isinstance(node, (WithStmt, ForStmt)) and _yields_in(node.body):
                found = self._at_end_of(node, scope, depth)
            else:
                found = self._in_statement(node, scope, own, function, depth)
            if found is not None:
                return found
        return None

    def in_exit(self, info: TypeInfo, depth: int = 0) -> str | None:
        """What commits at the end of a manager's block, where its source is at hand."""
        for base in info.mro:
            if not any(name in base.names for name in _EXITS):
                continue
            for method in self._interpreter.program.methods(base):
                if method.name in _EXITS:
                    found = self._in_method(base, method, depth)
                    if found is not None:
                        return found
            return None
        return None

    def of_helper(self, function: FunctionValue, depth: int = 0) -> str | None:
        """What commits in a function that is called, whatever happens, or ``None``."""
        scope = self._scope_in(function)
        node = function.node
        if scope is None or depth > _DEPTH or not isinstance(node, FuncDef) or yields(node):
            return None
        if is_stub_body(node):
            return None
        given = {argument.variable.name for argument in node.arguments}
        for statement in node.body.body:
            found = self._in_statement(statement, scope, given, function, depth)
            if found is not None:
                return found
        return None

    def _in_method(self, owner: TypeInfo, method: FuncDef, depth: int) -> str | None:
        value = self._interpreter.attribute(_instance(owner, self._interpreter), method.name)
        if not isinstance(value, FunctionValue) or value.node is not method:
            return None
        scope = self._scope_in(value)
        if scope is None or depth > _DEPTH:
            return None
        for statement in method.body.body:
            found = self._in_statement(statement, scope, set(), value, depth, guarded=True)
            if found is not None:
                return found
        return None

    def _scope_in(self, function: FunctionValue) -> Scope | None:
        source = self._interpreter.program.source(function.scope.module)
        if source is None:
            return None
        return source.scope_of(function)

    def _at_end_of(self, statement: WithStmt | ForStmt, scope: Scope, depth: int) -> str | None:
        """What commits at the end of a block that the yield stands in."""
        where = scope.names.places.get(id(statement))
        if isinstance(statement, ForStmt):
            return self._of_generator(self._interpreter.value(statement.expr, scope, where), depth)
        for expression in statement.expr:
            if isinstance(expression, CallExpr) and isinstance(expression.callee, MemberExpr):
                callee = expression.callee
                if callee.name in _BEGINNING and self._begins(
                    self._interpreter.value(callee.expr, scope, where)
                ):
                    return f"{dotted(callee) or callee.name}()"
            manager = self._interpreter.value(expression, scope, where)
            found = self._of_generator(manager, depth)
            if found is None and isinstance(manager, ObjectValue):
                type_ = manager.type
                if isinstance(type_, Instance) and manager.resource is None:
                    found = self.in_exit(type_.type, depth + 1)
            if found is not None:
                return found
        return None

    def _of_generator(self, value: Value, depth: int) -> str | None:
        if not isinstance(value, ObjectValue) or value.origin is None:
            return None
        function = value.origin.function
        if function is None or not yields(function.node):
            return None
        return self.after_yield(function, depth + 1)

    def _begins(self, value: Value) -> bool:
        """Whether ``begin`` of all that a value may be gives a manager that commits."""
        return all(
            isinstance(each, ObjectValue)
            and (each.resource is not None or each.shape in (Shape.SESSIONMAKER, Shape.ENGINE))
            for each in members(value)
        )

    def _in_statement(
        self,
        statement: Node,
        scope: Scope,
        own: set[str],
        function: FunctionValue,
        depth: int,
        *,
        guarded: bool = False,
    ) -> str | None:
        """What a statement commits, on a way that is no way of an exception.

        Args:
            statement: The statement.
            scope: The scope that it stands in.
            own: Names that stand for sessions, whatever is known of them.
            function: The function that it is in.
            depth: How many managers and helpers have been followed.
            guarded: Whether a condition may stand before the commit, as in an ``__aexit__``.
        """
        if isinstance(statement, DEFINITIONS):
            return None
        inner: Iterator[Node]
        if isinstance(statement, Block):
            inner = iter([statement])
        elif isinstance(statement, IfStmt):
            inner = iter(self._branches(statement, own, guarded=guarded))
        elif isinstance(statement, TryStmt):
            taken = (statement.body, statement.else_body, statement.finally_body)
            inner = (block for block in taken if block is not None)
        else:
            inner = blocks(statement)
        simple = isinstance(statement, (AssignmentStmt, ExpressionStmt, ReturnStmt))
        if simple:
            return self._in_expression(statement, scope, own, function, depth)
        for block in inner:
            for each in block.body if isinstance(block, Block) else ():
                found = self._in_statement(each, scope, own, function, depth, guarded=guarded)
                if found is not None:
                    return found
        return None

    def _branches(self, statement: IfStmt, own: set[str], *, guarded: bool) -> list[Block]:
        """The branches that are sure to be taken by some request."""
        branches = [*statement.body, *([statement.else_body] if statement.else_body else [])]
        asks_session = any(
            isinstance(node, NameExpr) and node.name in own
            for condition in statement.expr
            for node in walk(condition)
        )
        # ``if failed: await session.rollback()``, and a commit in the other branch.
        decides = len(branches) > 1 and any(
            isinstance(node, MemberExpr) and node.name == "rollback"
            for branch in branches
            for node in walk(branch)
        )
        return branches if guarded or asks_session or decides else []

    def _in_expression(
        self, statement: Node, scope: Scope, own: set[str], function: FunctionValue, depth: int
    ) -> str | None:
        where = scope.names.places.get(id(statement))
        awaited = {
            id(node.expr)
            for node in walk(statement, into_functions=False)
            if isinstance(node, AwaitExpr)
        }
        for call in walk(statement, into_functions=False):
            if not isinstance(call, CallExpr):
                continue
            callee = call.callee
            if isinstance(callee, MemberExpr) and callee.name == "commit":
                receiver = self._interpreter.value(callee.expr, scope, where)
                if _is_session(receiver) or (
                    not isinstance(receiver, ObjectValue)
                    and isinstance(callee.expr, NameExpr)
                    and callee.expr.name in own
                    and not self._is_project(callee, scope, where)
                ):
                    is_async = isinstance(receiver, ObjectValue) and (
                        receiver.shape is Shape.SESSION
                    )
                    if id(call) in awaited or not is_async:
                        return f"{dotted(callee) or 'commit'}()"
                    continue
            if isinstance(callee, (MemberExpr, NameExpr)):
                found = self._through(call, callee, scope, statement, function, depth)
                if found is not None:
                    return found
        return None

    def _is_project(self, callee: MemberExpr, scope: Scope, where: object) -> bool:
        value = self._interpreter.value(callee, scope, where)  # type: ignore[arg-type]
        return isinstance(value, FunctionValue)

    def _through(
        self,
        call: CallExpr,
        callee: MemberExpr | NameExpr,
        scope: Scope,
        statement: Node,
        function: FunctionValue,
        depth: int,
    ) -> str | None:
        """What a helper commits; in another module its name has to speak of it."""
        value = self._interpreter.value(callee, scope, scope.names.places.get(id(statement)))
        if not isinstance(value, FunctionValue):
            return None
        if value.scope.module != function.scope.module and "commit" not in value.node.name:
            return None
        if self.of_helper(value, depth + 1) is None:
            return None
        return f"{dotted(callee) or value.name}({'...' if call.args else ''})"


def _instance(info: TypeInfo, interpreter: Interpreter) -> Value:
    return interpreter.instance(ClassValue(info.fullname, info))


def _is_session(value: Value) -> bool:
    found = [
        each
        for each in members(value)
        if not (isinstance(each, ObjectValue) and each.shape is Shape.NONE)
    ]
    return bool(found) and all(
        isinstance(each, ObjectValue) and each.resource is not None for each in found
    )


def _names_of_sessions(function: FunctionValue, scope: Scope, interpreter: Interpreter) -> set[str]:
    """The names that a provider yields, if what it yields may be a session."""
    names: set[str] = set()
    for node in yields(function.node):
        if isinstance(node, YieldExpr) and isinstance(node.expr, NameExpr):
            value = interpreter.value(node.expr, scope, None)
            if not isinstance(value, ObjectValue) or value.resource is not None:
                names.add(node.expr.name)
    return names


def _yields_in(block: Block) -> bool:
    return any(isinstance(node, YieldExpr) for node in walk(block, into_functions=False))


def _following(block: Block) -> Iterator[Node]:
    """What runs after the yield of a block on the way without exceptions.

    Statements that hold the yield are among them where their end does something of its own.
    """
    for position, statement in enumerate(block.body):
        if isinstance(statement, DEFINITIONS) or not _yields_in_statement(statement):
            continue
        yield from _inside(statement)
        yield from _until_it_ends(block.body[position + 1 :])


def _yields_in_statement(statement: Node) -> bool:
    return any(isinstance(node, YieldExpr) for node in walk(statement, into_functions=False))


def _inside(statement: Node) -> Iterator[Node]:
    if isinstance(statement, TryStmt):
        if _yields_in(statement.body):
            yield from _following(statement.body)
            if statement.else_body is not None:
                yield statement.else_body
        elif statement.else_body is not None and _yields_in(statement.else_body):
            yield from _following(statement.else_body)
        else:
            return
        if statement.finally_body is not None:
            yield statement.finally_body
        return
    for child in blocks(statement):
        if _yields_in(child):
            yield from _following(child)
            if isinstance(statement, (ForStmt, WithStmt)):
                yield statement


def _until_it_ends(statements: Sequence[Node]) -> Iterator[Node]:
    for statement in statements:
        yield statement
        if isinstance(statement, (RaiseStmt, ReturnStmt)):
            return
