"""What puts objects into the attributes of a class: ``__init__``, ``__aenter__``, properties."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from mypy.nodes import (
    ArgKind,
    CallExpr,
    ClassDef,
    Decorator,
    Expression,
    FuncDef,
    FuncItem,
    NameExpr,
    Node,
    SuperExpr,
    TypeInfo,
)

from mypy_asyncsession.semantic.syntax import returned

if TYPE_CHECKING:
    from collections.abc import Callable

    from mypy_asyncsession.semantic.function_body import FunctionBody
    from mypy_asyncsession.semantic.program import Program
    from mypy_asyncsession.semantic.scopes import Scope

#: The methods that fill an object before others use it.
FILLING: Final = frozenset({"__aenter__", "__enter__", "__init__"})


class Initializers:
    """Finds the initializers of classes whose source is at hand."""

    def __init__(self, program: Program, body: Callable[[FuncItem, Scope], FunctionBody]) -> None:
        """Look into the classes of a program.

        Args:
            program: Where they are looked up.
            body: Makes the body of a method that stands in a scope.
        """
        self._program = program
        self._body = body

    def own(self, info: TypeInfo) -> FunctionBody | None:
        """The ``__init__`` that a class has, its own or an inherited one."""
        for base in info.mro:
            located = self._located(base)
            if located is None:
                if "__init__" in base.names:
                    return None
                continue
            node, scope = located
            method = next(
                (
                    each
                    for each in node.defs.body
                    if isinstance(each, FuncDef) and each.name == "__init__"
                ),
                None,
            )
            if method is not None:
                return self._body(method, scope)
        return None

    def _located(self, info: TypeInfo) -> tuple[ClassDef, Scope] | None:
        """A class with the scope of its body, where its source is at hand."""
        source = self._program.source(info.module_name)
        if source is None:
            return None
        located = source.class_named(info.fullname[len(info.module_name) + 1 :])
        if located is None:
            return None
        node, scope = located
        return node, source.scope_in(node, scope)

    def of_attribute(
        self, info: TypeInfo, name: str, filling: frozenset[str] = FILLING
    ) -> tuple[Expression, FunctionBody] | None:
        """The one expression that is ever assigned to an attribute, if it is before any use.

        Args:
            info: The class.
            name: The attribute.
            filling: The methods that run before it is used.
        """
        found: tuple[Expression, FunctionBody] | None = None
        for base in info.mro:
            located = self._located(base)
            if located is None:
                continue
            node, scope = located
            source = self._program.source(base.module_name)
            assert source is not None
            if name in source.open_attributes(node):
                return None
            for expression, method in source.attributes(node).get(name, ()):
                if isinstance(expression, NameExpr) and expression.name == "None":
                    continue  # nothing is there yet, or any more
                if found is not None or method is None or method.name not in filling:
                    return None
                found = expression, self._body(method, scope)
        return found

    def of_property(self, info: TypeInfo, name: str) -> tuple[Expression, FunctionBody] | None:
        """The one expression that a property returns, and the body of its function."""
        for base in info.mro:
            if name not in base.names:
                continue
            located = self._located(base)
            if located is None:
                return None
            node, scope = located
            for statement in node.defs.body:
                if not isinstance(statement, Decorator) or statement.func.name != name:
                    continue
                results = returned(statement.func)
                if not is_property(statement) or len(results) != 1:
                    return None
                return results[0], self._body(statement.func, scope)
            return None
        return None


def is_property(statement: Decorator) -> bool:
    """Whether a method is read as an attribute, by the one decorator that it has."""
    decorators = statement.original_decorators
    return (
        len(decorators) == 1
        and isinstance(decorators[0], NameExpr)
        and decorators[0].name in ("cached_property", "property")
    )


def calls_super_init(node: Node) -> bool:
    """Whether a node is ``super().__init__(...)``."""
    return (
        isinstance(node, CallExpr)
        and isinstance(node.callee, SuperExpr)
        and node.callee.name == "__init__"
    )


def argument_to(call: CallExpr, function: FuncItem, parameter: str | None) -> Expression | None:
    """What a call gives to a parameter of a method that it calls on an object."""
    formal = [argument.variable.name for argument in function.arguments][1:]
    position = 0
    for argument, kind, name in zip(call.args, call.arg_kinds, call.arg_names, strict=True):
        if kind is ArgKind.ARG_STAR:
            return None
        if kind is ArgKind.ARG_POS:
            if position < len(formal) and formal[position] == parameter:
                return argument
            position += 1
        elif kind is ArgKind.ARG_NAMED and name == parameter:
            return argument
    return None
