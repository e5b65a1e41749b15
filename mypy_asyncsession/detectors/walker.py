"""Finds the uses in one module: ``with``, ``for``, ``await``, and the calls that do the same."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mypy.nodes import (
    ArgKind,
    AssignmentStmt,
    AwaitExpr,
    Block,
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
    SuperExpr,
    TryStmt,
    TypeInfo,
    WithStmt,
    YieldFromExpr,
)
from mypy.types import Instance, TupleType, get_proper_type

from mypy_asyncsession.detectors.callees import Callees
from mypy_asyncsession.detectors.candidates import Candidates
from mypy_asyncsession.detectors.concurrent_uses import ConcurrentUses
from mypy_asyncsession.detectors.decorators import need_of
from mypy_asyncsession.detectors.dependencies import Dependencies, may_be_alias
from mypy_asyncsession.detectors.dependency_overrides import DependencyOverrides, may_override
from mypy_asyncsession.detectors.depends_calls import DependsCalls
from mypy_asyncsession.detectors.direct_calls import DirectCalls
from mypy_asyncsession.detectors.doubles import DOUBLING, Doubles
from mypy_asyncsession.detectors.early_exits import EarlyExits
from mypy_asyncsession.detectors.escapes import Escapes
from mypy_asyncsession.detectors.expected import Expected
from mypy_asyncsession.detectors.expired_reads import ExpiredReads
from mypy_asyncsession.detectors.fixtures import is_of_fixture
from mypy_asyncsession.detectors.getters import Getters
from mypy_asyncsession.detectors.given_providers import GivenProviders
from mypy_asyncsession.detectors.lazy_loads import LazyLoads
from mypy_asyncsession.detectors.object_info import object_info
from mypy_asyncsession.detectors.open_stubs import is_open_stub
from mypy_asyncsession.detectors.overrides import Overrides
from mypy_asyncsession.detectors.parameter_dependencies import ParameterDependencies
from mypy_asyncsession.detectors.parameter_needs import may_need
from mypy_asyncsession.detectors.probes import PROBING, Probes
from mypy_asyncsession.detectors.record import Pairing, Use
from mypy_asyncsession.detectors.request_escapes import RequestEscapes
from mypy_asyncsession.detectors.reuse import Reuses
from mypy_asyncsession.detectors.router_factories import RouterFactories
from mypy_asyncsession.detectors.spans import span_of, written
from mypy_asyncsession.detectors.transactions import Transactions
from mypy_asyncsession.detectors.unawaited import NEGLECTING, UnawaitedCoroutines
from mypy_asyncsession.detectors.unentered_use import UnenteredUses
from mypy_asyncsession.models.asyncio import AWAITING, AWAITING_LATER, AWAITING_METHODS
from mypy_asyncsession.models.sqlalchemy import SESSION_ATTRIBUTES
from mypy_asyncsession.semantic.mapped_classes import MappedClasses
from mypy_asyncsession.semantic.program_point import Body, ProgramPoint
from mypy_asyncsession.semantic.scopes import nested
from mypy_asyncsession.semantic.shapes import Shape
from mypy_asyncsession.semantic.summaries import Summaries
from mypy_asyncsession.semantic.syntax import BACKWARDS, children, definition_of, dotted, push
from mypy_asyncsession.semantic.values import (
    UNKNOWN,
    UNSURE,
    ClassValue,
    FunctionValue,
    ModuleValue,
    ObjectValue,
    UnionValue,
    fullname,
    members,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from collections.abc import Set as AbstractSet

    from mypy.nodes import Expression, Node, SymbolNode
    from mypy.types import CallableType

    from mypy_asyncsession.detectors.record import Record
    from mypy_asyncsession.models.dependency_framework import Release
    from mypy_asyncsession.semantic.interpreter import Interpreter
    from mypy_asyncsession.semantic.leads import Leads
    from mypy_asyncsession.semantic.module_source import ModuleSource
    from mypy_asyncsession.semantic.values import Value

_METHODS = {
    "__aenter__": Pairing.AENTER,
    "__enter__": Pairing.ENTER,
    "__aiter__": Pairing.AITER_METHOD,
    "__anext__": Pairing.ANEXT_METHOD,
    "__iter__": Pairing.ITER_METHOD,
    "__next__": Pairing.NEXT_METHOD,
}
_STACK_METHODS = {
    "enter_async_context": Pairing.ENTER_ASYNC_CONTEXT,
    "enter_context": Pairing.ENTER_CONTEXT,
    "enterAsyncContext": Pairing.TEST_ENTER_ASYNC_CONTEXT,
    "enterContext": Pairing.TEST_ENTER_CONTEXT,
    "push_async_exit": Pairing.PUSH_ASYNC_EXIT,
}
_AWAITING_NAMES = frozenset(name.rpartition(".")[2] for name in AWAITING | AWAITING_LATER)
#: The names of what does in a call what a statement does.
_USING_CALLS = (
    _METHODS.keys()
    | _STACK_METHODS.keys()
    | _AWAITING_NAMES
    | AWAITING_METHODS
    | {"anext", "asend", "next"}
)
#: The statements without blocks that are of interest.
_SIMPLE = frozenset({AssignmentStmt, ExpressionStmt, OperatorAssignmentStmt, ReturnStmt})
_BUILTINS = {"builtins.anext": Pairing.ANEXT, "builtins.next": Pairing.NEXT}


class Walker:
    """Collects the uses of one module."""

    def __init__(
        self,
        interpreter: Interpreter,
        source: ModuleSource,
        framework: Release,
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
        getters: Whether definitions of providers are collected too.
        probes: Whether questions at run time about what a provider gave are collected too.
        exhaustive: Whether uses are collected that need no look to be right.
        leads: What may have to do with a provider, where that was found out: the rest is left out.
        """
        self._candidates = Candidates(leads, source)
        self._exhaustive = exhaustive
        self._getters = Getters(interpreter, source.module) if getters else None
        self._interpreter = interpreter
        self._source = source
        self._expected = Expected(interpreter)
        self._overrides = Overrides(interpreter)
        self._escapes = Escapes(interpreter)
        self._exits = EarlyExits(interpreter)
        self._raw = UnenteredUses(interpreter, source.module)
        self._lazy = LazyLoads(interpreter, source, self._expected)
        self._unawaited = UnawaitedCoroutines(interpreter, source.module)
        summaries = Summaries(interpreter)
        self._concurrent = ConcurrentUses(summaries)
        depends = DependsCalls(interpreter)
        dependencies = ParameterDependencies(interpreter, depends)
        self._expired = ExpiredReads(
            interpreter, summaries, MappedClasses(interpreter), dependencies
        )
        self._transactions = Transactions(summaries)
        self._doubles = Doubles(interpreter)
        self._reuses = Reuses(interpreter, source)
        self._probes = Probes(interpreter) if probes else None
        self._dependencies = Dependencies(interpreter, source, framework, depends)
        self._dependency_overrides = DependencyOverrides(interpreter, self._dependencies)
        self._requests = RequestEscapes(interpreter, framework, depends, dependencies)
        self._factories = RouterFactories(interpreter, self._dependencies, depends)
        self._direct_calls = DirectCalls(interpreter, depends)
        self._callees = Callees(interpreter)
        # What imports nothing names no dependency.
        self._injects = bool(source.tree.imports)
        self._given = GivenProviders(interpreter)
        if leads is not None:
            self._raw.may_lead = self._unawaited.may_lead = self._candidates.may_lead

    def records(self) -> Iterator[Record]:
        """Every use in the module whose provider is known, and every override, in source order."""
        self._source.read_whole()
        yield from self._body(self._source.tree.defs, Body(self._source, None, None))

    # The walk

    def _body(self, statements: Sequence[Node], body: Body) -> Iterator[Record]:
        for statement in self._candidates.among(statements, body):
            around = self._candidates.enter(statement)
            yield from self._statement(statement, body)
            self._candidates.unit = around
            if isinstance(statement, WithStmt):
                yield from self._escapes.of_block(statement, ProgramPoint(body, statement))

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
        elif isinstance(statement, TryStmt) and self._expected.in_try(statement):
            yield from self._body(list(nested(statement.body.body)), body)
            for block in (*statement.handlers, statement.else_body, statement.finally_body):
                if block is not None:
                    yield from self._statement(block, body)
        elif isinstance(statement, Block):
            if not statement.is_unreachable:
                yield from self._body(statement.body, body)
        else:
            if isinstance(statement, ForStmt):
                pairing = Pairing.ASYNC_FOR if statement.is_async else Pairing.FOR
                yield from self._use(pairing, statement.expr, point, statement.index)
                yield from self._reuses.of_use(pairing, statement.expr, point, statement.index)
                yield from self._exits.of_loop(statement, point)
                yield from self._escapes.of_loop(statement, point)
            yield from self._unawaited.of_statement(statement, point)
            for child in children(statement):
                if isinstance(child, Block):
                    yield from self._statement(child, body)
                else:
                    yield from self._expression(child, point)

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
            yield from self._raw.of_assignment(statement, point)
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
                yield from self._raw.of_return(statement, point)
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
            items = [item for item in statement.items if item is not statement.impl]
            for item in filter(None, (*items, statement.impl)):
                yield from self._definition(item, point)
            return
        function = definition_of(statement)
        if function is None:
            return
        if self._getters is not None and self._candidates.gives(statement):
            yield from self._getters.of_definition(statement, point)
        if isinstance(statement, Decorator):
            yield from self._decorated(statement, point)
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

    def _decorated(self, statement: Decorator, point: ProgramPoint) -> Iterator[Use]:
        """What the innermost decorator of a function does with what a call of that gives."""
        if not statement.original_decorators:
            return  # mypy takes "classmethod" away
        decorator = statement.original_decorators[-1]
        need = need_of(self._interpreter.value(decorator, point.scope, point.where))
        if need is None:
            return
        function = self._interpreter.defined(statement.func, point.scope)
        value = self._interpreter.called(function, [], point.scope)
        use = self._made(need.pairing, value, decorator, point, None)
        if use is not None:
            name = statement.func.name
            yield use._replace(text=name, callee=name, via=written(decorator))

    def _with(self, statement: WithStmt, point: ProgramPoint) -> Iterator[Record]:
        pairing = Pairing.ASYNC_WITH if statement.is_async else Pairing.WITH
        for expression, target in zip(statement.expr, statement.target, strict=False):
            yield from self._use(pairing, expression, point, target)
            yield from self._raw.of_property(expression, point)
            yield from self._reuses.of_use(pairing, expression, point, target)
            yield from self._expression(expression, point)
            if self._expected.in_block(expression, point):
                return
        yield from self._statement(statement.body, point.body)

    def _expression(self, expression: Node, point: ProgramPoint) -> Iterator[Record]:
        stack = [expression]
        while stack:
            node = stack.pop()
            kind = type(node)
            fields = BACKWARDS.get(kind)
            if fields is None:
                continue
            if isinstance(node, CallExpr):
                yield from self._call(node, point)
            elif isinstance(node, MemberExpr):
                yield from self._attribute(node, point)
            elif isinstance(node, LambdaExpr):
                yield from self._body(node.body.body, point.body.inside(node))
                continue
            elif kind is Block:
                continue
            elif isinstance(node, AwaitExpr):
                yield from self._use(Pairing.AWAIT, node.expr, point, None)
                yield from self._raw.of_property(node.expr, point)
                if isinstance(node.expr, CallExpr):
                    for argument in self._awaited(node.expr, point, AWAITING_LATER):
                        yield from self._use(Pairing.AWAIT, argument, point, None)
            elif isinstance(node, YieldFromExpr):
                yield from self._use(Pairing.YIELD_FROM, node.expr, point, None)
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
                    yield from self._use(pairing, sequence, point, index)
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
        if self._raw.may_hold(member) and not self._is_open(member.expr, point):
            yield from self._raw.of_attribute(member, point)

    def _call(self, call: CallExpr, point: ProgramPoint) -> Iterator[Record]:
        callee = call.callee
        name = callee.name if isinstance(callee, (MemberExpr, NameExpr)) else None
        if name in _USING_CALLS:
            yield from self._using_call(call, point)
        node = self._callees.of(call, point)
        if self._injects:
            yield from self._injecting(call, node, point)
        if not call.args:
            return
        type_: CallableType | None = None
        if not self._callees.is_plain(call, node):
            type_ = self._interpreter.callable_type(callee, point.scope, point.where)
            if type_ is not None:
                for protocol, argument in self._overrides.expected(
                    call, type_, point.scope, point.where
                ):
                    yield from self._overrides.of_argument(
                        protocol, argument, point.scope, point.where, point.body.outermost()
                    )
        if may_need(call, point.scope, self._interpreter.program):
            yield from self._given.of_call(call, point, self._made)
        yield from self._raw.of_call(call, type_, point)
        if name in DOUBLING:
            yield from self._doubles.of_call(call, point)
        if self._probes is not None and name in PROBING:
            yield from self._probes.of_call(call, point)

    def _using_call(self, call: CallExpr, point: ProgramPoint) -> Iterator[Record]:
        """A call that does what a ``with``, a ``for`` or an ``await`` does."""
        callee = call.callee
        if isinstance(callee, MemberExpr):
            pairing = _STACK_METHODS.get(callee.name)
            if pairing is not None and len(call.args) == 1 and self._is_stack(callee.expr, point):
                yield from self._use(pairing, call.args[0], point, None)
            pairing = _METHODS.get(callee.name)
            if pairing is not None and not call.args and not isinstance(callee.expr, SuperExpr):
                yield from self._use(pairing, callee.expr, point, None)
            if pairing is Pairing.AENTER:
                yield from self._exits.of_entering(callee.expr, call, point)
            if pairing is Pairing.ANEXT_METHOD or _is_first_send(call):
                yield from self._exits.of_step(callee.expr, call, point)
        elif isinstance(callee, NameExpr) and callee.name in ("anext", "next") and call.args:
            name = fullname(self._interpreter.value(callee, point.scope, point.where))
            if name in _BUILTINS:
                yield from self._use(_BUILTINS[name], call.args[0], point, None)
                if callee.name == "anext":
                    yield from self._exits.of_step(call.args[0], call, point)
                else:
                    yield from self._exits.of_sync_step(call.args[0], call, point)
        for argument in self._awaited(call, point, AWAITING):
            for use in self._use(Pairing.AWAIT, argument, point, None):
                # Until Python 3.12 asyncio takes a generator for a coroutine.
                if not any(each.shape is Shape.GENERATOR for each in use.given):
                    yield use

    def _injecting(
        self, call: CallExpr, node: SymbolNode | None, point: ProgramPoint
    ) -> Iterator[Record]:
        """What a call of a function has to do with the dependencies of FastAPI."""
        if call.args and self._dependencies.may_name_one(call):
            yield from self._dependencies.of_call(
                call, point.scope, point.where, point.body.outermost()
            )
        if call.args and self._dependency_overrides.may_be_one(
            call, self._callees.named(call.callee, point)
        ):
            yield from self._dependency_overrides.of_call(
                call, point.scope, point.where, point.body.outermost()
            )
        if self._direct_calls.may_name_depends(self._callees.named(call.callee, point)):
            yield from self._factories.of_call(
                call, point.scope, point.where, point.body.outermost()
            )
        if id(call) in self._dependencies.called:
            return  # that it is called is the mistake, and has been said
        if self._direct_calls.may_be_one(call, node):
            yield from self._direct_calls.of_call(
                call, point.scope, point.where, point.body.outermost()
            )

    def _awaited(
        self, call: CallExpr, point: ProgramPoint, functions: AbstractSet[str]
    ) -> list[Expression]:
        """The arguments that a call of one of *functions* awaits."""
        callee = call.callee
        if not isinstance(callee, (MemberExpr, NameExpr)) or not call.args:
            return []
        if isinstance(callee, MemberExpr) and callee.name in AWAITING_METHODS:
            return call.args[:1]
        if callee.name not in _AWAITING_NAMES:
            return []
        name = fullname(self._interpreter.value(callee, point.scope, point.where))
        if name not in functions:
            return []
        return [
            argument
            for argument, kind in zip(call.args, call.arg_kinds, strict=True)
            if kind is ArgKind.ARG_POS
        ][: None if callee.name == "gather" else 1]

    # One use

    def _use(
        self,
        pairing: Pairing,
        expression: Expression,
        point: ProgramPoint,
        target: Expression | None,
    ) -> Iterator[Use]:
        if self._evidently_right(pairing, expression) or self._is_open(expression, point):
            return
        if isinstance(expression, AwaitExpr) and any(
            use.wrong() for use in self._use(Pairing.AWAIT, expression.expr, point, None)
        ):
            return  # one mistake is reported once, where it is made
        value = self._interpreter.value(expression, point.scope, point.where)
        if not self._exhaustive and all(
            isinstance(each, ObjectValue) and each.can & pairing.needs for each in members(value)
        ):
            return  # right, whichever it is
        use = self._made(pairing, value, expression, point, target)
        if use is not None and not (use.wrong() and self._is_open_member(expression, point)):
            yield use

    def _is_open_member(self, expression: Expression, point: ProgramPoint) -> bool:
        """Whether this calls a member of a protocol that leaves open what it is.

        ``async def f(self) -> AsyncGenerator: ...`` is a coroutine function by its word, and an
        async generator function in every class that implements it, as a rule.
        """
        if not isinstance(expression, CallExpr):
            return False
        callee = self._interpreter.value(expression.callee, point.scope, point.where)
        if not isinstance(callee, FunctionValue) or not isinstance(callee.node, FuncDef):
            return False
        owner = callee.scope.node
        info = self._interpreter.program.symbol(callee.fullname.rpartition(".")[0])
        return (
            isinstance(owner, ClassDef)
            and isinstance(info, TypeInfo)
            and is_open_stub(callee.node, info)
        )

    def _made(
        self,
        pairing: Pairing,
        value: Value,
        expression: Expression,
        point: ProgramPoint,
        target: Expression | None,
    ) -> Use | None:
        if value is UNKNOWN or value is UNSURE:
            return None
        given = [object_info(member, self._interpreter, point.scope) for member in members(value)]
        known_ones = tuple(each for each in given if each is not None)
        if not known_ones or len(known_ones) < len(given):
            return None
        exact = not isinstance(value, UnionValue) or (
            # Which of its possibilities a name has at one place is for the flow to say.
            value.exact and not isinstance(expression, (IndexExpr, MemberExpr, NameExpr))
        )
        function = point.body.function()
        call = expression if isinstance(expression, CallExpr) else None
        return Use(
            pairing=pairing,
            given=known_ones,
            exact=exact,
            text=written(expression),
            callee=written(call.callee) if call is not None else None,
            arguments=bool(call is not None and call.args),
            target=written(target) if target is not None else None,
            in_async=isinstance(function, FuncDef) and function.is_coroutine,
            function=point.body.outermost(),
            span=span_of(expression),
            lines=tuple(
                range(
                    min(point.statement.line, expression.line),
                    (expression.end_line or expression.line) + 1,
                )
            ),
        )

    def _evidently_right(self, pairing: Pairing, expression: Expression) -> bool:
        """Whether mypy's type settles it: most uses are of this kind, and need no second look.

        In these two pairings no definition that contradicts its annotation can be the wrong one.
        """
        if (
            pairing is Pairing.AWAIT
            and not self._exhaustive
            and not self._candidates.may_lead(expression)
        ):
            return True
        if pairing not in (Pairing.AWAIT, Pairing.FOR) or self._interpreter.past_types:
            return False
        if self._exhaustive:
            return False
        found = self._interpreter.type_of(expression, self._source.module)
        proper = get_proper_type(found) if found is not None else None
        return isinstance(proper, (TupleType, Instance)) and bool(
            self._interpreter.types.can(
                proper.partial_fallback.type if isinstance(proper, TupleType) else proper.type
            )
            & pairing.needs
        )

    def _is_open(self, expression: Expression, point: ProgramPoint) -> bool:
        """Whether the code finds out for itself what it is, or puts another in its place."""
        if is_of_fixture(expression, point):
            return True
        probed = {name for scope in point.scope.chain() for name in scope.names.probed}
        outside = probed - point.scope.names.probed
        patched = {name for scope in point.scope.chain() for name in scope.names.patched}
        current: Node = expression
        while True:
            name = dotted(current)
            if name is not None and name in probed:
                return True
            if isinstance(current, MemberExpr):
                # Inside a nested function mypy forgets what the function around has asked.
                if dotted(current.expr) in outside:
                    return True
                if name in patched:
                    owner = self._interpreter.value(current.expr, point.scope, point.where)
                    if isinstance(owner, ModuleValue):
                        return True
                if self._source.patches(current.name) and self._is_patched(current, point):
                    return True
            if isinstance(current, IndexExpr) and isinstance(current.base, NameExpr):
                return current.base.name in self._source.mutated()
            if isinstance(current, CallExpr):
                current = current.callee
            elif isinstance(current, AwaitExpr):
                current = current.expr
            else:
                return False

    def _is_patched(self, member: MemberExpr, point: ProgramPoint) -> bool:
        """Whether the module puts another method in the place of this one, in its class."""
        owner = self._interpreter.value(member.expr, point.scope, point.where)
        type_ = owner.type if isinstance(owner, ObjectValue) else None
        name = type_.type.name if isinstance(type_, Instance) else None
        if isinstance(owner, ClassValue):
            name = owner.fullname.rpartition(".")[2]
        return name is not None and member.name in self._source.patched(name)

    def _is_stack(self, receiver: Expression, point: ProgramPoint) -> bool:
        value = self._interpreter.value(receiver, point.scope, point.where)
        if not isinstance(value, ObjectValue):
            return True
        info = value.type.type if isinstance(value.type, Instance) else None
        return (
            value.label is None
            or "ExitStack" in value.label
            or (info is not None and info.get("addAsyncCleanup") is not None)
        )


def _is_first_send(call: CallExpr) -> bool:
    """Whether a call is ``generator.asend(None)``, which is ``anext(generator)``."""
    return (
        isinstance(call.callee, MemberExpr)
        and call.callee.name == "asend"
        and len(call.args) == 1
        and isinstance(call.args[0], NameExpr)
        and call.args[0].name == "None"
    )
