"""What a function gives, by its body and its annotation."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from mypy.nodes import ArgKind, Block, ClassDef, FuncDef, LambdaExpr, ReturnStmt, YieldExpr
from mypy.types import CallableType

from mypy_asyncsession.semantic.combine import combine_result, is_none
from mypy_asyncsession.semantic.interpreter.base import CALLS, ELLIPSIS, Base
from mypy_asyncsession.semantic.shapes import USES, Shape
from mypy_asyncsession.semantic.syntax import (
    children,
    is_stub_body,
    returned,
    statements,
    walk,
    yields,
)
from mypy_asyncsession.semantic.value_identity import identity, is_general, relevant
from mypy_asyncsession.semantic.values import (
    UNKNOWN,
    UNSURE,
    FunctionValue,
    ObjectValue,
    Value,
    join,
    object_value,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from mypy.nodes import FuncItem, Node

    from mypy_asyncsession.semantic.scopes import Scope


class Results(Base):
    """Evaluates functions."""

    def result(
        self, function: FunctionValue, arguments: list[Value], named: Mapping[str, Value]
    ) -> Value:
        """What a call of *function* gives."""
        if self._calls >= CALLS:
            self.frame.lasts = False
            return UNKNOWN
        arguments = [relevant(value) for value in arguments]
        named = {name: relevant(value) for name, value in named.items()}
        key = (
            "call",
            identity(function),
            tuple(identity(value) for value in arguments),
            tuple((name, identity(value)) for name, value in named.items()),
        )
        general = is_general(function) and all(
            value is UNKNOWN for value in (*arguments, *named.values())
        )
        self._calls += 1
        self.frame.calls = max(self.frame.calls, self._calls)
        try:
            return self._once(
                key,
                function.scope.module,
                general,
                lambda: _passed_on(self._result(function, arguments, named), function),
            )
        finally:
            self._calls -= 1

    def _result(
        self, function: FunctionValue, arguments: list[Value], named: Mapping[str, Value]
    ) -> Value:
        node = function.node
        source = self.program.source(function.scope.module)
        if source is None:
            return UNKNOWN
        declared: Value = UNKNOWN
        if isinstance(node, FuncDef):
            declared = self._return_annotation(function)
            final = (
                declared.item
                if isinstance(declared, ObjectValue) and node.is_coroutine
                else declared
            )
            if (
                isinstance(final, ObjectValue)
                and final.shape is Shape.OTHER
                and not self.thorough
                and not source.contents(node).yields
            ):
                # It stands, whatever the body returns: see ``combine_result``.
                if node.is_coroutine:
                    final = object_value(Shape.COROUTINE, final, label="Coroutine")
                return final.made_by(function.origin())
        scope = source.scope_in(node, function.scope)
        bound = [*function.preset, *arguments]
        formal = list(node.arguments)
        if function.receiver is not None and not function.is_static and formal:
            scope.values[formal[0].variable.name] = function.receiver
            formal = formal[1:]
        given = [
            (argument.variable.name, value)
            for argument, value in zip(formal, bound, strict=False)
            if argument.kind in (ArgKind.ARG_POS, ArgKind.ARG_OPT)
        ]
        names = {argument.variable.name for argument in formal}
        given += [(name, value) for name, value in named.items() if name in names]
        positions = [argument.variable.name for argument in node.arguments]
        for name, value in given:
            # What is given but not known is not the default, whatever that is.
            if value is UNKNOWN:
                scope.values[name] = self.declared_parameter(node, positions.index(name), scope)
            else:
                scope.values[name] = value
        if ELLIPSIS not in named:
            self.left_out(node, {name for name, _ in given}, scope)
        if isinstance(node, LambdaExpr):
            results = [self.value(e, scope, None) for e in returned(node)]
            found = join(results)
            if isinstance(found, ObjectValue) and found.origin is None:
                return found.made_by(function.origin())
            return found
        assert isinstance(node, FuncDef)
        if source.contents(node).yields:
            return self._generator(function, scope, declared, node.is_coroutine)
        if node.is_coroutine:
            item = declared.item if isinstance(declared, ObjectValue) else UNKNOWN
            # The annotation is of what is awaited; mypy wraps it into a coroutine.
            if not is_stub_body(node):
                inferred = self._returned(node, scope)
                item = combine_result(inferred, item)
            return object_value(Shape.COROUTINE, item, label="Coroutine", origin=function.origin())
        if is_stub_body(node):
            if not isinstance(declared, ObjectValue):
                return UNKNOWN
            if self._is_implemented_otherwise(function, declared):
                return UNSURE
            return declared.made_by(function.origin())
        inferred = self._returned(node, scope)
        result = combine_result(inferred, declared)
        if isinstance(result, ObjectValue) and result.origin is None:
            return result.made_by(function.origin())
        return result

    def _generator(
        self, function: FunctionValue, scope: Scope, declared: Value, is_async: bool
    ) -> Value:
        shape = Shape.ASYNC_GENERATOR if is_async else Shape.GENERATOR
        agreeing = (
            (Shape.ASYNC_GENERATOR, Shape.ASYNC_ITERATOR)
            if is_async
            else (Shape.GENERATOR, Shape.ITERATOR)
        )
        item: Value = UNKNOWN
        contradicted = False
        type_ = None
        if isinstance(declared, ObjectValue):
            if declared.shape in agreeing:
                item = self._item(function, scope, declared.item)
            else:
                contradicted = True
        if item is UNKNOWN:
            item = self._yielded(function.node, scope)
        return object_value(
            shape,
            item,
            label="AsyncGenerator" if is_async else "Generator",
            origin=function.origin(),
            by_definition=contradicted,
            type=type_,
        )

    def promised(self, function: FunctionValue) -> Value:
        """What a function without a body says that it gives."""
        declared = self._return_annotation(function)
        if function.node.is_coroutine and not isinstance(function.node, LambdaExpr):
            return object_value(
                Shape.COROUTINE,
                declared.item if isinstance(declared, ObjectValue) else UNKNOWN,
                label="Coroutine",
                origin=function.origin(),
            )
        return declared.made_by(function.origin()) if isinstance(declared, ObjectValue) else UNKNOWN

    def _is_implemented_otherwise(self, function: FunctionValue, declared: ObjectValue) -> bool:
        """Whether a class beside a stub has another shape for it than the stub says.

        That is said where it is implemented; whoever calls the stub has that one in mind.
        """
        owner = function.scope.node
        if not isinstance(owner, ClassDef) or declared.shape in (Shape.OTHER, Shape.NONE):
            return False
        modules = {function.scope.module, self._current() or function.scope.module}
        for source in filter(None, map(self.program.source, sorted(modules))):
            for node in source.subclasses(owner.name):
                scope = source.scope_in(node, source.scope)
                last = scope.names.bindings.get(function.node.name, [])[-1:]
                for binding in last:
                    given = self.called(self.bound(binding, scope), [], scope)
                    if isinstance(given, ObjectValue) and not given.can & declared.can & USES:
                        return True
        return False

    def _item(self, function: FunctionValue, scope: Scope, declared: Value) -> Value:
        """What a generator yields, by its annotation unless the body says otherwise."""
        if not isinstance(declared, ObjectValue) or declared.shape in (Shape.OTHER, Shape.NONE):
            return declared
        found = self._yielded(function.node, scope)
        if isinstance(found, ObjectValue) and found.resource and found.shape is not declared.shape:
            return replace(found, by_definition=True)
        return declared

    def _return_annotation(self, function: FunctionValue) -> Value:
        declared = self._overlaid(function)
        if declared is not UNKNOWN:
            return declared
        type_ = self.signature(function.node, function.scope)
        found: Value = UNKNOWN
        if isinstance(type_, CallableType):
            found = self.types.value(type_.ret_type)
        unanalysed = function.node.unanalyzed_type or function.node.type
        if isinstance(unanalysed, CallableType) and (
            found is UNKNOWN or (isinstance(found, ObjectValue) and found.item is UNKNOWN)
        ):
            written = self.annotated(unanalysed.ret_type, function.scope)
            if function.node.is_coroutine and not yields(function.node):
                written = object_value(Shape.COROUTINE, written)
            if isinstance(written, ObjectValue):
                if isinstance(found, ObjectValue) and found.shape is written.shape:
                    return replace(found, item=written.item)
                if found is UNKNOWN:
                    return written
        return found

    def _overlaid(self, function: FunctionValue) -> Value:
        """What an overlay declares of a function, as an annotation of the function itself."""
        if self.declared is None:
            return UNKNOWN
        declared = self.declared.value(function.fullname)
        if isinstance(declared, ObjectValue) and yields(function.node):
            # A stub says what the decorated function gives.
            if declared.shape is Shape.ASYNC_CONTEXT_MANAGER:
                return object_value(Shape.ASYNC_GENERATOR, declared.item)
            if declared.shape is Shape.CONTEXT_MANAGER:
                return object_value(Shape.GENERATOR, declared.item)
        return declared

    def _returned(self, node: FuncItem, scope: Scope) -> Value:
        found: list[Value] = []
        for statement in statements(node.body):
            if isinstance(statement, ReturnStmt):
                if statement.expr is None:
                    return UNKNOWN
                place = scope.names.places.get(id(statement))
                found.append(self.value(statement.expr, scope, place))
        found = [value for value in found if not is_none(value)] or found
        return join(found, exact=False)

    def _yielded(self, node: FuncItem, scope: Scope) -> Value:
        found: list[Value] = []
        for statement in statements(node.body):
            place = scope.names.places.get(id(statement))
            found.extend(
                self.value(inner.expr, scope, place)
                for inner in _own_expressions(statement)
                if isinstance(inner, YieldExpr) and inner.expr is not None
            )
        return join(found, exact=False)


def _passed_on(value: Value, function: FunctionValue) -> Value:
    """What a function gives, with a note that it does where another one made it."""
    if not isinstance(value, ObjectValue) or value.origin is None:
        return value
    if value.origin.fullname == function.fullname:
        return value
    return replace(value, through=function.fullname)


def _own_expressions(statement: Node) -> Iterator[Node]:
    """The expressions of a statement, those of the blocks inside it aside."""
    for child in children(statement):
        if isinstance(child, Block):
            continue
        yield from walk(child, into_functions=False)
