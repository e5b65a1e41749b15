"""Which parts of a module are worth a look, where it was found out what leads to a provider."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mypy.nodes import ClassDef, Decorator, FuncDef, OverloadedFuncDef

from mypy_asyncsession.semantic.syntax import blocks

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from mypy.nodes import Expression, Node

    from mypy_asyncsession.semantic.leads import Leads
    from mypy_asyncsession.semantic.mentions import Unit
    from mypy_asyncsession.semantic.module_source import ModuleSource
    from mypy_asyncsession.semantic.program_point import Body


class Candidates:
    """Quick looks at the parts of one module; without leads, all of them are worth another one.

    Attributes:
        unit: The function or body at hand.
    """

    def __init__(self, leads: Leads | None, source: ModuleSource) -> None:
        """Begin at the body of a module.

        Args:
            leads: What leads to a provider, if that was found out.
            source: The module.
        """
        self._leads = leads
        self._tree = source.tree
        self.unit: Unit | None = leads.unit_of(source.tree) if leads is not None else None

    def enter(self, statement: Node) -> Unit | None:
        """Turn to a statement, which may be a unit of its own; what was at hand before."""
        around = self.unit
        if self._leads is not None:
            self.unit = self._leads.unit_of(statement) or around
        return around

    def among(self, statements: Sequence[Node], body: Body) -> Sequence[Node]:
        """The statements of a body that may have to do with a provider."""
        if self._leads is None or body.function() is not None:
            return statements
        return list(self._concerned(statements, body, self._leads))

    def _concerned(self, statements: Sequence[Node], body: Body, leads: Leads) -> Iterator[Node]:
        around = leads.concerns(body.node or self._tree)
        for statement in statements:
            if isinstance(statement, (FuncDef, Decorator, OverloadedFuncDef)):
                if leads.concerns(statement):
                    yield statement
            elif around or isinstance(statement, ClassDef):
                yield statement
            else:
                # Of what stands here alone, definitions inside it may still be of interest.
                for block in blocks(statement):
                    yield from self._concerned(block.body, body, leads)

    def holds_any(self, node: ClassDef) -> bool:
        """Whether a class, or anything in it, may have to do with a provider."""
        return self._leads is None or self._leads.concerns_class(node)

    def gives(self, statement: Node) -> bool:
        """Whether a function may give a provider."""
        return self._leads is None or self._leads.gives(statement)

    def may_lead(self, expression: Expression) -> bool:
        """Whether a value may be a provider, or hold one."""
        return (
            self._leads is None or self.unit is None or self._leads.may_lead(expression, self.unit)
        )
