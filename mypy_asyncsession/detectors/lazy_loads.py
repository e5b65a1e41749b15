"""Relationships that would be loaded lazily, which an async session cannot do.

One function is looked at at a time; where anything that may have loaded them is out of sight,
nothing is said.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from mypy.nodes import (
    AssignmentStmt,
    AwaitExpr,
    Block,
    CallExpr,
    FuncDef,
    Import,
    ImportAll,
    ImportBase,
    ImportFrom,
    LambdaExpr,
    ListExpr,
    MemberExpr,
    NameExpr,
    OperatorAssignmentStmt,
    StrExpr,
    TryStmt,
    TupleExpr,
    WithStmt,
)

from mypy_asyncsession.detectors.loaded_instances import LoadedInstances
from mypy_asyncsession.detectors.spans import span_of, written
from mypy_asyncsession.detectors.time_records import LazyLoad
from mypy_asyncsession.models.mapping import LOADERS
from mypy_asyncsession.semantic.cfg import build
from mypy_asyncsession.semantic.dataflow import may_reach
from mypy_asyncsession.semantic.mapped_classes import MappedClasses
from mypy_asyncsession.semantic.program_point import ProgramPoint
from mypy_asyncsession.semantic.queries import Queries, options
from mypy_asyncsession.semantic.syntax import DEFINITIONS, children, dotted, walk
from mypy_asyncsession.semantic.values import ClassValue, FunctionValue

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy.nodes import Expression, Node

    from mypy_asyncsession.detectors.expected import Expected
    from mypy_asyncsession.detectors.loaded_instances import Loaded
    from mypy_asyncsession.semantic.cfg import Graph
    from mypy_asyncsession.semantic.interpreter import Interpreter
    from mypy_asyncsession.semantic.mapped_classes import Relationship
    from mypy_asyncsession.semantic.module_source import ModuleSource
    from mypy_asyncsession.semantic.program_point import Body

#: What is given an instance, or a session, and loads nothing.
_HARMLESS: Final = frozenset(
    {
        "add",
        "add_all",
        "bool",
        "critical",
        "debug",
        "delete",
        "error",
        "exception",
        "get",
        "id",
        "info",
        "isinstance",
        "len",
        "list",
        "print",
        "refresh",
        "repr",
        "reversed",
        "set",
        "sorted",
        "str",
        "tuple",
        "type",
        "warning",
    }
)
#: The exceptions whose handler says that the load is known to fail.
_EXPECTING: Final = frozenset(
    {
        "DetachedInstanceError",
        "InvalidRequestError",
        "MissingGreenlet",
        "SQLAlchemyError",
        "StatementError",
    }
)


class LazyLoads:
    """Finds the lazy loads of one module."""

    def __init__(self, interpreter: Interpreter, source: ModuleSource, expected: Expected) -> None:
        self._interpreter = interpreter
        self._expected = expected
        self._source = source
        mapped = MappedClasses(interpreter)
        self._mapped = mapped
        self._loaded = LoadedInstances(interpreter, Queries(interpreter, mapped))
        self._matters = any(map(_imports_sqlalchemy, source.tree.imports))

    def of_function(self, function: FuncDef, body: Body) -> Iterator[LazyLoad]:
        """The first lazy load of each relationship from each query of a function."""
        if not self._matters or not function.is_coroutine or function.is_generator:
            return
        seen: set[tuple[int, str]] = set()
        sight: _Sight | None = None
        for member, statement in self._reads(function.body, body):
            point = ProgramPoint(body, statement)
            found = self._loaded.of(member.expr, point.scope, point.where)
            if not found or any(each.kind != "one" for each in found):
                continue
            first = found[0]
            relationship = first.query.mapped.relationships.get(member.name)
            if relationship is None or any(
                each.query.mapped is not first.query.mapped for each in found
            ):
                continue
            key = (id(first.query.made), member.name)
            if key in seen or not self._is_lazy(relationship, found):
                continue
            sight = sight or _Sight(function, body, self._interpreter)
            if sight.may_be_loaded(relationship, found, member):
                continue
            seen.add(key)
            yield self._record(member, relationship, first, point)

    def _is_lazy(self, relationship: Relationship, found: list[Loaded]) -> bool:
        return relationship.is_lazy and not any(
            each.query.is_open or relationship.name in each.query.loads for each in found
        )

    def _record(
        self, member: MemberExpr, relationship: Relationship, loaded: Loaded, point: ProgramPoint
    ) -> LazyLoad:
        span = span_of(member)
        query = loaded.query
        made = span_of(query.made)
        return LazyLoad(
            text=written(member),
            instance=written(member.expr),
            attribute=relationship.name,
            entity=query.entity,
            of_get=not query.is_select,
            made=made,
            made_text=written(query.made),
            span=span,
            function=point.body.outermost(),
            lines=tuple(range(min(point.statement.line, span.line), span.end_line + 1)),
        )

    def _reads(self, block: Block, body: Body) -> Iterator[tuple[MemberExpr, Node]]:
        """The attributes that a block reads, each with its statement, in source order."""
        for statement in block.body:
            if isinstance(statement, DEFINITIONS):
                continue
            if isinstance(statement, WithStmt) and any(
                self._expected.in_block(each, ProgramPoint(body, statement))
                for each in statement.expr
            ):
                continue
            stack: list[Node] = [statement]
            if isinstance(statement, TryStmt) and _expects(statement):
                stack = [*reversed(statement.handlers)]
            yield from self._inside(stack, statement, body)

    def _inside(
        self, stack: list[Node], statement: Node, body: Body
    ) -> Iterator[tuple[MemberExpr, Node]]:
        while stack:
            node = stack.pop()
            if isinstance(node, Block):
                yield from self._reads(node, body)
                continue
            if isinstance(node, LambdaExpr):
                continue
            if isinstance(node, MemberExpr) and not _is_target(node, statement):
                yield node, statement
            stack.extend(reversed(list(children(node))))


def _imports_sqlalchemy(statement: ImportBase) -> bool:
    names: list[str] = []
    if isinstance(statement, Import):
        names = [name for name, _ in statement.ids]
    elif isinstance(statement, (ImportAll, ImportFrom)):
        names = [statement.id]
    return any(name.partition(".")[0] in ("sqlalchemy", "sqlmodel") for name in names)


def _expects(statement: TryStmt) -> bool:
    return any(
        isinstance(each, (MemberExpr, NameExpr)) and each.name in _EXPECTING
        for types in statement.types
        if types is not None
        for each in (types.items if isinstance(types, TupleExpr) else [types])
    )


def _is_target(node: MemberExpr, statement: Node) -> bool:
    return isinstance(statement, AssignmentStmt) and any(
        node is each
        for lvalue in statement.lvalues
        for each in (lvalue.items if isinstance(lvalue, (ListExpr, TupleExpr)) else [lvalue])
    )


class _Sight:
    """What a function does that may load a relationship, or that cannot be seen."""

    def __init__(self, function: FuncDef, body: Body, interpreter: Interpreter) -> None:
        self._function = function
        self._body = body
        self._interpreter = interpreter
        self._graph: Graph | None = None
        #: The relationships that something loads or fills, whichever instance's.
        self._filled: set[str] = set()
        #: Whether something is done that may load whatever there is.
        self._blind = False
        #: The calls, each with its statement's point.
        self._calls: list[CallExpr] = []
        self._constructed: set[str] = set()
        for node in walk(function.body):
            self._note(node)

    def _note(self, node: Node) -> None:
        if isinstance(node, (AssignmentStmt, OperatorAssignmentStmt)):
            targets = node.lvalues if isinstance(node, AssignmentStmt) else [node.lvalue]
            for target in targets:
                items = target.items if isinstance(target, (ListExpr, TupleExpr)) else [target]
                self._filled.update(each.name for each in items if isinstance(each, MemberExpr))
        elif isinstance(node, MemberExpr):
            if isinstance(node.expr, MemberExpr) and node.expr.name == "awaitable_attrs":
                self._filled.add(node.name)
        elif isinstance(node, CallExpr):
            self._calls.append(node)
            callee = node.callee
            name = callee.name if isinstance(callee, (MemberExpr, NameExpr)) else ""
            if name in LOADERS:
                names, is_open = options([node])
                self._filled |= names
                self._blind = self._blind or is_open
            elif name == "run_sync":
                self._blind = True
            elif name == "refresh":
                self._refreshes(node)
            elif name in ("set_attribute", "set_committed_value", "setattr"):
                attribute = node.args[1] if len(node.args) > 1 else None
                if isinstance(attribute, StrExpr):
                    self._filled.add(attribute.value)
                else:
                    self._blind = True
            elif name == "merge":
                self._blind = True

    def _refreshes(self, call: CallExpr) -> None:
        """``await session.refresh(user, ["posts"])``."""
        for argument, name in zip(call.args[1:], call.arg_names[1:], strict=True):
            if name not in (None, "attribute_names"):
                continue
            if isinstance(argument, (ListExpr, TupleExpr)):
                for item in argument.items:
                    if isinstance(item, StrExpr):
                        self._filled.add(item.value)
                    elif isinstance(item, MemberExpr) and isinstance(item.expr, MemberExpr):
                        self._filled.add(item.expr.name)  # ``User.posts.key``
                    else:
                        self._blind = True
            else:
                self._blind = True

    def may_be_loaded(
        self, relationship: Relationship, found: list[Loaded], read: MemberExpr
    ) -> bool:
        """Whether a relationship may be loaded where it is read."""
        if self._blind or relationship.name in self._filled:
            return True
        if relationship.reverse is not None and relationship.reverse in self._filled:
            return True
        mapped = found[0].query.mapped
        names = frozenset().union(*(each.names for each in found))
        sessions = {each.session for each in found}
        if self._is_built(relationship, mapped.name) or self._is_given(mapped.name, names):
            return True
        if relationship.many is not True and (mapped.has_foreign_keys or not mapped.complete):
            # The other end of a many-to-one may be there already.
            if not all(self._is_fresh(session) for session in sessions):
                return True
            if self._is_asked_for(relationship.target_name, found):
                return True
        return self._something_unseen_before(read, names, sessions, relationship)

    def _is_built(self, relationship: Relationship, name: str) -> bool:
        """Whether an instance of either class is made here."""
        made = {name, relationship.target_name}
        return any(
            isinstance(call.callee, (MemberExpr, NameExpr)) and call.callee.name in made
            for call in self._calls
        )

    def _is_given(self, name: str, names: frozenset[str]) -> bool:
        """Whether an instance of the class comes in from outside, with whatever it has loaded."""
        return any(
            argument.variable.name not in names
            and argument.type_annotation is not None
            and name in str(argument.type_annotation)
            for argument in self._function.arguments
        )

    def _is_fresh(self, session: str) -> bool:
        """Whether a session is opened in the function itself."""
        bindings = self._body.scope.names.bindings.get(session, [])
        return len(bindings) == 1 and bindings[0].kind == "async with"

    def _is_asked_for(self, target: str | None, found: list[Loaded]) -> bool:
        """Whether the function gets instances of the other end as well."""
        made = {id(each.query.made) for each in found}
        return target is None or any(
            id(call) not in made
            and call.args
            and any(isinstance(each, NameExpr) and each.name == target for each in call.args)
            for call in self._calls
        )

    def _something_unseen_before(
        self,
        read: MemberExpr,
        names: frozenset[str],
        sessions: set[str],
        relationship: Relationship,
    ) -> bool:
        """Whether a call that may load anything may run before the read."""
        suspects = [
            call for call in self._calls if self._may_load(call, names, sessions, relationship)
        ]
        if not suspects:
            return False
        self._graph = self._graph or build(self._function)
        reads = self._graph.points_of(read)
        if not reads:
            return True
        for call in suspects:
            for index in self._graph.points_of(call):
                if index in reads or may_reach(self._graph, index, set(reads)):
                    return True
        return False

    def _may_load(
        self,
        call: CallExpr,
        names: frozenset[str],
        sessions: set[str],
        relationship: Relationship,
    ) -> bool:
        """Whether a call is given the instance, or the session, and may do anything with it."""
        callee = call.callee
        if not isinstance(callee, (MemberExpr, NameExpr)):
            return True
        if callee.name in _HARMLESS:
            return False
        given = {
            node.name
            for argument in call.args
            for node in walk(argument)
            if isinstance(node, NameExpr) and not _is_of_attribute(node, argument)
        }
        roots = {session.partition(".")[0] for session in sessions}
        on_session = isinstance(callee, MemberExpr) and dotted(callee.expr) in sessions
        if on_session:
            return False
        if given & names:
            return True
        if given & sessions:
            return not self._is_seen(call, relationship)
        if isinstance(callee, MemberExpr) and any("." in session for session in sessions):
            # ``await self.load(...)``, which has the session of the object as well.
            receiver = dotted(callee.expr)
            return receiver in roots and not self._is_seen(call, relationship)
        return False

    def _is_seen(self, call: CallExpr, relationship: Relationship) -> bool:
        """Whether a callee in the same module says nothing of the relationship."""
        value = self._interpreter.value(call.callee, self._body.scope, None)
        if isinstance(value, ClassValue):
            return False
        if not isinstance(value, FunctionValue) or value.scope.module != self._body.scope.module:
            return False
        return not any(
            (isinstance(node, MemberExpr) and node.name == relationship.name)
            or (isinstance(node, StrExpr) and node.value in (relationship.name, "*"))
            or (isinstance(node, AwaitExpr) and _is_of_project(node))
            for node in walk(value.node.body)
        )


def _is_of_project(node: AwaitExpr) -> bool:
    """Whether an ``await`` is of something else than a session's method."""
    call = node.expr
    return not (
        isinstance(call, CallExpr)
        and isinstance(call.callee, MemberExpr)
        and call.callee.name
        in (
            "commit",
            "delete",
            "execute",
            "flush",
            "get",
            "refresh",
            "rollback",
            "scalar",
            "scalars",
        )
    )


def _is_of_attribute(name: NameExpr, argument: Expression) -> bool:
    """Whether an argument has a name only to ask it for an attribute: ``f(user.name)``."""
    return any(
        isinstance(node, MemberExpr) and node.expr is name and not isinstance(node.expr, CallExpr)
        for node in walk(argument)
    )
