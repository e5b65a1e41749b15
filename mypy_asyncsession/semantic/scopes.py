"""Where names are looked up, and which of their bindings reach a use."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mypy.nodes import ClassDef, Decorator, FuncDef, OverloadedFuncDef

from mypy_asyncsession.semantic.syntax import statements

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from mypy.nodes import FuncItem, Node

    from mypy_asyncsession.semantic.bindings import Names
    from mypy_asyncsession.semantic.value import Value


@dataclass(frozen=True, slots=True, eq=False)
class Scope:
    """A place where names are looked up.

    Attributes:
        module: The full name of the module.
        node: The function, class or module body that the scope is of.
        parent: The scope around it.
        values: Parameters with a value that is known from a call.
    """

    module: str
    node: FuncItem | ClassDef | None
    names: Names
    parent: Scope | None = None
    values: Mapping[str, Value] = field(default_factory=dict)
    depth: int = 0

    def with_values(self, values: Mapping[str, Value]) -> Scope:
        """The same body where a call gives its parameters these values."""
        return Scope(self.module, self.node, self.names, self.parent, values, self.depth)

    def chain(self) -> Iterator[Scope]:
        """This scope and those around it, innermost first."""
        scope: Scope | None = self
        while scope is not None:
            yield scope
            scope = scope.parent


def nested(body: Sequence[Node]) -> Iterator[Node]:
    """The functions and classes that stand in a body, those inside them left out."""
    for statement in statements(body):
        if isinstance(statement, (FuncDef, Decorator, OverloadedFuncDef, ClassDef)):
            yield statement


def qualname_in(scope: Scope | None, name: str) -> str:
    """The name, inside its module, of what a scope defines under *name*."""
    parts = [name]
    while scope is not None and scope.node is not None:
        parts.append(scope.node.name if isinstance(scope.node, (FuncDef, ClassDef)) else "<lambda>")
        scope = scope.parent
    return ".".join(reversed(parts))
