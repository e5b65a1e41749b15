"""Relationships that would be loaded lazily, which an async session cannot do.

One function is looked at at a time; where anything that may have loaded them is out of sight,
nothing is said.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from mypy.nodes import (
    AssignmentStmt,
    CallExpr,
    FuncDef,
    LambdaExpr,
    ListExpr,
    MemberExpr,
    NameExpr,
    ReturnStmt,
    TupleExpr,
    WithStmt,
)

from mypy_asyncsession.detectors.helper_loads import HelperLoads
from mypy_asyncsession.detectors.loaded_instances import LoadedInstances
from mypy_asyncsession.detectors.loads_in_sight import LoadsInSight
from mypy_asyncsession.detectors.new_instances import NewInstances
from mypy_asyncsession.detectors.reading_calls import ReadingCalls
from mypy_asyncsession.detectors.response_models import ResponseModels
from mypy_asyncsession.detectors.serialized import SerializedReads
from mypy_asyncsession.detectors.spans import span_of, written
from mypy_asyncsession.detectors.time_records import Lacking, LazyLoad
from mypy_asyncsession.detectors.visible_names import can_name
from mypy_asyncsession.models.pydantic import READING_METHODS
from mypy_asyncsession.semantic.cfg.attempts import attempt_of
from mypy_asyncsession.semantic.index import bodies, head
from mypy_asyncsession.semantic.mapped_classes import MappedClasses
from mypy_asyncsession.semantic.program_point import ProgramPoint
from mypy_asyncsession.semantic.queries import Queries
from mypy_asyncsession.semantic.sure_reads import is_called
from mypy_asyncsession.semantic.syntax import DEFINITIONS, children, dotted, statements

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from mypy.nodes import Expression, Node

    from mypy_asyncsession.detectors.expected import Expected
    from mypy_asyncsession.detectors.loaded_instances import Loaded
    from mypy_asyncsession.detectors.new_instances import NewInstance
    from mypy_asyncsession.detectors.response_models import ResponseModel
    from mypy_asyncsession.semantic.interpreter import Interpreter
    from mypy_asyncsession.semantic.module_source import ModuleSource
    from mypy_asyncsession.semantic.program_point import Body
    from mypy_asyncsession.semantic.relationships import Relationship

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


class _Read(NamedTuple):
    """A relationship that is read, what loaded the instance, and what to tell them apart by."""

    relationship: Relationship
    found: list[Loaded]
    key: tuple[int, str]


class LazyLoads:
    """Finds the lazy loads of one module."""

    def __init__(self, interpreter: Interpreter, source: ModuleSource, expected: Expected) -> None:
        self._interpreter = interpreter
        self._expected = expected
        self._source = source
        mapped = MappedClasses(interpreter)
        self._serialized = SerializedReads(interpreter)
        self._responses = ResponseModels(interpreter, self._serialized)
        self._new = NewInstances(interpreter, mapped)
        self._loaded = LoadedInstances(interpreter, Queries(interpreter, mapped))
        self._loaded.helped = HelperLoads(interpreter, self._loaded).of
        self._reading = ReadingCalls(interpreter, self._loaded, source.module)

    def of_function(self, function: FuncDef, body: Body) -> Iterator[LazyLoad]:
        """The first lazy load of each relationship from each query of a function."""
        if not function.is_coroutine or function.is_generator:
            return
        seen: set[tuple[int, str]] = set()
        sight: LoadsInSight | None = None
        model = self._responses.of_handler(function, body)
        nodes = list(self._reads(function.body.body, body))
        reads = [
            each for each, at in nodes if isinstance(each, MemberExpr) and not _is_target(each, at)
        ]
        for member, statement in nodes:
            point = ProgramPoint(body, statement)
            if isinstance(member, CallExpr):
                for load in self._of_call(member, point, seen):
                    sight = sight or LoadsInSight(function, body, self._interpreter)
                    if not sight.may_be_loaded(load.relationship, load.found, member):
                        seen.add(load.key)
                        yield self._record(member, load.relationship, load.found[0], point)
                for argument, found, names in self._reading.of(member, point):
                    sight = sight or LoadsInSight(function, body, self._interpreter)
                    yield from self._read_by(
                        written(member), argument, found, names, point, sight, seen, member
                    )
                continue
            is_target = _is_target(member, statement)
            if isinstance(member.expr, NameExpr) and self._is_made(member.expr.name, body):
                if is_target:
                    continue
                sight = sight or LoadsInSight(function, body, self._interpreter)
                new = self._new.read(member, point, sight.calls)
                if new is not None and (id(new.made), member.name) not in seen:
                    same = [each for each in reads if dotted(each) == dotted(member)]
                    if not sight.may_be_set(new, member, same):
                        seen.add((id(new.made), member.name))
                        yield self._record_new(member, new, point)
                continue
            found = self._loaded.of(member.expr, point.scope, point.where)
            if not found or any(each.kind != "one" for each in found):
                continue
            first = found[0]
            relationship = first.query.mapped.relationships.get(member.name)
            if any(each.query.mapped is not first.query.mapped for each in found):
                continue
            if relationship is None:
                sight = sight or LoadsInSight(function, body, self._interpreter)
                called = "()" if is_called(member, sight.calls) else ""
                names = first.query.mapped.reads.get(f"{member.name}{called}", frozenset())
                yield from self._read_by(
                    f"{written(member)}{called}", member, found, names, point, sight, seen
                )
                continue
            if is_target and relationship.many is not True:
                continue  # it need not know what was there
            key = (id(first.query.made), member.name)
            if key in seen or not self._is_lazy(relationship, found):
                continue
            sight = sight or LoadsInSight(function, body, self._interpreter)
            if sight.may_be_loaded(relationship, found, member):
                continue
            seen.add(key)
            yield self._record(member, relationship, first, point)._replace(assigned=is_target)

        if model is not None:
            sight = sight or LoadsInSight(function, body, self._interpreter)
            yield from self._returned(model, function, body, sight, seen)

    def _read_by(
        self,
        reader: str,
        read: Expression,
        found: list[Loaded],
        names: Iterable[str],
        point: ProgramPoint,
        sight: LoadsInSight,
        seen: set[tuple[int, str]],
        call: CallExpr | None = None,
    ) -> Iterator[LazyLoad]:
        """What something else reads: ``user.to_dict()``, ``serialize(user)``."""
        for name in sorted(names):
            relationship = found[0].query.mapped.relationships[name]
            key = (id(found[0].query.made), name)
            if key in seen or not self._is_lazy(relationship, found):
                continue
            if not sight.may_be_loaded(relationship, found, call or read, reader=call):
                seen.add(key)
                record = self._record(read, relationship, found[0], point)
                yield record._replace(reader=reader)

    def _returned(
        self,
        model: ResponseModel,
        function: FuncDef,
        body: Body,
        sight: LoadsInSight,
        seen: set[tuple[int, str]],
    ) -> Iterator[LazyLoad]:
        """What FastAPI reads of what a handler returns."""
        for statement in statements(function.body):
            if not isinstance(statement, ReturnStmt) or statement.expr is None:
                continue
            point = ProgramPoint(body, statement)
            result = statement.expr
            if not model.many and isinstance(result, NameExpr):
                yield from self._returned_new(model, result, point, sight, seen)
            found = self._loaded.of(result, point.scope, point.where)
            if not found or any(
                each.kind != ("many" if model.many else "one")
                or each.query.mapped is not found[0].query.mapped
                for each in found
            ):
                continue
            relationships = found[0].query.mapped.relationships
            for name in sorted(model.fields & relationships.keys()):
                key = (id(found[0].query.made), name)
                if key in seen or not self._is_lazy(relationships[name], found):
                    continue
                if not sight.may_be_loaded(relationships[name], found, statement):
                    seen.add(key)
                    record = self._record(result, relationships[name], found[0], point)
                    text = f"{written(result)}.{name}"
                    yield record._replace(text=text, reader=model.text)

    def _returned_new(
        self,
        model: ResponseModel,
        result: NameExpr,
        point: ProgramPoint,
        sight: LoadsInSight,
        seen: set[tuple[int, str]],
    ) -> Iterator[LazyLoad]:
        if not self._is_made(result.name, point.body):
            return
        for name in sorted(model.fields):
            member = MemberExpr(result, name)
            member.set_line(result)
            new = self._new.read(member, point, sight.calls)
            if new is None or (id(new.made), name) in seen:
                continue
            if not sight.may_be_set(new, point.statement, [point.statement]):
                seen.add((id(new.made), name))
                record = self._record_new(member, new, point)
                yield record._replace(
                    text=f"{new.name}.{name}", reader=model.text, span=span_of(result)
                )

    def _of_call(
        self, call: CallExpr, point: ProgramPoint, seen: set[tuple[int, str]]
    ) -> Iterator[_Read]:
        """``UserOut.model_validate(user)``, which reads the relationships among its fields."""
        fields = self._serialized.of_call(call, point)
        found = self._loaded.of(call.args[0], point.scope, point.where) if fields else []
        if not found or any(
            each.kind != "one" or each.query.mapped is not found[0].query.mapped for each in found
        ):
            return
        relationships = found[0].query.mapped.relationships
        for name in sorted(fields & relationships.keys()):
            key = (id(found[0].query.made), name)
            if key not in seen and self._is_lazy(relationships[name], found):
                yield _Read(relationships[name], found, key)

    def _is_lazy(self, relationship: Relationship, found: list[Loaded]) -> bool:
        return (
            relationship.is_lazy
            and not any(
                each.query.is_open or relationship.name in each.query.loads for each in found
            )
            and not self._loaded.may_be_among(relationship, found)
        )

    def _is_made(self, name: str, body: Body) -> bool:
        """Whether a name is bound by a call alone, as a new instance is: a quick look."""
        bindings = body.scope.names.bindings.get(name, [])
        return (
            len(bindings) == 1
            and bindings[0].kind == "assign"
            and isinstance(bindings[0].node, CallExpr)
            and isinstance(bindings[0].node.callee, (MemberExpr, NameExpr))
            and bindings[0].node.callee.name[:1].isupper()
        )

    def _record_new(self, member: MemberExpr, new: NewInstance, point: ProgramPoint) -> LazyLoad:
        span = span_of(member)
        return LazyLoad(
            text=written(member),
            instance=new.name,
            reader=None,
            attribute=member.name,
            entity=new.mapped.name,
            through=(),
            nameable=True,
            how=Lacking.NEW,
            session=new.session,
            assigned=False,
            made=span_of(new.made),
            made_text=written(new.made),
            place=None,
            span=span,
            function=point.body.outermost(),
            lines=tuple(range(min(point.statement.line, span.line), span.end_line + 1)),
        )

    def _record(
        self, read: Expression, relationship: Relationship, loaded: Loaded, point: ProgramPoint
    ) -> LazyLoad:
        span = span_of(read)
        query = loaded.query
        reads_argument = isinstance(read, CallExpr) and _called(read) in READING_METHODS
        instance = read.expr if isinstance(read, MemberExpr) else read
        if isinstance(read, CallExpr) and reads_argument:
            instance = read.args[0]
        made = span_of(query.made)
        scope = loaded.helpers[-1].body.scope if loaded.helpers else point.scope
        return LazyLoad(
            text=f"{written(instance)}.{relationship.name}",
            instance=written(instance),
            reader=written(read) if reads_argument else None,
            attribute=relationship.name,
            entity=query.entity,
            through=loaded.through,
            nameable=not loaded.through or can_name(query.entity, scope),
            how=Lacking.SELECT if query.is_select else Lacking.GET,
            session=loaded.session,
            assigned=False,
            made=made,
            made_text=written(query.made),
            place=loaded.place,
            span=span,
            function=point.body.outermost(),
            lines=tuple(range(min(point.statement.line, span.line), span.end_line + 1)),
        )

    def _reads(
        self, block: Sequence[Node], body: Body
    ) -> Iterator[tuple[CallExpr | MemberExpr, Node]]:
        """The attributes that a block reads, each with its statement, in source order."""
        for statement in block:
            if isinstance(statement, DEFINITIONS):
                continue
            if isinstance(statement, WithStmt) and any(
                self._expected.in_block(each, ProgramPoint(body, statement))
                for each in statement.expr
            ):
                continue
            attempt = attempt_of(statement)
            if attempt is not None and attempt.is_caught(_is_expecting):
                for handler in attempt.handlers:
                    yield from self._reads(handler.block.body, body)
                continue
            for node in _reading(head(statement)):
                yield node, statement
            for inner in bodies(statement):
                yield from self._reads(inner, body)


def _reading(parts: Iterable[Node]) -> Iterator[CallExpr | MemberExpr]:
    """The lookups in some expressions, and the calls that may read what they are given."""
    stack = [*reversed([*parts])]
    while stack:
        node = stack.pop()
        if isinstance(node, LambdaExpr):
            continue
        if isinstance(node, CallExpr):
            if any(isinstance(each, NameExpr) for each in node.args) or (
                isinstance(node.callee, MemberExpr) and node.callee.name in READING_METHODS
            ):
                yield node
        elif isinstance(node, MemberExpr):
            yield node
        stack.extend(reversed(list(children(node))))


def _called(call: CallExpr) -> str:
    return call.callee.name if isinstance(call.callee, MemberExpr) else ""


def _is_expecting(caught: Expression | None) -> bool:
    types = caught.items if isinstance(caught, TupleExpr) else [caught]
    return any(
        isinstance(each, (MemberExpr, NameExpr)) and each.name in _EXPECTING for each in types
    )


def _is_target(node: MemberExpr, statement: Node) -> bool:
    return isinstance(statement, AssignmentStmt) and any(
        node is each
        for lvalue in statement.lvalues
        for each in (lvalue.items if isinstance(lvalue, (ListExpr, TupleExpr)) else [lvalue])
    )
