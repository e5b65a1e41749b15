"""What a parameter stands for inside its function."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mypy.nodes import (
    ArgKind,
    CallExpr,
    ClassDef,
    Expression,
    FuncDef,
    LambdaExpr,
    NameExpr,
    RefExpr,
)

from mypy_asyncsession.models.frameworks import DEPENDS
from mypy_asyncsession.semantic.combine import UNMISTAKABLE, is_none, is_opaque
from mypy_asyncsession.semantic.interpreter.evidence import (
    default_stands,
    denied,
    falls_back,
    passed_otherwise,
)
from mypy_asyncsession.semantic.interpreter.instances import class_of, instance
from mypy_asyncsession.semantic.interpreter.signatures import declared_parameter
from mypy_asyncsession.semantic.shapes import Shape
from mypy_asyncsession.semantic.syntax import yields
from mypy_asyncsession.semantic.value_identity import environment, relevant
from mypy_asyncsession.semantic.values import (
    UNKNOWN,
    UNSURE,
    ClassValue,
    FunctionValue,
    LiteralValue,
    ObjectValue,
    TypedCallable,
    Value,
    fullname,
    members,
)

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet

    from mypy.nodes import FuncItem

    from mypy_asyncsession.semantic.interpreter.context import Context

#: A parameter that a caller has left out, and whose default is ``None``.
NONE = LiteralValue(None)
#: The shapes of what is no provider, and holds none.
_PLAIN = frozenset({Shape.OTHER, Shape.NONE})


def parameter(name: str, at: Context) -> Value:
    """What a parameter of the function around stands for that no call at hand has filled in."""
    scope = at.scope
    function = scope.node
    assert function is not None and not isinstance(function, ClassDef)
    position = next(
        n for n, argument in enumerate(function.arguments) if argument.variable.name == name
    )
    argument = function.arguments[position]
    assert scope.parent is not None
    outside = at.within(scope.parent)
    declared = declared_parameter(function, position, at)
    if _is_contestable(declared):
        verdict = at.once(
            ("parameter", id(function), name, environment(scope)),
            scope.module,
            False,
            lambda inner: _contested(function, position, declared, inner.within(outside.scope)),
        )
        if verdict is UNSURE:
            return UNSURE
    is_default = argument.kind in (ArgKind.ARG_OPT, ArgKind.ARG_NAMED_OPT)
    if is_default and _falls_back(function, position, outside):
        return NONE
    if declared is not UNKNOWN and not is_opaque(declared):
        return declared
    owner = scope.parent.node
    if position == 0 and isinstance(owner, ClassDef) and isinstance(function, FuncDef):
        assert scope.parent.parent is not None
        klass = class_of(owner, at.within(scope.parent.parent))
        if function.is_class or name == "cls":
            return klass
        if not function.is_static:
            return instance(klass, at)
    return _default(function, position, outside) if is_default else UNKNOWN


def _default(function: FuncItem, position: int, at: Context) -> Value:
    """What the default of a parameter is, where it decides what the parameter is."""
    initializer = function.arguments[position].initializer
    assert initializer is not None
    injected = _injected(initializer, at)
    if injected is not None:
        return injected
    default = at.value(initializer)
    if is_none(default) or not default_stands(function, position, at):
        return UNKNOWN
    return default


def left_out(function: FuncItem, given: AbstractSet[str], at: Context) -> dict[str, Value]:
    """The defaults that a call at hand leaves as they are.

    Args:
        function: What is called.
        given: The parameters that the call gives something to.
        at: Where its definition stands.
    """
    found: dict[str, Value] = {}
    for argument in function.arguments:
        name, initializer = argument.variable.name, argument.initializer
        if initializer is None or name in given:
            continue
        if isinstance(initializer, NameExpr) and initializer.name == "None":
            if falls_back(function, name):
                found[name] = NONE
        elif isinstance(initializer, (LambdaExpr, RefExpr)):
            default = relevant(at.value(initializer))
            if default is not UNKNOWN:
                found[name] = default
    return found


def _falls_back(function: FuncItem, position: int, at: Context) -> bool:
    """Whether a parameter is ``None`` for a caller, and the body has something in its place."""
    argument = function.arguments[position]
    return (
        isinstance(argument.initializer, NameExpr)
        and argument.initializer.name == "None"
        and falls_back(function, argument.variable.name)
        and default_stands(function, position, at)
    )


def _is_contestable(declared: Value) -> bool:
    """Whether an annotation is of a shape, or of a function that gives one."""
    return any(
        member.shape not in _PLAIN
        if isinstance(member, ObjectValue)
        else isinstance(member, TypedCallable) and not is_opaque(member)
        for member in members(declared)
    )


def _contested(function: FuncItem, position: int, declared: Value, at: Context) -> Value:
    """``UNSURE`` where the body or a caller denies what an annotation says."""
    if denied(function.body, function.arguments[position].variable.name, declared):
        return UNSURE
    return UNSURE if passed_otherwise(function, position, declared, at) else UNKNOWN


def _injected(default: Expression, at: Context) -> Value | None:
    """What FastAPI puts in the place of ``Depends(f)``; ``None`` for another default."""
    if not isinstance(default, CallExpr) or not default.args:
        return None
    if fullname(at.value(default.callee)) not in DEPENDS:
        return None
    provider = at.value(default.args[0])
    result = at.called(provider)
    if not isinstance(result, ObjectValue):
        return UNKNOWN
    if result.shape in UNMISTAKABLE:
        raw = isinstance(provider, FunctionValue) and not _drivable(provider)
    else:
        holds = isinstance(result.item, ObjectValue) and result.item.resource is not None
        raw = holds and not isinstance(provider, ClassValue)
    if raw:
        # It is reported where it is depended on, and not at each of its uses.
        return UNKNOWN
    return result.item if result.shape in UNMISTAKABLE else result


def _drivable(function: FunctionValue) -> bool:
    """Whether a function is itself a generator or coroutine function."""
    node = function.node
    return isinstance(node, FuncDef) and (node.is_coroutine or bool(yields(node)))
