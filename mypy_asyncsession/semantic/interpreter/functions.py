"""What a function gives, by its body and its annotation.

It is evaluated with the values that it is given, and what comes of it is remembered for these: so
wrappers and factories hand on what they get. That is seldom more than once a function (1.26 times
on a backend of 1,744 modules), which is why what it gives is not a formula of its parameters. What
it *does* with them is: see ``summaries``.
"""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from mypy.expandtype import expand_type
from mypy.nodes import ArgKind, ClassDef, FuncDef, LambdaExpr
from mypy.types import CallableType, Instance

from mypy_asyncsession.semantic.combine import combine_result
from mypy_asyncsession.semantic.from_mypy_types import with_self
from mypy_asyncsession.semantic.interpreter.call_types import of_function
from mypy_asyncsession.semantic.interpreter.context import CALLS, ELLIPSIS
from mypy_asyncsession.semantic.interpreter.instances import class_of, instance
from mypy_asyncsession.semantic.interpreter.names import bound
from mypy_asyncsession.semantic.interpreter.parameters import left_out
from mypy_asyncsession.semantic.interpreter.results import returned_by, yielded_by
from mypy_asyncsession.semantic.interpreter.signatures import (
    annotated,
    declared_parameter,
    signature,
)
from mypy_asyncsession.semantic.shapes import USES, Shape
from mypy_asyncsession.semantic.syntax import (
    is_stub_body,
    returned,
    yields,
)
from mypy_asyncsession.semantic.value_identity import identity, is_general, relevant
from mypy_asyncsession.semantic.values import (
    UNKNOWN,
    UNSURE,
    ClassValue,
    FunctionValue,
    LiteralValue,
    ObjectValue,
    TypedCallable,
    Value,
    join,
    members,
    object_value,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from collections.abc import Set as AbstractSet

    from mypy.types import Type, TypeVarId

    from mypy_asyncsession.semantic.interpreter.context import Context


#: The shapes of what holds a session, and is surely none.
_HOLDING: Final = frozenset(
    {Shape.ASYNC_CONTEXT_MANAGER, Shape.ASYNC_GENERATOR, Shape.COROUTINE, Shape.SESSIONMAKER}
)


def result(
    function: FunctionValue, arguments: Sequence[Value], named: Mapping[str, Value], at: Context
) -> Value:
    """What a call of *function* gives."""
    frame = at.frame
    if frame.calls >= CALLS:
        frame.trace.lasts = False
        return UNKNOWN
    # What is not relevant to the body may decide what a type variable stands for.
    variables = {} if at.is_typed else of_function(function, arguments, named, at)
    if not any(isinstance(value, LiteralValue) for value in (*arguments, *named.values())):
        keys: AbstractSet[str] = frozenset()
    else:
        source = at.program.source(function.scope.module)
        keys = source.contents(function.node).keys if source is not None else frozenset()
    # A string decides what a function hands out that looks something up by it.
    arguments = [relevant(value, by_key=bool(keys)) for value in arguments]
    named = {name: relevant(value, by_key=name in keys) for name, value in named.items()}
    key = (
        "call",
        identity(function),
        tuple(identity(value) for value in arguments),
        tuple((name, identity(value)) for name, value in named.items()),
        tuple((id_, str(type_)) for id_, type_ in variables.items()),
    )
    general = is_general(function) and all(
        value is UNKNOWN for value in (*arguments, *named.values())
    )
    return at.deeper().once(
        key,
        function.scope.module,
        general,
        lambda inner: _passed_on(_result(function, arguments, named, variables, inner), function),
    )


def _result(
    function: FunctionValue,
    arguments: Sequence[Value],
    named: Mapping[str, Value],
    variables: Mapping[TypeVarId, Type],
    at: Context,
) -> Value:
    node = function.node
    source = at.source(function.scope.module)
    if source is None:
        return UNKNOWN
    outside = at.within(function.scope)
    declared: Value = UNKNOWN
    if isinstance(node, FuncDef):
        declared = _return_annotation(function, outside, variables)
        final = (
            declared.item if isinstance(declared, ObjectValue) and node.is_coroutine else declared
        )
        if (
            isinstance(final, ObjectValue)
            and final.shape is Shape.OTHER
            and not at.frame.evaluator.thorough
            and not source.contents(node).yields
        ):
            # It stands, whatever the body returns: see ``combine_result``.
            if node.is_property and _gives_a_stand_in(function, final, at):
                return UNSURE
            if node.is_coroutine:
                final = object_value(Shape.COROUTINE, final, label="Coroutine")
            return final.made_by(function.origin())
    plain = source.scope_in(node, function.scope)
    values = _given(function, arguments, named, at.within(plain))
    if ELLIPSIS not in named:
        values |= left_out(node, values.keys(), outside)
    inside = at.within(plain.with_values(values))
    if isinstance(node, LambdaExpr):
        found = join([inside.value(e) for e in returned(node)])
        if isinstance(found, ObjectValue) and found.origin is None:
            return found.made_by(function.origin())
        return found
    assert isinstance(node, FuncDef)
    if source.contents(node).yields:
        if _is_declaration(function, declared, at):
            assert isinstance(declared, ObjectValue)
            return declared.made_by(function.origin())
        return _generator(function, declared, node.is_coroutine, inside)
    if node.is_coroutine:
        item = declared.item if isinstance(declared, ObjectValue) else UNKNOWN
        # The annotation is of what is awaited; mypy wraps it into a coroutine.
        if not is_stub_body(node):
            item = combine_result(returned_by(node, inside), item)
        return object_value(Shape.COROUTINE, item, label="Coroutine", origin=function.origin())
    if is_stub_body(node):
        if isinstance(declared, TypedCallable):
            return declared
        if not isinstance(declared, ObjectValue):
            return UNKNOWN
        if _is_implemented_otherwise(function, declared, at):
            return UNSURE
        return declared.made_by(function.origin())
    returned_there = returned_by(node, inside)
    if variables and isinstance(returned_there, FunctionValue):
        declared = _return_annotation(function, outside)  # the function it returns says more
    found = combine_result(returned_there, declared)
    if isinstance(found, ObjectValue) and found.origin is None:
        return found.made_by(function.origin())
    return found


def _given(
    function: FunctionValue, arguments: Sequence[Value], named: Mapping[str, Value], at: Context
) -> dict[str, Value]:
    """What a call gives to the parameters of a function, *at* being in its body."""
    node = function.node
    formal = list(node.arguments)
    values: dict[str, Value] = {}
    if function.receiver is not None and not function.is_static and formal:
        values[formal[0].variable.name] = function.receiver
        formal = formal[1:]
    given = [
        (argument.variable.name, value)
        for argument, value in zip(formal, [*function.preset, *arguments], strict=False)
        if argument.kind in (ArgKind.ARG_POS, ArgKind.ARG_OPT)
    ]
    names = {argument.variable.name for argument in formal}
    given += [(name, value) for name, value in named.items() if name in names]
    positions = [argument.variable.name for argument in node.arguments]
    for name, value in given:
        # What is given but not known is not the default, whatever that is.
        if value is UNKNOWN:
            values[name] = declared_parameter(node, positions.index(name), at)
        else:
            values[name] = value
    return values


def _generator(function: FunctionValue, declared: Value, is_async: bool, at: Context) -> Value:
    shape = Shape.ASYNC_GENERATOR if is_async else Shape.GENERATOR
    agreeing = (
        (Shape.ASYNC_GENERATOR, Shape.ASYNC_ITERATOR)
        if is_async
        else (Shape.GENERATOR, Shape.ITERATOR)
    )
    item: Value = UNKNOWN
    contradicted = False
    if isinstance(declared, ObjectValue):
        if declared.shape in agreeing:
            item = _item(function, declared.item, at)
        else:
            contradicted = True
    if item is UNKNOWN:
        item = yielded_by(function.node, at)
    return object_value(
        shape,
        item,
        label="AsyncGenerator" if is_async else "Generator",
        origin=function.origin(),
        by_definition=contradicted,
    )


def _is_declaration(function: FunctionValue, declared: Value, at: Context) -> bool:
    """Whether a generator is there to declare a method which gives an async one.

    ``def events(self) -> AsyncIterator[Event]: ... yield`` in an abstract class or a protocol.
    """
    owner = function.scope.node
    if function.node.is_coroutine or not isinstance(declared, ObjectValue):
        return False
    if declared.shape not in (Shape.ASYNC_GENERATOR, Shape.ASYNC_ITERATOR):
        return False
    if not isinstance(owner, ClassDef) or function.scope.parent is None:
        return False
    info = class_of(owner, at.within(function.scope.parent)).info
    return info is not None and (
        info.is_protocol or function.node.name in {name for name, _ in info.abstract_attributes}
    )


def _gives_a_stand_in(function: FunctionValue, declared: ObjectValue, at: Context) -> bool:
    """Whether a property gives what is no such object, and answers for one by ``__getattr__``."""
    source = at.source(function.scope.module)
    if source is None or not at.program.mentions(function.scope.module, "__getattr__"):
        return False
    plain = source.scope_in(function.node, function.scope)
    inside = at.within(plain.with_values(_given(function, (), {}, at.within(plain))))
    types = (getattr(each, "type", None) for each in members(returned_by(function.node, inside)))
    return isinstance(declared.type, Instance) and any(
        isinstance(each, Instance)
        and each.type.get("__getattr__") is not None
        and not each.type.has_base(declared.type.type.fullname)
        for each in types
    )


def promised(function: FunctionValue, at: Context) -> Value:
    """What a function without a body says that it gives."""
    declared = _return_annotation(function, at.within(function.scope))
    if function.node.is_coroutine and not isinstance(function.node, LambdaExpr):
        return object_value(
            Shape.COROUTINE,
            declared.item if isinstance(declared, ObjectValue) else UNKNOWN,
            label="Coroutine",
            origin=function.origin(),
        )
    return declared.made_by(function.origin()) if isinstance(declared, ObjectValue) else UNKNOWN


def _is_implemented_otherwise(function: FunctionValue, declared: ObjectValue, at: Context) -> bool:
    """Whether a class beside a stub has another shape for it than the stub says.

    That is said where it is implemented; whoever calls the stub has that one in mind.
    """
    owner = function.scope.node
    if not isinstance(owner, ClassDef) or declared.shape in (Shape.OTHER, Shape.NONE):
        return False
    current = at.program.current
    modules = {function.scope.module, (current or function.scope).module}
    for source in filter(None, map(at.source, sorted(modules))):
        for node in source.subclasses(owner.name):
            inside = at.within(source.scope_in(node, source.scope))
            for binding in inside.scope.names.bindings.get(function.node.name, [])[-1:]:
                given = at.called(bound(binding, inside))
                if isinstance(given, ObjectValue) and not given.can & declared.can & USES:
                    return True
    return False


def _item(function: FunctionValue, declared: Value, at: Context) -> Value:
    """What a generator yields, by its annotation unless the body says otherwise."""
    if not isinstance(declared, ObjectValue) or declared.shape in (Shape.OTHER, Shape.NONE):
        return declared
    found = yielded_by(function.node, at)
    if isinstance(found, ObjectValue) and found.shape is not declared.shape:
        given = at.called(found) if found.shape is Shape.SESSIONMAKER else found.item
        holds = isinstance(given, ObjectValue) and given.resource is not None
        if found.resource or (declared.resource and holds and found.shape in _HOLDING):
            return replace(found, by_definition=True)
    return declared


def _return_annotation(
    function: FunctionValue,
    at: Context,
    variables: Mapping[TypeVarId, Type] = MappingProxyType({}),
) -> Value:
    declared = _overlaid(function, at)
    if declared is not UNKNOWN:
        return declared
    type_ = signature(function.node, function.scope, at.program)
    found: Value = UNKNOWN
    if isinstance(type_, CallableType):
        result = _of_receiver(type_, function, at)
        found = at.types.value(expand_type(result, variables) if variables else result)
    unanalysed = function.node.unanalyzed_type or function.node.type
    if isinstance(unanalysed, CallableType) and (
        found is UNKNOWN or (isinstance(found, ObjectValue) and found.item is UNKNOWN)
    ):
        written = annotated(unanalysed.ret_type, at)
        if function.node.is_coroutine and not _is_generator(function, at):
            written = object_value(Shape.COROUTINE, written)
        if isinstance(written, ObjectValue):
            if isinstance(found, ObjectValue) and found.shape is written.shape:
                return replace(found, item=written.item)
            if found is UNKNOWN:
                return written
    return found


def _of_receiver(signature: CallableType, function: FunctionValue, at: Context) -> Type:
    """What a function says to return, with what it is bound to for ``Self``, however spelled."""
    receiver = function.receiver
    if isinstance(receiver, ClassValue):
        receiver = instance(receiver, at)
    type_ = receiver.type if isinstance(receiver, ObjectValue) else None
    if not isinstance(type_, Instance):
        return signature.ret_type
    return with_self(signature, type_).ret_type


def _is_generator(function: FunctionValue, at: Context) -> bool:
    source = at.program.source(function.scope.module)
    return bool(
        source.contents(function.node).yields if source is not None else yields(function.node)
    )


def _overlaid(function: FunctionValue, at: Context) -> Value:
    """What an overlay declares of a function, as an annotation of the function itself."""
    overlays = at.frame.evaluator.declared
    if overlays is None:
        return UNKNOWN
    declared = overlays.value(function.fullname)
    if isinstance(declared, ObjectValue) and _is_generator(function, at):
        # A stub says what the decorated function gives.
        if declared.shape is Shape.ASYNC_CONTEXT_MANAGER:
            return object_value(Shape.ASYNC_GENERATOR, declared.item)
        if declared.shape is Shape.CONTEXT_MANAGER:
            return object_value(Shape.GENERATOR, declared.item)
    return declared


def _passed_on(value: Value, function: FunctionValue) -> Value:
    """What a function gives, with a note that it does where another one made it."""
    if not isinstance(value, ObjectValue) or value.origin is None:
        return value
    if value.origin.fullname == function.fullname:
        return value
    return replace(value, through=function.fullname)
