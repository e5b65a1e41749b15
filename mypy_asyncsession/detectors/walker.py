"""Finds the uses in one module: ``with``, ``for``, ``await``, and the calls that do the same."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mypy.nodes import (
    AssignmentStmt,
    AwaitExpr,
    CallExpr,
    ClassDef,
    Decorator,
    DictionaryComprehension,
    ExpressionStmt,
    ForStmt,
    FuncDef,
    GeneratorExpr,
    IndexExpr,
    LambdaExpr,
    MemberExpr,
    NameExpr,
    OperatorAssignmentStmt,
    OverloadedFuncDef,
    ReturnStmt,
    StarExpr,
    WithStmt,
    YieldFromExpr,
)

from mypy_asyncsession.detectors.assigned_doubles import AssignedDoubles
from mypy_asyncsession.detectors.callees import Callees
from mypy_asyncsession.detectors.candidates import Candidates
from mypy_asyncsession.detectors.concurrent_uses import ConcurrentUses
from mypy_asyncsession.detectors.decorated_functions import DecoratedFunctions
from mypy_asyncsession.detectors.dependencies import Dependencies, may_be_alias
from mypy_asyncsession.detectors.dependency_overrides import DependencyOverrides, may_override
from mypy_asyncsession.detectors.depends_calls import DependsCalls
from mypy_asyncsession.detectors.doubles import DOUBLING, Doubles
from mypy_asyncsession.detectors.early_exits import EarlyExits
from mypy_asyncsession.detectors.escapes import Escapes
from mypy_asyncsession.detectors.expected import Expected
from mypy_asyncsession.detectors.expired_reads import ExpiredReads
from mypy_asyncsession.detectors.getters import Getters
from mypy_asyncsession.detectors.given_holders import GivenHolders
from mypy_asyncsession.detectors.given_providers import GivenProviders
from mypy_asyncsession.detectors.injected_sessions import InjectedSessions
from mypy_asyncsession.detectors.injecting_calls import InjectingCalls
from mypy_asyncsession.detectors.iterated_arguments import IteratedArguments
from mypy_asyncsession.detectors.lazy_loads import LazyLoads
from mypy_asyncsession.detectors.left_open import LeftOpen
from mypy_asyncsession.detectors.overrides import Overrides
from mypy_asyncsession.detectors.pairings import Pairings
from mypy_asyncsession.detectors.parameter_dependencies import ParameterDependencies
from mypy_asyncsession.detectors.probes import PROBING, Probes
from mypy_asyncsession.detectors.record import Pairing
from mypy_asyncsession.detectors.request_escapes import RequestEscapes
from mypy_asyncsession.detectors.reuse import Reuses
from mypy_asyncsession.detectors.transactions import Transactions
from mypy_asyncsession.detectors.unawaited import NEGLECTING, UnawaitedCoroutines
from mypy_asyncsession.detectors.unentered_use import UnenteredUses
from mypy_asyncsession.detectors.using_calls import USING, UsingCalls
from mypy_asyncsession.detectors.wrapped_functions import WrappedFunctions
from mypy_asyncsession.models.contextlib import MANAGING
from mypy_asyncsession.models.sqlalchemy import SESSION_ATTRIBUTES
from mypy_asyncsession.semantic.index import bodies, head
from mypy_asyncsession.semantic.mapped_classes import MappedClasses
from mypy_asyncsession.semantic.program_point import Body, ProgramPoint
from mypy_asyncsession.semantic.scopes import nested
from mypy_asyncsession.semantic.summaries import Summaries
from mypy_asyncsession.semantic.syntax import (
    BACKWARDS,
    definition_of,
    is_method_of_text,
    is_text,
    push,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from mypy.nodes import Node, SymbolNode
    from mypy.types import CallableType

    from mypy_asyncsession.detectors.record import Record
    from mypy_asyncsession.models.dependency_framework import Release
    from mypy_asyncsession.semantic.interpreter import Interpreter
    from mypy_asyncsession.semantic.known_summaries import KnownSummaries
    from mypy_asyncsession.semantic.leads import Leads
    from mypy_asyncsession.semantic.module_source import ModuleSource

#: The statements without blocks that are of interest.
_SIMPLE = frozenset({AssignmentStmt, ExpressionStmt, OperatorAssignmentStmt, ReturnStmt})


class Walker:
    """Collects the uses of one module."""

    def __init__(
        self,
        interpreter: Interpreter,
        source: ModuleSource,
        framework: Release,
        known: KnownSummaries,
        *,
        getters: bool = False,
        probes: bool = False,
        exhaustive: bool = False,
        leads: Leads | None = None,
    ) -> None:
        """Begin with one module.

        Args:
        interpreter: Says what expressions may be.
        source: The module at hand.
        framework: The release of the framework that injects dependencies.
        known: What is known of functions.
        getters: Whether definitions of providers are collected too.
        probes: Whether questions at run time about what a provider gave are collected too.
        exhaustive: Whether uses are collected that need no look to be right.
        leads: What may have to do with a provider, where that was found out: the rest is left out.
        """
        self._candidates = Candidates(leads, source)
        self._getters = Getters(interpreter, source.module) if getters else None
        self._interpreter = interpreter
        self._source = source
        self._expected = Expected(interpreter)
        self._overrides = Overrides(interpreter)
        summaries = Summaries(interpreter, known)
        self._escapes = Escapes(interpreter, summaries)
        self._exits = EarlyExits(interpreter)
        self._open = LeftOpen(interpreter, source)
        self._pairings = Pairings(
            interpreter, source.module, self._candidates, self._open, exhaustive=exhaustive
        )
        self._decorated = DecoratedFunctions(interpreter, source, self._pairings)
        self._wrapped = WrappedFunctions(interpreter)
        self._iterated = IteratedArguments(interpreter, self._pairings, self._candidates)
        self._reuses = Reuses(interpreter, source)
        self._using = UsingCalls(interpreter, self._pairings, self._exits, self._reuses)
        self._raw = UnenteredUses(interpreter, source.module, self._candidates)
        self._holders = GivenHolders(interpreter, source.module, self._candidates)
        self._lazy = LazyLoads(interpreter, source, self._expected)
        self._unawaited = UnawaitedCoroutines(interpreter, source.module, self._candidates)
        depends = DependsCalls(interpreter)
        dependencies = ParameterDependencies(interpreter, depends)
        injected = InjectedSessions(summaries.objects, dependencies)
        self._concurrent = ConcurrentUses(summaries, injected)
        mapped = MappedClasses(interpreter)
        self._expired = ExpiredReads(interpreter, summaries, mapped, dependencies)
        self._transactions = Transactions(summaries)
        self._doubles = Doubles(interpreter)
        self._assigned_doubles = AssignedDoubles(interpreter, self._doubles)
        self._probes = Probes(interpreter) if probes else None
        self._dependencies = Dependencies(interpreter, source, framework, depends)
        self._dependency_overrides = DependencyOverrides(interpreter, self._dependencies)
        self._requests = RequestEscapes(interpreter, framework, depends, dependencies)
        self._callees = Callees(interpreter)
        self._injecting = InjectingCalls(
            interpreter, self._dependencies, self._dependency_overrides, depends, self._callees
        )
        self._injects = bool(source.tree.imports)  # else nothing names a dependency
        self._given = GivenProviders(interpreter, self._doubles, self._callees, self._candidates)

    def records(self) -> Iterator[Record]:
        """Every use in the module whose provider is known, and every override, in source order."""
        self._source.read_whole()
        yield from self._body(self._source.tree.defs, Body(self._source, None, None))

    def _body(self, statements: Sequence[Node], body: Body) -> Iterator[Record]:
        for statement in self._candidates.among(statements, body):
            yield from self._statement(statement, body)

    def _statement(self, statement: Node, body: Body) -> Iterator[Record]:
        point = ProgramPoint(body, statement)
        if type(statement) in _SIMPLE:
            yield from self._simple(statement, point)
        elif isinstance(statement, (FuncDef, Decorator, OverloadedFuncDef)):
            yield from self._definition(statement, point)
        elif isinstance(statement, ClassDef):
            if not self._candidates.holds_any(statement):
                return
            for expression in (*statement.decorators, *statement.base_type_exprs):
                yield from self._expression(expression, point)
            yield from self._overrides.of_class(statement, self._source.scope)
            yield from self._body(statement.defs.body, body.inside(statement))
        elif isinstance(statement, WithStmt):
            yield from self._with(statement, point)
        else:
            if isinstance(statement, ForStmt):
                pairing = Pairing.ASYNC_FOR if statement.is_async else Pairing.FOR
                yield from self._pairings.of(pairing, statement.expr, point, statement.index)
                yield from self._reuses.of_use(pairing, statement.expr, point, statement.index)
                yield from self._exits.of_loop(statement, point)
                yield from self._escapes.of_loop(statement, point)
            yield from self._unawaited.of_statement(statement, point)
            for each in head(statement):
                yield from self._expression(each, point)
            failing = self._expected.failing_block(statement)
            for inner in bodies(statement):
                fails = failing is not None and inner is failing.body
                yield from self._body(list(nested(inner)) if fails else inner, body)

    def _simple(self, statement: Node, point: ProgramPoint) -> Iterator[Record]:
        """What a statement does that has no block."""
        if isinstance(statement, ExpressionStmt):
            expression = statement.expr
            if isinstance(expression, CallExpr):
                yield from self._raw.of_statement(statement, point)
            if not isinstance(expression, AwaitExpr):
                yield from self._unawaited.of_statement(statement, point)
            yield from self._expression(expression, point)
        elif isinstance(statement, AssignmentStmt):
            if any(map(may_override, statement.lvalues)):
                yield from self._dependency_overrides.of_statement(
                    statement, point.scope, point.where, point.body.outermost()
                )
            yield from self._holders.of_assignment(statement, point)
            yield from self._iterated.of_unpacking(statement, point)
            if isinstance(statement.lvalues[0], MemberExpr):
                yield from self._assigned_doubles.of_statement(statement, point)
            if self._injects and point.body.node is not None:
                if isinstance(statement.rvalue, CallExpr):
                    yield from self._dependencies.of_assignment(statement, point)
                if isinstance(point.body.node, ClassDef):
                    yield from self._dependencies.of_attribute(
                        statement, point.scope, point.where, point.body.outermost()
                    )
            if isinstance(statement.rvalue, CallExpr):
                yield from self._unawaited.of_statement(statement, point)
            yield from self._expression(statement.rvalue, point)
            for lvalue in statement.lvalues:
                if not isinstance(lvalue, NameExpr):
                    yield from self._expression(lvalue, point)
        elif isinstance(statement, ReturnStmt):
            if statement.expr is not None:
                yield from self._holders.of_return(statement, point)
                yield from self._escapes.of_return(statement, point)
                yield from self._expression(statement.expr, point)
        elif isinstance(statement, OperatorAssignmentStmt):
            if may_override(statement.lvalue):
                yield from self._dependency_overrides.of_statement(
                    statement, point.scope, point.where, point.body.outermost()
                )
            yield from self._expression(statement.lvalue, point)
            yield from self._expression(statement.rvalue, point)

    def _definition(self, statement: Node, point: ProgramPoint) -> Iterator[Record]:
        if isinstance(statement, OverloadedFuncDef):
            for item in statement.unanalyzed_items:
                yield from self._definition(item, point)
            return
        function = definition_of(statement)
        if function is None:
            return
        if self._getters is not None and self._candidates.gives(statement):
            yield from self._getters.of_definition(statement, point)
        if isinstance(statement, Decorator):
            yield from self._decorated.of_definition(statement, point)
            yield from self._wrapped.of_definition(statement, point)
            for decorator in statement.original_decorators:
                yield from self._expression(decorator, point)
            if any(self._expected.in_function(d, point) for d in statement.original_decorators):
                return
        if self._expected.in_definition(function, point):
            return
        if self._injects:
            yield from self._dependencies.of_function(
                function, point.scope, point.where, point.body.inside(function).outermost()
            )
        for argument in function.arguments:
            if argument.initializer is not None:
                yield from self._expression(argument.initializer, point)
        decorators = statement.original_decorators if isinstance(statement, Decorator) else ()
        body = point.body.inside(function, decorators)
        yield from self._over_time(function, point, body)
        yield from self._lazy.of_function(function, body)
        if self._injects:
            yield from self._requests.of_function(function, point, body)
        yield from self._body(function.body.body, body)

    def _over_time(self, function: FuncDef, point: ProgramPoint, inner: Body) -> Iterator[Record]:
        """What a function does one after the other, or side by side."""
        found: list[Record] = [*self._concurrent.of_function(function, point)]
        found += self._expired.of_function(function, point, inner)
        found += self._transactions.of_function(function, point)
        if found:
            spared = list(self._expected.lines_in(function, inner))
            for record in found:
                if not any(record.span.line in lines for lines in spared):
                    yield record

    def _with(self, statement: WithStmt, point: ProgramPoint) -> Iterator[Record]:
        pairing = Pairing.ASYNC_WITH if statement.is_async else Pairing.WITH
        yield from self._raw.of_block(statement, point)
        yield from self._escapes.of_block(statement, point)
        for expression, target in zip(statement.expr, statement.target, strict=False):
            yield from self._pairings.of(pairing, expression, point, target)
            yield from self._raw.of_property(expression, point)
            yield from self._reuses.of_use(pairing, expression, point, target)
            yield from self._expression(expression, point)
            if self._expected.in_block(expression, point):
                return
        for inner in bodies(statement):
            yield from self._body(inner, point.body)

    def _expression(self, expression: Node, point: ProgramPoint) -> Iterator[Record]:
        stack = [expression]
        while stack:
            node = stack.pop()
            kind = type(node)
            fields = BACKWARDS.get(kind)
            if fields is None:
                continue
            if isinstance(node, CallExpr):
                if not is_method_of_text(node.callee):
                    yield from self._call(node, point)
            elif isinstance(node, MemberExpr):
                yield from self._attribute(node, point)
            elif isinstance(node, LambdaExpr):
                yield from self._body(node.body.body, point.body.inside(node))
                continue
            elif isinstance(node, AwaitExpr):
                yield from self._pairings.of(Pairing.AWAIT, node.expr, point, None)
                yield from self._raw.of_property(node.expr, point)
                yield from self._unawaited.of_expression(node, point)
                if isinstance(node.expr, CallExpr):
                    yield from self._using.awaited_later(node.expr, point)
            elif isinstance(node, StarExpr):
                yield from self._iterated.of_star(node, point)
            elif isinstance(node, YieldFromExpr):
                yield from self._pairings.of(Pairing.YIELD_FROM, node.expr, point, None)
            elif isinstance(node, IndexExpr):
                if isinstance(node.base, CallExpr):
                    yield from self._unawaited.of_expression(node, point)
                if self._injects and may_be_alias(node):
                    yield from self._dependencies.of_alias(
                        node, point.scope, point.where, point.body.outermost()
                    )
            elif isinstance(node, (GeneratorExpr, DictionaryComprehension)):
                yield from self._unawaited.of_expression(node, point)
                for index, sequence, is_async in zip(
                    node.indices, node.sequences, node.is_async, strict=False
                ):
                    pairing = Pairing.ASYNC_FOR if is_async else Pairing.FOR
                    yield from self._pairings.of(pairing, sequence, point, index)
            elif kind in NEGLECTING:
                yield from self._unawaited.of_expression(node, point)
            push(stack, node, fields)

    def _attribute(self, member: MemberExpr, point: ProgramPoint) -> Iterator[Record]:
        if isinstance(member.expr, CallExpr):
            yield from self._unawaited.of_expression(member, point)
        elif isinstance(member.expr, NameExpr):
            bindings = point.body.scope.names.bindings.get(member.expr.name)
            if bindings and len(bindings) == 1 and isinstance(bindings[0].node, CallExpr):
                yield from self._raw.of_unopened(member, point)
        if member.name in SESSION_ATTRIBUTES:
            yield from self._raw.of_property(member.expr, point)
        if self._raw.may_hold(member) and not self._open.has(member.expr, point):
            yield from self._raw.of_attribute(member, point)

    def _call(self, call: CallExpr, point: ProgramPoint) -> Iterator[Record]:
        callee = call.callee
        name = callee.name if isinstance(callee, (MemberExpr, NameExpr)) else None
        if name in USING:
            yield from self._using.of_call(call, point)
        if call.args:
            yield from self._iterated.of_call(call, point)
        matters = self._candidates.may_matter(call, point.body)
        node = self._callees.of(call, point) if matters else None
        if self._injects:
            yield from self._injecting.of_call(call, node, point)
        if not call.args:
            return
        if matters:
            yield from self._given_to(call, node, point)
        if name in MANAGING:
            yield from self._decorated.of_call(call, point)
        if name in DOUBLING:
            yield from self._doubles.of_call(call, point)
        if self._probes is not None and name in PROBING:
            yield from self._probes.of_call(call, point)

    def _given_to(
        self, call: CallExpr, node: SymbolNode | None, point: ProgramPoint
    ) -> Iterator[Record]:
        """What a call is given in the place of something else; *node* is what it calls."""
        callee = call.callee
        type_: CallableType | None = None
        if not all(map(is_text, call.args)) and not self._callees.is_plain(call, node, point):
            type_ = self._interpreter.callable_type(callee, point.scope, point.where)
            if type_ is not None:
                for protocol, argument in self._overrides.expected(
                    call, type_, point.scope, point.where
                ):
                    yield from self._overrides.of_argument(
                        protocol, argument, point.scope, point.where, point.body.outermost()
                    )
        yield from self._given.of_call(call, node, point, self._pairings.made)
        yield from self._holders.of_call(call, type_, point)
