"""Sessions that are used when their transaction has ended, or begun again, or failed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from mypy.nodes import (
    AwaitExpr,
    CallExpr,
    MemberExpr,
    NameExpr,
    WithStmt,
)

from mypy_asyncsession.detectors.failed_transactions import (
    DONE,
    MENDING,
    STAGING,
    State,
    add_call,
    add_handlers,
    catches_failure,
    changes_at,
    ended_by_hand,
    ends_in,
    flushes_nothing,
    is_attempt,
    may_leave_failed,
    renewing,
    swallows_failure,
)
from mypy_asyncsession.detectors.spans import span_of
from mypy_asyncsession.detectors.state_records import Misplaced, TransactionMisuse
from mypy_asyncsession.findings import Place, Span
from mypy_asyncsession.semantic.acts import ENDING, FLUSHING
from mypy_asyncsession.semantic.async_sessions import is_async_session, is_for_one_task
from mypy_asyncsession.semantic.cfg import EdgeKind, PointKind
from mypy_asyncsession.semantic.dataflow import reachable
from mypy_asyncsession.semantic.objects import Variable, root_of
from mypy_asyncsession.semantic.syntax import statements, walk
from mypy_asyncsession.semantic.typestate import Change, follow

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from mypy.nodes import Block, Expression, FuncDef

    from mypy_asyncsession.semantic.acts import Act, Summary
    from mypy_asyncsession.semantic.cfg import Point
    from mypy_asyncsession.semantic.function_body import FunctionBody
    from mypy_asyncsession.semantic.index import Contents
    from mypy_asyncsession.semantic.objects import Object
    from mypy_asyncsession.semantic.program_point import ProgramPoint
    from mypy_asyncsession.semantic.summaries import Summaries

#: What SQLAlchemy lets pass once the transaction of a block has ended.
_HARMLESS: Final = frozenset({"aclose", "close", "flush", "invalidate", "reset", "rollback"})
#: What begins a transaction whatever the session holds.
_BEGINNING: Final = frozenset(
    {
        "add",
        "begin",
        "begin_nested",
        "connection",
        "exec",
        "exec_driver_sql",
        "execute",
        "refresh",
        "scalar",
        "scalars",
        "stream",
        "stream_scalars",
    }
)
#: What does so in a session that holds nothing yet.
_LOADING: Final = frozenset({"get", "get_one", "merge"})
#: What does nothing in the database, and so is let pass after a failure.
_IN_MEMORY: Final = frozenset({"add", "add_all", "flush", "run_sync"})
#: One of these names stands in each function of interest.
_TELLING: Final = FLUSHING | {"begin", "begin_nested"}


class Transactions:
    """Finds what the functions of one module do at the wrong time of a transaction."""

    def __init__(self, summaries: Summaries) -> None:
        self._summaries = summaries
        self._objects = summaries.objects

    def of_function(self, function: FuncDef, point: ProgramPoint) -> Iterator[TransactionMisuse]:
        """What a function does too late or too early; *point* is where it is defined."""
        if not function.is_coroutine:
            return
        begins, catches, swallowing = _quick_look(point.body.contents(function))
        if not begins and not catches and not swallowing:
            return
        body = self._objects.body(function, point.scope)
        catches = catches or any(
            may_leave_failed(each, body, self._summaries) for each in swallowing
        )
        if not begins and not catches:
            return
        done = self._summaries.done(body)
        found: list[TransactionMisuse] = []
        if begins:
            found += self._after_end(done, body, point)
            found += self._begun_again(done, body, point)
        if catches:
            found += self._after_failure(done, body, point)
        seen: set[int] = set()
        for record in found:
            if record.span.line not in seen:
                seen.add(record.span.line)
                yield record

    # Use after a commit inside the block of a transaction

    def _after_end(
        self, done: Mapping[int, Summary], body: FunctionBody, point: ProgramPoint
    ) -> Iterator[TransactionMisuse]:
        for statement in statements(body.node.body):
            if not isinstance(statement, WithStmt) or not statement.is_async:
                continue
            for position, expression in enumerate(statement.expr):
                object_ = self._begun_by(statement, position, expression, body)
                if object_ is not None:
                    yield from self._used_in(statement, position, object_, done, body, point)

    def _begun_by(
        self, statement: WithStmt, position: int, expression: Expression, body: FunctionBody
    ) -> Object | None:
        """The session or connection whose transaction a ``with`` begins."""
        if not isinstance(expression, CallExpr) or not isinstance(expression.callee, MemberExpr):
            return None
        at = body.at(expression)
        callee = expression.callee
        if at is None or callee.name not in ("begin", "begin_nested"):
            return None
        if is_for_one_task(self._objects.value(callee.expr, body, at)):
            return self._objects.of(callee.expr, body, at)
        target = statement.target[position]
        if not isinstance(target, NameExpr) or callee.name != "begin":
            return None
        # ``async with maker.begin() as session``, ``async with engine.begin() as connection``
        bound = body.graph.points_of(target)
        value = self._objects.value(expression, body, at)
        item = getattr(value, "item", None)
        if not bound or item is None or not is_for_one_task(item):
            return None
        return Variable(id(body.node), target.name, bound[0], item)

    def _used_in(
        self,
        statement: WithStmt,
        position: int,
        object_: Object,
        done: Mapping[int, Summary],
        body: FunctionBody,
        point: ProgramPoint,
    ) -> Iterator[TransactionMisuse]:
        graph = body.graph
        leaves = frozenset(
            index
            for index in graph.points_of(statement)
            if graph.points[index].kind is PointKind.LEAVE and graph.points[index].item == position
        )
        inside = {id(each) for each in statements(statement.body)}
        for index, end in ends_in(statement, position, object_, done, body).items():
            if id(graph.points[index].statement) not in inside:
                continue
            if graph.points[index].kind is PointKind.LEAVE:
                continue
            later = reachable(graph, index, avoiding=leaves, first=DONE)
            for use in sorted(later & done.keys()):
                if graph.points[use].kind is PointKind.LEAVE:
                    continue
                act = next(
                    (
                        each
                        for each in done[use].acts
                        if each.object == object_ and each.method not in _HARMLESS
                    ),
                    None,
                )
                if act is not None:
                    yield _record(Misplaced.ENDED, object_, end, index, use, body, point)
                    break

    # A transaction that is begun a second time

    def _begun_again(
        self, done: Mapping[int, Summary], body: FunctionBody, point: ProgramPoint
    ) -> Iterator[TransactionMisuse]:
        if _asks_first(body):
            return
        for object_ in self._begun_objects(done):
            changes: dict[int, list[Change[State]]] = {}
            asked: list[int] = []
            for index, summary in done.items():
                made = self._begins(summary, object_)
                if any(
                    act.object == object_ and act.method == "begin" and not act.function
                    for act in summary.acts
                ):
                    asked.append(index)
                changes[index] = made
            for index in ended_by_hand(body, self._objects):
                changes.setdefault(index, []).append(Change(None))
            tracked = follow(body.graph, renewing(changes, object_), asked, body.flags)
            for index in asked:
                for held in tracked.held(index, State.BEGUN):
                    act = _first(done[held.since], object_)
                    if act is not None:
                        yield _record(Misplaced.BEGUN, object_, act, held.since, index, body, point)
                        break

    def _begins(self, summary: Summary, object_: Object) -> list[Change[State]]:
        made: list[Change[State]] = []
        root = root_of(object_)
        is_own = isinstance(root, Variable) and root.defined > 0
        if summary.exposes(object_):
            made.append(Change(None))
        for act in summary.acts:
            if act.object != object_:
                continue
            if act.method in ENDING:
                made.append(Change(None))
            elif not act.function and (
                act.method in _BEGINNING or (is_own and act.method in _LOADING)
            ):
                made.append(Change(State.BEGUN, when=DONE, begins=True))
        return made

    def _begun_objects(self, done: Mapping[int, Summary]) -> list[Object]:
        return list(
            dict.fromkeys(
                act.object
                for summary in done.values()
                for act in summary.acts
                if act.method == "begin" and not act.function and is_for_one_task(act.object.value)
            )
        )

    # Going on after a failure

    def _after_failure(
        self, done: Mapping[int, Summary], body: FunctionBody, point: ProgramPoint
    ) -> Iterator[TransactionMisuse]:
        flushed = dict.fromkeys(
            act.object
            for index, summary in done.items()
            for act in summary.acts
            if act.method in FLUSHING
            and (not act.function or act.fails)
            and is_async_session(act.object.value)
            and body.graph.points[index].kind is PointKind.AWAIT
        )
        for object_ in flushed:
            changes: dict[int, list[Change[State]]] = {}
            asked: list[int] = []
            for index, summary in done.items():
                made = changes_at(summary, object_, body.graph.points[index])
                if any(act.method == "commit" for act in summary.acts) and flushes_nothing(
                    index, object_, done, body
                ):
                    made = [change for change in made if not change.begins]
                if made:
                    changes[index] = made
                    add_call(changes, body.graph.points[index], made, body)
                if _uses(summary, object_) and not is_attempt(index, object_, body):
                    asked.append(index)
            add_handlers(changes, object_, body, self._objects)
            for index in asked:
                # What is raised here is raised once; what fails anew has failed here.
                made = changes.get(index, [])
                when = EdgeKind.ANY if any(change.begins for change in made) else DONE
                gone: Change[State] = Change(None, frozenset({State.FAILED, State.STAGED}), when)
                changes[index] = [gone, *made]
            tracked = follow(body.graph, changes, asked, body.flags)
            reported: set[int] = set()
            for index in sorted(asked, key=lambda each: body.graph.points[each].line):
                act = _first(done[index], object_)
                if act is None or act.method == "run_sync":
                    continue
                states = {State.STAGED} if act.method == "flush" else {*State}
                for held in sorted(tracked.before.get(index, ()), key=lambda each: each.since):
                    since = tracked.history(held)[0].since
                    failed = _failing(done[since], object_)
                    if held.state not in states or failed is None or since in reported:
                        continue
                    # One rollback fixes all that follows.
                    reported.add(since)
                    yield _record(Misplaced.FAILED, object_, failed, since, index, body, point)
                    break


def _quick_look(contents: Contents) -> tuple[bool, bool, list[Block]]:
    """Whether a function begins a transaction; whether it catches what a flush may raise.

    And the blocks where it goes on after what a function may raise that flushes.
    """
    if AwaitExpr not in contents.kinds and contents.words.isdisjoint(_TELLING):
        return False, False, []
    begins = flushes = False
    catches = any(attempt.is_caught(catches_failure) for attempt in contents.attempts)
    for node in contents.own:
        if isinstance(node, MemberExpr):
            begins = begins or node.name in ("begin", "begin_nested")
            flushes = flushes or node.name in FLUSHING
            catches = catches or node.name == "suppress"
        elif isinstance(node, NameExpr):
            catches = catches or node.name == "suppress"
    swallowing = [attempt.block for attempt in contents.attempts if swallows_failure(attempt)]
    return begins, catches and flushes, swallowing


def _asks_first(body: FunctionBody) -> bool:
    """Whether a function asks whether a transaction has begun."""
    return any(
        isinstance(node, MemberExpr)
        and node.name in ("get_transaction", "in_nested_transaction", "in_transaction", "is_active")
        for node in walk(body.node.body, into_functions=False)
    )


def _uses(summary: Summary, object_: Object) -> bool:
    """Whether a point uses an object as one whose transaction is in order."""
    acts = [act for act in summary.acts if act.object == object_]
    if acts and acts[0].function and acts[0].method in MENDING:
        return False  # a function that begins with a rollback
    return any(act.method not in MENDING and act.method not in STAGING for act in acts)


def _failing(summary: Summary, object_: Object) -> Act | None:
    """The flush that may have failed at a point."""
    return next(
        (
            act
            for act in summary.acts
            if act.object == object_ and act.method in FLUSHING and (act.fails or not act.function)
        ),
        None,
    )


def _first(summary: Summary, object_: Object) -> Act | None:
    return next((act for act in summary.acts if act.object == object_), None)


def _record(
    how: Misplaced,
    object_: Object,
    before: Act,
    since: int,
    at: int,
    body: FunctionBody,
    point: ProgramPoint,
) -> TransactionMisuse:
    inner = point.body.inside(body.node)
    span = _span(body.graph.points[at])
    line = body.graph.points[since].line
    done_at = before.line or line
    return TransactionMisuse(
        how=how,
        name=object_.text,
        method=before.method,
        by=before.function,
        line=line,
        place=Place(before.function or before.method, before.path or inner.path, done_at),
        span=span,
        function=inner.outermost(),
        lines=tuple(range(span.line, span.end_line + 1)),
    )


def _span(point: Point) -> Span:
    node = point.node
    if isinstance(node, WithStmt):
        return span_of(node.expr[point.item])
    expression = getattr(node, "expr", None) if not isinstance(node, CallExpr) else node
    return span_of(expression or node)  # type: ignore[arg-type]
