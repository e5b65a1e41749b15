"""Sessions and connections that several tasks use at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from mypy.nodes import (
    ArgKind,
    AwaitExpr,
    CallExpr,
    Expression,
    FuncDef,
    MemberExpr,
    NameExpr,
    WithStmt,
)

from mypy_asyncsession.detectors.spans import span_of, written
from mypy_asyncsession.detectors.state_records import ConcurrentUse, Together
from mypy_asyncsession.detectors.task_ends import ends_with, kept_as, mentioning, waits_after
from mypy_asyncsession.findings import Place
from mypy_asyncsession.models.asyncio import (
    GATHERING,
    STARTING_METHODS,
    TASK_GROUPS,
    TASK_MAKERS,
    WAITING_FOR_ALL,
)
from mypy_asyncsession.semantic.async_sessions import is_for_one_task
from mypy_asyncsession.semantic.cfg import PointKind
from mypy_asyncsession.semantic.dataflow import may_reach, reachable
from mypy_asyncsession.semantic.objects import Made, Variable, root_of
from mypy_asyncsession.semantic.syntax import walk
from mypy_asyncsession.semantic.task_elements import Element, Elements
from mypy_asyncsession.semantic.values import FunctionValue, ObjectValue, fullname, members

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from mypy_asyncsession.detectors.injected_sessions import InjectedSessions
    from mypy_asyncsession.semantic.acts import Act
    from mypy_asyncsession.semantic.function_body import FunctionBody
    from mypy_asyncsession.semantic.index import Contents
    from mypy_asyncsession.semantic.objects import Object
    from mypy_asyncsession.semantic.program_point import ProgramPoint
    from mypy_asyncsession.semantic.summaries import Summaries

#: The names of what runs things side by side: one of them stands in each function of interest.
_RUNNING: Final = frozenset(
    {"as_completed", "create_task", "ensure_future", "gather", "start", "start_soon", "wait"}
)


class _User(NamedTuple):
    """An element that uses an object."""

    element: Element
    act: Act


class _Start(NamedTuple):
    """A task that is started.

    Attributes:
        call: What starts it.
        task: The coroutine.
        acts: What it does with sessions.
        waits: The points at which it has come to its end, or may have.
        forgotten: Whether nobody waits for it.
    """

    call: CallExpr
    task: Element
    acts: list[Act]
    waits: frozenset[int]
    forgotten: bool


class ConcurrentUses:
    """Finds what the tasks have in common that the functions of one module run."""

    def __init__(self, summaries: Summaries, injected: InjectedSessions) -> None:
        self._summaries = summaries
        self._objects = summaries.objects
        self._injected = injected
        self._elements = Elements(summaries)

    def of_function(self, function: FuncDef, point: ProgramPoint) -> Iterator[ConcurrentUse]:
        """What a function lets several tasks use; *point* is where it is defined."""
        if not function.is_coroutine or not point.body.may_mention(_RUNNING):
            return
        if not _may_run_tasks(point.body.contents(function)):
            return
        body = self._objects.body(function, point.scope)
        seen: set[int] = set()
        reported: set[Object] = set()
        for index in body.graph.of_kind(PointKind.CALL):
            call = body.graph.points[index].node
            assert isinstance(call, CallExpr)
            if id(call) in seen or not body.graph.before[index]:
                continue
            seen.add(id(call))
            for object_, record in self._gathered(call, index, body, point):
                reported.add(object_)
                yield record
        yield from self._started(body, point, reported)

    # Those that one call runs

    def _gathered(
        self, call: CallExpr, at: int, body: FunctionBody, point: ProgramPoint
    ) -> Iterator[tuple[Object, ConcurrentUse]]:
        if not isinstance(call.callee, (MemberExpr, NameExpr)) or call.callee.name not in _RUNNING:
            return
        name = fullname(self._objects.value(call.callee, body, at))
        elements: list[Element] = []
        if name in GATHERING:
            for argument, kind in zip(call.args, call.arg_kinds, strict=True):
                if kind is ArgKind.ARG_STAR:
                    elements += self._elements.several(argument, body)
                elif kind is ArgKind.ARG_POS:
                    elements += self._elements.one(argument, body)
        elif name in WAITING_FOR_ALL and call.args:
            elements += self._elements.several(call.args[0], body)
        users: dict[Object, list[_User]] = {}
        for element in {id(each.call): each for each in elements}.values():
            for act in self._uses(element, body):
                users.setdefault(act.object, []).append(_User(element, act))
        for object_, found in self._shared(users, body).items():
            together = _together(object_, found, body)
            if together:
                record = _record(Together.GATHERED, object_, together, call, body, point)
                yield object_, record

    def _shared(
        self, users: dict[Object, list[_User]], body: FunctionBody
    ) -> dict[Object, list[_User]]:
        """The users of each session, which several parameters may be given."""
        first: dict[object, Object] = {}
        found: dict[Object, list[_User]] = {}
        for object_, using in users.items():
            key = first.setdefault(self._injected.source_of(object_, body) or object_, object_)
            found.setdefault(key, []).extend(using)
        return found

    def _uses(self, element: Element, body: FunctionBody) -> list[Act]:
        """What an element does with sessions, once for each."""
        acts: dict[Object, Act] = {}
        for act in self._summary(element, body):
            object_ = act.object
            if not act.awaited or act.guarded or not is_for_one_task(object_.value):
                continue
            if _is_named(object_, element.own) or _is_made_by(object_, element):
                continue
            acts.setdefault(object_, act)
        return list(acts.values())

    def _summary(self, element: Element, body: FunctionBody) -> Sequence[Act]:
        if not element.applied:
            return self._summaries.awaited(element.call, body, element.at).acts
        function = self._objects.value(element.call, body, element.at)
        summary = self._summaries.of(function) if isinstance(function, FunctionValue) else None
        if summary is None:
            return ()
        assert isinstance(function, FunctionValue)
        given: dict[str, Object | None] = {}
        formal = function.node.arguments
        if function.receiver is not None and isinstance(element.call, MemberExpr) and formal:
            receiver = self._objects.of(element.call.expr, body, element.at)
            given[formal[0].variable.name] = receiver
        return self._summaries.seen(summary, function, given, body, element.at).acts

    # Those that are started one by one

    def _started(
        self, body: FunctionBody, point: ProgramPoint, reported: set[Object]
    ) -> Iterator[ConcurrentUse]:
        started = list(self._starts(body))
        for number, first in enumerate(started):
            start = body.at(first.call)
            for act in first.acts if start is not None else ():
                object_ = act.object
                if object_ in reported or start is None:
                    continue
                user = _User(first.task, act)
                avoiding = first.waits | _defined(object_)
                later = reachable(body.graph, start, avoiding=avoiding)
                found = _joined(object_, user, started[number:], later, body)
                if found is not None:
                    users, call = found
                    many = len(users) == 1
                    record = _record(Together.STARTED, object_, users, call, body, point, many=many)
                else:
                    if first.forgotten:
                        # What is waited for next is waited for while it runs.
                        later |= waits_after(start, later, first.waits, body)
                    own = self._beside(object_, later, body)
                    if own is None:
                        continue
                    record = _record(Together.BESIDE, object_, [user], own, body, point, many=False)
                reported.add(object_)
                yield record

    def _beside(self, object_: Object, later: set[int], body: FunctionBody) -> Expression | None:
        """Where a function uses what a task of its own uses, before it waits for the task."""
        for index in sorted(later):
            point = body.graph.points[index]
            if point.kind is not PointKind.AWAIT or not isinstance(point.node, AwaitExpr):
                continue
            for act in self._summaries.at(point, body).acts:
                if act.object == object_ and act.awaited and not act.guarded:
                    return point.node.expr
        return None

    def _starts(self, body: FunctionBody) -> Iterator[_Start]:
        """The tasks that a function starts and that use sessions."""
        graph = body.graph
        for index in graph.of_kind(PointKind.CALL):
            call = graph.points[index].node
            assert isinstance(call, CallExpr)
            if not graph.before[index] or not call.args:
                continue
            callee = call.callee
            if not isinstance(callee, (MemberExpr, NameExpr)) or callee.name not in _RUNNING:
                continue
            group = self._group(callee, body, index)
            if (
                group is None
                and fullname(self._objects.value(callee, body, index)) not in TASK_MAKERS
            ):
                continue
            for element in self._task(call, callee, index, body):
                acts = self._uses(element, body)
                if not acts:
                    continue
                if group is not None:
                    yield _Start(call, element, acts, ends_with(group, call, body), forgotten=False)
                    continue
                kept = kept_as(call, body)
                waits = frozenset(body.graph.of_kind(PointKind.AWAIT))
                if kept is not None:
                    waits = mentioning(kept, call, body)
                yield _Start(call, element, acts, waits, forgotten=kept is None)

    def _task(
        self, call: CallExpr, callee: MemberExpr | NameExpr, at: int, body: FunctionBody
    ) -> Iterator[Element]:
        if callee.name not in ("start", "start_soon"):
            yield from self._elements.one(call.args[0], body)
            return
        # ``start_soon(function, *arguments)`` calls it.
        made = CallExpr(
            call.args[0],
            call.args[1:],
            call.arg_kinds[1:],
            call.arg_names[1:],
        )
        made.set_line(call)
        yield Element(made, at)

    def _group(self, callee: MemberExpr | NameExpr, body: FunctionBody, at: int) -> WithStmt | None:
        """The block of the task group that a method starts a task of."""
        if not isinstance(callee, MemberExpr) or callee.name not in STARTING_METHODS:
            return None
        if not isinstance(callee.expr, NameExpr):
            return None
        for statement in reversed(body.managers_around(at)):
            for expression, target in zip(statement.expr, statement.target, strict=True):
                if not isinstance(target, NameExpr) or target.name != callee.expr.name:
                    continue
                place = body.at(expression)
                if place is None or not isinstance(expression, CallExpr):
                    return None
                maker = fullname(self._objects.value(expression.callee, body, place))
                value = self._objects.value(expression, body, place)
                is_group = maker in TASK_GROUPS or any(
                    isinstance(each, ObjectValue) and each.label == "TaskGroup"
                    for each in members(value)
                )
                return statement if is_group else None
        return None


def _may_run_tasks(found: Contents) -> bool:
    """A quick look: whether a function names what runs things side by side."""
    return not found.words.isdisjoint(_RUNNING) and any(
        isinstance(node, (MemberExpr, NameExpr)) and node.name in _RUNNING for node in found.own
    )


def _together(object_: Object, users: list[_User], body: FunctionBody) -> list[_User]:
    """Those of the users of an object that run side by side; one for all rounds of a loop."""
    for user in users:
        if user.element.many or _is_repeated(object_, user.element, body):
            return [user, *(each for each in users if each is not user)]
    for position, user in enumerate(users):
        beside = [
            each
            for each in users[position + 1 :]
            if _meet(object_, user.element, each.element, body)
        ]
        if beside:
            return [user, *beside]
    return []


def _is_repeated(object_: Object, element: Element, body: FunctionBody) -> bool:
    """Whether a loop puts several of an element into its list."""
    at = element.collected
    return (
        element.grows
        and at is not None
        and may_reach(body.graph, at, at, avoiding=element.anew | _defined(object_))
    )


def _meet(object_: Object, one: Element, other: Element, body: FunctionBody) -> bool:
    """Whether two elements come to stand side by side, whichever way is taken to each."""
    if one.collected is None or other.collected is None or one.collected == other.collected:
        return True
    avoiding = one.anew | other.anew | _defined(object_)
    return may_reach(body.graph, one.collected, other.collected, avoiding=avoiding) or may_reach(
        body.graph, other.collected, one.collected, avoiding=avoiding
    )


def _defined(object_: Object) -> frozenset[int]:
    """The point at which an object comes to be: another one is there after it."""
    root = root_of(object_)
    at = root.at if isinstance(root, Made) else root.defined
    return frozenset({at}) if at > 0 else frozenset()


def _is_named(object_: Object, names: frozenset[str]) -> bool:
    root = root_of(object_)
    return isinstance(root, Variable) and root.name in names


def _is_made_by(object_: Object, element: Element) -> bool:
    """Whether each round of a comprehension makes an object of its own: ``Users().get(key)``."""
    root = root_of(object_)
    return (
        element.many
        and isinstance(root, Made)
        and any(node is root.call for node in walk(element.call))
    )


def _joined(
    object_: Object,
    user: _User,
    started: Sequence[_Start],
    later: set[int],
    body: FunctionBody,
) -> tuple[list[_User], CallExpr] | None:
    """The users of an object among the tasks that are started later, and what starts the last.

    The first of *started* is the one that *user* is: a loop may start another of it.
    """
    for each in started:
        act = next((act for act in each.acts if act.object == object_), None)
        if act is not None and body.at(each.call) in later:
            alone = each is started[0]
            return ([user] if alone else [user, _User(each.task, act)]), each.call
    return None


def _record(
    how: Together,
    object_: Object,
    users: Sequence[_User],
    call: Expression,
    body: FunctionBody,
    point: ProgramPoint,
    *,
    many: bool | None = None,
) -> ConcurrentUse:
    if many is None:
        many = users[0].element.many or (users[0].element.grows and len(users) == 1)
    first = users[0].act
    value = next(iter(members(object_.value)))
    span = span_of(call)
    inner = point.body.inside(body.node)
    return ConcurrentUse(
        how=how,
        name=object_.text,
        kind=(value.label if isinstance(value, ObjectValue) else None) or "AsyncSession",
        tasks=0 if many else len(users),
        users=tuple(dict.fromkeys(_called(each.element) for each in users)),
        methods=tuple(dict.fromkeys(each.act.method for each in users)),
        place=Place(first.function, first.path, first.line) if first.path else None,
        span=span,
        function=inner.outermost(),
        lines=tuple(range(span.line, span.end_line + 1)),
    )


def _called(element: Element) -> str:
    call = element.call
    return written(call.callee if isinstance(call, CallExpr) else call)
