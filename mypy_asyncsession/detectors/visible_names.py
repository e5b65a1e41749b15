"""What the file of a finding can name: hints say nothing else."""

from __future__ import annotations

import builtins
import re
from typing import TYPE_CHECKING, Final

from mypy.types import AnyType, Instance, NoneType, UnionType, get_proper_type

from mypy_asyncsession.semantic.values import (
    ClassValue,
    FunctionValue,
    ManagerFactory,
    ObjectValue,
)

if TYPE_CHECKING:
    from mypy.types import ProperType, Type

    from mypy_asyncsession.semantic.interpreter import Interpreter
    from mypy_asyncsession.semantic.scopes import Scope
    from mypy_asyncsession.semantic.values import Value

_NAME: Final = re.compile(r"[A-Za-z_]\w*")


def can_name(annotation: str, scope: Scope) -> bool:
    """Whether every name in an annotation is bound in a scope, or built in."""
    return all(
        hasattr(builtins, name) or any(name in inner.names.bindings for inner in scope.chain())
        for name in _NAME.findall(annotation)
    )


def annotation_of(type_: Type | None, interpreter: Interpreter, scope: Scope) -> str | None:
    """A type as an annotation: ``dict`` for ``dict[Any, Any]``.

    Returns:
        What is written in that scope; ``None`` where there is no way to write it, or where its
        names are not bound, or mean other classes.
    """
    text = _written(get_proper_type(type_)) if type_ is not None else None
    if type_ is None or text is None or not can_name(text, scope):
        return None
    return None if _means_another(type_, interpreter, scope) else text


def _written(type_: ProperType) -> str | None:
    if isinstance(type_, UnionType):
        parts = [_written(get_proper_type(each)) for each in type_.items]
        return " | ".join(filter(None, parts)) if all(parts) else None
    if isinstance(type_, NoneType):
        return "None"
    if not isinstance(type_, Instance):
        return None
    arguments = [get_proper_type(each) for each in type_.args]
    if all(isinstance(each, AnyType) for each in arguments):
        return type_.type.name
    texts = [_written(each) for each in arguments]
    return f"{type_.type.name}[{', '.join(filter(None, texts))}]" if all(texts) else None


def _means_another(type_: Type, interpreter: Interpreter, scope: Scope) -> bool:
    """Whether a class in a type is not the one that a scope calls so."""
    proper = get_proper_type(type_)
    if isinstance(proper, UnionType):
        return any(_means_another(each, interpreter, scope) for each in proper.items)
    if not isinstance(proper, Instance):
        return False
    named = interpreter.name(proper.type.name, scope, None)
    if isinstance(named, ClassValue) and named.info not in (None, proper.type):
        return True
    return any(_means_another(each, interpreter, scope) for each in proper.args)


def made_by(value: Value, interpreter: Interpreter, scope: Scope) -> str | None:
    """The name, in a scope, of the function without parameters that made an object."""
    function = value.origin.function if isinstance(value, ObjectValue) and value.origin else None
    if function is None or function.receiver is not None or function.node.arguments:
        return None
    if "." in function.name or function.name == "lambda":
        return None
    named = interpreter.name(function.name, scope, None)
    if isinstance(named, ManagerFactory):
        named = named.function
    if isinstance(named, FunctionValue) and named.node is function.node:
        return function.name
    return None
