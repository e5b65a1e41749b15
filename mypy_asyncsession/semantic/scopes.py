"""Where names are looked up, and which of their bindings reach a use."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mypy.nodes import ClassDef, Decorator, FuncDef, OverloadedFuncDef

from mypy_asyncsession.semantic.syntax import statements

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from mypy.nodes import FuncItem, Node

    from mypy_asyncsession.semantic.bindings import Binding, Names
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


def reaching(bindings: list[Binding], use: tuple[tuple[int, int], ...] | None) -> list[Binding]:
    """The bindings that may hold at *use*: the last one on every way there, and those in between.

    Args:
        bindings: All bindings of one name in one body, in source order.
        use: The blocks around the use, or ``None`` where it stands in another function.
    """
    if use is None:
        return [binding for binding in bindings if "comprehension" not in binding.kind]
    before, later, _ = _ordered(bindings, use)
    # What is bound later holds at the use only when both stand in one loop; then nothing is sure.
    return before or later


def reaching_parameter(
    bindings: list[Binding], use: tuple[tuple[int, int], ...] | None
) -> tuple[list[Binding], bool]:
    """The bindings of a parameter's name that may hold at *use*, and whether one of them must.

    Where none must, what the parameter was given may hold as well.
    """
    if use is None:
        live = [binding for binding in bindings if "comprehension" not in binding.kind]
        return live, any(len(binding.blocks) <= 1 for binding in live)
    before, _, surely = _ordered(bindings, use)
    return before, surely


def _ordered(
    bindings: list[Binding], use: tuple[tuple[int, int], ...]
) -> tuple[list[Binding], list[Binding], bool]:
    """The bindings before *use*, those after it, and whether one of the first must hold."""
    at = dict(use)
    surely = False
    result: list[Binding] = []
    later: list[Binding] = []
    for binding in bindings:
        if not binding.blocks:
            result.append(binding)
            surely = True
            continue
        block, position = binding.blocks[-1]
        if "comprehension" in binding.kind:
            # Such a name lives in its own statement only.
            if at.get(block) == position:
                result, later, surely = [binding], [], True
            continue
        if block in at and (
            position < at[block]
            or (position == at[block] and ("with" in binding.kind or "for" in binding.kind))
        ):
            result, later, surely = [binding], [], True
        elif _before(binding.blocks, use):
            result.append(binding)
        else:
            later.append(binding)
    return result, later, surely


def _before(one: tuple[tuple[int, int], ...], use: tuple[tuple[int, int], ...]) -> bool:
    for (block, position), (other, at) in zip(one, use, strict=False):
        if block != other:
            return False
        if position != at:
            return position < at
    return False


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
