"""Instances that a function is passed, together with their session, by others in its module."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from mypy.nodes import ClassDef, FuncDef, NameExpr

from mypy_asyncsession.detectors.tracked_instances import State, Tracked
from mypy_asyncsession.semantic.call_arguments import matched
from mypy_asyncsession.semantic.cfg import EdgeKind, Graph
from mypy_asyncsession.semantic.typestate import Change, follow, region
from mypy_asyncsession.semantic.values import FunctionValue

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from mypy_asyncsession.detectors.instance_states import InstanceStates
    from mypy_asyncsession.detectors.tracked_instances import TrackedInstances
    from mypy_asyncsession.semantic.call_sites import CallSite
    from mypy_asyncsession.semantic.function_body import FunctionBody
    from mypy_asyncsession.semantic.interpreter import Interpreter
    from mypy_asyncsession.semantic.module_source import ModuleSource
    from mypy_asyncsession.semantic.objects import Object
    from mypy_asyncsession.semantic.summaries import Summaries

#: How many callers an instance is followed through.
_DEPTH: Final = 3
#: How many calls of a function are looked at.
_CALLS: Final = 20


class PassedInstances:
    """Follows the parameters of functions to the calls of these in the same module."""

    def __init__(
        self,
        interpreter: Interpreter,
        summaries: Summaries,
        tracked: TrackedInstances,
        states: InstanceStates,
    ) -> None:
        self._interpreter = interpreter
        self._summaries = summaries
        self._objects = summaries.objects
        self._tracked = tracked
        self._states = states

    def of(
        self, name: str, body: FunctionBody, sessions: Collection[Object], depth: int = 0
    ) -> Iterator[Tracked]:
        """What a parameter is known to be passed: an instance, and its session beside it.

        Args:
            name: The parameter.
            body: The function.
            sessions: Those of its objects that are sessions.
            depth: How many callers it has been followed through.
        """
        found = list(self._tracked.injected(name, body))
        if found:
            yield from found
            return
        source = self._interpreter.program.source(body.scope.module)
        if source is None or depth >= _DEPTH or body.bindings.of(name):
            return
        for site in source.calls(body.node.name)[:_CALLS]:
            caller = self._caller(site, source)
            if caller is None or caller.node is body.node:
                continue
            for session in sessions:
                passed = self._passed(name, session, site, caller, body, depth)
                if passed is not None:
                    yield passed
                    return

    def is_called_here(self, body: FunctionBody) -> bool:
        """Whether something in the module calls a function, and decides what it is passed."""
        source = self._interpreter.program.source(body.scope.module)
        return source is None or bool(source.calls(body.node.name))

    def _caller(self, site: CallSite, source: ModuleSource) -> FunctionBody | None:
        """The function that a call stands in."""
        if not site.chain:
            return None
        *outer, last = site.chain
        if not isinstance(last, FuncDef) or not last.is_coroutine:
            return None
        scope = source.scope
        for each in outer:
            if not isinstance(each, (ClassDef, FuncDef)):
                return None
            scope = source.scope_in(each, scope)
        return self._objects.body(last, scope)

    def _passed(
        self,
        name: str,
        session: Object,
        site: CallSite,
        caller: FunctionBody,
        body: FunctionBody,
        depth: int,
    ) -> Tracked | None:
        """The instance that one call passes, if it is one of the session that is there then."""
        at = caller.at(site.call)
        if at is None:
            return None
        function = self._objects.value(site.call.callee, caller, at)
        if not isinstance(function, FunctionValue) or function.node is not body.node:
            return None
        passed = dict(matched(site.call, function)).get(name)
        given = self._objects.given_by(site.call, function, caller, at)
        outside = self._objects.substitute(session, body, given)
        settled = self._objects.settled(outside, caller, at) if outside is not None else None
        if not isinstance(passed, NameExpr) or settled is None:
            return None
        for each in self._named(passed.name, settled, caller, depth):
            if each.session == settled and self._is_loaded(each, at, caller):
                return Tracked(name, Graph.ENTRY, Graph.ENTRY, State.LOADED, each.mapped, session)
        return None

    def _named(
        self, name: str, session: Object, caller: FunctionBody, depth: int
    ) -> Iterator[Tracked]:
        """The instances that a caller has under a name."""
        for each in self._tracked.of(caller):
            if each.name == name:
                yield each
        if Graph.ENTRY in caller.bindings.of(name) or name in caller.parameters():
            yield from self.of(name, caller, [session], depth + 1)

    def _is_loaded(self, tracked: Tracked, at: int, caller: FunctionBody) -> bool:
        """Whether an instance may be loaded, in a transaction, just before a point."""
        when = EdgeKind.ANY & ~EdgeKind.RAISING
        points = region(caller.graph, {tracked.begins: when}, [at])
        changes = self._states.changes(tracked, self._summaries.done(caller), caller, points)
        changes[tracked.begins] = [Change(tracked.state, when=when, begins=True)]
        return State.LOADED in follow(caller.graph, changes, [at], caller.flags).states(at)
