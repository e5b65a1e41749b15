"""Generators that are left at their yield, and sessions that are used after their block."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mypy.nodes import (
    AssignmentExpr,
    AssignmentStmt,
    AwaitExpr,
    Block,
    BreakStmt,
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
    TryStmt,
    TupleExpr,
    WhileStmt,
    WithStmt,
    YieldExpr,
    YieldFromExpr,
)

from mypy_asyncsession.providers import known
from mypy_asyncsession.providers.syntax import blocks, statements, suppresses, walk, yields
from mypy_asyncsession.providers.traits import traits
from mypy_asyncsession.providers.values import Thing, fullname
from mypy_asyncsession.uses.handed import handed
from mypy_asyncsession.uses.record import EarlyExit, Escape, Exit
from mypy_asyncsession.uses.spans import span_of, written

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from mypy.nodes import Expression, Node

    from mypy_asyncsession.providers.evaluate import Evaluator
    from mypy_asyncsession.providers.traits import Traits
    from mypy_asyncsession.providers.values import Value
    from mypy_asyncsession.uses.spots import Spot

_LOOPS = (ForStmt, WhileStmt)
_DEFINITIONS = (FuncDef, Decorator, OverloadedFuncDef, ClassDef)
_EXPECTING_NAMES = known.EXPECTS_FAILURE_METHODS | {
    name.rpartition(".")[2] for name in known.EXPECTS_FAILURE
}


class Lifetimes:
    """Follows generators and sessions to where they are left."""

    def __init__(self, evaluator: Evaluator) -> None:
        self._evaluator = evaluator

    # Generators

    def of_loop(self, loop: ForStmt, spot: Spot) -> Iterator[EarlyExit]:
        """How an ``async for`` over a provider leaves it, if it does."""
        found = self._provider(loop.expr, spot) if loop.is_async else None
        if found is None:
            return
        value, trait, closed = found
        if _hands_on(loop):
            if not self._is_fixture(spot) and not (closed and not trait.handles):
                yield self._exit(Exit.DELEGATION, loop.expr, value, trait, spot, closed=closed)
            return
        if closed and not (trait.code or trait.handles):
            return
        for way, statement in _exits(loop.body):
            yield self._exit(way, loop.expr, value, trait, spot, closed=closed, statement=statement)
            return

    def of_step(self, generator: Expression, call: Expression, spot: Spot) -> Iterator[EarlyExit]:
        """``await anext(provider())``, which drops the generator."""
        kept, generator = generator, _own(generator, spot)
        found = self._provider(generator, spot)
        if found is None:
            return
        value, trait, closed = found
        function = spot.body.function()
        for name in (kept, generator):
            if isinstance(name, NameExpr) and (
                function is None or closed or _mentions(function.body, name.name) > 2
            ):
                return  # it is kept, and may be closed
        yield self._exit(Exit.ANEXT, generator, value, trait, spot, closed=closed, statement=call)

    def _provider(self, expression: Expression, spot: Spot) -> tuple[Value, Traits, bool] | None:
        """The generator that an expression is, if it matters how it is left."""
        if not isinstance(expression, (CallExpr, NameExpr)):
            return None
        closed = False
        if isinstance(expression, NameExpr):
            bindings = spot.scope.names.bindings.get(expression.name, [])
            if len(bindings) != 1 or not isinstance(bindings[0].node, CallExpr):
                return None
            if "with" in bindings[0].kind:
                callee = self._evaluator.value(
                    bindings[0].node.callee, spot.scope, bindings[0].blocks
                )
                if fullname(callee) not in known.ASYNC_CLOSING:
                    return None
                closed = True
            else:
                function = spot.body.function()
                closed = function is not None and _is_closed(function.body, expression.name)
        value = self._evaluator.value(expression, spot.scope, spot.where)
        trait = traits(value, self._evaluator)
        if trait is None or not trait.matters:
            return None
        return value, trait, closed

    def _exit(
        self,
        way: Exit,
        expression: Expression,
        value: Value,
        trait: Traits,
        spot: Spot,
        *,
        closed: bool,
        statement: Node | None = None,
    ) -> EarlyExit:
        span = span_of(statement or expression)  # type: ignore[arg-type]
        return EarlyExit(
            way=way,
            text=written(expression),
            callee=written(expression.callee) if isinstance(expression, CallExpr) else None,
            handed=handed(value, self._evaluator, spot.scope),
            closed=closed,
            skips_code=trait.code,
            catches=trait.catches,
            span=span,
            function=spot.body.outermost(),
            lines=tuple(range(span.line, span.end_line + 1)),
        )

    def _is_fixture(self, spot: Spot) -> bool:
        return spot.body.is_fixture()

    # Sessions

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
            value = self._evaluator.entered(
                self._evaluator.value(expression, spot.scope, spot.where)
            )
            if not isinstance(value, Thing) or value.resource is None:
                continue
            if self._is_given(expression, value, spot):
                continue
            for how, node in self._escapes(statement, target.name, following, spot):
                span = span_of(node)  # type: ignore[arg-type]
                yield Escape(
                    how=how,
                    name=target.name.rstrip("'"),
                    session=value.label or "session",
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
            if not isinstance(call, CallExpr) or not self._starts_task(call, spot):
                continue
            if not any(_mentions(argument, name) for argument in call.args):
                continue
            if kept is None or _mentions(body, kept) == 1:
                yield call

    def _starts_task(self, call: CallExpr, spot: Spot) -> bool:
        callee = call.callee
        if not isinstance(callee, (MemberExpr, NameExpr)):
            return False
        if isinstance(callee, MemberExpr) and callee.name == "add_task":
            return True
        if callee.name not in ("create_task", "ensure_future"):
            return False
        return fullname(self._evaluator.value(callee, spot.scope, spot.where)) in known.TASK_MAKERS


def _hands_on(loop: ForStmt) -> bool:
    """Whether the loop yields what it is given, as a provider that delegates to another does."""
    index = loop.index
    return isinstance(index, NameExpr) and any(
        isinstance(node, YieldExpr)
        and isinstance(node.expr, NameExpr)
        and node.expr.name == index.name
        for node in walk(loop.body, into_functions=False)
    )


def _exits(block: Block, *, inner_loop: bool = False) -> Iterator[tuple[Exit, Node]]:
    """The statements that leave a loop, in source order."""
    for statement in block.body:
        if isinstance(statement, ReturnStmt):
            yield Exit.RETURN, statement
        elif isinstance(statement, BreakStmt) and not inner_loop:
            yield Exit.BREAK, statement
        elif isinstance(statement, RaiseStmt):
            yield Exit.RAISE, statement
        elif isinstance(statement, _DEFINITIONS):
            continue
        for child in blocks(statement):
            for way, found in _exits(child, inner_loop=inner_loop or isinstance(statement, _LOOPS)):
                if way is not Exit.RAISE or not _may_catch(statement, child):
                    yield way, found


def _may_catch(statement: Node, block: Block) -> bool:
    """Whether an exception in a block of a statement may end there."""
    if isinstance(statement, TryStmt):
        return block is statement.body and bool(statement.handlers)
    return isinstance(statement, WithStmt) and any(
        suppresses(each)
        or (
            isinstance(each, CallExpr)
            and isinstance(each.callee, (MemberExpr, NameExpr))
            and each.callee.name in _EXPECTING_NAMES
        )
        for each in statement.expr
    )


def _own(generator: Expression, spot: Spot) -> Expression:
    """The generator itself, where ``aiter`` has given it another name."""
    if not isinstance(generator, NameExpr):
        return generator
    bindings = spot.scope.names.bindings.get(generator.name, [])
    call = bindings[0].node if len(bindings) == 1 else None
    if not isinstance(call, CallExpr):
        return generator
    callee = call.callee
    if isinstance(callee, MemberExpr) and callee.name == "__aiter__":
        return callee.expr
    if isinstance(callee, NameExpr) and callee.name == "aiter" and call.args:
        return call.args[0]
    return generator


def _is_closed(body: Block, name: str) -> bool:
    return any(
        isinstance(node, MemberExpr)
        and node.name == "aclose"
        and isinstance(node.expr, NameExpr)
        and node.expr.name == name
        for node in walk(body)
    )


def _mentions(node: Node, name: str) -> int:
    return sum(isinstance(inner, NameExpr) and inner.name == name for inner in walk(node))


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
        if any(_mentions(target, name) for target in targets):
            return True
    return any(
        (isinstance(node, AssignmentExpr) and node.target.name == name)
        or (
            isinstance(node, (GeneratorExpr, DictionaryComprehension))
            and any(_mentions(index, name) for index in node.indices)
        )
        for node in walk(statement)
    )
