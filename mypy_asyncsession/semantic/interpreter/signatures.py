"""What annotations say: those that mypy has analysed, and those that it could not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mypy.nodes import TupleExpr
from mypy.types import CallableType, NoneType, ProperType, UnboundType, UnionType

from mypy_asyncsession.models.typing import ANNOTATED, OPTIONAL, UNION
from mypy_asyncsession.semantic import unresolved_annotations
from mypy_asyncsession.semantic.from_mypy_types import informative
from mypy_asyncsession.semantic.shapes import Shape
from mypy_asyncsession.semantic.values import (
    UNKNOWN,
    AliasValue,
    ObjectValue,
    Value,
    fullname,
    join,
)

if TYPE_CHECKING:
    from mypy.nodes import FuncItem
    from mypy.types import Type

    from mypy_asyncsession.semantic.interpreter.context import Context
    from mypy_asyncsession.semantic.program import Program
    from mypy_asyncsession.semantic.scopes import Scope


def annotated(type_: Type, at: Context) -> Value:
    """What an annotation says that mypy could not analyse, because a package is missing."""
    if isinstance(type_, UnionType):
        return join([annotated(each, at) for each in type_.items])
    if isinstance(type_, NoneType) or (isinstance(type_, UnboundType) and type_.name == "None"):
        return ObjectValue(Shape.NONE, type=NoneType(), label="None")
    if isinstance(type_, UnboundType):
        written = resolve(type_.name, at)
        if written in ANNOTATED:
            return annotated(type_.args[0], at) if type_.args else UNKNOWN
        if written in UNION or written in OPTIONAL:
            others: list[Type] = [NoneType()] if written in OPTIONAL else []
            return join([annotated(each, at) for each in [*type_.args, *others]])
        alias = _alias(type_.name, at) if not type_.args else None
        if alias is not None:
            return unresolved_annotations.resource(alias, at.types.resources)
    return unresolved_annotations.annotated(
        type_, lambda name: resolve(name, at), at.types.resources
    )


def _alias(name: str, at: Context) -> str | None:
    """The class that ``SessionDep = Annotated[AsyncSession, Depends(get)]`` stands for."""
    first, *rest = name.split(".")
    value = at.within(at.scope).name(first)
    for part in rest:
        value = at.attribute(value, part)
    if not isinstance(value, AliasValue):
        return None
    index = value.node.index
    meant = index.items[0] if isinstance(index, TupleExpr) and index.items else None
    return fullname(at.within(value.scope).value(meant)) if meant is not None else None


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
