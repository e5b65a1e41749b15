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
from mypy.types import CallableType

from mypy_asyncsession.models.fastapi import DEPENDS
from mypy_asyncsession.semantic.combine import UNMISTAKABLE, is_none, is_opaque
from mypy_asyncsession.semantic.from_mypy_types import informative
from mypy_asyncsession.semantic.interpreter.base import Base
from mypy_asyncsession.semantic.interpreter.evidence import denied, falls_back
from mypy_asyncsession.semantic.shapes import Shape
from mypy_asyncsession.semantic.syntax import yields
from mypy_asyncsession.semantic.value_identity import relevant
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

    from mypy_asyncsession.semantic.scopes import Scope

#: A parameter that a caller has left out, and whose default is ``None``.
NONE = LiteralValue(None)
#: The shapes of what is no provider, and holds none.
_PLAIN = frozenset({Shape.OTHER, Shape.NONE})


class Parameters(Base):
    """Evaluates parameters."""

    def parameter(self, name: str, scope: Scope) -> Value:
        """What a parameter stands for that no call at hand has filled in."""
        function = scope.node
        assert function is not None and not isinstance(function, ClassDef)
        position = next(
            n for n, argument in enumerate(function.arguments) if argument.variable.name == name
        )
        argument = function.arguments[position]
        assert scope.parent is not None
        declared = self.declared_parameter(function, position, scope)
        key = ("parameter", id(function), name, self._circumstances(scope))
        if self._is_contestable(declared):
            verdict = self._once(
                key,
                scope.module,
                False,
                lambda: self._contested(function, position, declared, scope),
            )
            if verdict is UNSURE:
                return UNSURE
        is_default = argument.kind in (ArgKind.ARG_OPT, ArgKind.ARG_NAMED_OPT)
        if is_default and self._falls_back(function, position, scope):
            return NONE
        if declared is not UNKNOWN and not is_opaque(declared):
            return declared
        owner = scope.parent.node
        if position == 0 and isinstance(owner, ClassDef) and isinstance(function, FuncDef):
            assert scope.parent.parent is not None
            klass = self.class_of(owner, scope.parent.parent)
            if function.is_class or name == "cls":
                return klass
            if not function.is_static:
                return self.instance(klass)
        return self.default(function, position, scope) if is_default else UNKNOWN

    def default(self, function: FuncItem, position: int, scope: Scope) -> Value:
        """What the default of a parameter is, where it decides what the parameter is."""
        initializer = function.arguments[position].initializer
        outer = scope.parent
        assert initializer is not None and outer is not None
        injected = self._injected(initializer, outer)
        if injected is not None:
            return injected
        default = self.value(initializer, outer, None)
        if is_none(default) or not self.default_stands(function, position, outer):
            return UNKNOWN
        return default

    def left_out(self, function: FuncItem, given: AbstractSet[str], scope: Scope) -> None:
        """Fill in the defaults that a call at hand leaves as they are.

        Args:
            function: What is called.
            given: The parameters that the call gives something to.
            scope: The scope of its body.
        """
        for argument in function.arguments:
            name, initializer = argument.variable.name, argument.initializer
            if initializer is None or name in given or name in scope.values:
                continue
            if isinstance(initializer, NameExpr) and initializer.name == "None":
                if falls_back(function, name):
                    scope.values[name] = NONE
            elif isinstance(initializer, (LambdaExpr, RefExpr)) and scope.parent is not None:
                default = relevant(self.value(initializer, scope.parent, None))
                if default is not UNKNOWN:
                    scope.values[name] = default

    def _falls_back(self, function: FuncItem, position: int, scope: Scope) -> bool:
        """Whether a parameter is ``None`` for a caller, and the body has something in its place."""
        argument = function.arguments[position]
        assert scope.parent is not None
        return (
            isinstance(argument.initializer, NameExpr)
            and argument.initializer.name == "None"
            and falls_back(function, argument.variable.name)
            and self.default_stands(function, position, scope.parent)
        )

    def _is_contestable(self, declared: Value) -> bool:
        """Whether an annotation is of a shape, or of a function that gives one."""
        return any(
            member.shape not in _PLAIN
            if isinstance(member, ObjectValue)
            else isinstance(member, TypedCallable) and not is_opaque(member)
            for member in members(declared)
        )

    def _contested(self, function: FuncItem, position: int, declared: Value, scope: Scope) -> Value:
        """``UNSURE`` where the body or a caller denies what an annotation says."""
        name = function.arguments[position].variable.name
        assert scope.parent is not None
        if denied(function.body, name, declared):
            return UNSURE
        if self.passed_otherwise(function, position, declared, scope.parent):
            return UNSURE
        return UNKNOWN

    def _injected(self, default: Expression, scope: Scope) -> Value | None:
        """What FastAPI puts in the place of ``Depends(f)``; ``None`` for another default."""
        if isinstance(default, CallExpr) and default.args:
            callee = self.value(default.callee, scope, None)
            if fullname(callee) in DEPENDS:
                provider = self.value(default.args[0], scope, None)
                result = self.called(provider, [], scope)
                if not isinstance(result, ObjectValue):
                    return UNKNOWN
                if result.shape in UNMISTAKABLE:
                    raw = isinstance(provider, FunctionValue) and not _drivable(provider)
                else:
                    holds = (
                        isinstance(result.item, ObjectValue) and result.item.resource is not None
                    )
                    raw = holds and not isinstance(provider, ClassValue)
                if raw:
                    # It is reported where it is depended on, and not at each of its uses.
                    return UNKNOWN
                return result.item if result.shape in UNMISTAKABLE else result
        return None

    def declared_parameter(self, function: FuncItem, position: int, scope: Scope) -> Value:
        """What the annotation of a parameter says."""
        type_ = self.signature(function, scope)
        if isinstance(type_, CallableType) and position < len(type_.arg_types):
            found = type_.arg_types[position]
            if informative(found):
                return self.types.value(found)
        syntactic = function.arguments[position].type_annotation
        if syntactic is not None:
            return self.annotated(syntactic, scope.parent or scope)
        return UNKNOWN


def _drivable(function: FunctionValue) -> bool:
    """Whether a function is itself a generator or coroutine function."""
    node = function.node
    return isinstance(node, FuncDef) and (node.is_coroutine or bool(yields(node)))
