"""What a call gives by the types of its arguments, where nobody has inferred it.

mypy knows which overload a call is of, and what it makes of a type variable. On trees that were
only parsed the same is found out here, by mypy's own rules, from the values of the arguments.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mypy.argmap import map_actuals_to_formals
from mypy.constraints import SUPERTYPE_OF, infer_constraints
from mypy.erasetype import erase_typevars
from mypy.expandtype import expand_type
from mypy.maptype import map_instance_to_supertype
from mypy.nodes import ArgKind, TypeInfo
from mypy.solve import solve_constraints
from mypy.typeops import get_all_type_vars
from mypy.types import (
    AnyType,
    CallableType,
    Instance,
    Overloaded,
    TupleType,
    TypeType,
    TypeVarId,
    TypeVarType,
    UnpackType,
    get_proper_type,
    has_type_vars,
)
from mypy.typevars import fill_typevars

from mypy_asyncsession.semantic.from_mypy_types import classes_in
from mypy_asyncsession.semantic.interpreter.argument_types import (
    ANY,
    is_open,
    type_of_value,
)
from mypy_asyncsession.semantic.interpreter.context import ELLIPSIS
from mypy_asyncsession.semantic.interpreter.signatures import signature
from mypy_asyncsession.semantic.values import UNKNOWN, FunctionValue, ObjectValue, TypedCallable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mypy.types import ProperType, Type

    from mypy_asyncsession.semantic.interpreter.context import Context
    from mypy_asyncsession.semantic.values import Value


@dataclass(frozen=True, slots=True)
class _Given:
    """The arguments of a call."""

    types: list[Type]
    kinds: list[ArgKind]
    names: list[str | None]
    starred: bool


def depends_on_types(type_: ProperType | None) -> bool:
    """Whether the types of the arguments decide what a call of such a type gives."""
    if isinstance(type_, Overloaded):
        return True
    return isinstance(type_, CallableType) and has_type_vars(type_.ret_type)


def result_type(
    callee: ProperType, arguments: Sequence[Value], named: Mapping[str, Value], at: Context
) -> Type | None:
    """The type of what a call gives; ``None`` where it fits none or several overloads.

    Args:
        callee: The type of what is called, without what it is bound to.
        arguments: What is given by position.
        named: What is given by name.
        at: Where the call is.
    """
    given = _given(arguments, named, at)
    items = callee.items if isinstance(callee, Overloaded) else [callee]
    results: list[Type] = []
    for item in items:
        if not isinstance(item, CallableType):
            return None
        solved = _applied(item, given, at, check=len(items) > 1)
        if solved is not None:
            results.append(solved)
            certain = not given.starred and not any(map(is_open, given.types))
            if certain and _hands_on(item, given):
                break  # mypy takes the first that fits
    if not results or any(each != results[0] for each in results[1:]):
        return None
    return results[0]


def accepts(
    callee: ProperType, arguments: Sequence[Value], at: Context, *, known: bool = True
) -> bool:
    """Whether a call of such a type fits what it is given by position.

    Args:
        callee: The type of what is called, without what it is bound to.
        arguments: What it is given.
        at: Where the call is.
        known: Whether the types of all of it must be known; where there are overloads they must.
    """
    given = _given(arguments, {}, at)
    if (known or isinstance(callee, Overloaded)) and any(map(is_open, given.types)):
        return False
    items = callee.items if isinstance(callee, Overloaded) else [callee]
    return any(
        isinstance(item, CallableType) and _fits(item, given, _solved(item, given, at), at)
        for item in items
    )


def solution(
    callee: CallableType, arguments: Sequence[Value], named: Mapping[str, Value], at: Context
) -> dict[TypeVarId, Type]:
    """What the arguments of a call make of the type variables of a function, as far as known."""
    return _solved(callee, _given(arguments, named, at), at)


def bound_type(
    type_: ProperType, owner: Instance | TypeInfo, is_class: bool, at: Context
) -> ProperType:
    """The type of a method, without what an object or a class fills in.

    Args:
        type_: The type of the method itself.
        owner: The type of the object, or the class.
        is_class: Whether it is a class method.
        at: Where it is asked.
    """
    if isinstance(type_, Overloaded):
        fitting = [each for each in type_.items if _is_for(each, owner, is_class, at)]
        items = [bound_type(each, owner, is_class, at) for each in fitting or type_.items]
        return Overloaded([each for each in items if isinstance(each, CallableType)])
    if not isinstance(type_, CallableType) or not type_.arg_types:
        return type_
    if isinstance(owner, TypeInfo) and not is_class:
        return type_
    receiver = owner if isinstance(owner, Instance) else fill_typevars(owner)
    me = TypeType.make_normalized(receiver) if is_class else receiver
    given = _Given([me], [ArgKind.ARG_POS], [None], starred=True)
    first = type_.copy_modified(
        arg_types=type_.arg_types[:1],
        arg_kinds=type_.arg_kinds[:1],
        arg_names=type_.arg_names[:1],
    )
    found = _solved(first, given, at)
    if isinstance(receiver, Instance):
        # What is written as ``Self``.
        for base in receiver.type.mro:
            found.setdefault(TypeVarId(0, namespace=base.fullname), receiver)
    rest = type_.copy_modified(
        arg_types=type_.arg_types[1:],
        arg_kinds=type_.arg_kinds[1:],
        arg_names=type_.arg_names[1:],
    )
    bound = get_proper_type(expand_type(rest, found))
    return bound if type_.arg_kinds[0] is ArgKind.ARG_POS else type_


def _is_for(type_: CallableType, owner: Instance | TypeInfo, is_class: bool, at: Context) -> bool:
    """Whether an overload of a method is for an object, by what it says of its first argument."""
    if is_class or not isinstance(owner, Instance) or not type_.arg_types:
        return True
    first = type_.copy_modified(
        arg_types=type_.arg_types[:1],
        arg_kinds=type_.arg_kinds[:1],
        arg_names=type_.arg_names[:1],
    )
    given = _Given([owner], [ArgKind.ARG_POS], [None], starred=True)
    wanted = expand_type(type_.arg_types[0], _solved(first, given, at))
    return at.program.is_subtype(owner, wanted)


def of_function(
    function: FunctionValue, arguments: Sequence[Value], named: Mapping[str, Value], at: Context
) -> dict[TypeVarId, Type]:
    """What a call makes of the type variables of a function whose source is at hand."""
    declared = signature(function.node, function.scope, at.program)
    if not isinstance(declared, CallableType) or not has_type_vars(declared.ret_type):
        return {}
    bound = function.receiver is not None and not function.is_static
    receiver = [function.receiver] if function.receiver is not None and bound else []
    found = solution(declared, [*receiver, *function.preset, *arguments], named, at)
    own = type_of_value(receiver[0], at) if receiver else ANY
    proper = get_proper_type(own)
    if isinstance(proper, CallableType) and proper.is_type_obj():
        proper = get_proper_type(proper.ret_type)
    if isinstance(proper, Instance):
        owner = proper.type.get_containing_type_info(function.node.name)
        if owner is not None:
            mapped = map_instance_to_supertype(proper, owner)
            for variable, type_ in zip(owner.defn.type_vars, mapped.args, strict=False):
                found.setdefault(variable.id, type_)
            found.setdefault(TypeVarId(0, namespace=owner.fullname), proper)
    return {id_: type_ for id_, type_ in found.items() if not has_type_vars(type_)}


def type_arguments(
    init: Value,
    made: ObjectValue,
    arguments: Sequence[Value],
    named: Mapping[str, Value],
    at: Context,
) -> Instance | None:
    """The type of an object of a generic class, by what its ``__init__`` was given."""
    if not isinstance(made.type, Instance):
        return None
    declared: ProperType | None = None
    if isinstance(init, FunctionValue):
        declared = signature(init.node, init.scope, at.program)
    elif isinstance(init, TypedCallable):
        declared = at.types.method_type(made.type, "__init__")
    given = _given([UNKNOWN, *arguments], named, at)
    items = declared.items if isinstance(declared, Overloaded) else [declared]
    for item in items:
        if not isinstance(item, CallableType) or not item.arg_types:
            return None
        found = _solved(item, given, at)
        if len(items) > 1 and not _fits(item, given, found, at):
            continue
        # ``def __init__(self: sessionmaker[Session])`` says it of what is not given.
        own = get_proper_type(expand_type(item.arg_types[0], found))
        if isinstance(own, Instance) and own.type is made.type.type and not has_type_vars(own):
            return own
        type_ = get_proper_type(expand_type(made.type, found)) if found else None
        return type_ if isinstance(type_, Instance) else None
    return None


def _given(arguments: Sequence[Value], named: Mapping[str, Value], at: Context) -> _Given:
    by_name = {name: value for name, value in named.items() if name != ELLIPSIS}
    values = (*arguments, *by_name.values())
    types = [_as_one(type_of_value(value, at)) for value in values]
    kinds = [ArgKind.ARG_POS] * len(arguments) + [ArgKind.ARG_NAMED] * len(by_name)
    names = [*[None] * len(arguments), *by_name]
    return _Given(types, kinds, names, ELLIPSIS in named)


def _applied(callee: CallableType, given: _Given, at: Context, *, check: bool) -> Type | None:
    """What a call of one signature gives; ``None`` if it is to be checked and does not fit."""
    found = _solved(callee, given, at)
    if check and not _fits(callee, given, found, at):
        return None
    return expand_type(callee.ret_type, found) if found else callee.ret_type


def _mapped(callee: CallableType, given: _Given) -> list[list[int]]:
    return map_actuals_to_formals(
        given.kinds, given.names, callee.arg_kinds, callee.arg_names, lambda n: given.types[n]
    )


def _fits(
    callee: CallableType, given: _Given, found: Mapping[TypeVarId, Type], at: Context
) -> bool:
    mapped = _mapped(callee, given)
    if sum(map(len, mapped)) < len(given.types):
        return False
    formals = map(_as_one, callee.arg_types)
    for formal, kind, actuals in zip(formals, callee.arg_kinds, mapped, strict=True):
        if kind.is_required() and not actuals and not given.starred:
            return False
        if len(actuals) > 1 and not kind.is_star():
            return False
        wanted = erase_typevars(expand_type(formal, found))
        if not all(at.program.is_subtype(given.types[each], wanted) for each in actuals):
            return False
    return True


def _hands_on(callee: CallableType, given: _Given) -> bool:
    """Whether a function that is given can take what else is collected, for all that is known.

    Of a ``ParamSpec`` it must, and mypy goes on to the next overload; here it is any arguments.
    """
    mapped = _mapped(callee, given)
    rest = [
        each
        for kind, actuals in zip(callee.arg_kinds, mapped, strict=True)
        for each in (actuals if kind.is_star() else ())
    ]
    collected = _Given(
        [given.types[each] for each in rest],
        [given.kinds[each] for each in rest],
        [given.names[each] for each in rest],
        given.starred,
    )
    for formal, actuals in zip(callee.arg_types, mapped, strict=True):
        if not isinstance(get_proper_type(formal), CallableType) or not rest:
            continue
        for function in (get_proper_type(given.types[each]) for each in actuals):
            if isinstance(function, CallableType):
                taken = _mapped(function, collected)
                if sum(map(len, taken)) < len(rest):
                    return False
    return True


def _as_one(type_: Type) -> Type:
    """A type without what stands for any number of others, which mypy takes apart for itself."""
    proper = get_proper_type(type_)
    if isinstance(proper, UnpackType):
        return ANY
    if isinstance(proper, (Instance, TupleType)):
        parts = proper.args if isinstance(proper, Instance) else proper.items
        return ANY if any(isinstance(each, UnpackType) for each in parts) else type_
    if not isinstance(proper, CallableType) or not any(
        isinstance(each, UnpackType) for each in proper.arg_types
    ):
        return type_
    kinds = [ArgKind.ARG_STAR, ArgKind.ARG_STAR2]
    return proper.copy_modified(
        arg_types=[ANY, ANY], arg_kinds=kinds, arg_names=[None, None], is_ellipsis_args=True
    )


def _asks_for_members(formal: Type, given: list[Type]) -> bool:
    """Whether the members of what is given decide: how it is called, or of a protocol.

    A protocol among what is given is compared with what is beside it, whatever is asked for.
    """
    return isinstance(get_proper_type(formal), CallableType) or any(
        one.is_protocol for each in (formal, *given) for one in classes_in(each)
    )


def _solved(callee: CallableType, given: _Given, at: Context) -> dict[TypeVarId, Type]:
    variables = [
        each
        for each in dict.fromkeys(
            variable
            for type_ in (*callee.arg_types, callee.ret_type)
            for variable in get_all_type_vars(type_)
        )
        if isinstance(each, TypeVarType)
    ]
    if not variables:
        return {}
    fresh = {
        each.id: each.copy_modified(id=TypeVarId.new(meta_level=1), upper_bound=each.upper_bound)
        for each in variables
    }
    constraints = []
    formals = map(_as_one, callee.arg_types)
    for formal, actuals in zip(formals, _mapped(callee, given), strict=True):
        template = expand_type(formal, fresh)
        known = [
            given.types[actual]
            for actual in actuals
            if not isinstance(get_proper_type(given.types[actual]), AnyType)
        ]
        if known and _asks_for_members(formal, known):
            for each in (formal, *known):
                at.program.complete(each)
        for each in known:
            constraints += infer_constraints(template, each, SUPERTYPE_OF)
    if not constraints:
        return {}
    solved, _ = solve_constraints([*fresh.values()], constraints, strict=False)
    return {
        variable.id: type_
        for variable, type_ in zip(variables, solved, strict=True)
        if type_ is not None and not isinstance(get_proper_type(type_), AnyType)
    }
