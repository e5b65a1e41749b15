"""Which parts of a module are worth a look, where it was found out what leads to a provider."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mypy.nodes import ClassDef, Decorator, FuncDef, OverloadedFuncDef

from mypy_asyncsession.semantic.syntax import blocks

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from mypy.nodes import CallExpr, Expression, Node

    from mypy_asyncsession.semantic.leads import Leads
    from mypy_asyncsession.semantic.mentions import Unit
    from mypy_asyncsession.semantic.module_source import ModuleSource
    from mypy_asyncsession.semantic.program_point import Body


class Candidates:
    """Quick looks at the parts of one module; without leads, all of them are worth another one."""

    def __init__(self, leads: Leads | None, source: ModuleSource) -> None:
        """Begin with one module.

        Args:
            leads: What leads to a provider, if that was found out.
            source: The module.
        """
        self._leads = leads
        self._tree = source.tree

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

    def may_lead(self, expression: Expression, body: Body) -> bool:
        """Whether the value of an expression in a body may be a provider, or hold one."""
        if self._leads is None:
            return True
        unit = self._unit(body, self._leads)
        return unit is None or self._leads.may_lead(expression, unit)

    def may_matter(self, call: CallExpr, body: Body) -> bool:
        """Whether a call may give a provider, be given one, or what stands in for one."""
        if self._leads is None:
            return True
        unit = self._unit(body, self._leads)
        return unit is None or self._leads.may_matter(call, unit)

    def _unit(self, body: Body, leads: Leads) -> Unit | None:
        """The function or body that a body is, or is inside."""
        current: Body | None = body
        while current is not None:
            unit = leads.unit_of(current.node or self._tree)
            if unit is not None:
                return unit
            current = current.parent
        return None
