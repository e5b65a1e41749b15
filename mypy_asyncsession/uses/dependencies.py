"""The dependencies that a module gives to FastAPI, and what FastAPI will make of each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mypy.expandtype import expand_type, expand_type_by_instance
from mypy.maptype import map_instance_to_supertype
from mypy.nodes import (
    ArgKind,
    AssertStmt,
    AssignmentStmt,
    CallExpr,
    Decorator,
    DictExpr,
    FuncDef,
    IndexExpr,
    MemberExpr,
    NameExpr,
    OverloadedFuncDef,
    RefExpr,
    ReturnStmt,
    TupleExpr,
    TypeAliasExpr,
    TypeInfo,
)
from mypy.subtypes import is_subtype
from mypy.types import (
    AnyType,
    CallableType,
    Instance,
    NoneType,
    TypedDictType,
    TypeType,
    TypeVarType,
    UninhabitedType,
    UnionType,
    get_proper_type,
    has_type_vars,
)

from mypy_asyncsession.providers import known
from mypy_asyncsession.providers.from_types import Bounded, informative
from mypy_asyncsession.providers.shapes import Shape
from mypy_asyncsession.providers.syntax import only_raises, statements, walk, yields
from mypy_asyncsession.providers.values import (
    UNKNOWN,
    Alias,
    Class,
    Function,
    Managed,
    Thing,
    TypedCallable,
    Value,
    fullname,
)
from mypy_asyncsession.uses.annotations import Annotations
from mypy_asyncsession.uses.closing import Closing, class_at
from mypy_asyncsession.uses.fastapi import UNWRAPS
from mypy_asyncsession.uses.handed import handed, place_of, provider_of
from mypy_asyncsession.uses.record import Dependency, DirectCall, Drive, Role
from mypy_asyncsession.uses.spans import span_of, written

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy.nodes import Expression, FuncItem, Node
    from mypy.types import Type

    from mypy_asyncsession.findings import Span
    from mypy_asyncsession.providers.evaluate import Evaluator, Where
    from mypy_asyncsession.providers.program import Source
    from mypy_asyncsession.providers.scopes import Scope
    from mypy_asyncsession.uses.fastapi import Version

_DEFINITIONS = (Decorator, FuncDef, OverloadedFuncDef, TypeInfo)
_NAMES = frozenset(name.rpartition(".")[2] for name in known.DEPENDS)
#: What has to be driven before there is anything in it.
_UNDRIVEN = frozenset({Shape.ASYNC_GENERATOR, Shape.GENERATOR, Shape.COROUTINE})
_MANAGERS = frozenset({Shape.ASYNC_CONTEXT_MANAGER, Shape.CONTEXT_MANAGER})
_ITERATORS = frozenset({Shape.ASYNC_ITERATOR, Shape.ITERATOR})


@dataclass(frozen=True, slots=True)
class _Driven:
    """What FastAPI makes of a dependency: how it drives it, and what it injects."""

    drive: Drive
    value: Value
    type: Type | None = None
    opens: bool = False
    decorated: bool = False
    callable_class: bool = False


class Dependencies:
    """Finds the dependencies of one module."""

    def __init__(self, evaluator: Evaluator, source: Source, version: Version) -> None:
        self._evaluator = evaluator
        self._source = source
        self._unwraps = version >= UNWRAPS
        self._annotations = Annotations(evaluator.program, source)
        self._closing = Closing(evaluator)
        #: The calls that were looked at with the parameter or alias that they belong to.
        self._seen: set[int] = set()
        self._naming: dict[str, bool] = {}

    # Where dependencies are named

    def of_function(
        self, function: FuncItem, scope: Scope, where: Where, owner: str
    ) -> Iterator[Dependency]:
        """The dependencies in the parameters of a function."""
        type_ = function.type
        declared = type_.arg_types if isinstance(type_, CallableType) else []
        for position, argument in enumerate(function.arguments):
            default = argument.initializer
            annotation = argument.type_annotation
            wanted = declared[position] if position < len(declared) else None
            name = argument.variable.name
            if isinstance(default, CallExpr) and self._is_depends(default, scope, where):
                self._seen.add(id(default))
                yield from self._dependency(
                    default, Role.PARAMETER, wanted, scope, where, owner, None, (function, name)
                )
            if annotation is not None:
                for call, span in self._annotations.calls(annotation):
                    if self._is_depends(call, scope, where):
                        yield from self._dependency(
                            call,
                            Role.PARAMETER,
                            wanted,
                            scope,
                            where,
                            owner,
                            span,
                            (function, name),
                        )

    def of_alias(
        self, index: IndexExpr, scope: Scope, where: Where, owner: str
    ) -> Iterator[Dependency]:
        """The dependencies in ``Annotated[T, Depends(f)]`` outside an annotation."""
        items = index.index.items if isinstance(index.index, TupleExpr) else []
        calls = [item for item in items[1:] if isinstance(item, CallExpr)]
        if fullname(self._evaluator.value(index.base, scope, where)) not in known.ANNOTATED:
            return
        wanted = self._aliased(index, items[0], scope, where)
        for call in calls:
            if self._is_depends(call, scope, where):
                self._seen.add(id(call))
                yield from self._dependency(
                    call, Role.ALIAS, wanted, scope, where, owner, None, None
                )

    def of_call(
        self, call: CallExpr, scope: Scope, where: Where, owner: str
    ) -> Iterator[Dependency]:
        """A ``Depends(f)`` anywhere else, such as in ``dependencies=[...]``."""
        if id(call) not in self._seen and self._is_depends(call, scope, where):
            yield from self._dependency(call, Role.LIST, None, scope, where, owner, None, None)

    def may_name_one(self, call: CallExpr) -> bool:
        """A quick look before the other two: most calls are of functions that mypy knows."""
        callee = call.callee
        if isinstance(callee, MemberExpr):
            return callee.name in _NAMES or callee.name == "update"
        if isinstance(callee, NameExpr) and isinstance(callee.node, _DEFINITIONS):
            return callee.node.fullname in known.DEPENDS
        return isinstance(callee, NameExpr)

    def of_override(
        self, statement: AssignmentStmt, scope: Scope, where: Where, owner: str
    ) -> Iterator[Dependency]:
        """What is put into ``app.dependency_overrides``."""
        for lvalue in statement.lvalues:
            if isinstance(lvalue, IndexExpr) and _is_overrides(lvalue.base):
                yield from self._override(statement.rvalue, scope, where, owner)
            elif _is_overrides(lvalue) and isinstance(statement.rvalue, DictExpr):
                for _, value in statement.rvalue.items:
                    yield from self._override(value, scope, where, owner)

    def of_update(
        self, call: CallExpr, scope: Scope, where: Where, owner: str
    ) -> Iterator[Dependency]:
        """What is put there by ``app.dependency_overrides.update({...})``."""
        callee = call.callee
        if (
            isinstance(callee, MemberExpr)
            and callee.name == "update"
            and _is_overrides(callee.expr)
            and call.args
            and isinstance(call.args[0], DictExpr)
        ):
            for _, value in call.args[0].items:
                yield from self._override(value, scope, where, owner)

    def may_be_direct_call(self, call: CallExpr) -> bool:
        """Whether a call may leave a parameter to its ``Depends``: a quick look."""
        node = call.callee.node if isinstance(call.callee, RefExpr) else None
        if isinstance(node, Decorator):
            node = node.func
        if isinstance(node, TypeInfo):
            entry = node.names.get("__init__")
            node = entry.node if entry is not None else None
        if not isinstance(node, FuncDef):
            return False
        required = sum(kind is ArgKind.ARG_POS for kind in node.arg_kinds)
        optional = sum(kind in (ArgKind.ARG_OPT, ArgKind.ARG_NAMED_OPT) for kind in node.arg_kinds)
        return optional > len(call.args) - required and self._names_depends(node.fullname)

    def _names_depends(self, function: str) -> bool:
        """Whether the module that a function is in has a name for ``Depends``."""
        module = self._evaluator.program.split(function)[0]
        known_one = self._naming.get(module)
        if known_one is None:
            tree = self._evaluator.program.modules.get(module)
            known_one = tree is not None and any(
                name == "fastapi"
                or name in _NAMES
                or (entry.node is not None and entry.node.fullname in known.DEPENDS)
                for name, entry in tree.names.items()
            )
            self._naming[module] = known_one
        return known_one

    def of_direct_call(
        self, call: CallExpr, scope: Scope, where: Where, owner: str
    ) -> Iterator[DirectCall]:
        """A call that leaves a parameter to its ``Depends``, outside of FastAPI."""
        if ArgKind.ARG_STAR in call.arg_kinds or ArgKind.ARG_STAR2 in call.arg_kinds:
            return
        callee = self._evaluator.value(call.callee, scope, where)
        function: Value = callee
        if isinstance(callee, Class):
            function = self._evaluator.attribute(self._evaluator.instance(callee), "__init__")
        if not isinstance(function, Function) or not isinstance(function.node, FuncDef):
            return
        formal = function.node.arguments
        if function.receiver is not None and not function.is_static:
            formal = formal[1:]
        positional = sum(kind is ArgKind.ARG_POS for kind in call.arg_kinds)
        given = {argument.variable.name for argument in formal[:positional]} | set(call.arg_names)
        for argument in formal:
            default = argument.initializer
            name = argument.variable.name
            if (
                name not in given
                and isinstance(default, CallExpr)
                and default.args
                and self._is_depends(default, function.scope, None)
                and _is_read(function.node, name)
            ):
                origin = function.origin()
                yield DirectCall(
                    callee=written(call.callee),
                    parameter=name,
                    dependency=written(default.args[0]),
                    place=place_of(origin),
                    span=span_of(call),
                    function=owner,
                    lines=tuple(range(call.line, (call.end_line or call.line) + 1)),
                )
                return

    # One dependency

    def _override(
        self, expression: Expression, scope: Scope, where: Where, owner: str
    ) -> Iterator[Dependency]:
        driven = self._driven(self._evaluator.value(expression, scope, where), expression)
        if driven is not None:
            yield self._record(
                driven, expression, Role.OVERRIDE, None, span_of(expression), owner, scope, None
            )

    def _is_depends(self, call: CallExpr, scope: Scope, where: Where) -> bool:
        callee = call.callee
        if isinstance(callee, NameExpr):
            local = callee.name
            if isinstance(callee.node, _DEFINITIONS):
                # mypy knows what it is, as it mostly does.
                return callee.node.fullname in known.DEPENDS
            if local not in _NAMES and not any(
                local in inner.names.bindings for inner in scope.chain()
            ):
                return False
        elif not (isinstance(callee, MemberExpr) and callee.name in _NAMES):
            return False
        return fullname(self._evaluator.value(callee, scope, where)) in known.DEPENDS

    def _dependency(
        self,
        call: CallExpr,
        role: Role,
        wanted: Type | None,
        scope: Scope,
        where: Where,
        owner: str,
        span: Span | None,
        parameter: tuple[FuncItem, str] | None,
    ) -> Iterator[Dependency]:
        expression = _argument(call)
        if expression is None:
            return
        driven = self._driven(self._evaluator.value(expression, scope, where), expression)
        if driven is not None:
            yield self._record(
                driven, expression, role, wanted, span or span_of(call), owner, scope, parameter
            )

    def _record(
        self,
        driven: _Driven,
        expression: Expression,
        role: Role,
        wanted: Type | None,
        span: Span,
        owner: str,
        scope: Scope,
        parameter: tuple[FuncItem, str] | None,
    ) -> Dependency:
        return Dependency(
            text=written(expression),
            callee=written(expression.callee) if isinstance(expression, CallExpr) else None,
            provider=provider_of(self._evaluator.value(expression, scope, None)),
            drive=driven.drive,
            role=role,
            handed=handed(driven.value, self._evaluator, scope),
            unwraps=self._unwraps,
            mismatch=None if _names(expression, wanted) else self._mismatch(driven, wanted),
            asked_for=self._asked_for(driven, wanted),
            parameter=parameter[1] if parameter else None,
            handled=parameter is not None and self._closing.handles(*parameter, scope),
            opens=driven.opens,
            decorated=driven.decorated,
            callable_class=driven.callable_class,
            span=span,
            function=owner,
            lines=tuple(range(span.line, span.end_line + 1)),
        )

    def _driven(
        self, value: Value, expression: Expression | None, depth: int = 0
    ) -> _Driven | None:
        """What FastAPI makes of a value, or ``None`` where that is not known."""
        if depth > 5:
            return None
        if isinstance(value, Alias):
            return _Driven(Drive.ALIAS, UNKNOWN)
        if isinstance(value, Managed):
            made = self._evaluator.called(value, [], self._source.scope)
            return _Driven(Drive.MANAGER, made, decorated=_is_decorated(value.function))
        if isinstance(value, Function):
            return self._driven_function(value, depth)
        if isinstance(value, Class):
            if value.fullname in known.SESSIONMAKERS | known.ASYNC_SESSIONMAKERS:
                return None
            if value.info is not None and _makes_others(value.info):
                return None
            instance = self._evaluator.instance(value)
            is_callable = isinstance(instance, Thing) and _has_call(instance)
            return _Driven(
                Drive.VALUE,
                instance,
                instance.type if isinstance(instance, Thing) else None,
                callable_class=is_callable,
            )
        if isinstance(value, TypedCallable):
            return self._driven_by_type(value)
        if isinstance(value, Thing):
            return self._driven_object(value, expression, depth)
        return None

    def _driven_function(self, function: Function, depth: int) -> _Driven | None:
        node = function.node
        if only_raises(node):
            return None  # an override stands in for it, and may give anything
        result = self._evaluator.called(function, [], self._source.scope)
        type_ = self._result_type(function)
        if isinstance(node, FuncDef) and yields(node):
            if function.partial and not self._unwraps and node.name == "__call__":
                return _Driven(
                    Drive.RAW, result, result.type if isinstance(result, Thing) else None
                )
            item = self._evaluator.iterated(result)
            type_ = self._exact(function, item, self._item_type(type_))
            if isinstance(item, Thing) and _is_raw(item):
                return _Driven(Drive.RAW, item, type_)
            return _Driven(Drive.ENTERED, item, type_)
        if isinstance(node, FuncDef) and node.is_coroutine:
            if function.partial and not self._unwraps:
                return _Driven(Drive.RAW, result)
            item = self._evaluator.awaited(result)
            type_ = self._exact(function, item, self._item_type(type_))
            if isinstance(item, Thing) and _is_raw(item):
                return _Driven(Drive.RAW, item, type_)
            opens = isinstance(item, Thing) and self._opens(function, item)
            return _Driven(Drive.AWAITED, item, type_, opens)
        if function.wraps is not UNKNOWN and self._unwraps:
            return self._driven(function.wraps, None, depth + 1)
        type_ = self._exact(function, result, type_)
        if not isinstance(result, Thing):
            return _Driven(Drive.VALUE, result, type_)
        if _is_raw(result):
            return _Driven(Drive.RAW, result, type_)
        return _Driven(Drive.VALUE, result, type_, opens=self._opens(function, result))

    def _driven_by_type(self, value: TypedCallable) -> _Driven | None:
        if not isinstance(value.type, CallableType) or has_type_vars(value.type.ret_type):
            return None
        result = self._evaluator.types.value(value.type.ret_type)
        if not isinstance(result, Thing) or result.shape in _UNDRIVEN | _ITERATORS:
            return None  # it may be a coroutine or generator function, or one that returns these
        if _is_raw(result):
            return _Driven(Drive.MANAGER, result.made_by(value.origin))
        return _Driven(Drive.VALUE, result, result.type)

    def _driven_object(
        self, value: Thing, expression: Expression | None, depth: int
    ) -> _Driven | None:
        if value.shape is Shape.SESSIONMAKER:
            return _Driven(Drive.SESSIONMAKER, value)
        called = isinstance(expression, CallExpr)
        if called and value.shape in _MANAGERS and _is_made(value):
            return _Driven(Drive.CALLED, value)  # it has a __call__, to be used as a decorator
        if _has_call(value):
            method = self._evaluator.attribute(value, "__call__")
            if method is UNKNOWN:
                return None
            if isinstance(value.type, Instance) and _is_security(value.type.type):
                # They return ``str | None`` by type, and never ``None`` where they are strict.
                return None
            return self._driven(method, None, depth + 1)
        if value.shape in _UNDRIVEN | _MANAGERS | {Shape.SESSION, Shape.SYNC_SESSION} and called:
            return _Driven(Drive.CALLED, value)
        return None

    def _opens(self, function: Function, result: Thing) -> bool:
        """Whether a function makes a session itself, and returns it as it is."""
        if result.shape is not Shape.SESSION:
            return False
        node = function.node
        source = self._evaluator.program.source(function.scope.module)
        if source is None:
            return False
        scope = source.scope_in(node, function.scope)
        found = []
        for statement in statements(node.body):
            if isinstance(statement, ReturnStmt) and statement.expr is not None:
                where = scope.names.places.get(id(statement))
                found.append(
                    self._is_construction(statement.expr, scope, where)
                    and not self._closing.keeps(node, statement.expr, function.scope)
                )
        return bool(found) and all(found)

    def _is_construction(self, expression: Expression, scope: Scope, where: Where) -> bool:
        if isinstance(expression, NameExpr):
            bindings = scope.names.bindings.get(expression.name, [])
            return len(bindings) == 1 and (
                bindings[0].kind == "assign"
                and isinstance(bindings[0].node, CallExpr)
                and self._is_construction(bindings[0].node, scope, bindings[0].blocks)
            )
        if not isinstance(expression, CallExpr):
            return False
        callee = self._evaluator.value(expression.callee, scope, where)
        if isinstance(callee, Class):
            return True
        return isinstance(callee, Thing) and callee.shape is Shape.SESSIONMAKER

    # Types

    def _aliased(
        self, index: IndexExpr, annotated: Expression, scope: Scope, where: Where
    ) -> Type | None:
        """The type in ``Annotated[T, ...]``: what mypy has made of the alias, or what it names."""
        if isinstance(index.analyzed, TypeAliasExpr):
            return index.analyzed.node.target
        value = self._evaluator.value(annotated, scope, where)
        if isinstance(value, Class) and value.fullname != "typing.Any":
            instance = self._evaluator.instance(value)
            return instance.type if isinstance(instance, Thing) else None
        return None

    def _exact(self, function: Function, value: Value, declared: Type | None) -> Type | None:
        """The type of what a function gives; ``None`` where it may be narrower than mypy says."""
        if not isinstance(value, Thing) or value.type is None:
            return declared
        receiver = self._receiver(function)
        if isinstance(value, Bounded):
            return self._resolved(function, declared, receiver) if declared is not None else None
        if informative(declared) or function.is_static or not isinstance(value.type, Instance):
            return value.type
        # An unannotated body may return ``self`` or ``cls()``, to mypy the class it stands in.
        owners = (class_at(self._evaluator, scope) for scope in function.scope.chain())
        owner = next(filter(None, owners), None)
        found = value.type.type
        if owner is None or found not in owner.mro:
            return value.type
        return value.type if receiver is not None and receiver.type is found else None

    def _receiver(self, function: Function) -> Instance | None:
        """The object that a method is bound to, or one of the class that it is bound to."""
        receiver = function.receiver
        if isinstance(receiver, Class):
            receiver = self._evaluator.instance(receiver)
        type_ = receiver.type if isinstance(receiver, Thing) else None
        return type_ if isinstance(type_, Instance) else None

    def _resolved(self, function: Function, type_: Type, receiver: Instance | None) -> Type:
        """A type with the variables filled in that the object a method is bound to decides."""
        signature = self._evaluator.signature(function.node, function.scope)
        if receiver is None or not isinstance(signature, CallableType):
            return type_
        owner = receiver.type.get_containing_type_info(function.node.name)
        if owner is None:
            return type_
        type_ = expand_type_by_instance(type_, map_instance_to_supertype(receiver, owner))
        own = get_proper_type(signature.arg_types[0]) if signature.arg_types else None
        if isinstance(own, TypeType):
            own = own.item
        # ``Self``, in either spelling.
        return expand_type(type_, {own.id: receiver}) if isinstance(own, TypeVarType) else type_

    def _result_type(self, function: Function) -> Type | None:
        signature = self._evaluator.signature(function.node, function.scope)
        return signature.ret_type if isinstance(signature, CallableType) else None

    def _item_type(self, type_: Type | None) -> Type | None:
        proper = get_proper_type(type_) if type_ is not None else None
        return self._evaluator.types.item_type(proper) if isinstance(proper, Instance) else None

    def _mismatch(self, driven: _Driven, wanted: Type | None) -> tuple[str, str] | None:
        """The types of what is injected and of what is wanted, if they do not go together."""
        if driven.drive not in (Drive.VALUE, Drive.AWAITED, Drive.ENTERED, Drive.RAW):
            return None
        if isinstance(driven.value, Thing) and driven.value.by_definition:
            return None
        found = get_proper_type(driven.type) if driven.type is not None else None
        expected = get_proper_type(wanted) if wanted is not None else None
        if found is None or expected is None or not (informative(found) and informative(expected)):
            return None
        if isinstance(found, (AnyType, UninhabitedType)) or _is_open(found):
            return None
        if has_type_vars(expected):
            return None
        if isinstance(found, NoneType) and driven.drive is Drive.VALUE and driven.type is None:
            return None
        if is_subtype(found, expected):
            return None
        if (
            isinstance(found, Instance)
            and isinstance(expected, Instance)
            and found.type is expected.type
            and is_subtype(expected, found)
        ):
            # The same class, its arguments narrowed: a dependency made for the purpose does that.
            return None
        shown = (_shown(found), _shown(expected))
        return shown if shown[0] != shown[1] else (str(found), str(expected))

    def _asked_for(self, driven: _Driven, wanted: Type | None) -> bool:
        """Whether a parameter is annotated with what still has to be driven, and gets that."""
        value = self._evaluator.types.value(wanted)
        return (
            isinstance(value, Thing)
            and isinstance(driven.value, Thing)
            and value.shape in _UNDRIVEN | _MANAGERS | _ITERATORS
            and bool(value.can & driven.value.can)
        )


def _argument(call: CallExpr) -> Expression | None:
    for argument, name in zip(call.args, call.arg_names, strict=True):
        if name in (None, "dependency"):
            return argument
    return None


def _names(expression: Expression, wanted: Type | None) -> bool:
    """Whether a call is given the class that is wanted, to make an object of that class."""
    proper = get_proper_type(wanted) if wanted is not None else None
    return (
        isinstance(expression, CallExpr)
        and isinstance(proper, Instance)
        and any(isinstance(each, RefExpr) and each.node is proper.type for each in expression.args)
    )


def _is_decorated(value: Value) -> bool:
    return (
        isinstance(value, Function) and isinstance(value.node, FuncDef) and value.node.is_decorated
    )


def _has_call(value: Thing) -> bool:
    return isinstance(value.type, Instance) and value.type.type.get("__call__") is not None


def _makes_others(info: TypeInfo) -> bool:
    """Whether a class has a ``__new__`` that does not say what it returns."""
    symbol = info.get("__new__")
    return symbol is not None and isinstance(symbol.node, FuncDef) and symbol.node.type is None


def _is_security(info: TypeInfo) -> bool:
    return any(base.fullname.startswith("fastapi.security.") for base in info.mro)


def _is_raw(value: Thing) -> bool:
    """Whether there is nothing in it before somebody drives it, which FastAPI will not do."""
    if value.shape in _ITERATORS:
        return isinstance(value.item, Thing) and value.item.resource is not None
    return value.shape in _UNDRIVEN or (value.shape in _MANAGERS and _is_made(value))


def _is_made(value: Thing) -> bool:
    """Whether ``contextmanager`` made it, or nothing is said but that it is a context manager."""
    return value.label is None or value.label in (
        "AbstractAsyncContextManager",
        "AbstractContextManager",
        "_AsyncGeneratorContextManager",
        "_GeneratorContextManager",
    )


def _is_open(type_: Type) -> bool:
    """Whether a type has parameters that were not filled in."""
    proper = get_proper_type(type_)
    if has_type_vars(proper):
        return True
    if isinstance(proper, Instance):
        return bool(proper.type.type_vars) and (
            not proper.args or any(not informative(argument) for argument in proper.args)
        )
    if isinstance(proper, UnionType):
        return any(_is_open(item) for item in proper.items)
    return False


def _shown(type_: Type) -> str:
    """A type as messages write it: without the modules of its names."""
    proper = get_proper_type(type_)
    if isinstance(proper, Instance):
        inner = ", ".join(_shown(argument) for argument in proper.args)
        return f"{proper.type.name}[{inner}]" if inner else proper.type.name
    if isinstance(proper, UnionType):
        return " | ".join(_shown(item) for item in proper.items)
    if isinstance(proper, NoneType):
        return "None"
    if isinstance(proper, AnyType):
        return "Any"
    if isinstance(proper, TypedDictType):
        return proper.fallback.type.name
    return str(proper)


def may_be_alias(index: IndexExpr) -> bool:
    """Whether this may be ``Annotated[T, Depends(f)]``: a quick look."""
    return isinstance(index.index, TupleExpr) and any(
        isinstance(item, CallExpr) for item in index.index.items[1:]
    )


def _is_overrides(node: Node) -> bool:
    return isinstance(node, MemberExpr) and node.name == "dependency_overrides"


def _is_read(function: FuncDef, name: str) -> bool:
    """Whether the body of a function reads one of its parameters, and does not ask what it is."""
    nodes = list(walk(function.body))
    asserted = {id(each) for node in nodes if isinstance(node, AssertStmt) for each in walk(node)}
    asks = any(
        isinstance(node, CallExpr)
        and isinstance(node.callee, NameExpr)
        and node.callee.name == "isinstance"
        and any(_mentions(argument, name) for argument in node.args[:1])
        and id(node) not in asserted
        for node in nodes
    )
    return not asks and any(_mentions(node, name) for node in nodes)


def _mentions(node: Node, name: str) -> bool:
    return isinstance(node, NameExpr) and node.name == name
