"""Methods that hand out something of another shape than the method they stand for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mypy.nodes import (
    AwaitExpr,
    CallExpr,
    Decorator,
    ForStmt,
    FuncDef,
    MemberExpr,
    OverloadedFuncDef,
    TypeInfo,
    Var,
    WithStmt,
)
from mypy.types import CallableType, Instance, UnionType, get_proper_type

from mypy_asyncsession.detectors.object_info import object_info
from mypy_asyncsession.detectors.object_record import ObjectInfo
from mypy_asyncsession.detectors.open_stubs import is_open_stub
from mypy_asyncsession.detectors.property_overrides import in_place_of, is_of_another_kind
from mypy_asyncsession.detectors.provider_records import Override
from mypy_asyncsession.detectors.spans import span_of
from mypy_asyncsession.findings import Span
from mypy_asyncsession.semantic.shapes import ABILITIES, Shape
from mypy_asyncsession.semantic.syntax import definition_of, is_stub_body, only_raises, walk
from mypy_asyncsession.semantic.values import UNSURE, ClassValue, FunctionValue, ObjectValue, Value

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy.nodes import ClassDef, Expression, Node

    from mypy_asyncsession.semantic.interpreter import Interpreter, Where
    from mypy_asyncsession.semantic.scopes import Scope


_METHODS = (FuncDef, Decorator, OverloadedFuncDef)


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
        names: set[str] = set()
        for statement in node.defs.body:
            if not isinstance(statement, (FuncDef, Decorator, OverloadedFuncDef)):
                continue
            function = definition_of(statement)
            if function is None or function.name.startswith("__"):
                continue
            names.add(function.name)
            base = next((b for b in info.mro[1:-1] if function.name in b.names), None)
            if base is None or _alike(statement, base.names[function.name].node):
                continue
            if only_raises(function):  # it says that there is no such method here
                continue
            span, owner = span_of(function), f"{node.name}.{function.name}"
            if is_of_another_kind(statement, base.names[function.name].node):
                found = in_place_of(function.name, info, base, scope, span, self._interpreter)
            else:
                found = self._compared(function.name, info, base, scope, span, owner)
            if found is not None:
                yield found
        yield from self._of_attributes(node, info, scope, names)
        if len(node.base_type_exprs) > 1:
            yield from self._mixed(node, info, scope, names)

    def _of_attributes(
        self, node: ClassDef, info: TypeInfo, scope: Scope, methods: set[str]
    ) -> Iterator[Override]:
        """``provider = get_db``, where a base class has another provider."""
        source = self._interpreter.program.current
        assert source is not None
        for name, assigned in source.attributes(node).items():
            base = next((b for b in info.mro[1:-1] if name in b.names), None)
            if base is None or name in methods or name.startswith("__"):
                continue
            if name not in info.names and isinstance(base.names[name].node, Var):
                continue  # a method of this class sets it anew, as methods do
            span = span_of(assigned[0][0])
            found = self._compared(name, info, base, scope, span, f"{node.name}.{name}")
            # An attribute is there to be replaced: what the base does with it decides.
            if found is not None and self._misfits(name, base, found.here):
                yield found

    def _misfits(self, name: str, base: TypeInfo, here: ObjectInfo) -> bool:
        """Whether a class uses what an attribute of it gives in a way that another cannot be."""
        uses = {
            shape
            for method in self._interpreter.program.methods(base)
            for shape in _uses_of(method, name)
        }
        return bool(uses) and not any(ABILITIES[shape] & here.can for shape in uses)

    def _mixed(
        self, node: ClassDef, info: TypeInfo, scope: Scope, own: set[str]
    ) -> Iterator[Override]:
        """Methods of one base class that take the place of another base class's."""
        bases = [b for b in info.mro[1:-1] if self._interpreter.program.source(b.module_name)]
        for position, first in enumerate(bases):
            for name, entry in first.names.items():
                method = entry.node
                if name in own or name.startswith("_") or not isinstance(method, _METHODS):
                    continue
                own.add(name)
                for base in bases[position + 1 :]:
                    if name not in base.names or base in first.mro:
                        continue
                    if _alike(method, base.names[name].node):
                        continue
                    span = _head(node)
                    found = self._compared(name, first, base, scope, span, node.name)
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
        self, call: CallExpr, callee: CallableType, scope: Scope, where: Where
    ) -> Iterator[tuple[TypeInfo, Expression]]:
        """The arguments of a call that stand for what a parameter asks for, each with that class.

        They implement a protocol, or are of a class that looks like the one in the annotation.

        Args:
            call: The call.
            callee: The type of what it calls.
            scope: The scope that it stands in.
            where: The place in it.
        """
        for declared, argument in zip(callee.arg_types, call.args, strict=False):
            wanted = get_proper_type(declared)
            if not isinstance(wanted, Instance):
                continue
            # Protocols of the standard library have special methods only.
            if wanted.type.is_protocol:
                if any(not name.startswith("_") for name in wanted.type.names):
                    yield wanted.type, argument
            elif self._is_fake(wanted.type, argument, scope, where):
                yield wanted.type, argument

    def _is_fake(self, wanted: TypeInfo, argument: Expression, scope: Scope, where: Where) -> bool:
        """Whether an argument is of a class that only looks like the one that is asked for."""
        given = self._interpreter.static_type(argument, scope, where)
        return (
            isinstance(given, Instance)
            and wanted not in given.type.mro
            and self._interpreter.program.source(wanted.module_name) is not None
        )

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
        if here is None:
            return None
        if there is None or (self._says_nothing(base, name) and not _gives_session(there)):
            there = self._asked_for(name, base)
        elif self._admits_several(base, name):
            return None
        if there is None:
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

    def _asked_for(self, name: str, base: TypeInfo) -> ObjectInfo | None:
        """What a class does with what a method of it gives that says nothing of that itself."""
        stub = self._located(base, name)
        if stub is None or stub.type is not None or not is_stub_body(stub):
            return None
        uses = {
            shape
            for method in self._interpreter.program.methods(base)
            for shape in _uses_of(method, name)
        }
        if len(uses) != 1:
            return None
        shape = uses.pop()
        return ObjectInfo(shape, ABILITIES[shape])

    def _handed(self, info: TypeInfo, name: str, scope: Scope) -> ObjectInfo | None:
        method = self._interpreter.attribute(ClassValue(info.fullname, info), name)
        if method is UNSURE:
            method = self._of_class_body(info, name)
        given = self._interpreter.called(method, [], scope)
        if given is UNSURE and isinstance(method, FunctionValue) and is_stub_body(method.node):
            given = self._interpreter.promised(method)
        return object_info(given, self._interpreter, scope)

    def _of_class_body(self, info: TypeInfo, name: str) -> Value:
        """What the body of a class says of an attribute that those below it may replace."""
        source = self._interpreter.program.source(info.module_name)
        located = source.class_named(info.name) if source is not None else None
        if source is None or located is None:
            return UNSURE
        inner = source.scope_in(located[0], located[1])
        return self._interpreter.assigned(source, located[0], inner, name)

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


def _head(node: ClassDef) -> Span:
    """The line that a class begins on, its decorators aside."""
    return Span(node.line, max(node.column, 0), node.line, max(node.column, 0) + 1)


def _uses_of(method: FuncDef, name: str) -> Iterator[Shape]:
    """The shapes that a method needs of what a call of another method gives."""
    for node in walk(method.body):
        if isinstance(node, WithStmt) and any(_calls(each, name) for each in node.expr):
            yield Shape.ASYNC_CONTEXT_MANAGER if node.is_async else Shape.CONTEXT_MANAGER
        elif isinstance(node, ForStmt) and _calls(node.expr, name):
            yield Shape.ASYNC_ITERATOR if node.is_async else Shape.ITERATOR
        elif isinstance(node, AwaitExpr) and _calls(node.expr, name):
            yield Shape.COROUTINE


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


def _calls(expression: Expression, name: str) -> bool:
    return (
        isinstance(expression, CallExpr)
        and isinstance(expression.callee, MemberExpr)
        and expression.callee.name == name
    )
