"""What is asked of a program once it is known what leads to a provider in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mypy_asyncsession.semantic.leading_stand_ins import StandIns
from mypy_asyncsession.semantic.syntax import definition_of, statements

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from mypy.nodes import ClassDef, Node

    from mypy_asyncsession.semantic.mentions import Unit


class LeadingAnswers(StandIns):
    """Which modules, functions and classes may have to do with a provider."""

    def concerns(self, node: Node) -> bool:
        """Whether a function, a class or the body of a module may have to do with a provider."""
        return id(node) in self._nodes

    def unit_of(self, node: Node) -> Unit | None:
        """The unit that a definition begins; ``None`` where it is inside another one."""
        return self._by_node.get(id(node))

    def gives(self, node: Node) -> bool:
        """Whether a function of a module or class may give a provider."""
        unit, function = self._by_node.get(id(node)), definition_of(node)
        if unit is None or function is None:
            return True
        if unit.klass is not None:
            return unit.klass in self._owners.get(function.name, ())
        return function.name in self._modules[unit.module].leads

    def modules(self) -> Iterable[str]:
        """The modules that were read."""
        return self._modules.keys()

    def giving_in(self, module: str) -> Iterator[str]:
        """The functions of a module that may give a provider, by their names in it."""
        read = self._modules.get(module)
        for unit in read.units if read is not None else ():
            for node in unit.definitions():
                function = definition_of(node)
                if function is not None and self.gives(node):
                    prefix = f"{unit.klass}." if unit.klass is not None else ""
                    yield prefix + function.name

    def giving(self) -> Iterator[tuple[str, str]]:
        """The names of functions that may give a provider, each with its module."""
        for module in self._modules:
            for name in self.giving_in(module):
                yield module, name.rpartition(".")[2]

    def concerns_class(self, node: ClassDef) -> bool:
        """Whether a class, or anything that is defined in it, may have to do with a provider."""
        return id(node) in self._nodes or any(
            id(inner) in self._nodes for inner in statements(node.defs, into_functions=True)
        )

    def concerns_module(self, module: str) -> bool:
        """Whether anything in a module may have to do with a provider."""
        return module in self._concerned
