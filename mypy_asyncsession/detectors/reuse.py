"""Managers and generators that are entered or run a second time, which neither survives."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from mypy.nodes import (
    CallExpr,
    ClassDef,
    ForStmt,
    FuncDef,
    FuncItem,
    MemberExpr,
    NameExpr,
    WithStmt,
)

from mypy_asyncsession.detectors.object_info import object_info
from mypy_asyncsession.detectors.record import Reuse
from mypy_asyncsession.detectors.repeated_calls import RepeatedCalls
from mypy_asyncsession.detectors.spans import span_of, written
from mypy_asyncsession.semantic.cfg import PointKind
from mypy_asyncsession.semantic.dataflow import may_reach
from mypy_asyncsession.semantic.shapes import Shape
from mypy_asyncsession.semantic.syntax import dotted, yields
from mypy_asyncsession.semantic.values import ObjectValue

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy.nodes import Expression

    from mypy_asyncsession.detectors.record import Pairing
    from mypy_asyncsession.semantic.cfg import Point
    from mypy_asyncsession.semantic.interpreter import Interpreter, Where
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
#: The methods of exit stacks that enter what they are given.
_ENTERING = frozenset({"enter_async_context", "enter_context"})


class _Made(NamedTuple):
    """The one call that makes what is used, and where it stands."""

    call: CallExpr
    scope: Scope
    where: Where


class Reuses:
    """Finds where an object that can be used once is used again."""

    def __init__(self, interpreter: Interpreter, source: ModuleSource) -> None:
        self._interpreter = interpreter
        self._source = source
        self._repeated = RepeatedCalls(source)

    def of_use(
        self,
        pairing: Pairing,
        expression: Expression,
        point: ProgramPoint,
        target: Expression | None,
    ) -> Iterator[Reuse]:
        """``async with scope`` where that is not the first time."""
        if isinstance(expression, NameExpr):
            made = self._of_name(expression, point)
        elif isinstance(expression, MemberExpr) and isinstance(expression.expr, NameExpr):
            made = self._of_attribute(expression, expression.expr.name, point)
        else:
            return
        if made is None:
            return
        value = self._interpreter.structural(made.call, made.scope, made.where)
        if not isinstance(value, ObjectValue) or not _is_used_up(value):
            return
        handed = object_info(value, self._interpreter, point.scope)
        if handed is None:
            return
        span = span_of(expression)
        yield Reuse(
            pairing=pairing,
            text=written(expression),
            made=written(made.call.callee),
            arguments=bool(made.call.args),
            target=written(target) if target is not None else None,
            handed=handed,
            span=span,
            function=point.body.outermost(),
            lines=tuple(range(min(point.statement.line, span.line), span.end_line + 1)),
        )

    def _of_name(self, expression: NameExpr, point: ProgramPoint) -> _Made | None:
        """What made a thing that has a name, if that is used again."""
        name, function = expression.name, point.body.function()
        scope = _scope_of(name, point.scope)
        if scope is None or function is None:
            return None
        bindings = scope.names.bindings.get(name, [])
        if len(bindings) != 1 or bindings[0].kind != "assign" or bindings[0].element is not None:
            return None
        made = bindings[0].node
        if not isinstance(made, CallExpr):
            return None
        if isinstance(scope.node, FuncItem) and self._source.rebound_inside(name, scope.node):
            return None
        if scope.node is function:
            again = self._is_again(expression, name, point)
        elif scope.node is None:
            again = name not in self._source.rebound() and self._repeated.of_function(
                function, point.body.decorators
            )
        else:
            again = isinstance(scope.node, FuncItem) and self._repeated.of_closure(
                function, scope.node, point.body.decorators
            )
        return _Made(made, scope, bindings[0].blocks) if again else None

    def _of_attribute(self, expression: MemberExpr, root: str, point: ProgramPoint) -> _Made | None:
        """What made an attribute of ``self``, or of its class, if that is used again."""
        body = point.body
        function = body.function()
        around = body.parent.node if body.parent is not None and body.node is function else None
        if not isinstance(function, FuncDef) or not isinstance(around, ClassDef):
            return None
        if body.parent is None or not function.arguments:
            return None
        if function.arguments[0].variable.name != root:
            return None
        assigned = self._source.attributes(around).get(expression.name, [])
        if len(assigned) != 1 or expression.name in self._source.open_attributes(around):
            return None
        made, method = assigned[0]
        if not isinstance(made, CallExpr) or self._source.subclasses(around.name):
            return None
        scope = body.parent.scope
        if method is function:
            return None
        if method is not None:
            if method.name != "__init__":
                return None
            scope = self._source.scope_in(method, scope)
        if not self._is_again(expression, f"{root}.{expression.name}", point):
            graph = body.flow().graph
            if not body.flow().always(graph.points_of(expression)):
                return None
            if not self._repeated.of_method(function, around, shared=method is None):
                return None
        return _Made(made, scope, None)

    def _is_again(self, expression: Expression, name: str, point: ProgramPoint) -> bool:
        """Whether a use comes after another one of what was not made anew in between."""
        flow = point.body.flow()
        graph = flow.graph
        uses = [point.index for point in graph.points if _uses(point, name)]
        root = name.partition(".")[0]
        return may_reach(graph, uses, graph.points_of(expression), avoiding=flow.bindings.of(root))


def _uses(point: Point, name: str) -> bool:
    """Whether a point enters or iterates over what is written so."""
    node = point.node
    if point.kind is PointKind.ENTER and isinstance(node, WithStmt):
        return dotted(node.expr[point.item]) == name
    if point.kind is PointKind.ITERATE and isinstance(node, ForStmt):
        return dotted(node.expr) == name
    return (
        point.kind is PointKind.CALL
        and isinstance(node, CallExpr)
        and isinstance(node.callee, MemberExpr)
        and node.callee.name in _ENTERING
        and len(node.args) == 1
        and dotted(node.args[0]) == name
    )


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
