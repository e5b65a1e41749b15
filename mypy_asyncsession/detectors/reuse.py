"""Managers and generators that are entered or run a second time, which neither survives."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mypy.nodes import CallExpr, ForStmt, MemberExpr, NameExpr, WhileStmt, WithStmt

from mypy_asyncsession.detectors.object_info import object_info
from mypy_asyncsession.detectors.record import Reuse
from mypy_asyncsession.detectors.spans import span_of, written
from mypy_asyncsession.semantic.shapes import Shape
from mypy_asyncsession.semantic.syntax import always_leaves, statements, walk, yields
from mypy_asyncsession.semantic.values import ObjectValue

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy.nodes import Expression, FuncItem, Node

    from mypy_asyncsession.detectors.record import Pairing
    from mypy_asyncsession.semantic.bindings import Binding
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
            self._is_again(expression.name, bindings[0], function, point)
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

    def _is_again(
        self, name: str, binding: Binding, function: FuncItem, point: ProgramPoint
    ) -> bool:
        """Whether a use in the function that made something comes after another one."""
        here = point.where or ()
        bound = {block for block, _ in binding.blocks}
        for loop in statements(function.body):
            if (
                isinstance(loop, (ForStmt, WhileStmt))
                and id(loop.body) in dict(here)
                and id(loop.body) not in bound
                and not always_leaves(loop.body)
            ):
                return True
        at = dict(here)
        for statement in _uses(function, name):
            place = point.scope.names.places.get(id(statement), ())
            if statement is not point.statement and place:
                block, position = place[-1]
                if block in at and position < at[block]:
                    return True
        return False

    def _runs_again(self, function: FuncItem, point: ProgramPoint) -> bool:
        """Whether a function that uses something of the module's runs more than once."""
        called = getattr(function, "name", "")
        sites = self._source.calls(called) if called else []
        if len(sites) > 1 or any(map(_is_handler, point.body.decorators)):
            return True
        return any(
            isinstance(loop, (ForStmt, WhileStmt))
            and any(inner is site.call for inner in walk(loop.body))
            for site in sites
            for around in site.chain[-1:]
            for loop in walk(getattr(around, "body", around))
        )


def _uses(function: FuncItem, name: str) -> Iterator[Node]:
    """The statements of a function that enter or run what has a name."""
    for statement in statements(function.body):
        given: list[Expression] = []
        if isinstance(statement, WithStmt):
            given = statement.expr
        elif isinstance(statement, ForStmt):
            given = [statement.expr]
        if any(isinstance(each, NameExpr) and each.name == name for each in given):
            yield statement


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
