"""Functions that surely run more than once, with the same object or variable around them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from mypy.nodes import CallExpr, ClassDef, FuncItem, MemberExpr, NameExpr

from mypy_asyncsession.semantic.dataflow import may_reach

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mypy.nodes import Expression, FuncDef

    from mypy_asyncsession.semantic.call_sites import CallSite
    from mypy_asyncsession.semantic.module_source import ModuleSource

#: The decorators of a framework that calls what they are put on once for each request.
_HANDLERS: Final = frozenset(
    {"delete", "get", "head", "options", "patch", "post", "put", "websocket"}
)


class RepeatedCalls:
    """Finds those of one module, by the calls that stand in it."""

    def __init__(self, source: ModuleSource) -> None:
        self._source = source

    def of_function(self, function: FuncItem, decorators: Sequence[Expression]) -> bool:
        """Whether a function that uses something of the module's runs more than once."""
        if any(map(_is_handler, decorators)):
            return True
        sites = self._sites(function)
        return len(sites) > 1 or any(self._recurs(site, site) for site in sites)

    def of_closure(
        self, function: FuncItem, around: FuncItem, decorators: Sequence[Expression]
    ) -> bool:
        """Whether a function runs more than once in one run of the function around it."""
        if any(map(_is_handler, decorators)):
            return True
        sites = [
            site
            for site in self._sites(function)
            if isinstance(site.call.callee, NameExpr) and site.chain and site.chain[-1] is around
        ]
        return any(self._recurs(one, other) for one in sites for other in sites)

    def of_method(self, method: FuncDef, klass: ClassDef, *, shared: bool) -> bool:
        """Whether a method runs more than once on one object, or, if *shared*, of one class."""
        made: dict[tuple[int, str], list[CallSite]] = {}
        for site in self._sites(method):
            callee = site.call.callee
            receiver = callee.expr if isinstance(callee, MemberExpr) else None
            if isinstance(receiver, CallExpr):
                if shared and _makes(receiver, klass):
                    made.setdefault((0, ""), []).append(site)
            elif isinstance(receiver, NameExpr):
                owner = self._maker(receiver.name, site, klass)
                if owner is not None:
                    key = (0, "") if shared else (id(owner), receiver.name)
                    made.setdefault(key, []).append(site)
        return any(self._all_run(key, sites) for key, sites in made.items())

    def _all_run(self, key: tuple[int, str], sites: list[CallSite]) -> bool:
        """Whether calls on what is one object run more than once."""
        of_module = key[0] in (0, id(self._source.tree))
        if of_module and len(sites) > 1:
            return True
        name = key[1] or None
        return any(self._recurs(one, other, name) for one in sites for other in sites)

    def _maker(self, name: str, site: CallSite, klass: ClassDef) -> object | None:
        """The body that binds a name once, to an object of a class that it makes."""
        owner = next((each for each in reversed(site.chain) if isinstance(each, FuncItem)), None)
        scope = self._source.scope
        if owner is not None:
            for each in site.chain:
                scope = self._source.scope_in(each, scope)
        for inner in scope.chain():
            bindings = inner.names.bindings.get(name)
            if bindings is None:
                continue
            only = bindings[0].node if len(bindings) == 1 else None
            if bindings[0].kind != "assign" or bindings[0].element is not None:
                return None
            if not isinstance(only, CallExpr) or not _makes(only, klass):
                return None
            if inner.node is None:
                return None if name in self._source.rebound() else self._source.tree
            return inner.node if inner.node is owner else None
        return None

    def _sites(self, function: FuncItem) -> list[CallSite]:
        name = getattr(function, "name", "")
        return self._source.calls(name) if name else []

    def _recurs(self, one: CallSite, other: CallSite, receiver: str | None = None) -> bool:
        """Whether one call comes after another one in the same run of the function around.

        Args:
            one: The call that comes first.
            other: The one that comes after it, or again.
            receiver: What both are a method of: it is not bound anew in between.
        """
        around = one.chain[-1] if one.chain else None
        if not isinstance(around, FuncItem) or not other.chain or other.chain[-1] is not around:
            return False
        flow = self._source.flow_of(around)
        avoiding = flow.bindings.of(receiver) if receiver is not None else ()
        graph = flow.graph
        return may_reach(
            graph, graph.points_of(one.call), graph.points_of(other.call), avoiding=avoiding
        )


def _makes(call: CallExpr, klass: ClassDef) -> bool:
    return isinstance(call.callee, NameExpr) and call.callee.name == klass.name


def _is_handler(decorator: Expression) -> bool:
    maker = decorator.callee if isinstance(decorator, CallExpr) else decorator
    return isinstance(maker, MemberExpr) and maker.name in _HANDLERS
