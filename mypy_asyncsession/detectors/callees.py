"""What a call calls, as far as mypy knows, and whether that takes nothing that is looked at.

Most calls are of functions that take strings and numbers. What is found out of such a function is
kept for all its calls.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mypy.nodes import CallExpr, Decorator, FuncDef, MemberExpr, NameExpr, TypeInfo
from mypy.types import (
    AnyType,
    CallableType,
    Instance,
    LiteralType,
    NoneType,
    TupleType,
    TypedDictType,
    TypeType,
    UnionType,
    get_proper_type,
)

if TYPE_CHECKING:
    from mypy.nodes import Expression, SymbolNode
    from mypy.types import Type

    from mypy_asyncsession.semantic.interpreter import Interpreter
    from mypy_asyncsession.semantic.program_point import ProgramPoint

#: The types that no argument can be a session or a protocol's because of.
_HARMLESS = (AnyType, CallableType, LiteralType, NoneType, TupleType, TypedDictType, TypeType)


class Callees:
    """Finds the definitions behind the calls of one module."""

    def __init__(self, interpreter: Interpreter) -> None:
        self._interpreter = interpreter
        self._program = interpreter.program
        self._plain = self._program.answers_to("takes nothing of interest")

    def of(self, call: CallExpr, point: ProgramPoint) -> SymbolNode | None:
        """The definition that a call calls, if mypy knows."""
        callee = call.callee
        if not isinstance(callee, (MemberExpr, NameExpr)):
            return None
        node = self.named(callee, point)
        if node is None and isinstance(callee, MemberExpr):
            owner = self._owner(callee.expr, point)
            entry = owner.get(callee.name) if owner is not None else None
            node = entry.node if entry is not None else None
        return node

    def is_own(self, node: SymbolNode | None) -> bool:
        """Whether a function or class is one of the program's, where that is known."""
        if isinstance(node, TypeInfo):
            return self._program.is_own(node.module_name)
        if isinstance(node, (Decorator, FuncDef)):
            module = node.info.module_name if bool(node.info) else node.fullname.rpartition(".")[0]
            return self._program.is_own(module)
        return node is None and not self._program.analysed

    def named(self, callee: Expression, point: ProgramPoint) -> SymbolNode | None:
        """The definition that an expression names, if mypy knows."""
        if not isinstance(callee, (MemberExpr, NameExpr)):
            return None
        if self._program.analysed:
            return callee.node
        return self._program.referent(callee, point.scope)

    def _owner(self, expression: Expression, point: ProgramPoint) -> TypeInfo | None:
        """The class that an expression is, or is an object of, if mypy knows."""
        named = self.named(expression, point)
        if isinstance(named, TypeInfo):
            return named
        if self._program.analysed:
            found = get_proper_type(self._interpreter.type_of(expression, point.body.scope.module))
        else:
            found = self._interpreter.static_type(expression, point.scope, point.where)
        return found.type if isinstance(found, Instance) else None

    def is_plain(self, call: CallExpr, node: SymbolNode | None, point: ProgramPoint) -> bool:
        """Whether no parameter of a function asks for a session, or for anything like it.

        Args:
            call: A call of it.
            node: The definition.
            point: Where the call stands.
        """
        if node is None:
            return False
        known = self._plain.get(node)
        if known is None:
            known = self._plain[node] = self._is_plain(node)
        return known and not (
            # ``Class.method(object)``
            isinstance(call.callee, MemberExpr)
            and isinstance(node, FuncDef)
            and bool(node.info)
            and self.named(call.callee, point) is not None
        )

    def _is_plain(self, node: SymbolNode) -> bool:
        if isinstance(node, TypeInfo):
            new, init = node.get("__new__"), node.get("__init__")
            if new is None or init is None or node.metaclass_type is not None:
                return False
            if not isinstance(new.node, FuncDef) or new.node.info.fullname != "builtins.object":
                return False
            return init.node is not None and self._is_plain_function(init.node)
        return self._is_plain_function(node)

    def _is_plain_function(self, node: SymbolNode) -> bool:
        if isinstance(node, Decorator):
            return False
        if not isinstance(node, FuncDef):
            return False
        type_ = self._program.type_of(node)
        if type_ is None:
            return True
        if not isinstance(type_, CallableType):
            return False
        is_bound = bool(node.info) and not node.is_static
        return all(map(self._is_harmless, type_.arg_types[int(is_bound) :]))

    def _is_harmless(self, type_: Type) -> bool:
        proper = get_proper_type(type_)
        if isinstance(proper, Instance):
            info = proper.type
            return (
                not self._program.is_own(info.module_name)
                and self._interpreter.types.resource(info) is None
                and not (info.is_protocol and any(not name.startswith("_") for name in info.names))
            )
        if isinstance(proper, UnionType):
            return all(map(self._is_harmless, proper.items))
        return isinstance(proper, _HARMLESS)
