"""Sessions that get out of the block that they are opened for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mypy.nodes import (
    AssignmentExpr,
    AssignmentStmt,
    AwaitExpr,
    CallExpr,
    ClassDef,
    Decorator,
    DictionaryComprehension,
    ExpressionStmt,
    ForStmt,
    FuncDef,
    GeneratorExpr,
    MatchStmt,
    MemberExpr,
    NameExpr,
    OverloadedFuncDef,
    RaiseStmt,
    ReturnStmt,
    TupleExpr,
    WithStmt,
    YieldExpr,
    YieldFromExpr,
)

from mypy_asyncsession.providers import known
from mypy_asyncsession.providers.syntax import dotted, mentions, statements, walk, yields
from mypy_asyncsession.providers.values import Thing, fullname
from mypy_asyncsession.uses.opening import opens
from mypy_asyncsession.uses.record import Escape
from mypy_asyncsession.uses.spans import span_of, written

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from mypy.nodes import Block, Expression, Node

    from mypy_asyncsession.providers.evaluate import Evaluator
    from mypy_asyncsession.uses.spots import Spot

_DEFINITIONS = (FuncDef, Decorator, OverloadedFuncDef, ClassDef)


class Escapes:
    """Follows the session of a block to where it is used, kept or given away."""

    def __init__(self, evaluator: Evaluator) -> None:
        self._evaluator = evaluator

    def of_block(
        self, statement: WithStmt, following: Sequence[Node], spot: Spot
    ) -> Iterator[Escape]:
        """How a session gets out of the block that it is opened for.

        Args:
            statement: The block.
            following: The statements that come after it in the block around.
            spot: Where the block is.
        """
        for expression, target in zip(statement.expr, statement.target, strict=False):
            if not isinstance(target, NameExpr) or not isinstance(expression, CallExpr):
                continue
            manager = self._evaluator.value(expression, spot.scope, spot.where)
            session = self._evaluator.entered(manager)
            if not isinstance(session, Thing) or session.resource is None:
                continue
            if self._is_given(expression, session, spot):
                continue
            if not opens(manager, self._evaluator, bare=not expression.args):
                continue
            for how, node in self._escapes(statement, target.name, following, spot):
                span = span_of(node)  # type: ignore[arg-type]
                yield Escape(
                    how=how,
                    name=target.name.rstrip("'"),
                    session=session.label or "session",
                    opener=written(expression),
                    span=span,
                    function=spot.body.outermost(),
                    lines=tuple(range(span.line, span.end_line + 1)),
                )

    def _is_given(self, call: CallExpr, session: Thing, spot: Spot) -> bool:
        """Whether a call is given such a session: then the block need not be what closes it."""
        return any(
            isinstance(value, Thing) and value.resource == session.resource
            for value in (self._evaluator.value(each, spot.scope, spot.where) for each in call.args)
        )

    def _escapes(
        self, statement: WithStmt, name: str, following: Sequence[Node], spot: Spot
    ) -> Iterator[tuple[str, Node]]:
        function = spot.body.function()
        if isinstance(function, FuncDef) and not yields(function):
            for inner in statements(statement.body):
                if isinstance(inner, ReturnStmt) and _is_or_holds(inner.expr, name):
                    yield "returned", inner
        body = statement.body.body
        for position, inner in enumerate(body):
            if (
                isinstance(inner, AssignmentStmt)
                and isinstance(inner.rvalue, NameExpr)
                and inner.rvalue.name == name
                and any(isinstance(lvalue, MemberExpr) for lvalue in inner.lvalues)
                and not any(map(_does_something, body[position + 1 :]))
            ):
                yield "stored", inner
        for call in self._tasks(statement.body, name, spot):
            yield "task", call
        used = _used_after(following, name)
        if used is not None:
            yield "used", used

    def _tasks(self, body: Block, name: str, spot: Spot) -> Iterator[CallExpr]:
        """The tasks in a block that are given the session and not waited for in it."""
        for statement in statements(body):
            call: Node | None = None
            kept: str | None = None
            if isinstance(statement, ExpressionStmt):
                call = statement.expr
            elif isinstance(statement, AssignmentStmt) and isinstance(
                statement.lvalues[0], NameExpr
            ):
                call, kept = statement.rvalue, statement.lvalues[0].name
            if not isinstance(call, CallExpr) or not self._starts_task(call, body, spot):
                continue
            if not any(mentions(argument, name) for argument in call.args):
                continue
            if kept is None or mentions(body, kept) == 1:
                yield call

    def _starts_task(self, call: CallExpr, body: Block, spot: Spot) -> bool:
        callee = call.callee
        if not isinstance(callee, (MemberExpr, NameExpr)):
            return False
        if isinstance(callee, MemberExpr) and callee.name == "add_task":
            return self._is_run_later(callee.expr, body, spot)
        if callee.name not in ("create_task", "ensure_future"):
            return False
        return fullname(self._evaluator.value(callee, spot.scope, spot.where)) in known.TASK_MAKERS

    def _is_run_later(self, tasks: Expression, body: Block, spot: Spot) -> bool:
        """Whether these are background tasks that are not run in the block itself."""
        value = self._evaluator.value(tasks, spot.scope, spot.where)
        if not isinstance(value, Thing) or value.label != "BackgroundTasks":
            return False
        name = dotted(tasks)
        return not any(
            isinstance(node, AwaitExpr)
            and isinstance(node.expr, CallExpr)
            and dotted(node.expr.callee) == name
            for node in walk(body)
        )


def _is_or_holds(expression: Expression | None, name: str) -> bool:
    if isinstance(expression, TupleExpr):
        return any(_is_or_holds(item, name) for item in expression.items)
    return isinstance(expression, NameExpr) and expression.name == name


def _does_something(statement: Node) -> bool:
    """Whether a statement may use what was stored before it."""
    return any(
        isinstance(node, (AwaitExpr, CallExpr, YieldExpr, YieldFromExpr, ReturnStmt, RaiseStmt))
        for node in walk(statement)
    )


def _used_after(following: Sequence[Node], name: str) -> Node | None:
    """Where a name is used as a session after its block, if nothing binds it anew before."""
    for statement in following:
        for node in walk(statement):
            if isinstance(node, NameExpr) and node.name == name and node.is_new_def:
                return None
        if _binds(statement, name):
            return None
        if isinstance(statement, _DEFINITIONS):
            continue  # it may have a parameter of that name, and runs when it is called
        for node in walk(statement, into_functions=False):
            if (
                isinstance(node, MemberExpr)
                and node.name in known.CONNECTING_ATTRIBUTES
                and isinstance(node.expr, NameExpr)
                and node.expr.name == name
            ):
                return node
    return None


def _binds(statement: Node, name: str) -> bool:
    for inner in (statement, *statements([statement])):
        targets: list[Node] = []
        if isinstance(inner, AssignmentStmt):
            targets = list(inner.lvalues)
        elif isinstance(inner, WithStmt):
            targets = [target for target in inner.target if target is not None]
            # One that is entered again is open again.
            targets += (each for each in inner.expr if isinstance(each, NameExpr))
        elif isinstance(inner, ForStmt):
            targets = [inner.index]
        elif isinstance(inner, MatchStmt):
            return True  # a pattern may
        if any(mentions(target, name) for target in targets):
            return True
    return any(
        (isinstance(node, AssignmentExpr) and node.target.name == name)
        or (
            isinstance(node, (GeneratorExpr, DictionaryComprehension))
            and any(mentions(index, name) for index in node.indices)
        )
        for node in walk(statement)
    )
