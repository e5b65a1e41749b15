"""Methods that hand out something of another shape than the method they stand for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mypy.nodes import (
    NOT_ABSTRACT,
    AwaitExpr,
    CallExpr,
    Decorator,
    ForStmt,
    FuncDef,
    MemberExpr,
    OverloadedFuncDef,
    TypeInfo,
)
from mypy.types import CallableType, Instance, NoneType, UnionType, get_proper_type

from mypy_asyncsession.detectors.object_info import object_info
from mypy_asyncsession.detectors.record import ObjectInfo, Override
from mypy_asyncsession.detectors.spans import span_of
from mypy_asyncsession.semantic.shapes import Shape
from mypy_asyncsession.semantic.syntax import definition_of, is_stub_body, only_raises, walk
from mypy_asyncsession.semantic.values import ClassValue, ObjectValue

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy.nodes import ClassDef, Expression, Node

    from mypy_asyncsession.findings import Span
    from mypy_asyncsession.semantic.interpreter import Interpreter, Where
    from mypy_asyncsession.semantic.scopes import Scope


class Overrides:
    """Compares what methods hand out."""

    def __init__(self, interpreter: Interpreter) -> None:
        self._interpreter = interpreter

    def of_class(self, node: ClassDef, scope: Scope) -> Iterator[Override]:
        """The methods of a class beside those of its bases, nearest base first."""
        info = node.info
        if type(info) is not TypeInfo:
            return
        yield from self._misdeclared(node, info, scope)
        if len(info.mro) < 3:
            return
        for statement in node.defs.body:
            if not isinstance(statement, (FuncDef, Decorator, OverloadedFuncDef)):
                continue
            function = definition_of(statement)
            if function is None or function.name.startswith("__"):
                continue
            base = next((b for b in info.mro[1:-1] if function.name in b.names), None)
            if base is None or _alike(statement, base.names[function.name].node):
                continue
            if only_raises(function):  # it says that there is no such method here
                continue
            found = self._compared(
                function.name, info, base, scope, span_of(function), f"{node.name}.{function.name}"
            )
            if found is not None:
                yield found

    def _misdeclared(self, node: ClassDef, info: TypeInfo, scope: Scope) -> Iterator[Override]:
        """The members of a protocol that say ``async def`` and mean an async generator."""
        for statement in node.defs.body:
            function = definition_of(statement)
            if function is None or not is_open_stub(function, info):
                continue
            here = self._handed(info, function.name, scope)
            there = here.item if here is not None else None
            if here is None or there is None or here.shape is not Shape.COROUTINE:
                continue
            iterated, awaited = self._evidence(function.name)
            if awaited or not (
                there.shape is Shape.ASYNC_GENERATOR
                or (there.shape is Shape.ASYNC_ITERATOR and iterated)
            ):
                continue
            span = span_of(function)
            yield Override(
                method=function.name,
                owner=node.name,
                base=node.name,
                here=here,
                there=there,
                span=span,
                function=f"{node.name}.{function.name}",
                lines=(span.line,),
                misdeclared=True,
            )

    def _evidence(self, name: str) -> tuple[bool, bool]:
        """Whether the module iterates over the results of methods of that name, or awaits them."""
        iterated = awaited = False
        source = self._interpreter.program.current
        assert source is not None
        for node in walk(source.tree):
            if isinstance(node, ForStmt) and node.is_async:
                iterated = iterated or _calls(node.expr, name)
            elif isinstance(node, AwaitExpr):
                awaited = awaited or _calls(node.expr, name)
        return iterated, awaited

    def expected(
        self, call: CallExpr, scope: Scope, where: Where
    ) -> Iterator[tuple[TypeInfo, Expression]]:
        """The arguments of a call whose parameters name a protocol, each with that protocol."""
        callee = self._interpreter.callable_type(call.callee, scope, where)
        if callee is None:
            return
        for declared, argument in zip(callee.arg_types, call.args, strict=False):
            protocol = get_proper_type(declared)
            if (
                isinstance(protocol, Instance)
                and protocol.type.is_protocol
                # Those of the standard library have special methods only.
                and any(not name.startswith("_") for name in protocol.type.names)
            ):
                yield protocol.type, argument

    def of_argument(
        self,
        protocol: TypeInfo,
        argument: Expression,
        scope: Scope,
        where: Where,
        function: str,
    ) -> Iterator[Override]:
        """The methods of an argument beside those of the protocol that its parameter names."""
        value = self._interpreter.value(argument, scope, where)
        if not isinstance(value, ObjectValue) or not isinstance(value.type, Instance):
            return
        info = value.type.type
        if info.fallback_to_any or info is protocol or protocol in info.mro:
            return
        for name in protocol.names:
            if not name.startswith("_") and info.get(name) is not None:
                span = span_of(argument)
                found = self._compared(name, info, protocol, scope, span, function)
                if found is not None:
                    yield found

    def _compared(
        self,
        name: str,
        info: TypeInfo,
        base: TypeInfo,
        scope: Scope,
        span: Span,
        function: str,
    ) -> Override | None:
        here = self._handed(info, name, scope)
        there = self._handed(base, name, scope)
        if here is None or there is None:
            return None
        if self._says_nothing(base, name) and not _gives_session(there):
            return None
        if self._admits_several(base, name):
            return None
        return Override(
            method=name,
            owner=info.name,
            base=base.name,
            here=here,
            there=there,
            span=span,
            function=function,
            lines=tuple(range(span.line, span.end_line + 1)),
        )

    def _handed(self, info: TypeInfo, name: str, scope: Scope) -> ObjectInfo | None:
        method = self._interpreter.attribute(ClassValue(info.fullname, info), name)
        return object_info(self._interpreter.called(method, [], scope), self._interpreter, scope)

    def _says_nothing(self, info: TypeInfo, name: str) -> bool:
        """Whether the method is a bare ``async def f(self): ...`` that others are to fill in."""
        entry = info.names.get(name)
        node = entry.node if entry is not None else None
        function = definition_of(node) if isinstance(node, (FuncDef, Decorator)) else None
        if function is None:
            return False
        if function.type is not None:
            # One that says ``async def`` and means a generator is wrong where it stands.
            stub = self._located(info, name)
            return stub is not None and is_open_stub(stub, info)
        stub = self._located(info, name)
        return stub is None or is_stub_body(stub)

    def _admits_several(self, info: TypeInfo, name: str) -> bool:
        """Whether the annotation of a method leaves the shape to those that override it."""
        entry = info.names.get(name)
        node = entry.node if entry is not None else None
        function = definition_of(node) if node is not None else None
        declared = self._interpreter.program.type_of(function) if function is not None else None
        type_ = get_proper_type(declared) if declared is not None else None
        return isinstance(type_, CallableType) and isinstance(
            get_proper_type(type_.ret_type), UnionType
        )

    def _located(self, info: TypeInfo, name: str) -> FuncDef | None:
        source = self._interpreter.program.source(info.module_name)
        located = source.class_named(info.name) if source is not None else None
        for statement in located[0].defs.body if located is not None else ():
            written = definition_of(statement)
            if written is not None and written.name == name:
                return written
        return None


def _gives_session(method: ObjectInfo) -> bool:
    """Whether a coroutine gives a session: then its ``async`` is meant, whoever fills it in."""
    return (
        method.shape is Shape.COROUTINE
        and method.item is not None
        and method.item.resource is not None
    )


def _alike(here: Node, there: Node | None) -> bool:
    """Whether two methods are of one shape at first sight, as most are that override another."""
    return (
        isinstance(here, FuncDef)
        and isinstance(there, FuncDef)
        and here.is_coroutine == there.is_coroutine
        and here.is_generator == there.is_generator
        and (here.is_coroutine or here.is_generator)
    )


def is_open_stub(function: FuncDef, info: TypeInfo) -> bool:
    """Whether this method of a class is an ``async def`` without a body, for others to fill in."""
    return (
        function.is_coroutine
        and not function.is_generator
        and is_stub_body(function)
        and (
            info.is_protocol
            or only_raises(function)
            or _is_abstract(function, info)
            or _promises(function, info)
        )
    )


def _promises(function: FuncDef, info: TypeInfo) -> bool:
    """Whether a method does not say that it returns nothing, although it does."""
    type_ = get_proper_type(_analyzed(function, info).type)
    declared = get_proper_type(type_.ret_type) if isinstance(type_, CallableType) else None
    if isinstance(declared, Instance) and declared.args:
        declared = get_proper_type(declared.args[-1])  # of the coroutine
    return not isinstance(declared, NoneType)


def _is_abstract(function: FuncDef, info: TypeInfo) -> bool:
    return _analyzed(function, info).abstract_status != NOT_ABSTRACT


def _analyzed(function: FuncDef, info: TypeInfo) -> FuncDef:
    """The same method as mypy has it: a tree that was only parsed knows less than the class."""
    entry = info.names.get(function.name)
    known = definition_of(entry.node) if entry is not None and entry.node is not None else None
    return known or function


def _calls(expression: Expression, name: str) -> bool:
    return (
        isinstance(expression, CallExpr)
        and isinstance(expression.callee, MemberExpr)
        and expression.callee.name == name
    )
