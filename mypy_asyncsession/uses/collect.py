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

from mypy_asyncsession.providers import known
from mypy_asyncsession.providers.scopes import nested
from mypy_asyncsession.providers.shapes import Shape
from mypy_asyncsession.providers.syntax import children, definition_of, dotted, expressions
from mypy_asyncsession.providers.values import (
    UNKNOWN,
    UNSURE,
    Class,
    Either,
    Function,
    Module,
    Thing,
    fullname,
    members,
)
from mypy_asyncsession.uses.arguments import matched, may_need, needs
from mypy_asyncsession.uses.dependencies import Dependencies, may_be_alias
from mypy_asyncsession.uses.direct_calls import DirectCalls
from mypy_asyncsession.uses.doubles import Doubles
from mypy_asyncsession.uses.escapes import Escapes
from mypy_asyncsession.uses.exits import Exits
from mypy_asyncsession.uses.expected import Expected
from mypy_asyncsession.uses.fixtures import is_of_fixture
from mypy_asyncsession.uses.getters import Getters
from mypy_asyncsession.uses.handed import handed
from mypy_asyncsession.uses.overrides import Overrides, is_open_stub
from mypy_asyncsession.uses.probes import Probes
from mypy_asyncsession.uses.raw import RawResults
from mypy_asyncsession.uses.record import Pairing, Use
from mypy_asyncsession.uses.spans import span_of, written
from mypy_asyncsession.uses.spots import Body, Spot

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from collections.abc import Set as AbstractSet

    from mypy.nodes import Expression, Node

    from mypy_asyncsession.providers.evaluate import Evaluator
    from mypy_asyncsession.providers.source import Source
    from mypy_asyncsession.providers.values import Value
    from mypy_asyncsession.uses.arguments import Need
    from mypy_asyncsession.uses.fastapi import Version
    from mypy_asyncsession.uses.record import Record

#: The expressions that may use a provider.
_USING = frozenset(
    {
        AwaitExpr,
        CallExpr,
        DictionaryComprehension,
        GeneratorExpr,
        IndexExpr,
        LambdaExpr,
        MemberExpr,
        YieldFromExpr,
    }
)
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
    "push_async_exit": Pairing.PUSH_ASYNC_EXIT,
}
_AWAITING_NAMES = frozenset(
    name.rpartition(".")[2] for name in known.AWAITING | known.AWAITING_LATER
)
_BUILTINS = {"builtins.anext": Pairing.ANEXT, "builtins.next": Pairing.NEXT}


class Collector:
    """Collects the uses of one module."""

    def __init__(
        self,
        evaluator: Evaluator,
        source: Source,
        fastapi: Version,
        *,
        getters: bool = False,
        probes: bool = False,
        exhaustive: bool = False,
    ) -> None:
        """Begin with one module.

        Args:
        evaluator: Says what expressions may be.
        source: The module at hand.
        fastapi: The version of FastAPI that it runs on.
        getters: Whether definitions of providers are collected too.
        probes: Whether questions at run time about what a provider gave are collected too.
        exhaustive: Whether uses are collected that need no look to be right.
        """
        self._exhaustive = exhaustive
        self._getters = Getters(evaluator, source.module) if getters else None
        self._evaluator = evaluator
        self._source = source
        self._expected = Expected(evaluator)
        self._overrides = Overrides(evaluator)
        self._escapes = Escapes(evaluator)
        self._exits = Exits(evaluator)
        self._raw = RawResults(evaluator, source.module)
        self._doubles = Doubles(evaluator)
        self._probes = Probes(evaluator) if probes else None
        self._dependencies = Dependencies(evaluator, source, fastapi)
        self._direct_calls = DirectCalls(evaluator, self._dependencies)
        # What imports nothing names no dependency.
        self._injects = bool(source.tree.imports)
        self._needs: dict[FuncDef, dict[str, Need]] = {}

    def records(self) -> Iterator[Record]:
        """Every use in the module whose provider is known, and every override, in source order."""
        yield from self._body(self._source.tree.defs, Body(self._source, None, None))

    # The walk

    def _body(self, statements: Sequence[Node], body: Body) -> Iterator[Record]:
        for position, statement in enumerate(statements):
            yield from self._statement(statement, body)
            if isinstance(statement, WithStmt):
                yield from self._escapes.of_block(
                    statement, statements[position + 1 :], Spot(body, statement)
                )

    def _statement(self, statement: Node, body: Body) -> Iterator[Record]:
        spot = Spot(body, statement)
        if isinstance(statement, (FuncDef, Decorator, OverloadedFuncDef)):
            yield from self._definition(statement, spot)
        elif isinstance(statement, ClassDef):
            for expression in (*statement.decorators, *statement.base_type_exprs):
                yield from self._expression(expression, spot)
            yield from self._overrides.of_class(statement, self._source.scope)
            yield from self._body(statement.defs.body, body.inside(statement))
        elif isinstance(statement, WithStmt):
            yield from self._with(statement, spot)
        elif isinstance(statement, TryStmt) and self._expected.in_try(statement):
            yield from self._body(list(nested(statement.body.body)), body)
            for block in (*statement.handlers, statement.else_body, statement.finally_body):
                if block is not None:
                    yield from self._statement(block, body)
        elif isinstance(statement, Block):
            if not statement.is_unreachable:
                yield from self._body(statement.body, body)
        else:
            if (
                isinstance(statement, AssignmentStmt) and any(map(_may_override, statement.lvalues))
            ) or (
                isinstance(statement, OperatorAssignmentStmt) and _may_override(statement.lvalue)
            ):
                yield from self._dependencies.of_override(
                    statement, spot.scope, spot.where, spot.body.outermost()
                )
            if isinstance(statement, ForStmt):
                pairing = Pairing.ASYNC_FOR if statement.is_async else Pairing.FOR
                yield from self._use(pairing, statement.expr, spot, statement.index)
                yield from self._exits.of_loop(statement, spot)
            elif isinstance(statement, ReturnStmt):
                yield from self._raw.of_return(statement, spot)
            elif isinstance(statement, AssignmentStmt):
                yield from self._raw.of_assignment(statement, spot)
            for child in children(statement):
                if isinstance(child, Block):
                    yield from self._statement(child, body)
                else:
                    yield from self._expression(child, spot)

    def _definition(self, statement: Node, spot: Spot) -> Iterator[Record]:
        if isinstance(statement, OverloadedFuncDef):
            items = [item for item in statement.items if item is not statement.impl]
            for item in filter(None, (*items, statement.impl)):
                yield from self._definition(item, spot)
            return
        function = definition_of(statement)
        if function is None:
            return
        if self._getters is not None:
            yield from self._getters.of_definition(statement, spot)
        if isinstance(statement, Decorator):
            for decorator in statement.original_decorators:
                yield from self._expression(decorator, spot)
            if any(self._expected.in_function(d, spot) for d in statement.original_decorators):
                return
        if self._expected.in_definition(function, spot):
            return
        if self._injects:
            yield from self._dependencies.of_function(
                function, spot.scope, spot.where, spot.body.inside(function).outermost()
            )
        for argument in function.arguments:
            if argument.initializer is not None:
                yield from self._expression(argument.initializer, spot)
        decorators = statement.original_decorators if isinstance(statement, Decorator) else ()
        yield from self._body(function.body.body, spot.body.inside(function, decorators))

    def _with(self, statement: WithStmt, spot: Spot) -> Iterator[Record]:
        pairing = Pairing.ASYNC_WITH if statement.is_async else Pairing.WITH
        for expression, target in zip(statement.expr, statement.target, strict=False):
            yield from self._use(pairing, expression, spot, target)
            yield from self._expression(expression, spot)
            if self._expected.in_block(expression, spot):
                return
        yield from self._statement(statement.body, spot.body)

    def _expression(self, expression: Node, spot: Spot) -> Iterator[Record]:
        for node in expressions(expression, _USING):
            if isinstance(node, LambdaExpr):
                yield from self._body(node.body.body, spot.body.inside(node))
            elif isinstance(node, AwaitExpr):
                yield from self._use(Pairing.AWAIT, node.expr, spot, None)
                if isinstance(node.expr, CallExpr):
                    for argument in self._awaited(node.expr, spot, known.AWAITING_LATER):
                        yield from self._use(Pairing.AWAIT, argument, spot, None)
            elif isinstance(node, YieldFromExpr):
                yield from self._use(Pairing.YIELD_FROM, node.expr, spot, None)
            elif isinstance(node, CallExpr):
                yield from self._call(node, spot)
            elif isinstance(node, MemberExpr):
                if self._raw.may_hold(node) and not self._is_open(node.expr, spot):
                    yield from self._raw.of_attribute(node, spot)
            elif isinstance(node, IndexExpr):
                if self._injects and may_be_alias(node):
                    yield from self._dependencies.of_alias(
                        node, spot.scope, spot.where, spot.body.outermost()
                    )
            elif isinstance(node, (GeneratorExpr, DictionaryComprehension)):
                for index, sequence, is_async in zip(
                    node.indices, node.sequences, node.is_async, strict=False
                ):
                    pairing = Pairing.ASYNC_FOR if is_async else Pairing.FOR
                    yield from self._use(pairing, sequence, spot, index)

    def _call(self, call: CallExpr, spot: Spot) -> Iterator[Record]:
        callee = call.callee
        if isinstance(callee, MemberExpr):
            pairing = _STACK_METHODS.get(callee.name)
            if pairing is not None and len(call.args) == 1 and self._is_stack(callee.expr, spot):
                yield from self._use(pairing, call.args[0], spot, None)
            pairing = _METHODS.get(callee.name)
            if pairing is not None and not call.args and not isinstance(callee.expr, SuperExpr):
                yield from self._use(pairing, callee.expr, spot, None)
            if pairing is Pairing.ANEXT_METHOD:
                yield from self._exits.of_step(callee.expr, call, spot)
        elif isinstance(callee, NameExpr) and callee.name in ("anext", "next") and call.args:
            name = fullname(self._evaluator.value(callee, spot.scope, spot.where))
            if name in _BUILTINS:
                yield from self._use(_BUILTINS[name], call.args[0], spot, None)
                if callee.name == "anext":
                    yield from self._exits.of_step(call.args[0], call, spot)
        for argument in self._awaited(call, spot, known.AWAITING):
            for use in self._use(Pairing.AWAIT, argument, spot, None):
                # Until Python 3.12 asyncio takes a generator for a coroutine.
                if not any(each.shape is Shape.GENERATOR for each in use.given):
                    yield use
        if self._injects and call.args and self._dependencies.may_name_one(call):
            owner = spot.body.outermost()
            yield from self._dependencies.of_call(call, spot.scope, spot.where, owner)
            yield from self._dependencies.of_update(call, spot.scope, spot.where, owner)
        if self._direct_calls.may_be_one(call):
            yield from self._direct_calls.of_call(
                call, spot.scope, spot.where, spot.body.outermost()
            )
        if call.args:
            for protocol, argument in self._overrides.expected(call, self._source.module):
                yield from self._overrides.of_argument(
                    protocol, argument, spot.scope, spot.where, spot.body.outermost()
                )
            if may_need(call):
                yield from self._given(call, spot)
            yield from self._raw.of_call(call, spot)
            yield from self._doubles.of_call(call, spot)
            if self._probes is not None:
                yield from self._probes.of_call(call, spot)

    def _given(self, call: CallExpr, spot: Spot) -> Iterator[Use]:
        """What a call gives to a function that uses it in a way of its own."""
        callee = self._evaluator.value(call.callee, spot.scope, spot.where)
        if not isinstance(callee, Function) or not isinstance(callee.node, FuncDef):
            return
        wanted = self._needs.get(callee.node)
        if wanted is None:
            wanted = self._needs[callee.node] = needs(callee.node)
        for name, argument in matched(call, callee) if wanted else ():
            need = wanted.get(name)
            if need is None:
                continue
            value = self._evaluator.value(argument, spot.scope, spot.where)
            if need.called:
                value = self._evaluator.called(value, [], spot.scope)
            use = self._made(need.pairing, value, argument, spot, None)
            if use is not None:
                yield use._replace(
                    callee=written(argument) if need.called else use.callee,
                    via=callee.name,
                )

    def _awaited(self, call: CallExpr, spot: Spot, functions: AbstractSet[str]) -> list[Expression]:
        """The arguments that a call of one of *functions* awaits."""
        callee = call.callee
        if not isinstance(callee, (MemberExpr, NameExpr)) or not call.args:
            return []
        if isinstance(callee, MemberExpr) and callee.name in known.AWAITING_METHODS:
            return call.args[:1]
        if callee.name not in _AWAITING_NAMES:
            return []
        name = fullname(self._evaluator.value(callee, spot.scope, spot.where))
        if name not in functions:
            return []
        return [
            argument
            for argument, kind in zip(call.args, call.arg_kinds, strict=True)
            if kind is ArgKind.ARG_POS
        ][: None if callee.name == "gather" else 1]

    # One use

    def _use(
        self, pairing: Pairing, expression: Expression, spot: Spot, target: Expression | None
    ) -> Iterator[Use]:
        if self._evidently_right(pairing, expression) or self._is_open(expression, spot):
            return
        if isinstance(expression, AwaitExpr) and any(
            use.wrong() for use in self._use(Pairing.AWAIT, expression.expr, spot, None)
        ):
            return  # one mistake is reported once, where it is made
        value = self._evaluator.value(expression, spot.scope, spot.where)
        if not self._exhaustive and all(
            isinstance(each, Thing) and each.can & pairing.needs for each in members(value)
        ):
            return  # right, whichever it is
        use = self._made(pairing, value, expression, spot, target)
        if use is not None and not (use.wrong() and self._is_open_member(expression, spot)):
            yield use

    def _is_open_member(self, expression: Expression, spot: Spot) -> bool:
        """Whether this calls a member of a protocol that leaves open what it is.

        ``async def f(self) -> AsyncGenerator: ...`` is a coroutine function by its word, and an
        async generator function in every class that implements it, as a rule.
        """
        if not isinstance(expression, CallExpr):
            return False
        callee = self._evaluator.value(expression.callee, spot.scope, spot.where)
        if not isinstance(callee, Function) or not isinstance(callee.node, FuncDef):
            return False
        owner = callee.scope.node
        info = self._evaluator.program.symbol(callee.fullname.rpartition(".")[0])
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
        spot: Spot,
        target: Expression | None,
    ) -> Use | None:
        if value is UNKNOWN or value is UNSURE:
            return None
        given = [handed(member, self._evaluator, spot.scope) for member in members(value)]
        known_ones = tuple(each for each in given if each is not None)
        if not known_ones or len(known_ones) < len(given):
            return None
        exact = not isinstance(value, Either) or (
            # Which of its possibilities a name has at one place is for the flow to say.
            value.exact and not isinstance(expression, (IndexExpr, MemberExpr, NameExpr))
        )
        function = spot.body.function()
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
            function=spot.body.outermost(),
            span=span_of(expression),
            lines=tuple(
                range(
                    min(spot.statement.line, expression.line),
                    (expression.end_line or expression.line) + 1,
                )
            ),
        )

    def _evidently_right(self, pairing: Pairing, expression: Expression) -> bool:
        """Whether mypy's type settles it: most uses are of this kind, and need no second look.

        In these two pairings no definition that contradicts its annotation can be the wrong one.
        """
        if pairing not in (Pairing.AWAIT, Pairing.FOR) or self._evaluator.past_types:
            return False
        if self._exhaustive:
            return False
        found = self._evaluator.type_of(expression, self._source.module)
        proper = get_proper_type(found) if found is not None else None
        return isinstance(proper, (TupleType, Instance)) and bool(
            self._evaluator.types.can(
                proper.partial_fallback.type if isinstance(proper, TupleType) else proper.type
            )
            & pairing.needs
        )

    def _is_open(self, expression: Expression, spot: Spot) -> bool:
        """Whether the code finds out for itself what it is, or puts another in its place."""
        if is_of_fixture(expression, spot):
            return True
        probed = {name for scope in spot.scope.chain() for name in scope.names.probed}
        outside = probed - spot.scope.names.probed
        patched = {name for scope in spot.scope.chain() for name in scope.names.patched}
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
                    owner = self._evaluator.value(current.expr, spot.scope, spot.where)
                    if isinstance(owner, Module):
                        return True
                if self._source.patches(current.name) and self._is_patched(current, spot):
                    return True
            if isinstance(current, IndexExpr) and isinstance(current.base, NameExpr):
                return current.base.name in self._source.mutated()
            if isinstance(current, CallExpr):
                current = current.callee
            elif isinstance(current, AwaitExpr):
                current = current.expr
            else:
                return False

    def _is_patched(self, member: MemberExpr, spot: Spot) -> bool:
        """Whether the module puts another method in the place of this one, in its class."""
        owner = self._evaluator.value(member.expr, spot.scope, spot.where)
        type_ = owner.type if isinstance(owner, Thing) else None
        name = type_.type.name if isinstance(type_, Instance) else None
        if isinstance(owner, Class):
            name = owner.fullname.rpartition(".")[2]
        return name is not None and member.name in self._source.patched(name)

    def _is_stack(self, receiver: Expression, spot: Spot) -> bool:
        value = self._evaluator.value(receiver, spot.scope, spot.where)
        if not isinstance(value, Thing):
            return True
        return value.label is None or "ExitStack" in value.label


def _may_override(lvalue: Node) -> bool:
    if isinstance(lvalue, IndexExpr):
        lvalue = lvalue.base
    return isinstance(lvalue, MemberExpr) and lvalue.name == "dependency_overrides"
