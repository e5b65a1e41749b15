"""Providers at their definition: what they hand out, and what their annotation says of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mypy.nodes import ClassDef, FuncDef, OverloadedFuncDef
from mypy.types import AnyType, CallableType, Instance

from mypy_asyncsession.detectors.object_info import object_info
from mypy_asyncsession.detectors.provider_records import Annotated, Getter, Kind
from mypy_asyncsession.detectors.spans import span_of
from mypy_asyncsession.findings import Place
from mypy_asyncsession.models.typing import HOLDER_TYPES
from mypy_asyncsession.semantic.annotation_text import annotation, written
from mypy_asyncsession.semantic.declared import agree
from mypy_asyncsession.semantic.generator_summary import traits_of
from mypy_asyncsession.semantic.shapes import Shape
from mypy_asyncsession.semantic.syntax import definition_of, is_stub_body, yields
from mypy_asyncsession.semantic.to_mypy_types import session_inside
from mypy_asyncsession.semantic.values import (
    UNKNOWN,
    FunctionValue,
    ManagerFactory,
    ObjectValue,
    Value,
    object_value,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy.nodes import Node
    from mypy.types import Type

    from mypy_asyncsession.semantic.annotation_text import Annotation
    from mypy_asyncsession.semantic.interpreter import Interpreter
    from mypy_asyncsession.semantic.program_point import ProgramPoint
    from mypy_asyncsession.semantic.scopes import Scope

#: What hands out something that has still to be got at, whatever that is.
_PROVIDERS = frozenset({Shape.ASYNC_GENERATOR, Shape.ASYNC_CONTEXT_MANAGER})
_STREAMS = frozenset({Shape.ASYNC_GENERATOR, Shape.GENERATOR})


class Getters:
    """Finds the providers that a module defines, in its body and in its classes."""

    def __init__(self, interpreter: Interpreter, module: str) -> None:
        # What the body asks of its session does not make it another one.
        self._interpreter = interpreter.ignoring_runtime_checks()
        self._module = module

    def of_definition(self, statement: Node, point: ProgramPoint) -> Iterator[Getter]:
        """The provider that a statement defines, if it does."""
        function = definition_of(statement)
        if function is None or isinstance(statement, OverloadedFuncDef):
            return
        if point.body.function() is not None or is_stub_body(function):
            return
        if function.name.startswith("__") and function.name != "__call__":
            return
        value = self._interpreter.defined(statement, point.scope)
        is_property = isinstance(value, FunctionValue) and value.is_property
        bound = self._bound(value, point.scope)
        # A property has no callable: what it is bound to is what it gives.
        given = bound if is_property else self._interpreter.called(bound, [], point.scope)
        value = value if is_property else bound
        inner = value.function if isinstance(value, ManagerFactory) else value
        if isinstance(inner, FunctionValue) and inner.node is not function:
            # A decorator has put another function in its place; the annotation is of this one.
            inner = self._bound(self._interpreter.defined(function, point.scope), point.scope)
        if not isinstance(given, ObjectValue) or not isinstance(inner, FunctionValue):
            return
        if not self._is_provider(given, value, inner):
            return
        found = object_info(given, self._interpreter, point.scope)
        if found is None:
            return
        own = (
            given
            if is_property or inner is value
            else self._interpreter.called(inner, [], point.scope)
        )
        state = self._state(function, own)
        right = annotation(_as_annotated(own, function), self._interpreter.program, self._module)
        origin = given.origin
        span = span_of(function)
        yield Getter(
            name=inner.name,
            place=Place(inner.fullname, inner.path, function.line),
            handed=found,
            holds=_label(given),
            annotated=state,
            written=written(_return_type(function)),
            right=right.text if right is not None else None,
            imports=self._missing(right),
            managed=isinstance(value, ManagerFactory),
            is_async=function.is_coroutine,
            kind=_kind(inner, point.scope),
            returns=origin.fullname if origin and origin.fullname != inner.fullname else None,
            function=point.body.inside(function).outermost(),
            span=span,
            lines=tuple(range(span.line, function.line + 1)) or (span.line,),
        )

    def _missing(self, right: Annotation | None) -> tuple[tuple[str, str], ...]:
        """What the module has still to import for an annotation."""
        source = self._interpreter.program.current
        if right is None or source is None:
            return ()
        bound = source.scope.names.bindings
        return tuple(sorted(pair for pair in right.imports if pair[1] not in bound))

    def _bound(self, value: Value, scope: Scope) -> Value:
        """A method as one asks an instance for it."""
        node = scope.node
        if not isinstance(node, ClassDef) or scope.parent is None:
            return value
        klass = self._interpreter.class_of(node, scope.parent)
        return self._interpreter.bind(value, self._interpreter.instance(klass))

    def _is_provider(self, given: ObjectValue, value: Value, inner: FunctionValue) -> bool:
        if given.shape in _STREAMS and inner is value and yields(inner.node):
            if given.shape is Shape.ASYNC_GENERATOR:
                if traits_of(inner, self._interpreter) is None:
                    return False  # a stream
            elif len(yields(inner.node)) > 1:
                return False
        if session_inside(given) is not None:
            return True
        if given.shape not in _PROVIDERS:
            return False
        if isinstance(value, ManagerFactory) or yields(inner.node):
            return any(each.expr is not None for each in yields(inner.node))
        # It hands on what another provider gives, and not an object that happens to be a manager.
        return given.origin is not None and given.origin.fullname != inner.fullname

    def _state(self, function: FuncDef, own: Value) -> Annotated:
        """What the annotation of a function says of what it gives."""
        type_ = function.type
        declared = _return_type(function)
        if not isinstance(type_, CallableType) or declared is None or isinstance(declared, AnyType):
            return Annotated.MISSING
        says = self._interpreter.types.value(type_.ret_type)
        if says is UNKNOWN:
            scope = self._interpreter.program.current
            if scope is None:
                return Annotated.VAGUE
            says = self._interpreter.annotated(declared, scope.scope)
            if function.is_coroutine and not yields(function):
                says = object_value(Shape.COROUTINE, says)
        if says is UNKNOWN:
            return Annotated.VAGUE
        if not agree(own, says):
            return Annotated.WRONG
        if session_inside(own) is not None and session_inside(says) is None:
            # A class of a package that is not installed is known by its name alone.
            source = self._interpreter.program.current
            named = self._interpreter.annotated(declared, source.scope) if source else UNKNOWN
            if not (isinstance(named, ObjectValue) and session_inside(named) is not None):
                return Annotated.VAGUE
        return Annotated.PRECISE


def _return_type(function: FuncDef) -> Type | None:
    """The return annotation as it was parsed."""
    type_ = function.unanalyzed_type or function.type
    return type_.ret_type if isinstance(type_, CallableType) else None


def _as_annotated(own: Value, function: FuncDef) -> Value:
    """What the annotation is of: for a coroutine function, of what awaiting it gives."""
    if function.is_coroutine and isinstance(own, ObjectValue) and own.shape is Shape.COROUTINE:
        return own.item
    return own


def _label(given: ObjectValue) -> str | None:
    """The name of the class of what one gets in the end."""
    inside: Value = session_inside(given) or given
    while isinstance(inside, ObjectValue) and inside.resource is None and _merely_holds(inside):
        inside = inside.item
    if not isinstance(inside, ObjectValue) or inside.shape is Shape.NONE:
        return None
    return inside.label


def _merely_holds(value: ObjectValue) -> bool:
    """Whether something is a generator or manager without a class of its own."""
    if value.shape not in _PROVIDERS:
        return False
    type_ = value.type
    return not isinstance(type_, Instance) or type_.type.fullname in HOLDER_TYPES


def _kind(function: FunctionValue, scope: Scope) -> Kind:
    if function.is_property:
        return Kind.PROPERTY
    if not isinstance(scope.node, ClassDef):
        return Kind.FUNCTION
    if function.is_static:
        return Kind.STATIC
    return Kind.CLASS if function.is_class else Kind.METHOD
