"""Tasks that are given a session, and not waited for while it is open."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from mypy.nodes import (
    AssignmentExpr,
    AssignmentStmt,
    CallExpr,
    ConditionalExpr,
    ExpressionStmt,
    GeneratorExpr,
    LambdaExpr,
    MemberExpr,
    NameExpr,
    OpExpr,
    StarExpr,
)

from mypy_asyncsession.detectors.block_flow import waits
from mypy_asyncsession.detectors.held import METHODS, Held
from mypy_asyncsession.detectors.session_holders import items_of
from mypy_asyncsession.models.asyncio import TASK_MAKERS
from mypy_asyncsession.models.sqlalchemy import CONNECTING_ATTRIBUTES
from mypy_asyncsession.models.starlette import BACKGROUND_TASKS
from mypy_asyncsession.semantic.syntax import dotted, mentions, statements, walk
from mypy_asyncsession.semantic.values import ObjectValue, fullname, members

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from mypy.nodes import Block, Expression, Node

    from mypy_asyncsession.detectors.held import Names
    from mypy_asyncsession.detectors.session_holders import Holders
    from mypy_asyncsession.semantic.interpreter import Interpreter, Where
    from mypy_asyncsession.semantic.program_point import Body
    from mypy_asyncsession.semantic.scopes import Scope

#: What puts a task where it is not forgotten, and does not wait for it.
_KEEPING: Final = frozenset({"add", "append"})
_GROUP_METHODS: Final = frozenset({"create_task", "start_soon"})


class EscapingTasks:
    """Finds them."""

    def __init__(self, interpreter: Interpreter, holders: Holders) -> None:
        self._interpreter = interpreter
        self._holders = holders

    def of_block(
        self,
        body: Block,
        names: Names,
        left: Collection[int],
        within: Body,
        where: Where,
        *,
        background: bool = True,
    ) -> Iterator[CallExpr]:
        """The tasks in a block that are given the session and not waited for in it.

        Args:
            body: The block.
            names: The session, and what else leads to it.
            left: The points at which the session is closed.
            within: The body that the block is in.
            where: The place of the block in it.
            background: Whether background tasks run after that too.
        """
        flow = within.flow()
        places = within.scope.names.places
        for statement in statements(body):
            call, kept = _started(statement)
            if call is None or not self._starts_task(
                call, body, within.scope, where, background=background
            ):
                continue
            at = places.get(id(statement))
            name = next(
                (
                    name
                    for name, how in names.items()
                    if any(self._leads(each, name, how, body, within, at) for each in call.args)
                ),
                None,
            )
            if name is None or (kept is not None and not _is_only_kept(body, kept)):
                continue
            if not waits(flow, call, left, name):
                yield call

    def _leads(
        self, argument: Expression, name: str, how: Held, block: Block, body: Body, where: Where
    ) -> bool:
        """Whether what a task is given needs what a name stands for."""
        if how is Held.ITSELF and _holds(argument, name):
            return True
        if isinstance(argument, NameExpr) and argument.name != name:
            return False
        return self._holders.of(argument, {name: how}, block, body.scope, where) is not None

    def _starts_task(
        self, call: CallExpr, body: Block, scope: Scope, where: Where, *, background: bool
    ) -> bool:
        callee = call.callee
        if not isinstance(callee, (MemberExpr, NameExpr)):
            return False
        if isinstance(callee, MemberExpr) and callee.name == "add_task":
            return background and self._is_run_later(callee.expr, body, scope, where)
        if isinstance(callee, MemberExpr) and callee.name in _GROUP_METHODS:
            group = self._interpreter.value(callee.expr, scope, where)
            if any(
                isinstance(each, ObjectValue) and each.label == "TaskGroup"
                for each in members(group)
            ):
                return True
        if callee.name not in ("create_task", "ensure_future"):
            return False
        return fullname(self._interpreter.value(callee, scope, where)) in TASK_MAKERS

    def _is_run_later(self, tasks: Expression, body: Block, scope: Scope, where: Where) -> bool:
        """Whether these are background tasks that are not run in the block itself."""
        value = self._interpreter.value(tasks, scope, where)
        if not isinstance(value, ObjectValue) or value.label not in BACKGROUND_TASKS:
            return False
        name = dotted(tasks)
        nodes = list(walk(body))
        given = [
            node
            for node in nodes
            if isinstance(node, MemberExpr)
            and node.name == "add_task"
            and dotted(node.expr) == name
        ]
        # A response runs them later still; whoever else sees them may run them here.
        handed = [
            node
            for node in nodes
            if isinstance(node, CallExpr)
            for argument, keyword in zip(node.args, node.arg_names, strict=True)
            if keyword == "background" and dotted(argument) == name
        ]
        return len(given) + len(handed) == sum(
            isinstance(node, (MemberExpr, NameExpr)) and dotted(node) == name for node in nodes
        )


def _started(statement: Node) -> tuple[CallExpr | None, str | None]:
    """The call that a statement is about, and the name that it gives to the result."""
    if isinstance(statement, ExpressionStmt):
        call = statement.expr
        if (
            isinstance(call, CallExpr)
            and isinstance(call.callee, MemberExpr)
            and call.callee.name in _KEEPING
            and len(call.args) == 1
            and isinstance(call.args[0], CallExpr)
        ):
            call = call.args[0]  # ``tasks.add(asyncio.create_task(...))``
        return (call if isinstance(call, CallExpr) else None), None
    if isinstance(statement, AssignmentStmt) and isinstance(statement.lvalues[0], NameExpr):
        value = statement.rvalue
        return (value if isinstance(value, CallExpr) else None), statement.lvalues[0].name
    return None, None


def _is_only_kept(body: Block, task: str) -> bool:
    """Whether a block does no more with a task than to put it where it is not forgotten."""
    known = 0
    for node in walk(body):
        if isinstance(node, CallExpr) and isinstance(node.callee, MemberExpr):
            if node.callee.name in _KEEPING and len(node.args) == 1:
                known += _is_named(node.args[0], task)
            elif node.callee.name == "add_done_callback":
                known += _is_named(node.callee.expr, task)
    return mentions(body, task) == 1 + known


def _is_named(expression: Node, name: str) -> bool:
    return isinstance(expression, NameExpr) and expression.name == name


def _holds(value: Expression, name: str) -> bool:
    """Whether a value is what a name stands for, or leads to it later.

    What is only taken from a session holds none: ``session.info["tenant"]``.
    """
    stack: list[Expression] = [value]
    while stack:
        node = stack.pop()
        if isinstance(node, NameExpr):
            if node.name == name:
                return True
        elif isinstance(node, MemberExpr):
            if dotted(node.expr) == name and node.name in CONNECTING_ATTRIBUTES | METHODS:
                return True
        elif isinstance(node, (LambdaExpr, GeneratorExpr)):
            if mentions(node, name):
                return True
        elif isinstance(node, CallExpr):
            of_session = isinstance(node.callee, MemberExpr) and dotted(node.callee.expr) == name
            if of_session:
                return True
            stack += [node.callee, *node.args]
        elif isinstance(node, ConditionalExpr):
            stack += [node.if_expr, node.else_expr]
        elif isinstance(node, OpExpr):
            if node.op in ("and", "or"):
                stack += [node.left, node.right]
        elif isinstance(node, (AssignmentExpr, StarExpr)):
            stack.append(node.value if isinstance(node, AssignmentExpr) else node.expr)
        else:
            stack += items_of(node) or ()
    return False
