"""Sessions of a request that are used once FastAPI has closed them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from mypy.nodes import (
    AssignmentStmt,
    CallExpr,
    FuncDef,
    MemberExpr,
    NameExpr,
    StrExpr,
)

from mypy_asyncsession.detectors.block_flow import is_bound_once
from mypy_asyncsession.detectors.escaping_tasks import EscapingTasks
from mypy_asyncsession.detectors.held import Held
from mypy_asyncsession.detectors.open_names import is_open
from mypy_asyncsession.detectors.record import Escape
from mypy_asyncsession.detectors.session_holders import Holders, is_streaming, streamed
from mypy_asyncsession.detectors.spans import span_of, written
from mypy_asyncsession.models.starlette import STREAMING_RESPONSES
from mypy_asyncsession.semantic.cfg import Graph
from mypy_asyncsession.semantic.session_ownership import opens_in
from mypy_asyncsession.semantic.syntax import statements, walk, yields
from mypy_asyncsession.semantic.values import FunctionValue, ObjectValue

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy.nodes import Argument, Expression

    from mypy_asyncsession.detectors.depends_calls import DependsCalls
    from mypy_asyncsession.detectors.parameter_dependencies import ParameterDependencies
    from mypy_asyncsession.models.dependency_framework import Release
    from mypy_asyncsession.semantic.interpreter import Interpreter
    from mypy_asyncsession.semantic.program_point import Body, ProgramPoint
    from mypy_asyncsession.semantic.scopes import Scope

#: The names of what starts a task, or has it run later.
_STARTING: Final = frozenset({"add_task", "create_task", "ensure_future", "start_soon"})
#: The names of what makes something that runs after a handler, besides its arguments.
_LATE: Final = _STARTING | STREAMING_RESPONSES


class RequestEscapes:
    """Finds them in the handlers and dependencies of one module."""

    def __init__(
        self,
        interpreter: Interpreter,
        release: Release,
        depends: DependsCalls,
        dependencies: ParameterDependencies,
    ) -> None:
        self._interpreter = interpreter
        self._depends = depends
        self._dependencies = dependencies
        self._holders = Holders(interpreter)
        self._tasks = EscapingTasks(interpreter, self._holders)
        self._ends_early = release.ends_before_response
        self._has_scope = release.has_scope

    def of_function(self, function: FuncDef, point: ProgramPoint, body: Body) -> Iterator[Escape]:
        """How the sessions that a function is injected outlive their dependencies.

        Args:
            function: A handler, or a dependency.
            point: Where it is defined.
            body: Its body.
        """
        if not point.body.may_mention(_LATE) and not point.body.may_give("background"):
            return
        if not any(map(_may_be_late, point.body.contents(function).of_kind(CallExpr))):
            return
        for argument in function.arguments:
            for call, scope in self._dependencies.calls(argument, point.scope, point.where):
                found = self._session(call, scope)
                if found is not None:
                    yield from self._of_parameter(argument, call, *found, function, body)

    def _session(self, call: CallExpr, scope: Scope) -> tuple[Expression, ObjectValue] | None:
        """The provider that a ``Depends`` names, and its session, where that closes it."""
        named = self._depends.named(call, scope, None)
        if named is None or named.helped or is_open(named.expression, scope):
            return None
        provider = named.value
        if not isinstance(provider, FunctionValue) or not yields(provider.node):
            return None
        generator = self._interpreter.called(provider, [], scope)
        session = self._interpreter.iterated(generator)
        if not isinstance(session, ObjectValue) or session.resource is None:
            return None
        if not opens_in(provider, self._interpreter, bare=True):
            return None
        return named.expression, session

    def _of_parameter(
        self,
        argument: Argument,
        call: CallExpr,
        provider: Expression,
        session: ObjectValue,
        function: FuncDef,
        body: Body,
    ) -> Iterator[Escape]:
        name = argument.variable.name
        flow = body.flow()
        if flow.bindings.of(name) or name in flow.shared:
            return
        is_early = self._ends_early or (self._has_scope and _is_of_function(call))
        names = {name: Held.ITSELF}
        places = body.scope.names.places
        for inner in statements(function.body):
            if not isinstance(inner, AssignmentStmt) or len(inner.lvalues) != 1:
                continue
            target = inner.lvalues[0]
            where = places.get(id(inner))
            how = self._holders.of(inner.rvalue, names, function.body, body.scope, where)
            if (
                how is not None
                and isinstance(target, NameExpr)
                and is_bound_once(flow, target.name, inner)
            ):
                names.setdefault(target.name, how)
        found: list[tuple[str, Expression]] = []
        if is_early:
            found += self._streams(names, function, body)
        elif any(
            isinstance(node, CallExpr) and is_streaming(node.callee) for node in walk(function.body)
        ):
            return  # the response may last as long as the task that it is fed by
        for task in self._tasks.of_block(
            function.body, names, Graph.ENDS, body, None, background=is_early
        ):
            found.append(("request-task", task))
        for way, node in found:
            span = span_of(node)
            yield Escape(
                how=way,
                name=name,
                session=session.label or "session",
                opener=written(provider),
                in_async=function.is_coroutine,
                span=span,
                function=body.outermost(),
                lines=tuple(range(span.line, span.end_line + 1)),
            )

    def _streams(
        self, names: dict[str, Held], function: FuncDef, body: Body
    ) -> Iterator[tuple[str, Expression]]:
        """The responses that read what needs the session."""
        for statement in statements(function.body):
            for node in walk(statement, into_functions=False):
                if not isinstance(node, CallExpr):
                    continue
                where = body.scope.names.places.get(id(statement))
                if "background" in node.arg_names:
                    held = self._holders.of(node, names, function.body, body.scope, where)
                    if held is Held.TASK:
                        yield "request-task", node
                        continue
                content = streamed(node) if is_streaming(node.callee) else None
                if content is not None and self._holders.of(
                    content, names, function.body, body.scope, where
                ) in (Held.GENERATOR, Held.COROUTINE):
                    yield "streamed", node


def _may_be_late(call: CallExpr) -> bool:
    """Whether a call may make something that runs after the handler: a quick look."""
    callee = call.callee
    if "background" in call.arg_names or is_streaming(callee):
        return True
    return isinstance(callee, (MemberExpr, NameExpr)) and callee.name in _STARTING


def _is_of_function(call: CallExpr) -> bool:
    """Whether a ``Depends`` ends with the function that it is for."""
    return any(
        name == "scope" and isinstance(argument, StrExpr) and argument.value == "function"
        for name, argument in zip(call.arg_names, call.args, strict=True)
    )
