"""Whether what is injected fits the parameter."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from mypy.nodes import RefExpr
from mypy.types import (
    AnyType,
    CallableType,
    Instance,
    LiteralType,
    NoneType,
    TupleType,
    TypedDictType,
    TypeOfAny,
    UninhabitedType,
    UnionType,
    get_proper_type,
    has_type_vars,
)

from mypy_asyncsession.detectors.dependency_records import Drive
from mypy_asyncsession.detectors.depends_calls import located_construction
from mypy_asyncsession.detectors.related_types import without_none
from mypy_asyncsession.semantic.from_mypy_types import informative
from mypy_asyncsession.semantic.shapes import Can, Shape
from mypy_asyncsession.semantic.values import ClassValue, ObjectValue

if TYPE_CHECKING:
    from mypy.nodes import Expression, TypeInfo
    from mypy.types import ProperType, Type

    from mypy_asyncsession.detectors.injection import Injection
    from mypy_asyncsession.semantic.from_mypy_types import Types
    from mypy_asyncsession.semantic.interpreter import Interpreter
    from mypy_asyncsession.semantic.program import Program
    from mypy_asyncsession.semantic.scopes import Scope

COMPARED = frozenset({Drive.VALUE, Drive.AWAITED, Drive.ENTERED, Drive.RAW, Drive.FACTORY})
#: What one does with what has still to be driven, with the word for it.
_UNDRIVEN = {
    Shape.ASYNC_GENERATOR: ("AsyncGenerator", Can.ASYNC_ITERATE),
    Shape.GENERATOR: ("Generator", Can.ITERATE),
    Shape.COROUTINE: ("Coroutine", Can.AWAIT),
}

#: Classes that functions are instances of.
_OF_FUNCTIONS: Final = frozenset({"builtins.function", "builtins.object", "types.FunctionType"})
#: What a ``TypedDict`` is, beside itself.
_OF_TYPED_DICTS: Final = frozenset({"builtins.dict", "typing.Mapping", "typing.MutableMapping"})
#: What the body of a protocol has beside its members.
_NOT_MEMBERS: Final = frozenset({"__class_getitem__", "__match_args__", "__slots__"})


def mismatch(
    driven: Injection, wanted: Type | None, interpreter: Interpreter, *, none: bool = True
) -> tuple[str, str] | None:
    """The types of what is injected and of what is wanted, if they do not go together.

    Args:
        driven: What is injected.
        wanted: The type of the parameter.
        interpreter: Knows which types go together.
        none: Whether ``None`` among what is injected counts: the function may ask for it itself.
    """
    if driven.drive not in COMPARED:
        return None
    expected = get_proper_type(wanted) if wanted is not None else None
    if expected is None or not is_wanted(expected):
        return None
    if isinstance(driven.value, ObjectValue) and driven.value.by_definition:
        return None
    found = get_proper_type(driven.type) if driven.type is not None else None
    if found is not None and not (none and driven.none):
        found = get_proper_type(without_none(found))
    if found is None or not informative(found):
        return _undriven(driven, expected, interpreter.types)
    if isinstance(found, NoneType) and driven.drive is Drive.VALUE and driven.type is None:
        return None
    return compare(found, expected, interpreter.program)


def is_wanted(type_: Type | None) -> bool:
    """Whether the annotation of a parameter says what is wanted there."""
    if type_ is None or not informative(type_) or has_type_vars(type_):
        return False
    return not isinstance(get_proper_type(type_), NoneType)  # it is wanted for its effects alone


def compare(found: ProperType, expected: ProperType, program: Program) -> tuple[str, str] | None:
    """The names of two types, if an object of the one cannot be taken for one of the other."""
    if isinstance(found, (AnyType, UninhabitedType)):
        return None
    fits = program.is_subtype
    if fits(_opened(found), expected):
        return None
    if (
        isinstance(found, Instance)
        and isinstance(expected, Instance)
        and found.type is expected.type
        and fits(expected, found)
    ):
        # The same class, its arguments narrowed: a dependency made for the purpose does that.
        return None
    if isinstance(found, Instance) and any(fits(each, found) for each in _literals(expected)):
        return None
    if isinstance(found, Instance) and any(
        _is_made_by(found.type, each) for each in _items(expected)
    ):
        return None
    shown = (_shown(found), _shown(expected))
    if shown[0] == shown[1]:
        shown = (str(found), str(expected))
    if _is_typed_dict(found) and any(map(_is_mapping, _items(expected))):
        return None  # that is what it is when the program runs
    if isinstance(found, Instance) and found.type.fullname == "builtins.dict":
        return None if any(isinstance(each, TypedDictType) for each in _items(expected)) else shown
    return shown


def _undriven(driven: Injection, expected: ProperType, types: Types) -> tuple[str, str] | None:
    """The same for what has no type that is known, but has still to be driven, or called."""
    value = driven.value
    wanted = types.value(expected)
    if not isinstance(wanted, ObjectValue) or not isinstance(expected, Instance):
        return None
    info = expected.type
    if info.fallback_to_any or info.is_protocol:
        return None
    if driven.drive is Drive.FACTORY and info.get("__call__") is None:
        return "function", _shown(expected)
    if isinstance(value, ObjectValue) and driven.drive is Drive.RAW:
        found = _UNDRIVEN.get(value.shape)
        if found is not None and not wanted.can & found[1]:
            return found[0], _shown(expected)
    return None


def _items(type_: ProperType) -> list[ProperType]:
    if isinstance(type_, UnionType):
        return [get_proper_type(each) for each in type_.items]
    return [type_]


def _is_made_by(info: TypeInfo, type_: ProperType) -> bool:
    """Whether a class makes such dicts or tuples: of one that it has made no more is known."""
    return (isinstance(type_, TypedDictType) and type_.fallback.type in info.mro) or (
        isinstance(type_, TupleType) and type_.partial_fallback.type in info.mro
    )


def _is_typed_dict(type_: ProperType) -> bool:
    """Whether an object is a dict with known keys, as it is declared or as its class makes it."""
    return isinstance(type_, TypedDictType) or (
        isinstance(type_, Instance)
        and any(base.name == "_TypedDict" for base in type_.type.mro[1:])
    )


def _is_mapping(type_: ProperType) -> bool:
    return isinstance(type_, Instance) and type_.type.fullname in _OF_TYPED_DICTS


def _literals(type_: ProperType) -> list[Instance]:
    """The classes of the literals that a type may be."""
    return [each.fallback for each in _items(type_) if isinstance(each, LiteralType)]


def _opened(type_: Type) -> ProperType:
    """A type that fits where it leaves something open: its variables, ``object`` in arguments."""
    proper = get_proper_type(type_)
    if isinstance(proper, Instance):
        if not proper.args and proper.type.type_vars:
            return proper.copy_modified(args=[_ANY for _ in proper.type.type_vars])
        return proper.copy_modified(args=[_argument(each) for each in proper.args])
    if isinstance(proper, UnionType):
        return get_proper_type(UnionType.make_union([_opened(each) for each in proper.items]))
    return _ANY if has_type_vars(proper) else proper


def _argument(type_: Type) -> ProperType:
    return _opened(type_) if informative(type_) else _ANY


_ANY = AnyType(TypeOfAny.special_form)


def _shown(type_: Type) -> str:
    """A type as messages write it: without the modules of its names."""
    proper = get_proper_type(type_)
    if isinstance(proper, Instance):
        inner = ", ".join(_shown(argument) for argument in proper.args)
        return f"{proper.type.name}[{inner}]" if inner else proper.type.name
    if isinstance(proper, UnionType):
        # What mypy tells apart may read alike: ``dict`` with members and without.
        return " | ".join(dict.fromkeys(_shown(item) for item in proper.items))
    if isinstance(proper, TupleType):
        if proper.partial_fallback.type.fullname != "builtins.tuple":
            return proper.partial_fallback.type.name
        return f"tuple[{', '.join(_shown(item) for item in proper.items)}]"
    if isinstance(proper, NoneType):
        return "None"
    if isinstance(proper, AnyType):
        return "Any"
    if isinstance(proper, TypedDictType):
        return proper.fallback.type.name
    if isinstance(proper, CallableType):
        return f"Callable[..., {_shown(proper.ret_type)}]"
    return str(proper)


def is_stand_in(override: Injection, real: Injection, program: Program) -> bool:
    """Whether an override may give another type: a fake has what the test uses, as a rule.

    A sync session is no fake of an async one, what is built in is none of a class of the
    project's, and neither is a class that has nothing in common with it.
    """
    resources = [
        each.value.shape
        for each in (override, real)
        if isinstance(each.value, ObjectValue) and each.value.resource is not None
    ]
    if len(resources) == 2:
        return resources[0] is resources[1]
    given = override.value
    if resources and isinstance(given, ObjectValue) and given.shape is Shape.SESSIONMAKER:
        return False  # it has a "begin", too, and is no session
    one = get_proper_type(override.type) if override.type is not None else None
    other = get_proper_type(real.type) if real.type is not None else None
    if not isinstance(one, Instance) or not isinstance(other, Instance):
        return True
    if not informative(one) or not informative(other):
        return True
    if program.is_subtype(_opened(one), other):
        return True
    if program.is_subtype(_opened(other), one):
        return True
    if one.type.fallback_to_any or other.type.fallback_to_any or other.type.is_protocol:
        return True
    if _has_any_attribute(one.type) or _is_builtin(other.type):
        return True
    return not _is_builtin(one.type) and not _public(one.type).isdisjoint(_public(other.type))


def _has_any_attribute(info: TypeInfo) -> bool:
    """Whether objects of a class may have attributes that it does not name: mocks, namespaces."""
    return any(
        name in base.names
        for base in info.mro
        if not _is_builtin(base)
        for name in ("__getattr__", "__getattribute__")
    )


def _is_builtin(info: TypeInfo) -> bool:
    return info.module_name == "builtins"


def _public(info: TypeInfo) -> set[str]:
    """The attributes of a class that others use."""
    return {
        name
        for base in info.mro
        if base.module_name != "builtins"
        for name in base.names
        if not name.startswith("_")
    }


def is_given_class(
    expression: Expression, wanted: Type | None, scope: Scope, interpreter: Interpreter
) -> bool:
    """Whether a call is given the class that is wanted, to make an object of that class."""
    proper = get_proper_type(wanted) if wanted is not None else None
    made = located_construction(expression, interpreter, scope)
    if made is None or not isinstance(proper, Instance):
        return False
    call, inside = made
    given = (
        interpreter.value(each, inside, None) for each in call.args if isinstance(each, RefExpr)
    )
    name = proper.type.fullname
    return any(isinstance(each, ClassValue) and each.fullname == name for each in given)
