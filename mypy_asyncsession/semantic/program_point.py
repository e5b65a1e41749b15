"""Where a walk through a module is, and what can be named there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mypy.nodes import CallExpr, ClassDef, FuncDef, FuncItem, MemberExpr, NameExpr

if TYPE_CHECKING:
    from collections.abc import Sequence
    from collections.abc import Set as AbstractSet

    from mypy.nodes import Expression, MypyFile, Node

    from mypy_asyncsession.semantic.function_flow import FunctionFlow
    from mypy_asyncsession.semantic.index import Contents
    from mypy_asyncsession.semantic.interpreter import Where
    from mypy_asyncsession.semantic.module_source import ModuleSource
    from mypy_asyncsession.semantic.scopes import Scope


class Body:
    """A body that the walk goes through; its scope is read when a use in it needs one."""

    __slots__ = ("_scope", "_source", "decorators", "node", "parent")

    def __init__(
        self,
        source: ModuleSource,
        node: FuncItem | ClassDef | None,
        parent: Body | None,
        decorators: Sequence[Expression] = (),
    ) -> None:
        self._source = source
        self.node = node
        self.decorators = decorators
        self._scope: Scope | None = None
        self.parent = parent

    @property
    def path(self) -> str:
        """The file that the body is in."""
        return self._source.path

    @property
    def tree(self) -> MypyFile:
        """The module that the body is in."""
        return self._source.tree

    @property
    def scope(self) -> Scope:
        """The names of the body."""
        if self._scope is None:
            if self.node is None or self.parent is None:
                self._scope = self._source.scope
            else:
                self._scope = self._source.scope_in(self.node, self.parent.scope)
        return self._scope

    def function(self) -> FuncItem | None:
        """The innermost function around."""
        body: Body | None = self
        while body is not None:
            if isinstance(body.node, FuncItem):
                return body.node
            body = body.parent
        return None

    def may_mention(self, words: AbstractSet[str]) -> bool:
        """Whether one of *words* stands in the module as the name of anything."""
        return not self._source.index.words.isdisjoint(words)

    def may_give(self, keyword: str) -> bool:
        """Whether a call in the module has an argument of that name."""
        return keyword in self._source.index.keywords

    def puts_into(self, name: str) -> bool:
        """Whether the module puts more into the container of that name than it was made with."""
        return name in self._source.stored() or name in self._source.mutated()

    def patches(self, name: str, attribute: str) -> bool:
        """Whether the module sets an attribute of what has a name in it."""
        return attribute in self._source.patched(name)

    def replaces(self, attribute: str) -> bool:
        """Whether the module sets an attribute of that name of what others have made."""
        return self._source.patches(attribute, aside="self")

    def contents(self, function: FuncItem) -> Contents:
        """What stands in a function of the module."""
        return self._source.contents(function)

    def flow(self) -> FunctionFlow:
        """The control flow of the innermost function around, or of the module."""
        return self._source.flow_of(self.function() or self._source.tree)

    def outermost(self) -> str:
        """The outermost function around, by its name in the module."""
        names: list[str] = []
        body: Body | None = self
        while body is not None:
            if isinstance(body.node, FuncDef):
                names = [body.node.name]
            elif isinstance(body.node, ClassDef) and names:
                names.insert(0, body.node.name)
            body = body.parent
        return ".".join(names)

    def is_fixture(self) -> bool:
        """Whether this is the body of a pytest fixture."""
        return "fixture" in self._decorating()

    def is_always_resumed(self) -> bool:
        """Whether this is the body of a generator that goes on after its yield whatever happens.

        pytest throws nothing into its fixtures, and dishka sends an exception to what is decorated
        with ``provide``.
        """
        return not self._decorating().isdisjoint(("fixture", "provide"))

    def _decorating(self) -> set[str]:
        called = (
            decorator.callee if isinstance(decorator, CallExpr) else decorator
            for decorator in self.decorators
        )
        return {each.name for each in called if isinstance(each, (MemberExpr, NameExpr))}

    def run_in_sync(self) -> frozenset[str]:
        """The names of the functions that the module gives to a ``run_sync``."""
        return self._source.run_in_sync()

    def inside(self, node: FuncItem | ClassDef, decorators: Sequence[Expression] = ()) -> Body:
        """The body of a function or class in this one."""
        return Body(self._source, node, self, decorators)


class ProgramPoint:
    """Where the walk is: the body, and the statement in it.

    There is one for each statement of the program, so it is as cheap as can be.
    """

    __slots__ = ("body", "statement")

    def __init__(self, body: Body, statement: Node) -> None:
        self.body = body
        self.statement = statement

    @property
    def scope(self) -> Scope:
        """The names that can be used here."""
        return self.body.scope

    @property
    def where(self) -> Where:
        """The place among the bindings of these names."""
        return self.body.scope.names.places.get(id(self.statement))
