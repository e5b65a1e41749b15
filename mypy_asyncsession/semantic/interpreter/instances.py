"""Classes, and the objects that are made of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mypy.types import Instance, TupleType, get_proper_type
from mypy.typevars import fill_typevars

from mypy_asyncsession.semantic.scopes import qualname_in
from mypy_asyncsession.semantic.shapes import Shape
from mypy_asyncsession.semantic.values import UNKNOWN, ClassValue, ObjectValue, Value

if TYPE_CHECKING:
    from mypy.nodes import ClassDef

    from mypy_asyncsession.semantic.interpreter.context import Context


def class_of(node: ClassDef, at: Context) -> ClassValue:
    """The class that a statement defines."""
    fullname = f"{at.scope.module}.{qualname_in(at.scope, node.name)}"
    return ClassValue(fullname, at.program.class_record(node, fullname, at.scope), node)


def instance(klass: Value, at: Context) -> Value:
    """An instance of a class."""
    if not isinstance(klass, ClassValue) or klass.info is None or not klass.info.mro:
        return UNKNOWN
    filled = get_proper_type(fill_typevars(klass.info))
    if isinstance(filled, TupleType):
        filled = filled.partial_fallback  # of a ``NamedTuple``
    if not isinstance(filled, Instance):
        return UNKNOWN
    value = at.types.value(filled)
    if isinstance(value, ObjectValue):
        return value
    return ObjectValue(Shape.OTHER, type=filled, label=klass.info.name)
