"""Instances that dependencies give to a handler, with the session that it is given too.

Two dependencies of a request that name one provider share what it gives: FastAPI calls it once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from mypy.nodes import Argument, FuncDef, NameExpr, ReturnStmt

from mypy_asyncsession.semantic.acts import ENDING
from mypy_asyncsession.semantic.cfg import Graph, PointKind
from mypy_asyncsession.semantic.interpreter.context import argument_of
from mypy_asyncsession.semantic.objects import Variable

if TYPE_CHECKING:
    from mypy.nodes import Expression

    from mypy_asyncsession.detectors.parameter_dependencies import ParameterDependencies
    from mypy_asyncsession.semantic.function_body import FunctionBody
    from mypy_asyncsession.semantic.instances import Instances
    from mypy_asyncsession.semantic.mapped_classes import MappedClass
    from mypy_asyncsession.semantic.objects import Object
    from mypy_asyncsession.semantic.summaries import Summaries
    from mypy_asyncsession.semantic.values import FunctionValue

#: How many dependencies of dependencies are followed.
_DEPTH: Final = 4


class Injected(NamedTuple):
    """An instance that a dependency gives.

    Attributes:
        mapped: Its class.
        provider: What gives the session that it was got through, by its module, line and name.
        at_rest: Whether a transaction of that session may have ended since.
    """

    mapped: MappedClass
    provider: tuple[str, int, str]
    at_rest: bool


class InjectedInstances:
    """Follows the parameters of handlers to the dependencies that fill them."""

    def __init__(
        self, summaries: Summaries, instances: Instances, dependencies: ParameterDependencies
    ) -> None:
        self._summaries = summaries
        self._instances = instances
        self._dependencies = dependencies
        self._given: dict[int, Injected | None] = {}

    def of(self, name: str, body: FunctionBody) -> tuple[Injected, Variable] | None:
        """The instance that a parameter is given, and the parameter that is its session."""
        outer = body.scope.parent
        argument = argument_of(body.node, name)
        if outer is None or not isinstance(argument, Argument):
            return None
        provider = self._dependencies.provider(argument, outer)
        found = self._by(provider, 0) if provider is not None else None
        if found is None:
            return None
        session: str | None = None
        for other in body.node.arguments:
            if other is argument:
                continue
            beside = self._dependencies.provider(other, outer)
            if beside is None:
                continue
            if _key(beside) == found.provider:
                session = other.variable.name
            elif self._ends(beside):
                found = found._replace(at_rest=True)
        if session is None:
            return None
        return found, Variable(id(body.node), session, Graph.ENTRY)

    def _by(self, provider: FunctionValue, depth: int) -> Injected | None:
        """The instance that a dependency returns, whichever way it returns."""
        node = provider.node
        if not isinstance(node, FuncDef) or node.is_generator or depth > _DEPTH:
            return None
        if id(node) not in self._given:
            self._given[id(node)] = None  # inside itself
            body = self._summaries.objects.body(node, provider.scope)
            found: Injected | None = None
            for index in body.graph.of_kind(PointKind.RETURN):
                statement = body.graph.points[index].node
                assert isinstance(statement, ReturnStmt)
                each = self._returned(statement.expr, index, body, provider, depth)
                if each is None or (found is not None and each.provider != found.provider):
                    return None
                found = each
            self._given[id(node)] = found
        return self._given[id(node)]

    def _returned(
        self,
        result: Expression | None,
        at: int,
        body: FunctionBody,
        provider: FunctionValue,
        depth: int,
    ) -> Injected | None:
        if result is None:
            return None
        if isinstance(result, NameExpr) and body.bindings.reaching(at, result.name) == {
            Graph.ENTRY
        }:
            argument = argument_of(body.node, result.name)
            inner = (
                self._dependencies.provider(argument, provider.scope)
                if isinstance(argument, Argument)
                else None
            )
            given = self._by(inner, depth + 1) if inner is not None else None
            return given and given._replace(at_rest=given.at_rest or self._ends(provider))
        source = self._instances.result(result, body, at)
        if source is None or source.mapped is None:
            return None
        session = self._provider_of(source.session, body, provider)
        return session and Injected(source.mapped, session, self._ends(provider))

    def _provider_of(
        self, session: Object, body: FunctionBody, provider: FunctionValue
    ) -> tuple[str, int, str] | None:
        if not isinstance(session, Variable) or session.defined != Graph.ENTRY:
            return None
        argument = argument_of(body.node, session.name)
        if session.owner != id(body.node) or not isinstance(argument, Argument):
            return None
        found = self._dependencies.provider(argument, provider.scope)
        return _key(found) if found is not None else None

    def _ends(self, provider: FunctionValue) -> bool:
        """Whether a dependency may end a transaction, of whichever session."""
        summary = self._summaries.of(provider)
        return summary is not None and (
            bool(summary.exposed) or any(act.method in ENDING for act in summary.acts)
        )


def _key(provider: FunctionValue) -> tuple[str, int, str]:
    return provider.scope.module, provider.node.line, provider.name
