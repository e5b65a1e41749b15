"""The fields of objects whose ``__init__`` only keeps what it is given, as dataclasses have."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from mypy.nodes import AssignmentStmt, NameExpr, Var

from mypy_asyncsession.models.pydantic import MODEL_CLASSES
from mypy_asyncsession.semantic.interpreter.context import ELLIPSIS
from mypy_asyncsession.semantic.values import UNKNOWN, UNSURE, ClassValue, ObjectValue, Value

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mypy.nodes import ClassDef, TypeInfo

    from mypy_asyncsession.semantic.interpreter.context import Context

_NAMESPACE: Final = "types.SimpleNamespace"
_NAMED_TUPLE: Final = "typing.NamedTuple"


def is_field(info: TypeInfo, name: str) -> bool:
    """Whether the generated ``__init__`` of a class has a parameter of that name."""
    for base in info.mro:
        entry = base.names.get(name)
        if entry is not None:
            return isinstance(entry.node, Var) and bool(
                "dataclass" in base.metadata
                or "attrs" in base.metadata
                or any(MODEL_CLASSES & {ancestor.fullname} for ancestor in info.mro)
            )
    return False


def keeps_fields(info: TypeInfo) -> bool:
    """Whether objects of a class have just what a call of it gives to them."""
    if info.fullname == _NAMESPACE:
        return True
    is_plain = "dataclass" in info.metadata or info.is_named_tuple
    # A tree that was only parsed has it as any other base.
    is_plain = is_plain or any(base.fullname == _NAMED_TUPLE for base in info.mro[1:])
    return is_plain and not any(name in info.names for name in ("__post_init__", "__getattr__"))


def filled_fields(
    klass: ClassValue,
    made: ObjectValue,
    arguments: Sequence[Value],
    named: Mapping[str, Value],
    at: Context,
) -> tuple[tuple[str, Value], ...]:
    """What a call of a class gives to which field of the object."""
    info = klass.info
    if info is None or not keeps_fields(info) or ELLIPSIS in named or made.resource is not None:
        return ()
    found = dict(named)
    if arguments:
        source = at.source(info.module_name)
        located = source.class_named(info.name) if source is not None else None
        if located is None or any("dataclass" in base.metadata for base in info.mro[1:]):
            return ()
        found.update(zip(field_names(located[0]), arguments, strict=False))
    return tuple((name, value) for name, value in found.items() if value is not UNKNOWN)


def field_names(node: ClassDef) -> list[str]:
    """The fields that the body of a class declares, in the order of its ``__init__``."""
    return [
        statement.lvalues[0].name
        for statement in node.defs.body
        if isinstance(statement, AssignmentStmt)
        and isinstance(statement.lvalues[0], NameExpr)
        and statement.unanalyzed_type is not None
    ]


def field_of(made: ObjectValue, name: str, at: Context) -> Value | None:
    """What an object has in a field since it was made; ``None`` where that is not known."""
    for given, value in made.fields:
        if given == name:
            source = at.program.current
            # Whoever has the object may put another one there.
            return UNSURE if source is not None and source.patches(name) else value
    return None
