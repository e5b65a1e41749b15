"""Where what needs a session is used: to be asked whether that comes after its end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from mypy.nodes import (
    AssignmentStmt,
    AwaitExpr,
    CallExpr,
    DictExpr,
    ForStmt,
    GeneratorExpr,
    IndexExpr,
    ListExpr,
    MemberExpr,
    NameExpr,
    ReturnStmt,
    SetExpr,
    WithStmt,
    YieldExpr,
)

from mypy_asyncsession.detectors.block_flow import connecting, used_after
from mypy_asyncsession.detectors.held import Held
from mypy_asyncsession.detectors.session_holders import is_streaming, uses
from mypy_asyncsession.models.asyncio import AWAITING, AWAITING_LATER
from mypy_asyncsession.models.sqlalchemy import CONNECTING_ATTRIBUTES, STREAM_GETTERS
from mypy_asyncsession.semantic.call_arguments import matched
from mypy_asyncsession.semantic.cfg import PointKind
from mypy_asyncsession.semantic.syntax import mentions, statements, walk
from mypy_asyncsession.semantic.values import FunctionValue, fullname

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from mypy.nodes import Block, Expression, Node

    from mypy_asyncsession.detectors.block_flow import Use
    from mypy_asyncsession.detectors.session_holders import Holders
    from mypy_asyncsession.semantic.cfg import WithItem
    from mypy_asyncsession.semantic.function_flow import FunctionFlow
    from mypy_asyncsession.semantic.interpreter import Interpreter
    from mypy_asyncsession.semantic.program_point import ProgramPoint
    from mypy_asyncsession.semantic.summaries import Summaries

#: What puts something into a collection.
_ADDING: Final = frozenset({"add", "append"})
_EMPTY: Final = frozenset({"deque", "dict", "list", "set"})


class LateUses:
    """Finds the uses of what leads to a session."""

    def __init__(self, interpreter: Interpreter, holders: Holders, summaries: Summaries) -> None:
        self._interpreter = interpreter
        self._summaries = summaries
        self._holders = holders

    def of_session(self, name: str, point: ProgramPoint) -> Iterator[Use]:
        """Where a session is handed out, or given to a function of the project that queries it."""
        flow = point.body.flow()
        yield from returns(flow, name)
        yield from _yielded(flow, name)
        for index, call in flow.given.get(name, ()):
            statement = flow.graph.points[index].statement
            where = point.scope.names.places.get(id(statement))
            function = self._interpreter.value(call.callee, point.scope, where)
            if isinstance(function, FunctionValue) and any(
                is_named(argument, name) and uses(function.node, parameter)
                for parameter, argument in matched(call, function)
            ):
                yield index, call

    def of_attribute(self, name: str, attribute: str, flow: FunctionFlow) -> Iterator[Use]:
        """Where the session in an attribute of an object is used: ``uow.session.execute``."""
        for index, read in flow.inner_attributes.get((name, attribute), ()):
            if read.name in CONNECTING_ATTRIBUTES:
                yield index, read

    def of_unit(self, name: str, attribute: str, point: ProgramPoint) -> Iterator[Use]:
        """Where a method of an object, or of a part of it, uses the session in its attribute."""
        function, outer = point.body.function(), point.scope.parent
        if function is None or outer is None or function is not point.body.node:
            return
        body = self._summaries.objects.body(function, outer)
        for index in body.graph.of_kind(PointKind.AWAIT):
            node = body.graph.points[index].node
            call = node.expr if isinstance(node, AwaitExpr) else None
            if not isinstance(call, CallExpr) or not isinstance(call.callee, MemberExpr):
                continue
            owner = call.callee.expr
            while isinstance(owner, MemberExpr):
                owner = owner.expr
            if not is_named(owner, name):
                continue
            unit = self._summaries.objects.of(owner, body, index)
            session = self._summaries.objects.attribute(unit, attribute) if unit else None
            acts = self._summaries.at(body.graph.points[index], body).acts
            if any(act.object == session and act.method in CONNECTING_ATTRIBUTES for act in acts):
                yield index, call

    def of_names(
        self,
        item: WithItem,
        names: dict[str, Held],
        left: Collection[int],
        point: ProgramPoint,
    ) -> Iterator[tuple[str, Node]]:
        """The first use, after a block, of what leads to its session: how, and where.

        Args:
            item: What opens the session, or closes it.
            names: What leads to the session, and how.
            left: The points at which it is closed.
            point: The statement of the block.
        """
        flow = point.body.flow()
        found: list[tuple[Held, Node]] = []
        for name, how in names.items():
            if is_named(item.target, name) or is_given_anew(name, point):
                continue
            used = used_after(flow, flow.bindings.of(name), left, self._of(name, how, point))
            if used is not None:
                found.append((how, used))
        for name, how, call in self._collected(item.statement.body, names, point):
            made = flow.graph.points_of(call)
            used = used_after(flow, made, left, self._of(name, how, point))
            if used is not None:
                found.append((how, used))
        if found:
            how, used = min(found, key=lambda each: (each[1].line, each[1].column))
            if isinstance(used, ReturnStmt) or how in (
                Held.COROUTINE,
                Held.COROUTINES,
                Held.GENERATOR,
                Held.STREAM,
            ):
                yield how.reported, used
            else:
                yield "used", used

    def _of(self, name: str, how: Held, point: ProgramPoint) -> list[Use]:
        """Where what a name stands for needs the session that it leads to."""
        flow = point.body.flow()
        if how is Held.ITSELF:
            return [*connecting(flow, name), *self.of_session(name, point)]
        if how is Held.SEVERAL:
            return list(_elements(name, point))
        if how is Held.COROUTINES:
            return [*self._given_to_awaiting(name, point), *_awaited_in_turn(name, point)]
        found = list(returns(flow, name))
        if how is Held.KEPT:
            found += self._of_kept(name, point)
        elif how is Held.COROUTINE:
            found += self._given_to_awaiting(name, point)
            found += [
                (index, node)
                for index in flow.graph.of_kind(PointKind.AWAIT)
                if isinstance(node := flow.graph.points[index].node, AwaitExpr)
                and is_named(node.expr, name)
            ]
        elif how is Held.GENERATOR:
            found += _iterated(name, flow)
        elif how is Held.STREAM:
            found += _iterated(name, flow)
            found += [use for use in flow.attributes.get(name, ()) if use[1].name in STREAM_GETTERS]
        else:
            found += _called(name, flow)
        return found

    def _of_kept(self, name: str, point: ProgramPoint) -> Iterator[Use]:
        """Where an object uses the session that it keeps."""
        flow = point.body.flow()
        for index, read in flow.attributes.get(name, ()):
            where = point.scope.names.places.get(id(flow.graph.points[index].statement))
            if self._holders.uses_kept(self._interpreter.value(read, point.scope, where)):
                yield index, read

    def _given_to_awaiting(self, name: str, point: ProgramPoint) -> Iterator[Use]:
        """Where something is given to ``gather`` and the like, alone or with a star."""
        flow = point.body.flow()
        for index, call in flow.given.get(name, ()):
            where = point.scope.names.places.get(id(flow.graph.points[index].statement))
            callee = fullname(self._interpreter.value(call.callee, point.scope, where))
            if callee in AWAITING | AWAITING_LATER:
                yield index, call

    def _collected(
        self, block: Block, names: dict[str, Held], point: ProgramPoint
    ) -> Iterator[tuple[str, Held, Node]]:
        """The lists, sets and dicts that a session, or a coroutine of it, is put into."""
        for statement in statements(block):
            for node in walk(statement, into_functions=False):
                if not isinstance(node, CallExpr) or not isinstance(node.callee, MemberExpr):
                    continue
                owner = node.callee.expr
                if (
                    node.callee.name not in _ADDING
                    or len(node.args) != 1
                    or not isinstance(owner, NameExpr)
                    or not _begins_empty(owner.name, point)
                ):
                    continue
                where = point.scope.names.places.get(id(statement))
                how = self._holders.of(node.args[0], names, block, point.scope, where)
                if how is Held.ITSELF:
                    yield owner.name, Held.SEVERAL, node
                elif how is Held.COROUTINE:
                    yield owner.name, Held.COROUTINES, node
            if isinstance(statement, AssignmentStmt) and len(statement.lvalues) == 1:
                target = statement.lvalues[0]
                if (
                    isinstance(target, IndexExpr)
                    and isinstance(target.base, NameExpr)
                    and isinstance(statement.rvalue, NameExpr)
                    and names.get(statement.rvalue.name) is Held.ITSELF
                    and _begins_empty(target.base.name, point)
                ):
                    yield target.base.name, Held.SEVERAL, statement


def _begins_empty(name: str, point: ProgramPoint) -> bool:
    """Whether a name is that of a collection that the function itself makes, empty."""
    bindings = point.scope.names.bindings.get(name, [])
    node = bindings[0].node if len(bindings) == 1 else None
    if name in point.body.flow().shared:
        return False
    if isinstance(node, (ListExpr, SetExpr, DictExpr)):
        return not node.items
    return (
        isinstance(node, CallExpr)
        and isinstance(node.callee, NameExpr)
        and node.callee.name in _EMPTY
        and not node.args
    )


def _elements(name: str, point: ProgramPoint) -> Iterator[Use]:
    """Where elements of a collection are used as open sessions."""
    flow = point.body.flow()
    function = point.body.function()
    if function is None:
        return
    for node in walk(function.body, into_functions=False):
        if isinstance(node, MemberExpr) and node.name in CONNECTING_ATTRIBUTES:
            if isinstance(node.expr, IndexExpr) and is_named(node.expr.base, name):
                yield from ((index, node) for index in flow.graph.points_of(node))
        elif isinstance(node, ForStmt):
            if isinstance(node.index, NameExpr) and _goes_through(node.expr, name):
                used = _used_in([node.body], node.index.name)
                if used is not None:
                    yield from ((index, used) for index in flow.graph.points_of(node))
        elif isinstance(node, GeneratorExpr):
            index_ = node.indices[0]
            if isinstance(index_, NameExpr) and _goes_through(node.sequences[0], name):
                used = _used_in([node.left_expr], index_.name)
                if used is not None:
                    yield from ((index, used) for index in flow.graph.points_of(node))


def _awaited_in_turn(name: str, point: ProgramPoint) -> Iterator[Use]:
    """Where a loop awaits what is in a collection, one after the other."""
    flow = point.body.flow()
    function = point.body.function()
    if function is None:
        return
    for node in statements(function.body):
        if (
            isinstance(node, ForStmt)
            and isinstance(node.index, NameExpr)
            and _goes_through(node.expr, name)
        ):
            for each in walk(node.body, into_functions=False):
                if isinstance(each, AwaitExpr) and is_named(each.expr, node.index.name):
                    yield from ((index, each) for index in flow.graph.points_of(node))


def _goes_through(sequence: Expression, name: str) -> bool:
    """Whether the elements of a sequence are those of a collection."""
    if (
        isinstance(sequence, CallExpr)
        and isinstance(sequence.callee, MemberExpr)
        and sequence.callee.name == "values"
    ):
        sequence = sequence.callee.expr
    return is_named(sequence, name)


def _used_in(bodies: list[Node], name: str) -> Node | None:
    """Where some code uses a name as an open session, and does not open it itself."""
    used: Node | None = None
    for node in (inner for body in bodies for inner in walk(body)):
        if isinstance(node, WithStmt) and any(mentions(each, name) for each in node.expr):
            return None
        if isinstance(node, AssignmentStmt) and any(is_named(each, name) for each in node.lvalues):
            return None
        if (
            used is None
            and isinstance(node, MemberExpr)
            and node.name in CONNECTING_ATTRIBUTES
            and is_named(node.expr, name)
        ):
            used = node
    return used


def _iterated(name: str, flow: FunctionFlow) -> Iterator[Use]:
    """Where a loop goes through what a name stands for, or a response is to stream it."""
    for point in flow.graph.points:
        node = point.node
        if point.kind is PointKind.ITERATE:
            if isinstance(node, ForStmt) and is_named(node.expr, name):
                yield point.index, node.expr
            elif isinstance(node, GeneratorExpr) and is_named(node.sequences[0], name):
                yield point.index, node.sequences[0]
        elif (
            point.kind is PointKind.CALL
            and isinstance(node, CallExpr)
            and is_streaming(node.callee)
            and node.args
            and is_named(node.args[0], name)
        ):
            yield point.index, node


def _called(name: str, flow: FunctionFlow) -> Iterator[Use]:
    for index in flow.graph.of_kind(PointKind.CALL):
        node = flow.graph.points[index].node
        if isinstance(node, CallExpr) and is_named(node.callee, name):
            yield index, node


def is_given_anew(name: str, point: ProgramPoint) -> bool:
    """Whether a function assigns to an attribute of an object: it may have another session."""
    function = point.body.function()
    return function is not None and any(
        isinstance(each, AssignmentStmt)
        and any(
            isinstance(target, MemberExpr) and is_named(target.expr, name)
            for target in each.lvalues
        )
        for each in statements(function.body)
    )


def returns(flow: FunctionFlow, name: str) -> Sequence[Use]:
    """Where a function returns what a name stands for."""
    return flow.returned.get(name, ())


def is_named(expression: Node | None, name: str) -> bool:
    """Whether an expression is a name."""
    return isinstance(expression, NameExpr) and expression.name == name


def _yielded(flow: FunctionFlow, name: str) -> Iterator[Use]:
    """Where a generator yields what a name stands for."""
    for index in flow.graph.of_kind(PointKind.YIELD):
        node = flow.graph.points[index].node
        if isinstance(node, YieldExpr) and is_named(node.expr, name):
            yield index, node
