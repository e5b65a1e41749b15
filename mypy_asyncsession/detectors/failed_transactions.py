"""What makes the transaction of a session fail, and what leaves it failed."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Final

from mypy.nodes import (
    AssignmentStmt,
    AwaitExpr,
    CallExpr,
    DelStmt,
    MemberExpr,
    NameExpr,
    OperatorAssignmentStmt,
    TupleExpr,
    UnaryExpr,
    WithStmt,
)

from mypy_asyncsession.models.sqlalchemy import DATABASE_ERRORS, TRANSACTIONS
from mypy_asyncsession.semantic.acts import ENDING, FLUSHING, Act
from mypy_asyncsession.semantic.cfg import EdgeKind, Graph, PointKind, Way
from mypy_asyncsession.semantic.cfg.attempts import attempt_at
from mypy_asyncsession.semantic.dataflow import reachable
from mypy_asyncsession.semantic.none_tests import none_test
from mypy_asyncsession.semantic.objects import Variable, root_of
from mypy_asyncsession.semantic.syntax import dotted, leaves_function, walk
from mypy_asyncsession.semantic.typestate import Change
from mypy_asyncsession.semantic.values import FunctionValue, members

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from mypy.nodes import Block, Expression, Node

    from mypy_asyncsession.semantic.acts import Summary
    from mypy_asyncsession.semantic.cfg import Point
    from mypy_asyncsession.semantic.cfg.attempts import Attempt
    from mypy_asyncsession.semantic.function_body import FunctionBody
    from mypy_asyncsession.semantic.object_identity import Objects
    from mypy_asyncsession.semantic.objects import Object
    from mypy_asyncsession.semantic.summaries import Summaries


#: The edges that leave a point which has done what it is there for.
DONE: Final = EdgeKind.ANY & ~EdgeKind.RAISING
#: What puts something into a session that is to be flushed.
STAGING: Final = frozenset({"add", "add_all"})
#: What ends a transaction that has failed.
MENDING: Final = ENDING - {"commit"} | {"invalidate"}
#: One of these stands in each module that has sessions.
_OF_SESSIONS: Final = ("AsyncSession", "sessionmaker", *sorted(FLUSHING))
#: What changes an attribute or a collection of an instance.
_CHANGING: Final = frozenset(
    {"add", "append", "clear", "extend", "insert", "pop", "remove", "setattr", "update"}
)

#: What may raise an exception of its own.
_FAILING: Final = frozenset(
    {PointKind.AWAIT, PointKind.CALL, PointKind.ENTER, PointKind.STATEMENT, PointKind.YIELD}
)


class State(Enum):
    """How far a transaction has come."""

    BEGUN = "begun"
    FAILED = "failed"
    #: Failed, and there is something to be flushed.
    STAGED = "staged"


def changes_at(summary: Summary, object_: Object, point: Point) -> list[Change[State]]:
    """What a point does to the transaction of an object."""
    made: list[Change[State]] = []
    if summary.exposes(object_):
        made.append(Change(None))
    for act in summary.acts:
        if act.object != object_:
            continue
        if act.method in FLUSHING and point.kind is PointKind.AWAIT and not act.function:
            made.append(Change(None, when=DONE))
            made.append(Change(State.FAILED, when=EdgeKind.ERROR, begins=True))
        elif act.function and act.method in FLUSHING:
            made.append(Change(None, when=DONE if act.fails else EdgeKind.ANY))
            if act.fails and not summary.exposes(object_):
                made.append(Change(State.FAILED, when=EdgeKind.ERROR, begins=True))
        elif act.method in ENDING | MENDING:
            made.append(Change(None))
        elif act.method in STAGING:
            made.append(Change(State.STAGED, frozenset({State.FAILED})))
    return made


def flushes_nothing(
    index: int, object_: Object, done: Mapping[int, Summary], body: FunctionBody
) -> bool:
    """Whether a commit comes right after a flush, so that there is nothing left that may fail.

    ``async with session.begin_nested(): ...`` flushes at its end.
    """
    seen = {index}
    stack = [index]
    while stack:
        for before, kind in body.graph.before[stack.pop()]:
            if kind & EdgeKind.RAISING and not kind & DONE:
                continue
            if before in seen:
                continue
            seen.add(before)
            point = body.graph.points[before]
            summary = done.get(before)
            acts = [act for act in summary.acts if act.object == object_] if summary else []
            if _is_end_of_savepoint(point) or any(
                act.method in ENDING or act.method == "flush" for act in acts
            ):
                continue
            if acts or (summary is not None and summary.exposes(object_)) or _may_change(point):
                return False
            if before == Graph.ENTRY:
                return False
            stack.append(before)
    return True


def _is_end_of_savepoint(point: Point) -> bool:
    if point.kind is not PointKind.LEAVE or not isinstance(point.node, WithStmt):
        return False
    call = point.node.expr[point.item]
    return (
        isinstance(call, CallExpr)
        and isinstance(call.callee, MemberExpr)
        and call.callee.name == "begin_nested"
    )


def _may_change(point: Point) -> bool:
    """Whether a point may change an instance, or a collection of one."""
    node = point.node
    if isinstance(node, AssignmentStmt):
        return not all(isinstance(each, NameExpr) for each in node.lvalues)
    if isinstance(node, OperatorAssignmentStmt):
        return not isinstance(node.lvalue, NameExpr)
    if isinstance(node, CallExpr) and isinstance(node.callee, (MemberExpr, NameExpr)):
        return node.callee.name in _CHANGING
    return isinstance(node, DelStmt)


def add_call(
    changes: dict[int, list[Change[State]]],
    point: Point,
    made: list[Change[State]],
    body: FunctionBody,
) -> None:
    """What makes the coroutine that ends a transaction does not raise before that is done."""
    call = getattr(point.node, "expr", None)
    if point.kind is not PointKind.AWAIT or not isinstance(call, CallExpr):
        return
    if any(change.to is None and change.when == EdgeKind.ANY for change in made):
        for index in body.graph.points_of(call):
            changes.setdefault(index, []).append(Change(None, when=EdgeKind.RAISING))


def _add_branches(
    changes: dict[int, list[Change[State]]], object_: Object, body: FunctionBody, objects: Objects
) -> None:
    """Where a condition says that there is no session, or no failed one, none has failed."""
    for index in body.graph.of_kind(PointKind.BRANCH):
        tested, holds = none_test(body.graph.points[index].node)
        asked, is_failed = _asked_for(body.graph.points[index].node)
        if tested is not None and objects.of(tested, body, index) == object_:
            side = EdgeKind.TRUE if holds else EdgeKind.FALSE
        elif asked is not None and objects.of(asked, body, index) == object_:
            side = EdgeKind.FALSE if is_failed else EdgeKind.TRUE
        else:
            continue
        changes.setdefault(index, []).append(Change(None, when=side))


def _asked_for(condition: Node | None) -> tuple[Expression | None, bool]:
    """The session that is asked for its transaction, and whether a failed one says yes.

    One that has failed is in a transaction, and is not active.
    """
    if isinstance(condition, UnaryExpr) and condition.op == "not":
        asked, is_failed = _asked_for(condition.expr)
        return asked, not is_failed
    if isinstance(condition, MemberExpr) and condition.name == "is_active":
        return condition.expr, False
    callee = condition.callee if isinstance(condition, CallExpr) else None
    if isinstance(callee, MemberExpr) and callee.name in ("get_transaction", "in_transaction"):
        return callee.expr, True
    return None, False


def is_attempt(index: int, object_: Object, body: FunctionBody) -> bool:
    """Whether a point commits in a ``try`` of its own, which rolls back if that fails."""
    point = body.graph.points[index]
    awaited = point.node.expr if isinstance(point.node, AwaitExpr) else None
    callee = awaited.callee if isinstance(awaited, CallExpr) else None
    if not isinstance(callee, MemberExpr) or callee.name != "commit":
        return False
    attempt = attempt_at(body.graph, index)
    if attempt is None or attempt.block.body != [point.statement]:
        return False
    return any(
        isinstance(node, MemberExpr) and node.name in MENDING and dotted(node.expr) == object_.text
        for handler in attempt.handlers
        if catches_failure(handler.caught)
        for node in walk(handler.block)
    )


def renewing(
    changes: dict[int, list[Change[State]]], object_: Object
) -> dict[int, list[Change[State]]]:
    """The changes of an object, beside that another one begins where its name is bound again."""
    root = root_of(object_)
    if isinstance(root, Variable) and root.defined > 0:
        changes.setdefault(root.defined, []).insert(0, Change(None))
    return changes


def add_handlers(
    changes: dict[int, list[Change[State]]], object_: Object, body: FunctionBody, objects: Objects
) -> None:
    """What else decides: handlers that catch something else, blocks that roll back, conditions."""
    renewing(changes, object_)
    _add_branches(changes, object_, body, objects)
    for index in ended_by_hand(body, objects):
        changes.setdefault(index, []).append(Change(None))
    root = root_of(object_)
    for point in body.graph.points:
        if point.kind is PointKind.HANDLER:
            if not catches_failure(point.reads[0] if point.reads else None):
                changes.setdefault(point.index, []).append(Change(None))
        elif point.kind is PointKind.LEAVE and isinstance(point.node, WithStmt):
            if _is_harmless(point, point.node, root, body):
                continue
            changes.setdefault(point.index, []).append(Change(None))
        elif point.kind in _FAILING:
            made = changes.setdefault(point.index, [])
            if not any(change.begins for change in made):
                made.append(Change(None, when=EdgeKind.ERROR))  # a second failure beside the first


def ended_by_hand(body: FunctionBody, objects: Objects) -> Iterator[int]:
    """The points at which a transaction that was kept is ended: ``await kept.commit()``."""
    for index in body.graph.of_kind(PointKind.CALL):
        call = body.graph.points[index].node
        callee = call.callee if isinstance(call, CallExpr) else None
        if isinstance(callee, MemberExpr) and callee.name in ENDING:
            value = objects.value(callee.expr, body, index)
            labels = {getattr(each, "label", None) for each in members(value)}
            if not labels.isdisjoint(TRANSACTIONS):
                yield index


def ends_in(
    block: WithStmt,
    position: int,
    object_: Object,
    done: Mapping[int, Summary],
    body: FunctionBody,
) -> dict[int, Act]:
    """The points that end the transaction of a block: by its session, or by what it binds."""
    target = block.target[position]
    bound = frozenset(body.graph.points_of(target)) if isinstance(target, NameExpr) else frozenset()
    found: dict[int, Act] = {}
    for index, summary in done.items():
        for act in summary.acts:
            if act.object == object_ and act.method in ENDING and act.on_return:
                found.setdefault(index, act)
    for index in body.graph.of_kind(PointKind.AWAIT) if bound else ():
        call = getattr(body.graph.points[index].node, "expr", None)
        callee = call.callee if isinstance(call, CallExpr) else None
        if isinstance(callee, MemberExpr) and callee.name in ENDING:
            kept = callee.expr
            if isinstance(kept, NameExpr) and body.bindings.reaching(index, kept.name) <= bound:
                found.setdefault(index, Act(callee.name, object_))
    return dict(sorted(found.items()))


def _is_harmless(point: Point, statement: WithStmt, root: object, body: FunctionBody) -> bool:
    """Whether leaving a block leaves a failed session as it is."""
    expression = statement.expr[point.item]
    callee = expression.callee if isinstance(expression, CallExpr) else None
    if isinstance(callee, (MemberExpr, NameExpr)) and callee.name == "suppress":
        assert isinstance(expression, CallExpr)
        return point.way is Way.NORMAL or all(map(catches_failure, expression.args))
    if isinstance(root, Variable) and root.defined > 0:
        bound = body.graph.points[root.defined].node
        if any(target is bound for target in statement.target):
            return False
    return not statement.is_async


def catches_failure(caught: Node | None) -> bool:
    """Whether a handler is there for what a flush raises."""
    if caught is None:
        return True
    types: Sequence[Node] = caught.items if isinstance(caught, TupleExpr) else [caught]
    return any(
        isinstance(each, (MemberExpr, NameExpr)) and each.name in DATABASE_ERRORS for each in types
    )


def swallows_failure(attempt: Attempt) -> bool:
    """Whether a handler goes on after what a function may raise that flushes."""
    for handler in attempt.handlers:
        if not catches_failure(handler.caught) or leaves_function(handler.block):
            continue
        names = {each.name for each in walk(handler.block) if isinstance(each, MemberExpr)}
        if names.isdisjoint(MENDING) and any(map(_is_given_something, walk(attempt.block))):
            return True
    return False


def may_leave_failed(block: Block, body: FunctionBody, summaries: Summaries) -> bool:
    """Whether a function that flushes is called in a ``try`` that goes on to await more.

    Args:
        block: What is tried, of which ``swallows_failure``.
        body: The function that it stands in.
        summaries: What the functions do that are called.
    """
    graph = body.graph
    inside = {id(node) for node in walk(block) if isinstance(node, AwaitExpr)}
    for point in graph.points:
        if point.kind is not PointKind.AWAIT or id(point.node) not in inside:
            continue
        after = reachable(graph, point.index, first=EdgeKind.RAISING)
        if (
            any(graph.points[each].kind is PointKind.AWAIT for each in after)
            and _may_flush(point, body, summaries)
            and (summary := summaries.done(body).get(point.index)) is not None
            and any(act.method in FLUSHING and act.fails for act in summary.acts)
        ):
            return True
    return False


def _may_flush(point: Point, body: FunctionBody, summaries: Summaries) -> bool:
    """A quick look: whether the function that is awaited is of a module that has sessions."""
    awaited = point.node.expr if isinstance(point.node, AwaitExpr) else None
    if not isinstance(awaited, CallExpr):
        return False
    called = summaries.objects.value(awaited.callee, body, point.index)
    return not isinstance(called, FunctionValue) or summaries.program.mentions(
        called.scope.module, *_OF_SESSIONS
    )


def _is_given_something(node: Node) -> bool:
    """Whether a node is the await of a call that may be given a session."""
    call = node.expr if isinstance(node, AwaitExpr) else None
    return isinstance(call, CallExpr) and (bool(call.args) or isinstance(call.callee, MemberExpr))
