"""Generators of providers that are left at their yield."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from mypy.nodes import (
    AssignmentExpr,
    AssignmentStmt,
    CallExpr,
    ClassDef,
    ExpressionStmt,
    ForStmt,
    MemberExpr,
    NameExpr,
    StrExpr,
    WithStmt,
    YieldExpr,
)

from mypy_asyncsession.detectors.object_info import object_info
from mypy_asyncsession.detectors.record import EarlyExit, Exit
from mypy_asyncsession.detectors.spans import span_of, written
from mypy_asyncsession.models.contextlib import ASYNC_CLOSING
from mypy_asyncsession.semantic.cfg import Graph, PointKind, Way
from mypy_asyncsession.semantic.dataflow import on_every_path
from mypy_asyncsession.semantic.generator_summary import traits, traits_of
from mypy_asyncsession.semantic.loop_exits import exits_of
from mypy_asyncsession.semantic.session_disposal import class_at
from mypy_asyncsession.semantic.shapes import Shape
from mypy_asyncsession.semantic.syntax import (
    dotted,
    mentions,
    statements,
    walk,
)
from mypy_asyncsession.semantic.values import ObjectValue, fullname

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy.nodes import Block, Expression, Node

    from mypy_asyncsession.semantic.generator_summary import GeneratorSummary
    from mypy_asyncsession.semantic.interpreter import Interpreter
    from mypy_asyncsession.semantic.program_point import ProgramPoint
    from mypy_asyncsession.semantic.values import Value

_WAYS: Final = {Way.RETURN: Exit.RETURN, Way.BREAK: Exit.BREAK, Way.ERROR: Exit.RAISE}
#: How often a class names the generator that it only makes and asks for its first element.
_MADE_AND_ASKED: Final = 2


class EarlyExits:
    """Follows the generators of providers to where they are left."""

    def __init__(self, interpreter: Interpreter) -> None:
        self._interpreter = interpreter

    def of_loop(self, loop: ForStmt, point: ProgramPoint) -> Iterator[EarlyExit]:
        """How an ``async for`` over a provider leaves it, if it does."""
        found = self._provider(loop.expr, point) if loop.is_async else None
        if found is None:
            return
        value, trait, closed = found
        if _hands_on(loop, wrapped=_of_session(value)):
            if not point.body.is_always_resumed() and not (closed and not trait.handles):
                yield self._exit(Exit.DELEGATION, loop.expr, value, trait, point, closed=closed)
            return
        if closed and not (trait.code or trait.handles):
            return
        if isinstance(loop.expr, NameExpr) and _is_held(loop.expr.name, point):
            return  # it may be run to its end later
        for way, statement in exits_of(loop, point.body.flow().graph):
            yield self._exit(
                _WAYS[way], loop.expr, value, trait, point, closed=closed, statement=statement
            )
            return

    def of_step(
        self, generator: Expression, call: Expression, point: ProgramPoint
    ) -> Iterator[EarlyExit]:
        """``await anext(provider())``, which drops the generator."""
        if isinstance(generator, MemberExpr):
            yield from self._kept_step(generator, call, point)
            return
        kept, generator = generator, _own(generator, point)
        found = self._provider(generator, point)
        if found is None:
            return
        value, trait, closed = found
        for name in (kept, generator):
            if isinstance(name, NameExpr) and (
                closed or point.body.function() is None or _is_held(name.name, point)
            ):
                return  # it is kept, and may be closed
        yield self._exit(Exit.ANEXT, generator, value, trait, point, closed=closed, statement=call)

    def _kept_step(
        self, generator: MemberExpr, call: Expression, point: ProgramPoint
    ) -> Iterator[EarlyExit]:
        """``await anext(self._generator)``, after which no method of the class has it again."""
        klass = point.body.parent
        if klass is None or not isinstance(klass.node, ClassDef) or klass.parent is None:
            return
        function = point.body.function()
        if function is None or not generator.name.startswith("_") or not function.arguments:
            return
        own = function.arguments[0].variable.name
        made = _made_there(function.body, generator, own)
        info = class_at(self._interpreter, klass.scope)
        if made is None or info is None or info.get("__getattr__") is not None:
            return
        asked = sum(
            isinstance(node, MemberExpr) and node.name == generator.name
            for base in info.mro
            for method in self._interpreter.program.methods(base)
            for node in walk(method)
        )
        if asked != _MADE_AND_ASKED or _is_reached(generator.name, info.name, own, point):
            return
        found = self._provider(made, point)
        if found is not None:
            value, trait, _ = found
            exit_ = self._exit(
                Exit.KEPT, generator, value, trait, point, closed=False, statement=call
            )
            yield exit_._replace(callee=written(made.callee))

    def of_sync_step(
        self, generator: Expression, call: Expression, point: ProgramPoint
    ) -> Iterator[EarlyExit]:
        """``next(provider())``, after which nobody has the generator: it is closed there."""
        if not isinstance(generator, CallExpr):
            return
        value = self._interpreter.value(generator, point.scope, point.where)
        if not isinstance(value, ObjectValue) or value.shape is not Shape.GENERATOR:
            return
        function = value.origin.function if value.origin is not None else None
        trait = traits_of(function, self._interpreter) if function is not None else None
        if trait is not None and trait.matters and not _is_closed_anyway(call, value, trait, point):
            yield self._exit(
                Exit.NEXT, generator, value, trait, point, closed=False, statement=call
            )

    def of_entering(
        self, manager: Expression, call: Expression, point: ProgramPoint
    ) -> Iterator[EarlyExit]:
        """``await cm().__aenter__()``, after which nobody has the manager to exit it."""
        if not isinstance(manager, CallExpr):
            return
        value = self._interpreter.value(manager, point.scope, point.where)
        if not isinstance(value, ObjectValue) or value.shape is not Shape.ASYNC_CONTEXT_MANAGER:
            return
        function = value.origin.function if value.origin is not None else None
        trait = traits_of(function, self._interpreter) if function is not None else None
        if trait is not None and trait.matters:
            yield self._exit(
                Exit.AENTER, manager, value, trait, point, closed=False, statement=call
            )

    def _provider(
        self, expression: Expression, point: ProgramPoint
    ) -> tuple[Value, GeneratorSummary, bool] | None:
        """The generator that an expression is, if it matters how it is left."""
        if not isinstance(expression, (CallExpr, NameExpr)):
            return None
        closed = False
        if isinstance(expression, NameExpr):
            bindings = point.scope.names.bindings.get(expression.name, [])
            if len(bindings) != 1 or not isinstance(bindings[0].node, CallExpr):
                return None
            if "with" in bindings[0].kind:
                callee = self._interpreter.value(
                    bindings[0].node.callee, point.scope, bindings[0].blocks
                )
                if fullname(callee) not in ASYNC_CLOSING:
                    return None
                closed = True
            else:
                function = point.body.function()
                closed = function is not None and _is_closed(function.body, expression.name)
        value = self._interpreter.value(expression, point.scope, point.where)
        trait = traits(value, self._interpreter)
        if trait is None or not trait.matters:
            return None
        return value, trait, closed

    def _exit(
        self,
        way: Exit,
        expression: Expression,
        value: Value,
        trait: GeneratorSummary,
        point: ProgramPoint,
        *,
        closed: bool,
        statement: Node | None = None,
    ) -> EarlyExit:
        span = span_of(statement or expression)  # type: ignore[arg-type]
        return EarlyExit(
            way=way,
            text=written(expression),
            callee=written(expression.callee) if isinstance(expression, CallExpr) else None,
            handed=object_info(value, self._interpreter, point.scope),
            closed=closed,
            skips_code=trait.code,
            catches=trait.catches,
            span=span,
            function=point.body.outermost(),
            lines=tuple(range(span.line, span.end_line + 1)),
        )


def _is_closed_anyway(
    step: Expression, generator: ObjectValue, trait: GeneratorSummary, point: ProgramPoint
) -> bool:
    """Whether it makes no difference that ``next(provider())`` closes what it takes out.

    A session that is closed begins anew when it is used, and is closed again by
    ``with next(provider()) as session``, or by hand. Where nothing takes it, nothing uses it.
    """
    if trait.code or trait.handles:
        return False
    statement = point.statement
    if isinstance(statement, ExpressionStmt):
        return statement.expr is step
    is_session = (
        isinstance(generator.item, ObjectValue) and generator.item.shape is Shape.SYNC_SESSION
    )
    if isinstance(statement, AssignmentStmt) and is_session and statement.rvalue is step:
        return all(_is_closed_by_hand(target, step, point) for target in statement.lvalues)
    return isinstance(statement, WithStmt) and is_session and step in statement.expr


def _is_closed_by_hand(target: Expression, taken: Expression, point: ProgramPoint) -> bool:
    """Whether a function closes the session that it has taken, wherever it returns."""
    if not isinstance(target, NameExpr):
        return False
    graph = point.body.flow().graph
    closed = {
        index
        for index in graph.of_kind(PointKind.CALL)
        if isinstance(call := graph.points[index].node, CallExpr)
        and isinstance(call.callee, MemberExpr)
        and call.callee.name == "close"
        and _is_named(call.callee.expr, target.name)
    }
    return bool(closed) and all(
        on_every_path(graph, start, closed, Graph.EXIT) for start in graph.points_of(taken)
    )


def _made_there(body: Block, kept: MemberExpr, own: str) -> CallExpr | None:
    """The call that a function puts into an attribute of its object, if it does so once."""
    if not isinstance(kept.expr, NameExpr) or kept.expr.name != own:
        return None
    made = [
        each.rvalue
        for each in statements(body)
        if isinstance(each, AssignmentStmt)
        and any(dotted(target) == f"{own}.{kept.name}" for target in each.lvalues)
    ]
    return made[0] if len(made) == 1 and isinstance(made[0], CallExpr) else None


def _is_reached(attribute: str, klass: str, own: str, point: ProgramPoint) -> bool:
    """Whether somebody else in the module may ask an object of a class for an attribute."""
    return any(
        (isinstance(node, MemberExpr) and node.name == attribute and dotted(node.expr) != own)
        or (isinstance(node, StrExpr) and node.value == attribute)
        or (
            isinstance(node, ClassDef)
            and any(
                isinstance(inner, (MemberExpr, NameExpr)) and inner.name == klass
                for base in node.base_type_exprs
                for inner in walk(base)
            )
        )
        for node in walk(point.body.tree)
    )


def _of_session(generator: Value) -> bool:
    item = generator.item if isinstance(generator, ObjectValue) else None
    return isinstance(item, ObjectValue) and item.resource is not None


def _hands_on(loop: ForStmt, *, wrapped: bool) -> bool:
    """Whether the loop yields what it is given, as a provider that delegates to another does.

    Args:
        loop: The loop.
        wrapped: Whether it is the same to yield what is made of it: ``Repository(session)``.
    """
    name = loop.index.name if isinstance(loop.index, NameExpr) else None
    return name is not None and any(
        isinstance(node, YieldExpr)
        and (
            _is_named(node.expr, name)
            or (
                wrapped
                and isinstance(node.expr, CallExpr)
                and any(_is_named(each, name) for each in node.expr.args)
            )
        )
        for node in walk(loop.body, into_functions=False)
    )


def _is_named(expression: Expression | None, name: str) -> bool:
    return isinstance(expression, NameExpr) and expression.name == name


def _own(generator: Expression, point: ProgramPoint) -> Expression:
    """The generator itself, where ``aiter`` has handed it on, or given it another name."""
    call: Node | None = generator
    if isinstance(generator, NameExpr):
        bindings = point.scope.names.bindings.get(generator.name, [])
        call = bindings[0].node if len(bindings) == 1 else None
    if not isinstance(call, CallExpr):
        return generator
    callee = call.callee
    if isinstance(callee, MemberExpr) and callee.name == "__aiter__":
        return callee.expr
    if isinstance(callee, NameExpr) and callee.name == "aiter" and call.args:
        return call.args[0]
    return generator


def _is_closed(body: Block, name: str) -> bool:
    return any(
        isinstance(node, MemberExpr)
        and node.name == "aclose"
        and isinstance(node.expr, NameExpr)
        and node.expr.name == name
        for node in walk(body)
    )


def _is_held(name: str, point: ProgramPoint) -> bool:
    """Whether others than the loop at hand may have hold of what a name is bound to."""
    function = point.body.function()
    return function is not None and (
        name in point.scope.names.outer
        or mentions(function.body, name) > 2
        or _is_kept(function.body, name)
    )


def _is_kept(body: Block, name: str) -> bool:
    """Whether what a name is bound to is put elsewhere in the same breath."""
    return any(
        # ``self.generator = generator = get_db()``
        (
            isinstance(node, AssignmentStmt)
            and len(node.lvalues) > 1
            and any(_is_named(target, name) for target in node.lvalues)
        )
        # ``aclosing(generator := get_db())``
        or (
            isinstance(node, CallExpr)
            and any(
                isinstance(each, AssignmentExpr) and each.target.name == name for each in node.args
            )
        )
        for node in walk(body)
    )
