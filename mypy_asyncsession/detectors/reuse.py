"""Managers and generators that are entered or run a second time, which neither survives."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, NamedTuple

from mypy.nodes import (
    CallExpr,
    ClassDef,
    Decorator,
    DelStmt,
    ForStmt,
    FuncDef,
    FuncItem,
    MemberExpr,
    NameExpr,
    StrExpr,
    WithStmt,
)

from mypy_asyncsession.detectors.object_info import object_info
from mypy_asyncsession.detectors.record import Reuse
from mypy_asyncsession.detectors.repeated_calls import RepeatedCalls
from mypy_asyncsession.detectors.spans import span_of, written
from mypy_asyncsession.semantic.call_sites import last_name
from mypy_asyncsession.semantic.cfg import PointKind
from mypy_asyncsession.semantic.dataflow import may_reach
from mypy_asyncsession.semantic.shapes import Shape
from mypy_asyncsession.semantic.syntax import dotted, returned, walk, yields
from mypy_asyncsession.semantic.values import FunctionValue, ManagerFactory, ObjectValue

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from mypy.nodes import Expression, Node

    from mypy_asyncsession.detectors.record import Pairing
    from mypy_asyncsession.semantic.bound_names import Binding
    from mypy_asyncsession.semantic.cfg import Graph, Point
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
#: How many names are followed that are bound to one another.
_DEPTH = 4


class _Made(NamedTuple):
    """The one call that makes what is used, and where it stands.

    Attributes:
        call: The call.
        scope: The scope that it stands in.
        where: The blocks around it.
        kept: What keeps its result, by name: a function under ``lru_cache``.
    """

    call: CallExpr
    scope: Scope
    where: Where
    kept: str | None = None


class Reuses:
    """Finds where an object that can be used once is used again."""

    def __init__(self, interpreter: Interpreter, source: ModuleSource) -> None:
        self._interpreter = interpreter
        self._source = source
        self._repeated = RepeatedCalls(source)
        self._uses: dict[Graph, defaultdict[str, list[int]]] = {}
        self._names: dict[Scope, defaultdict[Node | None, set[str]]] = {}

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
        elif isinstance(expression, CallExpr) and not expression.args:
            made = self._of_cached(expression, point)
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
            kept=made.kept,
        )

    def _of_name(self, expression: NameExpr, point: ProgramPoint) -> _Made | None:
        """What made a thing that has a name, if that is used again."""
        function = point.body.function()
        scope = _scope_of(expression.name, point.scope)
        if scope is None or function is None:
            return None
        chain = _handed_on(expression.name, scope)
        if not chain:
            return None
        maker, binding = chain[-1]
        made = binding.node
        if not isinstance(made, CallExpr):
            return None
        names = self._names_of(made, scope)
        inside = scope.node if isinstance(scope.node, FuncItem) else None
        if inside is not None and any(self._source.rebound_inside(each, inside) for each in names):
            return None
        if scope.node is function:
            again = self._is_again(expression, names, maker, point)
        elif scope.node is None:
            again = not names & self._source.rebound().keys() and self._repeated.of_function(
                function, point.body.decorators
            )
        else:
            again = inside is not None and self._repeated.of_closure(
                function, inside, point.body.decorators
            )
        return _Made(made, scope, binding.blocks) if again else None

    def _of_cached(self, expression: CallExpr, point: ProgramPoint) -> _Made | None:
        """What a function made once that keeps what it gave, if that is used again."""
        function, name = point.body.function(), dotted(expression.callee)
        if function is None or name is None:
            return None
        if any(
            dotted(site.call.callee) == f"{name}.cache_clear"
            for site in self._source.calls("cache_clear")
        ):
            return None
        called = self._interpreter.value(expression.callee, point.scope, point.where)
        if isinstance(called, ManagerFactory) and called.cached:
            made, scope = expression, point.scope
        elif isinstance(called, FunctionValue) and called.cached and called.receiver is None:
            only = returned(called.node)
            source = self._interpreter.program.source(called.scope.module)
            if len(only) != 1 or not isinstance(only[0], CallExpr) or source is None:
                return None
            made, scope = only[0], source.scope_in(called.node, called.scope)
        else:
            return None
        again = self._is_again(expression, {f"{name}()"}, name, point) or (
            _scope_of(name, point.scope) is self._source.scope
            and self._repeated.of_function(function, point.body.decorators)
        )
        return _Made(made, scope, None, kept=name) if again else None

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
        kept = _kept_property(around, expression.name)
        if kept is not None:
            if assigned:
                return None
            kept_there = self._of_kept_property(kept, around, body.parent.scope)
            names = {f"{root}.{expression.name}"}
            again = self._is_again(expression, names, root, point) or self._is_in_repeated(
                expression, function, around, point
            )
            return kept_there if again else None
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
        again = self._is_again(expression, {f"{root}.{expression.name}"}, root, point)
        if not again and not self._is_in_repeated(
            expression, function, around, point, shared=method is None
        ):
            return None
        return _Made(made, scope, None)

    def _of_kept_property(self, kept: FuncDef, around: ClassDef, scope: Scope) -> _Made | None:
        """What a ``cached_property`` made, once for each object."""
        only = returned(kept)
        if len(only) != 1 or not isinstance(only[0], CallExpr):
            return None
        if self._source.subclasses(around.name) or _may_be_dropped(kept.name, around):
            return None
        inside = self._source.scope_in(kept, scope)
        return _Made(only[0], inside, None, kept=f"{around.name}.{kept.name}")

    def _is_in_repeated(
        self,
        expression: Expression,
        function: FuncDef,
        around: ClassDef,
        point: ProgramPoint,
        *,
        shared: bool = False,
    ) -> bool:
        """Whether a use comes on every way through a method that runs again on one object."""
        flow = point.body.flow()
        return flow.always(flow.graph.points_of(expression)) and self._repeated.of_method(
            function, around, shared=shared
        )

    def _is_again(
        self, expression: Expression, names: set[str], maker: str, point: ProgramPoint
    ) -> bool:
        """Whether a use comes after another one of what was not made anew in between.

        Args:
            expression: What is used.
            names: How the same thing is written.
            maker: The name that binding makes it anew.
            point: The use.
        """
        flow = point.body.flow()
        graph = flow.graph
        by_name = self._uses_in(graph)
        uses = [index for name in names for index in by_name.get(name, ())]
        if len(uses) == 1 and not graph.of_kind(PointKind.LOOP, PointKind.NEXT):
            return False  # nothing leads back to it
        root = maker.partition(".")[0]
        return may_reach(graph, uses, graph.points_of(expression), avoiding=flow.bindings.of(root))

    def _uses_in(self, graph: Graph) -> Mapping[str, list[int]]:
        """The points that enter or iterate over something, by how that is written."""
        found = self._uses.get(graph)
        if found is None:
            found = self._uses[graph] = defaultdict(list)
            for point in graph.points:
                if (name := _used(point)) is not None:
                    found[name].append(point.index)
        return found

    def _names_of(self, made: CallExpr, scope: Scope) -> set[str]:
        """The names in a scope that stand for what one call made, and for nothing else."""
        found = self._names.get(scope)
        if found is None:
            found = self._names[scope] = defaultdict(set)
            for name in scope.names.bindings:
                chain = _handed_on(name, scope)
                if chain:
                    found[chain[-1][1].node].add(name)
        return found[made]


def _used(point: Point) -> str | None:
    """How what a point enters or iterates over is written."""
    node = point.node
    if point.kind is PointKind.ENTER and isinstance(node, WithStmt):
        return dotted(node.expr[point.item])
    if point.kind is PointKind.ITERATE and isinstance(node, ForStmt):
        return dotted(node.expr)
    if (
        point.kind is PointKind.CALL
        and isinstance(node, CallExpr)
        and isinstance(node.callee, MemberExpr)
        and node.callee.name in _ENTERING
        and len(node.args) == 1
    ):
        return dotted(node.args[0])
    return None


def _handed_on(name: str, scope: Scope) -> list[tuple[str, Binding]]:
    """The one binding of a name, of the name that it is given, and so on; empty if there are more.

    Binding a name to another one makes nothing: ``again = manager``.
    """
    found: list[tuple[str, Binding]] = []
    while True:
        bindings = scope.names.bindings.get(name, [])
        if len(bindings) != 1 or bindings[0].kind != "assign" or bindings[0].element is not None:
            return []
        found.append((name, bindings[0]))
        given = bindings[0].node
        if not isinstance(given, NameExpr) or len(found) > _DEPTH:
            return found
        name = given.name


def _kept_property(around: ClassDef, name: str) -> FuncDef | None:
    """The method of a class that is a ``cached_property`` of that name."""
    found = [each for each in around.defs.body if isinstance(each, Decorator) and each.name == name]
    if len(found) != 1 or len(found[0].original_decorators) != 1:
        return None
    is_kept = last_name(found[0].original_decorators[0]) == "cached_property"
    return found[0].func if is_kept else None


def _may_be_dropped(name: str, around: ClassDef) -> bool:
    """Whether a class deletes what a ``cached_property`` keeps, so that it is made anew."""
    return any(
        (isinstance(node, DelStmt) and name in (dotted(node.expr) or "").split("."))
        or (isinstance(node, StrExpr) and node.value == name)
        for node in walk(around.defs)
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
