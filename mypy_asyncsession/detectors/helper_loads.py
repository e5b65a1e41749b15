"""Instances that a function has from a coroutine function of the project, which has loaded them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from mypy.nodes import CallExpr, FuncDef, MemberExpr, NameExpr, ReturnStmt

from mypy_asyncsession.detectors.loaded_instances import ENDED, Helper
from mypy_asyncsession.findings import Place
from mypy_asyncsession.semantic.call_arguments import matched
from mypy_asyncsession.semantic.program_point import Body
from mypy_asyncsession.semantic.syntax import dotted, is_stub_body, walk
from mypy_asyncsession.semantic.values import FunctionValue

if TYPE_CHECKING:
    from mypy.nodes import Expression

    from mypy_asyncsession.detectors.loaded_instances import Loaded, LoadedInstances
    from mypy_asyncsession.semantic.interpreter import Interpreter, Where
    from mypy_asyncsession.semantic.module_source import ModuleSource
    from mypy_asyncsession.semantic.scopes import Scope

#: How many functions an instance is followed through.
_DEPTH = 3


class HelperLoads:
    """Follows what is awaited into the functions that are called."""

    def __init__(self, interpreter: Interpreter, loaded: LoadedInstances) -> None:
        self._interpreter = interpreter
        self._loaded = loaded
        self._depth = 0
        self._returned: dict[int, list[Helper]] = {}

    def of(self, call: Expression, scope: Scope, where: Where) -> list[Loaded]:
        """What a call gives that is awaited; empty where it may be something else."""
        if not isinstance(call, CallExpr) or not isinstance(call.callee, (MemberExpr, NameExpr)):
            return []
        function = self._interpreter.value(call.callee, scope, where)
        if not isinstance(function, FunctionValue) or function.partial or function.preset:
            return []
        result: list[Loaded] = []
        for helper in self._helpers(function):
            for each in helper.found:
                session = _seen_from(each.session, call, function)
                if session is None and _is_own(each.session, helper):
                    session = ENDED
                if session is None:
                    return []
                place = each.place or Place(function.name, function.path, each.query.made.line)
                result.append(
                    replace(
                        each,
                        session=session,
                        names=frozenset(),
                        helpers=(*each.helpers, helper),
                        asked=call,
                        place=place,
                    )
                )
        return result

    def _helpers(self, function: FunctionValue) -> list[Helper]:
        """What each ``return`` of a function gives; empty where one of them is not known."""
        node = function.node
        if not isinstance(node, FuncDef) or not node.is_coroutine or node.is_generator:
            return []
        source = self._interpreter.program.source(function.scope.module)
        if source is None or is_stub_body(node) or self._depth > _DEPTH:
            return []
        if id(node) not in self._returned:
            self._returned[id(node)] = []  # inside itself
            self._depth += 1
            self._returned[id(node)] = self._all_returned(node, function, source)
            self._depth -= 1
        return self._returned[id(node)]

    def _all_returned(
        self, node: FuncDef, function: FunctionValue, source: ModuleSource
    ) -> list[Helper]:
        body = Body(source, None, None)
        for scope in reversed(list(function.scope.chain())):
            if scope.node is not None:
                body = body.inside(scope.node)
        body = body.inside(node)
        helpers: list[Helper] = []
        for statement in walk(node.body, into_functions=False):
            if not isinstance(statement, ReturnStmt) or statement.expr is None:
                continue
            if isinstance(statement.expr, NameExpr) and statement.expr.name == "None":
                continue
            where = body.scope.names.places.get(id(statement))
            found = self._loaded.of(statement.expr, body.scope, where)
            if not found:
                return []
            helpers.append(Helper(node, body, statement, found))
        return helpers


def _is_own(session: str, helper: Helper) -> bool:
    """Whether a function opens the session itself, so that it is closed when it has returned."""
    bindings = helper.body.scope.names.bindings.get(session, [])
    return session == ENDED or (len(bindings) == 1 and bindings[0].kind == "async with")


def _seen_from(session: str, call: CallExpr, function: FunctionValue) -> str | None:
    """The session of a function as the caller has it: an argument, or an object's own."""
    first, _, rest = session.partition(".")
    formal = function.node.arguments
    if function.receiver is not None and formal and formal[0].variable.name == first:
        owner = dotted(call.callee.expr) if isinstance(call.callee, MemberExpr) else None
        return f"{owner}.{rest}" if owner is not None and rest else None
    argument = dict(matched(call, function)).get(first)
    written = dotted(argument) if argument is not None else None
    if written is None:
        return None
    return f"{written}.{rest}" if rest else written
