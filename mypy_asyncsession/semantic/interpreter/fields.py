"""The fields of objects whose ``__init__`` only keeps what it is given, as dataclasses have."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from mypy.nodes import AssignmentStmt, MemberExpr, NameExpr, Var
from mypy.types import Instance

from mypy_asyncsession.models.pydantic import MODEL_CLASSES
from mypy_asyncsession.semantic.interpreter.context import ELLIPSIS
from mypy_asyncsession.semantic.shapes import Shape
from mypy_asyncsession.semantic.syntax import definition_of
from mypy_asyncsession.semantic.values import (
    UNKNOWN,
    UNSURE,
    ClassValue,
    FunctionValue,
    ManagerFactory,
    ObjectValue,
    Value,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mypy.nodes import ClassDef, TypeInfo

    from mypy_asyncsession.semantic.interpreter.context import Context
    from mypy_asyncsession.semantic.module_source import ModuleSource
    from mypy_asyncsession.semantic.scopes import Scope

_NAMESPACE: Final = "types.SimpleNamespace"
_NAMED_TUPLE: Final = "typing.NamedTuple"
#: What may be given to an object that is no provider, and holds none.
_PLAIN: Final = frozenset({Shape.NONE, Shape.OTHER, Shape.SESSION, Shape.SYNC_SESSION})


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


def has_generated_init(info: TypeInfo) -> bool:
    """Whether the ``__init__`` of a class, made from its fields, keeps what it is given."""
    symbol = info.names.get("__init__")
    if symbol is not None and not symbol.plugin_generated:
        return False
    return "dataclass" in info.metadata or any(base.fullname in MODEL_CLASSES for base in info.mro)


def keeps_fields(info: TypeInfo) -> bool:
    """Whether objects of a class have just what a call of it gives to them."""
    if info.fullname == _NAMESPACE:
        return True
    is_plain = "dataclass" in info.metadata or info.is_named_tuple
    # A tree that was only parsed has it as any other base.
    is_plain = is_plain or any(base.fullname == _NAMED_TUPLE for base in info.mro[1:])
    return is_plain and not any(name in info.names for name in ("__post_init__", "__getattr__"))


def keeps_arguments(info: TypeInfo, at: Context) -> bool:
    """Whether the ``__init__`` of a class keeps some of what it is given, as it is."""
    return bool(_kept_arguments(info, at)[1])


def _kept_arguments(info: TypeInfo, at: Context) -> tuple[list[str], dict[str, str]]:
    """The parameters of a class's ``__init__``, and the attributes that some are kept in."""
    base = next((each for each in info.mro if "__init__" in each.names), None)
    if base is None or base.fullname == "builtins.object":
        return [], {}
    source = at.source(base.module_name)
    located = source.class_named(base.fullname[len(base.module_name) + 1 :]) if source else None
    if source is None or located is None:
        return [], {}
    parameters, kept = _kept_by_init(source, *located)
    if not kept or any(not _leaves(each, base, kept, at) for each in info.mro):
        return parameters, {}
    return parameters, kept


def _kept_by_init(
    source: ModuleSource, node: ClassDef, scope: Scope
) -> tuple[list[str], dict[str, str]]:
    """The parameters of an ``__init__``, and the attributes that keep them: ``self.a = a``."""
    methods = filter(None, map(definition_of, node.defs.body))
    init = next((each for each in methods if each.name == "__init__"), None)
    if init is None or init.is_decorated or not init.arguments:
        return [], {}
    me, *parameters = [argument.variable.name for argument in init.arguments]
    bound = source.scope_in(init, source.scope_in(node, scope)).names.bindings
    assigned, left_open = source.attributes(node), source.open_attributes(node)
    kept: dict[str, str] = {}
    for statement in init.body.body:
        if not isinstance(statement, AssignmentStmt) or len(statement.lvalues) != 1:
            continue
        value, target = statement.rvalue, statement.lvalues[0]
        if (
            isinstance(target, MemberExpr)
            and isinstance(target.expr, NameExpr)
            and target.expr.name == me
            and isinstance(value, NameExpr)
            and value.name in parameters
            and value.name not in bound
            and target.name not in left_open
            and sum(by is not None for _, by in assigned.get(target.name, ())) == 1
        ):
            kept[value.name] = target.name
    return parameters, kept


def _leaves(info: TypeInfo, base: TypeInfo, kept: Mapping[str, str], at: Context) -> bool:
    """Whether a class of an object leaves alone what the ``__init__`` of *base* has kept."""
    if info is base or info.fullname == "builtins.object":
        return True
    if not {"__getattribute__", "__setattr__"}.isdisjoint(info.names):
        return False
    source = at.source(info.module_name)
    located = source.class_named(info.fullname[len(info.module_name) + 1 :]) if source else None
    if source is None or located is None:
        return info.module_name in ("abc", "typing", "typing_extensions")
    node, _ = located
    assigned, left_open = source.attributes(node), source.open_attributes(node)
    return not any(
        name in left_open or any(method is not None for _, method in assigned.get(name, ()))
        for name in kept.values()
    )


def filled_fields(
    klass: ClassValue,
    made: ObjectValue,
    arguments: Sequence[Value],
    named: Mapping[str, Value],
    at: Context,
) -> tuple[tuple[str, Value], ...]:
    """What a call of a class gives to which field of the object."""
    info = klass.info
    if info is None or ELLIPSIS in named or made.resource is not None:
        return ()
    if not keeps_fields(info):
        if made.shape is not Shape.OTHER:
            return ()
        parameters, kept = _kept_arguments(info, at)
        given = {**dict(zip(parameters, arguments, strict=False)), **named}
        return tuple((kept[k], v) for k, v in given.items() if k in kept and _is_provider(v))
    found = dict(named)
    if arguments:
        source = at.source(info.module_name)
        located = source.class_named(info.name) if source is not None else None
        if located is None or any("dataclass" in base.metadata for base in info.mro[1:]):
            return ()
        found.update(zip(field_names(located[0]), arguments, strict=False))
    return tuple((name, value) for name, value in found.items() if value is not UNKNOWN)


def _is_provider(value: Value) -> bool:
    """Whether a value hands out others, or holds what does."""
    if isinstance(value, ObjectValue):
        return value.shape not in _PLAIN or bool(value.fields)
    return isinstance(value, (FunctionValue, ManagerFactory))


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
            klass = made.type.type if isinstance(made.type, Instance) else None
            # What its methods do with it is known of one that keeps its arguments itself.
            me = "" if klass is None or keeps_fields(klass) else "self"
            return UNSURE if source is not None and source.patches(name, aside=me) else value
    return None
