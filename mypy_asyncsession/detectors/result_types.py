"""The types of what dependencies give, as exact as they can be known."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mypy.expandtype import expand_type, expand_type_by_instance
from mypy.maptype import map_instance_to_supertype
from mypy.nodes import NameExpr
from mypy.subtypes import is_subtype
from mypy.types import CallableType, Instance, TypeType, TypeVarType, get_proper_type

from mypy_asyncsession.semantic.from_mypy_types import Bounded, informative
from mypy_asyncsession.semantic.session_disposal import class_at
from mypy_asyncsession.semantic.syntax import returned, yields
from mypy_asyncsession.semantic.values import ClassValue, ObjectValue

if TYPE_CHECKING:
    from mypy.types import Type

    from mypy_asyncsession.semantic.interpreter import Interpreter
    from mypy_asyncsession.semantic.values import FunctionValue, Value


class ResultTypes:
    """Reads the types of what functions give."""

    def __init__(self, interpreter: Interpreter) -> None:
        self._interpreter = interpreter

    def result(self, function: FunctionValue) -> Type | None:
        """The type that a function says to return, a coroutine for an ``async def``."""
        signature = self._interpreter.signature(function.node, function.scope)
        return signature.ret_type if isinstance(signature, CallableType) else None

    def item(self, type_: Type | None) -> Type | None:
        """The type of what awaiting or iterating over an object of this type gives."""
        proper = get_proper_type(type_) if type_ is not None else None
        return self._interpreter.types.item_type(proper) if isinstance(proper, Instance) else None

    def exact(self, function: FunctionValue, value: Value, declared: Type | None) -> Type | None:
        """The type of what a function gives; ``None`` where it may be narrower than mypy says."""
        if declared is not None and self._returns_another(function, declared):
            return None
        if not isinstance(value, ObjectValue) or value.type is None:
            return declared
        receiver = self._receiver(function)
        if isinstance(value, Bounded):
            return self._resolved(function, declared, receiver) if declared is not None else None
        if informative(declared) or function.is_static or not isinstance(value.type, Instance):
            return value.type
        # An unannotated body may return ``self`` or ``cls()``, to mypy the class it stands in.
        owners = (class_at(self._interpreter, scope) for scope in function.scope.chain())
        owner = next(filter(None, owners), None)
        found = value.type.type
        if owner is None or found not in owner.mro:
            return value.type
        return value.type if receiver is not None and receiver.type is found else None

    def _returns_another(self, function: FunctionValue, declared: Type) -> bool:
        """Whether a function returns a parameter of another type than it says to return."""
        signature = self._interpreter.signature(function.node, function.scope)
        if not isinstance(signature, CallableType) or yields(function.node):
            return False
        types = dict(zip(signature.arg_names, signature.arg_types, strict=True))
        given = [
            types.get(each.name) for each in returned(function.node) if isinstance(each, NameExpr)
        ]
        return any(
            informative(each) and each is not None and not is_subtype(each, declared)
            for each in given
        )

    def _receiver(self, function: FunctionValue) -> Instance | None:
        """The object that a method is bound to, or one of the class that it is bound to."""
        receiver = function.receiver
        if isinstance(receiver, ClassValue):
            receiver = self._interpreter.instance(receiver)
        type_ = receiver.type if isinstance(receiver, ObjectValue) else None
        return type_ if isinstance(type_, Instance) else None

    def _resolved(self, function: FunctionValue, type_: Type, receiver: Instance | None) -> Type:
        """A type with the variables filled in that the object a method is bound to decides."""
        signature = self._interpreter.signature(function.node, function.scope)
        if receiver is None or not isinstance(signature, CallableType):
            return type_
        owner = receiver.type.get_containing_type_info(function.node.name)
        if owner is None:
            return type_
        type_ = expand_type_by_instance(type_, map_instance_to_supertype(receiver, owner))
        own = get_proper_type(signature.arg_types[0]) if signature.arg_types else None
        if isinstance(own, TypeType):
            own = own.item
        # ``Self``, in either spelling.
        return expand_type(type_, {own.id: receiver}) if isinstance(own, TypeVarType) else type_
