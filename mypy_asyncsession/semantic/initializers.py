"""The ``__init__`` of a class, and what it puts into the attributes of its objects."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mypy.nodes import ClassDef, Expression, FuncDef, FuncItem, TypeInfo

if TYPE_CHECKING:
    from collections.abc import Callable

    from mypy_asyncsession.semantic.function_body import FunctionBody
    from mypy_asyncsession.semantic.program import Program
    from mypy_asyncsession.semantic.scopes import Scope


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

    def of_attribute(self, info: TypeInfo, name: str) -> tuple[Expression, FunctionBody] | None:
        """The one expression that is ever assigned to an attribute, if an ``__init__`` does it."""
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
                if found is not None or method is None or method.name != "__init__":
                    return None
                found = expression, self._body(method, scope)
        return found
