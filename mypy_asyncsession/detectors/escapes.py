"""Sessions that get out of the block that they are opened for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from mypy.nodes import (
    AssignmentStmt,
    AwaitExpr,
    CallExpr,
    ExpressionStmt,
    ForStmt,
    FuncDef,
    ListComprehension,
    MemberExpr,
    NameExpr,
    ReturnStmt,
    WithStmt,
)
from mypy.types import Instance

from mypy_asyncsession.detectors.block_flow import (
    connecting,
    does_something,
    is_bound_in,
    is_bound_once,
    leaving,
    used_closed,
)
from mypy_asyncsession.detectors.closed_returns import ClosedReturns
from mypy_asyncsession.detectors.collections_read import is_taken_from
from mypy_asyncsession.detectors.escape_record import escape_of
from mypy_asyncsession.detectors.escaping_tasks import EscapingTasks
from mypy_asyncsession.detectors.held import Held
from mypy_asyncsession.detectors.late_uses import LateUses, is_given_anew, is_named, returns
from mypy_asyncsession.detectors.outlasting_targets import (
    is_of_module,
    is_outside,
    is_put,
    is_reset,
)
from mypy_asyncsession.detectors.session_holders import Holders
from mypy_asyncsession.models.contextlib import EXIT_STACKS
from mypy_asyncsession.semantic.cfg import WithItem
from mypy_asyncsession.semantic.session_ownership import closed_by, opens, opens_in
from mypy_asyncsession.semantic.syntax import dotted, statements, walk
from mypy_asyncsession.semantic.values import UNKNOWN, ContainerValue, ObjectValue

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from mypy.nodes import Expression, Node

    from mypy_asyncsession.detectors.record import Escape
    from mypy_asyncsession.semantic.function_flow import FunctionFlow
    from mypy_asyncsession.semantic.interpreter import Interpreter
    from mypy_asyncsession.semantic.program_point import ProgramPoint
    from mypy_asyncsession.semantic.summaries import Summaries
    from mypy_asyncsession.semantic.values import Value

#: What an exit stack is asked for, and what it does not hand over.
_ENTERING: Final = frozenset({"enter_async_context", "enter_context"})
_OPEN: Final = (Held.ITSELF, Held.KEPT)
_PUSHING: Final = frozenset({"callback", "push", "push_async_callback", "push_async_exit"})


class Escapes:
    """Follows the session of a block to where it is used, kept or given away."""

    def __init__(self, interpreter: Interpreter, summaries: Summaries) -> None:
        self._interpreter = interpreter
        self._holders = Holders(interpreter)
        self._returns = ClosedReturns(interpreter)
        self._tasks = EscapingTasks(interpreter, self._holders)
        self._late = LateUses(interpreter, self._holders, summaries)
        self._closed: dict[tuple[int, str], dict[tuple[int, int], Node]] = {}

    def of_block(self, statement: WithStmt, point: ProgramPoint) -> Iterator[Escape]:
        """How a session gets out of the block that it is opened for."""
        for position, (expression, target) in enumerate(
            zip(statement.expr, statement.target, strict=True)
        ):
            if not isinstance(target, NameExpr) or not isinstance(expression, CallExpr):
                continue
            item = WithItem(statement, position)
            manager = self._interpreter.value(expression, point.scope, point.where)
            session = self._interpreter.entered(manager)
            if session is UNKNOWN and self._gives_itself(manager, item):
                session = manager
            if not isinstance(session, ObjectValue):
                continue
            if session.label in EXIT_STACKS:
                yield from self._of_stack(item, target.name, point)
            elif session.resource is None:
                yield from self._of_unit(item, target.name, session, point)
            elif not self._is_given(expression, session, point) and opens(
                manager, self._interpreter, bare=not expression.args
            ):
                for how, node in self._escapes(item, target.name, point):
                    yield escape_of(how, node, target.name, session, expression, point)

    def _gives_itself(self, manager: Value, item: WithItem) -> bool:
        """Whether a manager hands out itself, and closes a session of its own in the end."""
        type_ = manager.type if isinstance(manager, ObjectValue) else None
        return isinstance(type_, Instance) and bool(
            closed_by(type_.type, self._interpreter, is_async=item.statement.is_async)
        )

    def of_loop(self, loop: ForStmt, point: ProgramPoint) -> Iterator[Escape]:
        """A session that is used after the loop over its provider has come to its end."""
        if not isinstance(loop.index, NameExpr) or not isinstance(loop.expr, CallExpr):
            return
        generator = self._interpreter.value(loop.expr, point.scope, point.where)
        session = self._interpreter.iterated(generator)
        if not isinstance(generator, ObjectValue) or not isinstance(session, ObjectValue):
            return
        function = generator.origin.function if generator.origin is not None else None
        if session.resource is None or function is None:
            return
        name, flow = loop.index.name, point.body.flow()
        if name in flow.shared or self._is_given(loop.expr, session, point):
            return
        if not opens_in(function, self._interpreter, bare=not loop.expr.args):
            return
        uses = [*connecting(flow, name), *self._late.of_session(name, point)]
        used = used_closed(flow, name, uses, loop).get((id(loop), 0))
        if used is not None:
            how = "returned" if isinstance(used, ReturnStmt) else "looped"
            yield escape_of(how, used, name, session, loop.expr, point)

    def of_return(self, statement: ReturnStmt, point: ProgramPoint) -> Iterator[Escape]:
        """A session that is returned, and closed before the caller has it."""
        yield from self._returns.of_statement(statement, point)

    def _is_given(self, call: CallExpr, session: ObjectValue, point: ProgramPoint) -> bool:
        """Whether a call is given such a session: then the block need not be what closes it."""
        return any(
            isinstance(value, ObjectValue) and value.resource == session.resource
            for value in (
                self._interpreter.value(each, point.scope, point.where) for each in call.args
            )
        )

    # One session

    def _escapes(
        self, item: WithItem, name: str, point: ProgramPoint
    ) -> Iterator[tuple[str, Node]]:
        flow = point.body.flow()
        left = leaving(flow, item)
        if is_bound_in(flow, item, name, left):
            return  # it is something else by then
        names = {name: Held.ITSELF}
        found = list(self._inside(item, name, names, left, point))
        # What is bound by another function meanwhile is not known.
        if name not in flow.shared:
            used = self._used_closed(flow, name, point).get((id(item.statement), item.position))
            if used is not None:
                found.append(("returned" if isinstance(used, ReturnStmt) else "used", used))
        yield from found or self._late.of_names(item, names, left, point)

    def _of_stack(self, item: WithItem, stack: str, point: ProgramPoint) -> Iterator[Escape]:
        """The sessions that are entered into an exit stack, which closes them at its end."""
        flow = point.body.flow()
        block = item.statement.body
        left = leaving(flow, item)
        if not _is_closed_there(flow, item, stack, left):
            return
        for inner in statements(block):
            if not isinstance(inner, AssignmentStmt) or len(inner.lvalues) != 1:
                continue
            target = inner.lvalues[0]
            several, call = _entered(inner.rvalue, stack)
            if call is None:
                continue
            kept = isinstance(target, MemberExpr) and is_outside(target, point)
            name = dotted(target) if kept else getattr(target, "name", None)
            if name is None or not (kept or is_bound_once(flow, name, inner)):
                continue
            where = point.scope.names.places.get(id(inner))
            manager = self._interpreter.value(call, point.scope, where)
            session = self._interpreter.entered(manager)
            if (
                not isinstance(session, ObjectValue)
                or session.resource is None
                or self._is_given(call, session, point)
                or not opens(manager, self._interpreter, bare=not call.args)
            ):
                continue
            if kept:
                spared = is_reset(inner, [target], point) or does_something(flow, inner, left, name)
                if inner in block.body and not spared:
                    yield escape_of("stored", inner, name, session, call, point)
                continue
            names = {name: Held.SEVERAL if several else Held.ITSELF}
            found = [] if several else list(self._inside(item, name, names, left, point))
            for how, node in found or self._late.of_names(item, names, left, point):
                yield escape_of(how, node, name, session, call, point)

    def _of_unit(
        self, item: WithItem, name: str, unit: ObjectValue, point: ProgramPoint
    ) -> Iterator[Escape]:
        """An object that keeps a session in an attribute, which it closes when it is left."""
        info = unit.type.type if isinstance(unit.type, Instance) else None
        if info is None:
            return
        flow = point.body.flow()
        left = leaving(flow, item)
        expression = item.expression
        assert isinstance(expression, CallExpr)
        if is_bound_in(flow, item, name, left) or name in flow.shared:
            return
        if is_given_anew(name, point):
            return
        closed = closed_by(info, self._interpreter, is_async=item.statement.is_async)
        for attribute in sorted(closed):
            session = self._interpreter.attribute(unit, attribute)
            if not isinstance(session, ObjectValue) or session.resource is None:
                continue
            if self._is_given(expression, session, point):
                return
            if isinstance(point.body.function(), FuncDef) and not flow.is_generator:
                for inner in statements(item.statement.body):
                    if isinstance(inner, ReturnStmt) and is_named(inner.expr, name):
                        yield escape_of("returned", inner, name, session, expression, point)
                        return
            uses = [
                *self._late.of_attribute(name, attribute, flow),
                *self._late.of_unit(name, attribute, point),
                *returns(flow, name),
            ]
            used = used_closed(flow, name, uses).get((id(item.statement), item.position))
            if used is not None:
                how = "returned" if isinstance(used, ReturnStmt) else "used"
                yield escape_of(how, used, name, session, expression, point)
            return

    def _inside(
        self,
        item: WithItem,
        name: str,
        names: dict[str, Held],
        left: Collection[int],
        point: ProgramPoint,
    ) -> Iterator[tuple[str, Node]]:
        """What a block itself does with its session; *names* learns what else leads to it."""
        flow = point.body.flow()
        block = item.statement.body
        places = point.scope.names.places
        is_function = isinstance(point.body.function(), FuncDef) and not flow.is_generator
        for inner in statements(block):
            if isinstance(inner, ReturnStmt) and inner.expr is not None:
                if is_function:
                    where = places.get(id(inner))
                    how = self._holders.of(inner.expr, names, block, point.scope, where)
                    if how is not None:
                        yield how.reported, inner
            elif isinstance(inner, AssignmentStmt):
                how = self._holders.of(
                    inner.rvalue, names, block, point.scope, places.get(id(inner))
                )
                if how is None:
                    continue
                target = inner.lvalues[0]
                if (
                    len(inner.lvalues) == 1
                    and isinstance(target, NameExpr)
                    and is_bound_once(flow, target.name, inner)
                ):
                    names.setdefault(target.name, how)
        for inner in block.body:
            if self._is_stored(inner, names, point) and not does_something(
                flow, _stored_at(inner), left, name
            ):
                yield "stored", inner
        for call in self._tasks.of_block(block, names, left, point.body, point.where):
            yield "task", call

    def _is_stored(self, statement: Node, names: dict[str, Held], point: ProgramPoint) -> bool:
        """Whether a statement puts the session where others may find it."""
        if isinstance(statement, AssignmentStmt):
            how = (
                names.get(statement.rvalue.name)
                if isinstance(statement.rvalue, NameExpr)
                else self._holders.of(
                    statement.rvalue,
                    names,
                    point.statement.body,  # type: ignore[attr-defined]
                    point.scope,
                    point.scope.names.places.get(id(statement)),
                )
            )
            if how not in _OPEN:
                return False
            source = self._interpreter.program.current
            targets = [
                each
                for each in statement.lvalues
                if is_outside(each, point)
                or (source is not None and is_put(each, source.tree, point))
            ]
            return bool(targets) and not is_reset(statement, targets, point)
        call = statement.expr if isinstance(statement, ExpressionStmt) else None
        if (
            not isinstance(call, CallExpr)
            or not isinstance(call.callee, MemberExpr)
            or len(call.args) != 1
        ):
            return False
        if call.callee.name in ("add", "append"):
            return self._is_collected(call, call.callee.expr, names, point)
        if call.callee.name != "set" or not any(
            is_named(call.args[0], name) for name, how in names.items() if how in _OPEN
        ):
            return False
        variable = self._interpreter.value(call.callee.expr, point.scope, point.where)
        return isinstance(variable, ObjectValue) and variable.label == "ContextVar"

    def _is_collected(
        self, call: CallExpr, collection: Expression, names: dict[str, Held], point: ProgramPoint
    ) -> bool:
        """Whether a collection that outlives the function gets the session, or what uses it."""
        block = point.statement.body  # type: ignore[attr-defined]
        how = self._holders.of(call.args[0], names, block, point.scope, point.where)
        if how not in (*_OPEN, Held.CALLABLE):
            return False
        source = self._interpreter.program.current
        if source is None or not is_taken_from(source.tree, collection):
            return False  # it may be kept to be looked at
        if isinstance(collection, NameExpr):
            return is_of_module(collection.name, point)
        value = self._interpreter.value(collection, point.scope, point.where)
        return isinstance(collection, MemberExpr) and isinstance(value, ContainerValue)

    def _used_closed(
        self, flow: FunctionFlow, name: str, point: ProgramPoint
    ) -> dict[tuple[int, int], Node]:
        """For the blocks that bind a name: where it is used first as a session after its end."""
        key = id(flow), name
        if key not in self._closed:
            uses = [*connecting(flow, name), *self._late.of_session(name, point)]
            self._closed[key] = used_closed(flow, name, uses)
        return self._closed[key]


def _is_closed_there(flow: FunctionFlow, item: WithItem, stack: str, left: Collection[int]) -> bool:
    """Whether an exit stack closes at the end of its block all that was entered into it."""
    if is_bound_in(flow, item, stack, left) or stack in flow.shared:
        return False
    mentioned = asked = 0
    for node in walk(item.statement.body):
        if isinstance(node, NameExpr) and node.name == stack:
            mentioned += 1
        elif isinstance(node, MemberExpr) and node.name in _ENTERING | _PUSHING:
            asked += dotted(node.expr) == stack
    return mentioned == asked  # ``stack.pop_all()`` hands them over, as may who is given the stack


def _entered(value: Expression, stack: str) -> tuple[bool, CallExpr | None]:
    """What is entered into an exit stack: in a comprehension several, or one."""
    several = False
    if isinstance(value, ListComprehension):
        several, value = True, value.generator.left_expr
    call = value.expr if isinstance(value, AwaitExpr) else value
    if (
        not isinstance(call, CallExpr)
        or not isinstance(call.callee, MemberExpr)
        or call.callee.name not in _ENTERING
        or dotted(call.callee.expr) != stack
        or len(call.args) != 1
        or not isinstance(call.args[0], CallExpr)
    ):
        return several, None
    return several, call.args[0]


def _stored_at(statement: Node) -> Node:
    return statement.expr if isinstance(statement, ExpressionStmt) else statement
