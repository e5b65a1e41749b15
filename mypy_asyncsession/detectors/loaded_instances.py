"""Which expressions of a function are instances that an async session has loaded, and by what."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, NamedTuple

from mypy.nodes import AwaitExpr, CallExpr, IndexExpr, IntExpr, MemberExpr, NameExpr

from mypy_asyncsession.models.sqlalchemy import ASYNC_SESSIONS
from mypy_asyncsession.semantic.shapes import Shape
from mypy_asyncsession.semantic.syntax import dotted
from mypy_asyncsession.semantic.values import ObjectValue, members

if TYPE_CHECKING:
    from collections.abc import Callable

    from mypy.nodes import Expression, FuncDef, ReturnStmt

    from mypy_asyncsession.findings import Place
    from mypy_asyncsession.semantic.interpreter import Interpreter, Where
    from mypy_asyncsession.semantic.mapped_classes import MappedClass
    from mypy_asyncsession.semantic.program_point import Body
    from mypy_asyncsession.semantic.queries import Queries, Query
    from mypy_asyncsession.semantic.relationships import Relationship
    from mypy_asyncsession.semantic.scopes import Scope

#: Stands for a session that a function has opened and closed: nothing can be loaded through it.
ENDED: Final = ""
#: How many names are followed.
_DEPTH: Final = 6
#: What a session's methods give, once they are awaited.
_GIVEN: Final = {
    "exec": "scalars",
    "execute": "result",
    "get": "one",
    "get_one": "one",
    "scalar": "one",
    "scalars": "scalars",
    "stream": "result",
    "stream_scalars": "scalars",
}
#: What the methods of a result give.
_OF_RESULT: Final = {
    "scalar": "one",
    "scalar_one": "one",
    "scalar_one_or_none": "one",
    "scalars": "scalars",
    "unique": "result",
    "yield_per": "result",
}
_OF_SCALARS: Final = {
    "all": "many",
    "fetchall": "many",
    "fetchmany": "many",
    "first": "one",
    "one": "one",
    "one_or_none": "one",
    "unique": "scalars",
    "yield_per": "scalars",
}
_COPYING: Final = frozenset({"list", "reversed", "set", "sorted", "tuple"})


class Helper(NamedTuple):
    """A function that returns what it has loaded.

    Attributes:
        function: The function.
        body: Its body.
        returned: The statement that returns it.
        found: What it has loaded there.
    """

    function: FuncDef
    body: Body
    returned: ReturnStmt
    found: list[Loaded]


@dataclass(frozen=True, slots=True)
class Loaded:
    """What a session has loaded.

    Attributes:
        kind: ``result``, ``scalars``, ``many`` (a list of instances) or ``one``.
        query: What was asked for.
        session: The session, as written; ``ENDED`` where a function has closed it.
        asked: The call of the session's method.
        names: The names that it has gone through.
        helpers: The functions that it has come from.
        place: The one of them that has loaded it.
        through: The relationships that lead to it from what was asked for: ``Post.author``.
        passed: The classes that it has come through, its own with them.
    """

    kind: str
    query: Query
    session: str
    asked: CallExpr
    names: frozenset[str] = frozenset()
    helpers: tuple[Helper, ...] = ()
    place: Place | None = None
    through: tuple[str, ...] = ()
    passed: tuple[MappedClass, ...] = ()


class LoadedInstances:
    """Follows what one function loads."""

    def __init__(self, interpreter: Interpreter, queries: Queries) -> None:
        self._interpreter = interpreter
        self._queries = queries
        #: What else may have loaded what is awaited.
        self.helped: Callable[[Expression, Scope, Where], list[Loaded]] = lambda *_: []

    def of(
        self, expression: Expression, scope: Scope, where: Where, depth: int = 0
    ) -> list[Loaded]:
        """What an expression has been loaded by; empty where it may be something else.

        Args:
            expression: The expression.
            scope: The scope of the function that it stands in.
            where: The place in it.
            depth: How many names it has been followed through.
        """
        if depth > _DEPTH:
            return []
        if isinstance(expression, NameExpr):
            return self._of_name(expression.name, scope, where, depth)
        if isinstance(expression, AwaitExpr):
            asked = self._asked(expression.expr, scope, where)
            return asked or self.helped(expression.expr, scope, where)
        if isinstance(expression, IndexExpr):
            if isinstance(expression.index, IntExpr):
                found = self.of(expression.base, scope, where, depth + 1)
                return _as(found, {"many": "one"})
            return []
        if isinstance(expression, MemberExpr):
            found = self.of(expression.expr, scope, where, depth + 1)
            return self._loaded_with(found, expression.name)
        if isinstance(expression, CallExpr):
            callee = expression.callee
            if isinstance(callee, NameExpr) and callee.name in _COPYING and expression.args:
                found = self.of(expression.args[0], scope, where, depth + 1)
                return _as(found, {"many": "many", "scalars": "many"})
            if isinstance(callee, MemberExpr):
                found = self.of(callee.expr, scope, where, depth + 1)
                return [
                    replace(each, kind=kind)
                    for each in found
                    if (kind := _step(each.kind, callee.name)) is not None
                ]
        return []

    def _loaded_with(self, found: list[Loaded], name: str) -> list[Loaded]:
        """What a relationship leads to that has been loaded with its owner: ``post.author``."""
        result: list[Loaded] = []
        for each in found:
            relationship = each.query.mapped.relationships.get(name)
            if each.kind != "one" or relationship is None or relationship.target is None:
                return []
            if name not in each.query.loads or relationship.many is None:
                return []
            mapped = self._queries.mapped(relationship.target)
            if mapped is None:
                return []
            result.append(
                replace(
                    each,
                    kind="many" if relationship.many else "one",
                    query=replace(each.query, mapped=mapped, entity=mapped.name),
                    through=(*each.through, f"{each.query.entity}.{name}"),
                    passed=(*(each.passed or (each.query.mapped,)), mapped),
                )
            )
        return result

    def may_be_among(self, relationship: Relationship, found: list[Loaded]) -> bool:
        """Whether the other end may be what an instance has come through: ``user.posts[0].author``.

        Args:
            relationship: The relationship that is read of it.
            found: What has loaded it.
        """
        if relationship.many is True or not any(each.passed for each in found):
            return False
        target = self._queries.mapped(relationship.target) if relationship.target else None
        return target is None or any(
            one.fullname in target.bases or target.fullname in one.bases
            for each in found
            for one in each.passed
        )

    def _of_name(self, name: str, scope: Scope, where: Where, depth: int) -> list[Loaded]:
        bindings = scope.names.bindings.get(name)
        if not bindings or name in scope.names.outer:
            return []
        result: list[Loaded] = []
        source = self._interpreter.program.source(scope.module)
        live = source.bindings_at(name, scope, where)[0] if source is not None else bindings
        for binding in live or bindings:
            node = binding.node
            if node is None or binding.element is not None:
                return []
            found = self.of(node, scope, binding.blocks, depth + 1)  # type: ignore[arg-type]
            if binding.kind != "assign":
                if "for" not in binding.kind and "comprehension" not in binding.kind:
                    return []
                found = _as(found, {"many": "one", "scalars": "one"})
            if not found:
                return []
            result += (replace(each, names=each.names | {name}) for each in found)
        return result

    def _asked(self, call: Expression, scope: Scope, where: Where) -> list[Loaded]:
        """What an awaited call of a session's method gives."""
        if not isinstance(call, CallExpr) or not isinstance(call.callee, MemberExpr):
            return []
        callee = call.callee
        kind = _GIVEN.get(callee.name)
        session = dotted(callee.expr)
        if kind is None or session is None or not call.args:
            return []
        if callee.name in ("get", "get_one"):
            query = self._queries.of_get(call, scope, where)
        else:
            query = self._queries.of(call.args[0], scope, where)
        if query is None or not self._is_async_session(callee.expr, scope, where):
            return []
        return [Loaded(kind, query, session, call)]

    def _is_async_session(self, receiver: Expression, scope: Scope, where: Where) -> bool:
        found = list(members(self._interpreter.value(receiver, scope, where)))
        return bool(found) and all(
            isinstance(each, ObjectValue)
            and each.shape is Shape.SESSION
            and each.resource in ASYNC_SESSIONS
            for each in found
        )


def _step(kind: str, method: str) -> str | None:
    if kind == "result":
        return _OF_RESULT.get(method)
    return _OF_SCALARS.get(method) if kind == "scalars" else None


def _as(found: list[Loaded], kinds: dict[str, str]) -> list[Loaded]:
    if not all(each.kind in kinds for each in found):
        return []
    return [replace(each, kind=kinds[each.kind]) for each in found]
