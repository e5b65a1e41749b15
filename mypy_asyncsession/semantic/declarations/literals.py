"""The types that ``Literal`` stands for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mypy.types import (
    Instance,
    LiteralType,
    NoneType,
    RawExpressionType,
    Type,
    UnboundType,
    UnionType,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


def literal(args: Sequence[Type], instance: Callable[[str], Instance | None]) -> Type | None:
    """The type that ``Literal`` stands for with its arguments; ``None`` where one is unclear."""
    items: list[Type] = []
    for each in args:
        if isinstance(each, UnboundType) and each.original_str_expr is not None:
            fallback = instance(each.original_str_fallback or "builtins.str")
            value: object = each.original_str_expr
        elif isinstance(each, RawExpressionType):
            fallback = instance(each.base_type_name)
            value = each.literal_value
        elif isinstance(each, UnboundType) and each.name == "None":
            items.append(NoneType())
            continue
        else:
            return None
        if fallback is None or not isinstance(value, (bool, int, str)):
            return None
        items.append(LiteralType(value, fallback))
    return UnionType.make_union(items) if items else None
