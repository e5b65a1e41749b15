"""Managers and generators that are entered or run a second time, which neither survives."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mypy.nodes import CallExpr, ForStmt, FuncItem, MemberExpr, NameExpr

from mypy_asyncsession.detectors.object_info import object_info
from mypy_asyncsession.detectors.record import Reuse
from mypy_asyncsession.detectors.spans import span_of, written
from mypy_asyncsession.semantic.cfg import PointKind
from mypy_asyncsession.semantic.dataflow import may_reach
from mypy_asyncsession.semantic.shapes import Shape
from mypy_asyncsession.semantic.syntax import yields
from mypy_asyncsession.semantic.values import ObjectValue

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy.nodes import Expression

    from mypy_asyncsession.detectors.record import Pairing
    from mypy_asyncsession.semantic.interpreter import Interpreter
    from mypy_asyncsession.semantic.module_source import ModuleSource
    from mypy_asyncsession.semantic.program_point import ProgramPoint
    from mypy_asyncsession.semantic.scopes import Scope

_USED_UP = frozenset(
    {
        Shape.ASYNC_CONTEXT_MANAGER,
        Shape.CONTEXT_MANAGER,
        Shape.ASYNC_GENERATOR,
        Shape.GENERATOR,
    }
)
#: The decorators of a framework that calls what they are put on once for each request.
_HANDLERS = frozenset({"delete", "get", "head", "options", "patch", "post", "put", "websocket"})


class Reuses:
    """Finds where an object that can be used once is used again."""

    def __init__(self, interpreter: Interpreter, source: ModuleSource) -> None:
        self._interpreter = interpreter
        self._source = source

    def of_use(
        self,
        pairing: Pairing,
        expression: Expression,
        point: ProgramPoint,
        target: Expression | None,
    ) -> Iterator[Reuse]:
        """``async with scope`` where that is not the first time."""
        function = point.body.function()
        if not isinstance(expression, NameExpr) or function is None:
            return
        scope = _scope_of(expression.name, point.scope)
        bindings = scope.names.bindings.get(expression.name, []) if scope is not None else []
        if scope is None or len(bindings) != 1 or bindings[0].kind != "assign":
            return
        made = bindings[0].node
        if not isinstance(made, CallExpr) or bindings[0].element is not None:
            return
        again = (
            self._is_again(expression, point)
            if scope.node is function
            else scope.node is None
            and expression.name not in self._source.rebound()
            and self._runs_again(function, point)
        )
        if not again:
            return
        value = self._interpreter.structural(made, scope, bindings[0].blocks)
        if not isinstance(value, ObjectValue) or not _is_used_up(value):
            return
        handed = object_info(value, self._interpreter, point.scope)
        if handed is None:
            return
        span = span_of(expression)
        yield Reuse(
            pairing=pairing,
            text=expression.name,
            made=written(made.callee),
            arguments=bool(made.args),
            target=written(target) if target is not None else None,
            handed=handed,
            span=span,
            function=point.body.outermost(),
            lines=tuple(range(min(point.statement.line, span.line), span.end_line + 1)),
        )

    def _is_again(self, expression: NameExpr, point: ProgramPoint) -> bool:
        """Whether a use comes after another one of what was not made anew in between."""
        flow = point.body.flow()
        graph, name = flow.graph, expression.name
        uses = [
            *flow.entered.get(name, ()),
            *(
                index
                for index in graph.of_kind(PointKind.ITERATE)
                if isinstance(loop := graph.points[index].node, ForStmt)
                and isinstance(loop.expr, NameExpr)
                and loop.expr.name == name
            ),
        ]
        return may_reach(graph, uses, graph.points_of(expression), avoiding=flow.bindings.of(name))

    def _runs_again(self, function: FuncItem, point: ProgramPoint) -> bool:
        """Whether a function that uses something of the module's runs more than once."""
        called = getattr(function, "name", "")
        sites = self._source.calls(called) if called else []
        if len(sites) > 1 or any(map(_is_handler, point.body.decorators)):
            return True
        for site in sites:
            around = site.chain[-1] if site.chain else None
            if isinstance(around, FuncItem):
                graph = self._source.flow_of(around).graph
                made = graph.points_of(site.call)
                if may_reach(graph, made, made):
                    return True
        return False


def _scope_of(name: str, scope: Scope) -> Scope | None:
    """The scope that binds a name, as it is looked up from another one."""
    return next((inner for inner in scope.chain() if name in inner.names.bindings), None)


def _is_used_up(value: ObjectValue) -> bool:
    """Whether this is a generator, or was made of one, that yields once."""
    function = value.origin.function if value.origin is not None else None
    return (
        value.shape in _USED_UP
        and value.label in (None, "AsyncGenerator", "Generator")
        and function is not None
        and len(yields(function.node)) == 1
    )


def _is_handler(decorator: Expression) -> bool:
    maker = decorator.callee if isinstance(decorator, CallExpr) else decorator
    return isinstance(maker, MemberExpr) and maker.name in _HANDLERS
