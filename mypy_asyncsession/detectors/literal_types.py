"""The types of literals and displays, which need nobody to infer them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from mypy.nodes import (
    BytesExpr,
    DictExpr,
    DictionaryComprehension,
    FloatExpr,
    IntExpr,
    ListComprehension,
    ListExpr,
    NameExpr,
    SetComprehension,
    SetExpr,
    StrExpr,
    TypeInfo,
)
from mypy.typevars import fill_typevars_with_any

if TYPE_CHECKING:
    from mypy.nodes import Expression
    from mypy.types import Type

    from mypy_asyncsession.semantic.interpreter import Interpreter

_BUILTIN: Final[dict[type, str]] = {
    BytesExpr: "bytes",
    DictExpr: "dict",
    DictionaryComprehension: "dict",
    FloatExpr: "float",
    IntExpr: "int",
    ListComprehension: "list",
    ListExpr: "list",
    SetComprehension: "set",
    SetExpr: "set",
    StrExpr: "str",
}


def literal_type(expression: Expression, interpreter: Interpreter) -> Type | None:
    """The type of a literal, the types of its elements left open; ``None`` for anything else."""
    name = _BUILTIN.get(type(expression))
    if isinstance(expression, NameExpr) and expression.name in ("True", "False"):
        name = "bool"
    info = interpreter.program.symbol(f"builtins.{name}") if name is not None else None
    return fill_typevars_with_any(info) if isinstance(info, TypeInfo) else None
