"""Questions about what FastAPI is given: which it can call, and which it has nothing in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mypy.nodes import ClassDef, FuncDef, LambdaExpr
from mypy.types import CallableType, Instance, UnboundType, get_proper_type

from mypy_asyncsession.models.typing import HOLDER_TYPES
from mypy_asyncsession.semantic.shapes import Can, Shape
from mypy_asyncsession.semantic.syntax import is_stub_body
from mypy_asyncsession.semantic.values import CallableReturning, FunctionValue, ObjectValue

if TYPE_CHECKING:
    from mypy.nodes import TypeInfo

    from mypy_asyncsession.semantic.values import Value

#: What has to be driven before there is anything in it.
UNDRIVEN = frozenset({Shape.ASYNC_GENERATOR, Shape.GENERATOR, Shape.COROUTINE})
MANAGERS = frozenset({Shape.ASYNC_CONTEXT_MANAGER, Shape.CONTEXT_MANAGER})
ITERATORS = frozenset({Shape.ASYNC_ITERATOR, Shape.ITERATOR})


#: The types that declare a generator function, or a manager, where there is no body.
_HOLDERS = frozenset(
    name.rpartition(".")[2] for name in HOLDER_TYPES if not name.endswith(("Future", "Task"))
)
#: Classes whose objects stand for others.
_VAGUE = frozenset({"builtins.object", "builtins.type", "types.SimpleNamespace"})


def is_unbound(function: FunctionValue) -> bool:
    """Whether this is a method that was asked of its class, and wants an object for ``self``."""
    arguments = function.node.arguments
    return (
        isinstance(function.scope.node, ClassDef)
        and function.receiver is None
        and not (function.is_static or function.is_class or function.partial)
        and bool(arguments)
        and arguments[0].variable.name == "self"
        and arguments[0].initializer is None
        and arguments[0].type_annotation is None
    )


def is_decorated(value: Value) -> bool:
    """Whether a function is one that decorators stand above."""
    return (
        isinstance(value, FunctionValue)
        and isinstance(value.node, FuncDef)
        and value.node.is_decorated
    )


def has_call(value: ObjectValue) -> bool:
    """Whether an object can be called, by the word of its class."""
    return isinstance(value.type, Instance) and value.type.type.get("__call__") is not None


def makes_others(info: TypeInfo) -> bool:
    """Whether a class has a ``__new__`` that does not say what it returns."""
    symbol = info.get("__new__")
    return symbol is not None and isinstance(symbol.node, FuncDef) and symbol.node.type is None


def is_security(info: TypeInfo) -> bool:
    """Whether a class is one of FastAPI's security schemes, or a child of one."""
    return any(base.fullname.startswith("fastapi.security.") for base in info.mro)


def is_raw(value: ObjectValue) -> bool:
    """Whether there is nothing in it before somebody drives it, which FastAPI will not do."""
    if value.shape in ITERATORS:
        return isinstance(value.item, ObjectValue) and value.item.resource is not None
    return value.shape in UNDRIVEN or (value.shape in MANAGERS and is_made(value))


def is_made(value: ObjectValue) -> bool:
    """Whether ``contextmanager`` made it, or nothing is said but that it is a context manager."""
    return value.label is None or value.label in (
        "AbstractAsyncContextManager",
        "AbstractContextManager",
        "_AsyncGeneratorContextManager",
        "_GeneratorContextManager",
    )


def is_declared(function: FunctionValue) -> bool:
    """Whether a function is only declared: by its word it gives what others drive."""
    if not is_stub_body(function.node) or function.node.is_coroutine:
        return False
    written = function.node.unanalyzed_type or function.node.type
    returned = get_proper_type(written.ret_type) if isinstance(written, CallableType) else None
    name = returned.name if isinstance(returned, UnboundType) else ""
    if isinstance(returned, Instance):
        name = returned.type.name
    return name.rpartition(".")[2] in _HOLDERS


def is_lambda(function: FunctionValue) -> bool:
    """Whether a function has no name."""
    return isinstance(function.node, LambdaExpr)


def is_sessionmaker(value: Value) -> bool:
    """Whether a value is a sessionmaker."""
    return isinstance(value, ObjectValue) and value.shape is Shape.SESSIONMAKER


def is_call_of_one(value: Value) -> bool:
    """Whether a callable gives a session."""
    made = value.result if isinstance(value, CallableReturning) else None
    return isinstance(made, ObjectValue) and made.resource is not None


def is_final_enough(info: TypeInfo) -> bool:
    """Whether an object that was made of a class is known not to be callable."""
    return not info.fallback_to_any and not info.is_protocol and info.fullname not in _VAGUE


def holds_resource(value: ObjectValue) -> bool:
    """Whether an object is no session, and gives one when it is entered."""
    return (
        value.resource is None
        and bool(value.can & (Can.ASYNC_ENTER | Can.ENTER))
        and isinstance(value.item, ObjectValue)
        and value.item.resource is not None
    )
