"""What a parameter stands for inside its function."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mypy.nodes import ArgKind, CallExpr, ClassDef, Expression, FuncDef
from mypy.types import CallableType

from mypy_asyncsession.models.fastapi import DEPENDS
from mypy_asyncsession.semantic.combine import UNMISTAKABLE, is_none, is_opaque
from mypy_asyncsession.semantic.from_mypy_types import informative
from mypy_asyncsession.semantic.interpreter.base import Base
from mypy_asyncsession.semantic.syntax import yields
from mypy_asyncsession.semantic.values import (
    UNKNOWN,
    ClassValue,
    FunctionValue,
    ObjectValue,
    Value,
    fullname,
)

if TYPE_CHECKING:
    from mypy.nodes import FuncItem

    from mypy_asyncsession.semantic.scopes import Scope


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
        declared = self.declared_parameter(function, position, scope)
        if declared is not UNKNOWN and not is_opaque(declared):
            return declared
        owner = scope.parent.node if scope.parent is not None else None
        if position == 0 and isinstance(owner, ClassDef) and isinstance(function, FuncDef):
            assert scope.parent is not None and scope.parent.parent is not None
            klass = self.class_of(owner, scope.parent.parent)
            if function.is_class or name == "cls":
                return klass
            if not function.is_static:
                return self.instance(klass)
        if argument.initializer is not None and argument.kind in (
            ArgKind.ARG_OPT,
            ArgKind.ARG_NAMED_OPT,
        ):
            assert scope.parent is not None
            default = self.value(argument.initializer, scope.parent, None)
            if not is_none(default):
                return self._injected(argument.initializer, scope.parent, default)
        return UNKNOWN

    def _injected(self, default: Expression, scope: Scope, value: Value) -> Value:
        """A parameter's default; for ``Depends(f)`` what FastAPI puts in its place."""
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
        return value

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
