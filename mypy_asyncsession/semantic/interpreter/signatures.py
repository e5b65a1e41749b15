"""What annotations say: those that mypy has analysed, and those that it could not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mypy.types import CallableType, ProperType

from mypy_asyncsession.semantic import unresolved_annotations
from mypy_asyncsession.semantic.from_mypy_types import informative
from mypy_asyncsession.semantic.values import UNKNOWN, Value, fullname

if TYPE_CHECKING:
    from mypy.nodes import FuncItem
    from mypy.types import Type

    from mypy_asyncsession.semantic.interpreter.context import Context
    from mypy_asyncsession.semantic.program import Program
    from mypy_asyncsession.semantic.scopes import Scope


def annotated(type_: Type, at: Context) -> Value:
    """What an annotation says that mypy could not analyse, because a package is missing."""
    return unresolved_annotations.annotated(
        type_, lambda name: resolve(name, at), at.types.resources
    )


def resolve(dotted: str, at: Context) -> str | None:
    """The full name of what a dotted name stands for, or ``None``."""
    first, *rest = dotted.split(".")
    value = at.within(at.scope).name(first)
    for part in rest:
        value = at.attribute(value, part)
    return fullname(value)


def signature(function: FuncItem, scope: Scope, program: Program) -> ProperType | None:
    """mypy's type of a function, or ``None`` where it has no annotation."""
    outer = scope.parent if scope.node is function else scope
    return program.signature(function, outer or scope)


def declared_parameter(function: FuncItem, position: int, at: Context) -> Value:
    """What the annotation of a parameter says; *at* is in the body of the function."""
    scope = at.scope
    type_ = signature(function, scope, at.program)
    if isinstance(type_, CallableType) and position < len(type_.arg_types):
        found = type_.arg_types[position]
        if function.arguments[position].kind.is_star():
            return UNKNOWN  # it is of what it collects
        if informative(found):
            return at.types.value(found)
    syntactic = function.arguments[position].type_annotation
    if syntactic is not None:
        return annotated(syntactic, at.within(scope.parent or scope))
    return UNKNOWN
