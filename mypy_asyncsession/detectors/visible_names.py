"""What the file of a finding can name: hints say nothing else."""

from __future__ import annotations

import builtins
import re
from typing import TYPE_CHECKING, Final

from mypy_asyncsession.semantic.values import FunctionValue, ManagerFactory, ObjectValue

if TYPE_CHECKING:
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
