"""What becomes of an instance, by what is done with its session and its name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from mypy.nodes import AssignmentStmt, AwaitExpr, CallExpr, MemberExpr, NameExpr, WithStmt

from mypy_asyncsession.detectors.savepoints import rolled_back
from mypy_asyncsession.detectors.tracked_instances import State
from mypy_asyncsession.models.sqlalchemy import FORGETTING
from mypy_asyncsession.semantic.async_sessions import is_async_session
from mypy_asyncsession.semantic.cfg import EdgeKind, PointKind, Way
from mypy_asyncsession.semantic.objects import Variable
from mypy_asyncsession.semantic.told_endings import Told, is_dropped, where_false
from mypy_asyncsession.semantic.typestate import Change

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from mypy.nodes import Node

    from mypy_asyncsession.detectors.tracked_instances import Tracked
    from mypy_asyncsession.semantic.acts import Act, Summary
    from mypy_asyncsession.semantic.cfg import Point
    from mypy_asyncsession.semantic.expiry import Expiry
    from mypy_asyncsession.semantic.function_body import FunctionBody
    from mypy_asyncsession.semantic.objects import Object
    from mypy_asyncsession.semantic.reloading import Reloading

_LIVE: Final = frozenset({State.NEW, State.LOADED, State.AT_REST})
_DONE: Final = EdgeKind.ANY & ~EdgeKind.RAISING
#: What may load an instance again.
LOADING: Final = frozenset(
    {
        "delete",
        "exec",
        "execute",
        "get",
        "get_one",
        "merge",
        "run_sync",
        "scalar",
        "scalars",
        "stream",
        "stream_scalars",
    }
)
#: What begins a transaction, and loads nothing that is there.
_BEGINNING: Final = frozenset({"add", "begin", "begin_nested", "connection"})
_LOADING: Final = LOADING | {"refresh"}


#: How a collection is given another member.
_COLLECTING: Final = frozenset({"add", "append", "extend", "insert", "remove"})
#: What relates another instance to it: the next flush reads its key, and loads it for that.
_LOADED_BY_FLUSH: Final[Change[State]] = Change(
    None, frozenset({State.EXPIRED, State.CHANGED}), _DONE
)


class InstanceStates:
    """Says how the points of a function change the state of an instance."""

    def __init__(self, expiry: Expiry, reloading: Reloading) -> None:
        self._expiry = expiry
        self._reloading = reloading
        self._telling: tuple[Mapping[int, Summary], list[int]] = ({}, [])

    def changes(
        self,
        tracked: Tracked,
        done: Mapping[int, Summary],
        body: FunctionBody,
        points: Collection[int],
        *,
        expiring: bool = False,
    ) -> dict[int, list[Change[State]]]:
        """How points of a function change the state of an instance.

        Args:
            tracked: The instance.
            done: What the points do.
            body: The function.
            points: The points that are to be looked at: those between where it begins to be
                followed and where it is asked for.
            expiring: Whether its session is taken for one that expires its instances.
        """
        changes: dict[int, list[Change[State]]] = {}
        on_commit = expiring or self._expiry.on_commit(tracked.session, body)
        for index in points:
            if index in done:
                found = self._changed(index, done[index], tracked, body, on_commit=on_commit)
                if found:
                    changes[index] = found
        for index in self._telling_in(done):
            for branch, edge in self._told(index, done[index], tracked, body):
                expired = Change(State.EXPIRED, frozenset({State.LOADED, State.AT_REST}), edge)
                changes.setdefault(branch, []).append(expired)
        self._add_statements(changes, tracked, body, points)
        return changes

    def _telling_in(self, done: Mapping[int, Summary]) -> list[int]:
        """The points whose result may say that a session was rolled back."""
        if self._telling[0] is not done:
            found = [
                index
                for index, summary in done.items()
                if any(act.told is Told.FALSE for act in summary.acts)
            ]
            self._telling = (done, found)
        return self._telling[1]

    def _told(
        self, index: int, summary: Summary, tracked: Tracked, body: FunctionBody
    ) -> Iterator[tuple[int, int]]:
        """The branches on which the result of a function says that it may have rolled back."""
        if any(
            act.object == tracked.session and act.told is Told.FALSE and act.on_return and act.last
            for act in summary.acts
        ) and not is_dropped(index, body):
            yield from where_false(index, body)

    def _changed(
        self,
        index: int,
        summary: Summary,
        tracked: Tracked,
        body: FunctionBody,
        *,
        on_commit: bool,
    ) -> list[Change[State]]:
        """What a point does to an instance by what it does with the session."""
        session = tracked.session
        acts = [act for act in summary.acts if act.object == session]
        point = body.graph.points[index]
        changes: list[Change[State]] = []
        if summary.enters(session):
            changes.append(Change(None))
        elif summary.exposes(session):
            # Whoever is given the session may end its transaction, or load what has expired. One
            # that raises may have done so before.
            changes.append(Change(State.AT_REST, frozenset({State.LOADED}), _DONE))
            changes.append(Change(None, frozenset({State.NEW, State.EXPIRED, State.CHANGED})))
        if _is_given(tracked.name, point):
            # Whoever is given an instance may load it again.
            changes.append(Change(None, frozenset({State.EXPIRED, State.CHANGED})))
        leaves_by_error = point.kind is PointKind.LEAVE and point.way in (
            Way.ERROR,
            Way.CANCEL,
            Way.CLOSE,
        )
        acts = sorted(acts, key=lambda act: not act.otherwise)  # in its place, not after it
        dropped = is_dropped(index, body)
        for act in acts:
            if act.told is not Told.NOTHING and act.on_return and not dropped:
                changes.append(Change(None, frozenset({State.CHANGED, State.NEW}), _DONE))
                if act.told is Told.OPEN:
                    changes.append(Change(None, when=_DONE))
                act = act._replace(on_return=False)  # noqa: PLW2901
            when = _DONE if act.on_return else 0
            if act.on_raise:
                when |= EdgeKind.RAISING
            if leaves_by_error:
                when = EdgeKind.ANY
            if act.method not in _LOADING:
                changes += _by_act(act, when, on_commit=on_commit)
            else:
                may_load = self._reloading.may_load(act, tracked.mapped)
                changes += _by_load(when, may_load=may_load)
        return changes

    def _add_statements(
        self,
        changes: dict[int, list[Change[State]]],
        tracked: Tracked,
        body: FunctionBody,
        points: Collection[int],
    ) -> None:
        """What is assigned to the instance or its name, and the end of its session's block."""
        session = tracked.session
        for index in points:
            point = body.graph.points[index]
            node = point.node
            made: list[Change[State]] = []
            if _binds(point, tracked, body):
                if point.index != tracked.bound:
                    made.append(Change(None, when=_DONE))
            elif point.kind is PointKind.STATEMENT and isinstance(node, AssignmentStmt):
                if any(attribute_of(each, tracked.name) for each in node.lvalues):
                    made.append(Change(State.CHANGED, frozenset({State.EXPIRED}), _DONE))
                elif _is_related(tracked.name, node):
                    made.append(_LOADED_BY_FLUSH)
            elif point.kind is PointKind.CALL and isinstance(node, CallExpr):
                if _forgets(node, tracked.name):
                    made.append(Change(None))
                elif self._relates(node, tracked.name, body, point.index):
                    made.append(_LOADED_BY_FLUSH)
            elif point.kind is PointKind.LEAVE and isinstance(node, WithStmt):
                if ends_session(point, session, body):
                    made.append(Change(None, _LIVE | {State.CHANGED}))
                if failing := rolled_back(point, session, tracked.name):
                    gone = frozenset({State.LOADED, State.CHANGED})
                    made.append(Change(State.EXPIRED, gone, failing))
            if made:
                changes.setdefault(point.index, []).extend(made)

    def _relates(self, call: CallExpr, name: str, body: FunctionBody, at: int) -> bool:
        """``Post(author=user)``, ``post.readers.append(user)``: what another instance is given."""
        if not any(isinstance(each, NameExpr) and each.name == name for each in call.args):
            return False
        callee = call.callee
        if isinstance(callee, MemberExpr) and callee.name in _COLLECTING:
            return isinstance(callee.expr, MemberExpr) and not is_async_session(
                self._reloading.value(callee.expr, body, at)
            )
        return self._reloading.makes_instance(call, body, at)


def ends_session(point: Point, session: Object, body: FunctionBody) -> bool:
    """Whether a point leaves the block that a session was opened for."""
    return (
        point.kind is PointKind.LEAVE
        and isinstance(point.node, WithStmt)
        and isinstance(session, Variable)
        and session.defined > 0
        and point.node.target[point.item] is body.graph.points[session.defined].node
    )


def _by_act(act: Act, when: int, *, on_commit: bool) -> Sequence[Change[State]]:
    """What one act of a session does to an instance of it."""
    if act.method in ("commit", "rollback") and act.function and not act.last:
        # A function that raises may have done so before.
        return [Change(None, when=when & ~EdgeKind.RAISING)]
    if act.method == "commit":
        kept = State.EXPIRED if on_commit else State.AT_REST
        return [
            Change(kept, frozenset({State.NEW, State.LOADED}), when),
            Change(None, frozenset({State.CHANGED}), when),
        ]
    if act.method == "rollback":
        return [
            Change(None, frozenset({State.NEW}), when),
            Change(State.EXPIRED, frozenset({State.LOADED, State.CHANGED}), when),
        ]
    if act.method in ("aclose", "close", "invalidate", "reset"):
        return [Change(None, _LIVE | {State.CHANGED}, when)]
    if act.method == "flush":
        return [Change(None, frozenset({State.CHANGED}), when)]
    if act.method in _BEGINNING:
        return [
            Change(State.LOADED, frozenset({State.AT_REST})),
            Change(None, frozenset({State.CHANGED}), when),
        ]
    return [Change(None, frozenset({State.EXPIRED, State.CHANGED}), when)]


def _binds(point: Point, tracked: Tracked, body: FunctionBody) -> bool:
    """Whether a point gives something to the name of an instance."""
    if not tracked.inner:
        return point.index in body.bindings.of(tracked.name)
    return point.kind is PointKind.BIND_INNER and (
        not isinstance(point.node, NameExpr) or point.node.name == tracked.name
    )


def _by_load(when: int, *, may_load: bool) -> Sequence[Change[State]]:
    """What is done by an act that loads something, and flushes before that."""
    gone = {State.EXPIRED, State.CHANGED} if may_load else {State.CHANGED}
    return [
        Change(State.LOADED, frozenset({State.AT_REST})),
        Change(None, frozenset(gone), when),
    ]


def attribute_of(target: Node, name: str) -> str | None:
    """The attribute that a target is of what a name holds."""
    if isinstance(target, MemberExpr) and isinstance(target.expr, NameExpr):
        return target.name if target.expr.name == name else None
    return None


def _is_related(name: str, assignment: AssignmentStmt) -> bool:
    """``post.author = user``."""
    value = assignment.rvalue
    return (
        isinstance(value, NameExpr)
        and value.name == name
        and any(isinstance(each, MemberExpr) for each in assignment.lvalues)
    )


def _is_given(name: str, point: Point) -> bool:
    """Whether what is awaited at a point is given an instance, or is a method of it."""
    if point.kind is not PointKind.AWAIT or not isinstance(point.node, AwaitExpr):
        return False
    call = point.node.expr
    if not isinstance(call, CallExpr):
        return False
    given: list[Node] = [*call.args]
    if isinstance(call.callee, MemberExpr):
        given.append(call.callee.expr)
        if call.callee.name == "refresh":
            return any(isinstance(each, NameExpr) and each.name == name for each in given)
    return any(isinstance(each, NameExpr) and each.name == name for each in given)


def _forgets(call: CallExpr, name: str) -> bool:
    """Whether a call may take an instance out of its session: that one, not another by name."""
    if not isinstance(call.callee, (MemberExpr, NameExpr)) or call.callee.name not in FORGETTING:
        return False
    given = [each.name if isinstance(each, NameExpr) else None for each in call.args]
    return not given or None in given or name in given
