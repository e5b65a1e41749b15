"""Sessions that dependencies give to a handler, alone or in an object, and which of them are one.

Two dependencies of a request that name one provider share what it gives: FastAPI calls it once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from mypy.nodes import Argument, FuncDef, ReturnStmt

from mypy_asyncsession.semantic.cfg import Graph, PointKind
from mypy_asyncsession.semantic.interpreter.context import argument_of
from mypy_asyncsession.semantic.objects import Attribute, Variable, root_of

if TYPE_CHECKING:
    from mypy_asyncsession.detectors.parameter_dependencies import ParameterDependencies
    from mypy_asyncsession.semantic.function_body import FunctionBody
    from mypy_asyncsession.semantic.object_identity import Objects
    from mypy_asyncsession.semantic.objects import Object
    from mypy_asyncsession.semantic.scopes import Scope

    #: The provider of a session, by its module, line and name.
    Source = tuple[str, int, str]

#: How many dependencies of dependencies are followed.
_DEPTH: Final = 4


class InjectedSessions:
    """Follows sessions to the dependency that gives them."""

    def __init__(self, objects: Objects, dependencies: ParameterDependencies) -> None:
        self._objects = objects
        self._dependencies = dependencies

    def source_of(self, session: Object, body: FunctionBody) -> Source | None:
        """What gives a session to a function, or to the object that it is got from there."""
        outer = body.scope.parent
        return self._source_of(session, body, outer, 0) if outer is not None else None

    def _source_of(
        self, session: Object, body: FunctionBody, outer: Scope, depth: int
    ) -> Source | None:
        root = root_of(session)
        if not isinstance(root, Variable) or root.owner != id(body.node) or depth > _DEPTH:
            return None
        argument = argument_of(body.node, root.name) if root.defined == Graph.ENTRY else None
        if not isinstance(argument, Argument):
            return None
        provider = self._dependencies.provider(argument, outer)
        if provider is None:
            return self._of_object(session, argument, body, outer, depth)
        if session == root:
            return provider.scope.module, provider.node.line, provider.name
        node = provider.node
        if not isinstance(node, FuncDef) or node.is_generator:
            return None
        inside = self._objects.body(node, provider.scope)
        returns = inside.graph.of_kind(PointKind.RETURN)
        given = inside.graph.points[returns[0]].node if len(returns) == 1 else None
        if not isinstance(given, ReturnStmt) or given.expr is None:
            return None
        made = self._objects.of(given.expr, inside, returns[0])
        if made is None:
            return None
        found = self._objects.substitute(session, body, {root.name: made})
        found = self._objects.settled(found, inside, returns[0]) if found is not None else None
        if found is None:
            return None
        return self._source_of(found, inside, provider.scope, depth + 1)

    def _of_object(
        self, session: Object, argument: Argument, body: FunctionBody, outer: Scope, depth: int
    ) -> Source | None:
        """What gives a session to the ``__init__`` of an object that FastAPI makes."""
        if not isinstance(session, Attribute) or isinstance(session.base, Attribute):
            return None
        init = self._dependencies.initializer(argument, outer, body.node)
        if init is None or not session.name.endswith("()"):
            return None
        given = Variable(id(init.node), session.name.removesuffix("()"), Graph.ENTRY)
        inside = self._objects.body(init.node, init.scope)
        return self._source_of(given, inside, init.scope, depth + 1)
