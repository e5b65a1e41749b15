"""Selects of mapped classes, and the relationships that their loader options load."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from mypy.nodes import ArgKind, CallExpr, ListExpr, MemberExpr, NameExpr, TupleExpr

from mypy_asyncsession.models.mapping import KEEPS_ENTITIES, LOADERS, OTHER_OPTIONS, SELECT
from mypy_asyncsession.semantic.values import ClassValue, fullname

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from mypy.nodes import Expression

    from mypy_asyncsession.semantic.interpreter import Interpreter, Where
    from mypy_asyncsession.semantic.mapped_classes import MappedClass, MappedClasses
    from mypy_asyncsession.semantic.scopes import Scope

#: How many names a statement is followed through.
_DEPTH: Final = 4


@dataclass(frozen=True, slots=True)
class Query:
    """What is selected, and what comes with it.

    Attributes:
        mapped: The first entity.
        entity: That entity as written.
        made: The call that makes it: of ``select``, or of a session's ``get``.
        loads: The relationships that a loader option names.
        is_open: Whether there may be other options.
        is_select: Whether it is a ``select``.
    """

    mapped: MappedClass
    entity: str
    made: CallExpr
    loads: frozenset[str] = frozenset()
    is_open: bool = False
    is_select: bool = True


class Queries:
    """Reads the queries of one module."""

    def __init__(self, interpreter: Interpreter, mapped: MappedClasses) -> None:
        self._interpreter = interpreter
        self._mapped = mapped

    def mapped(self, name: str) -> MappedClass | None:
        """The mapped class of a full name."""
        return self._mapped.named(name)

    def of(self, statement: Expression, scope: Scope, where: Where, depth: int = 0) -> Query | None:
        """The query that a statement is, with the options of all that may have been added to it.

        Args:
            statement: An expression, or a name that is bound to it, once or step by step.
            scope: The scope that it stands in.
            where: The place in it.
            depth: How many names it has been followed through.
        """
        if depth > _DEPTH:
            return None
        if isinstance(statement, NameExpr):
            return self._of_name(statement.name, scope, depth)
        base, steps = _unwound(statement)
        if not isinstance(base, CallExpr):
            found = self.of(base, scope, where, depth + 1) if base is not statement else None
        else:
            found = self._of_select(base, scope, where)
        return _with_options(found, steps) if found is not None else None

    def of_get(self, call: CallExpr, scope: Scope, where: Where) -> Query | None:
        """``session.get(User, key)``, with its options."""
        if not call.args or call.arg_kinds[0] is not ArgKind.ARG_POS:
            return None
        found = self._entity(call, call.args[0], scope, where)
        if found is None:
            return None
        found = replace(found, is_select=False)
        if any(kind.is_star() for kind in call.arg_kinds):
            return replace(found, is_open=True)
        for name, argument in zip(call.arg_names, call.args, strict=True):
            if name == "options":
                if not isinstance(argument, (ListExpr, TupleExpr)):
                    return replace(found, is_open=True)
                names, is_open = options(argument.items)
                found = replace(found, loads=found.loads | names, is_open=is_open)
        return found

    def _of_name(self, name: str, scope: Scope, depth: int) -> Query | None:
        bindings = scope.names.bindings.get(name)
        if not bindings or name in scope.names.outer:
            return None
        selected: list[Query] = []
        steps: list[CallExpr] = []
        for binding in bindings:
            if binding.kind != "assign" or binding.element is not None or binding.node is None:
                return None
            base, added = _unwound(binding.node)  # type: ignore[arg-type]
            if isinstance(base, NameExpr) and base.name == name:
                if not added:
                    return None
                steps += added
                continue
            found = self.of(binding.node, scope, binding.blocks, depth + 1)  # type: ignore[arg-type]
            if found is None:
                return None
            selected.append(found)
        if not selected or any(each.mapped is not selected[0].mapped for each in selected):
            return None
        first = replace(
            selected[0],
            loads=frozenset().union(*(each.loads for each in selected)),
            is_open=any(each.is_open for each in selected),
        )
        return _with_options(first, steps)

    def _of_select(self, call: CallExpr, scope: Scope, where: Where) -> Query | None:
        callee = call.callee
        if not isinstance(callee, (MemberExpr, NameExpr)) or not call.args:
            return None
        name = fullname(self._interpreter.value(callee, scope, where)) or ""
        if name.rpartition(".")[2] != SELECT or not name.startswith(("sqlalchemy.", "sqlmodel.")):
            return None
        return self._entity(call, call.args[0], scope, where)

    def _entity(
        self, call: CallExpr, entity: Expression, scope: Scope, where: Where
    ) -> Query | None:
        if not isinstance(entity, (MemberExpr, NameExpr)):
            return None
        klass = self._interpreter.value(entity, scope, where)
        if not isinstance(klass, ClassValue):
            return None
        mapped = self._mapped.of_class(klass)
        return Query(mapped, _text(entity), call) if mapped is not None else None


def options(arguments: Iterable[Expression]) -> tuple[frozenset[str], bool]:
    """The relationships that loader options name, and whether there may be others."""
    names: set[str] = set()
    is_open = False
    for argument in arguments:
        found = list(_named(argument))
        is_open = is_open or None in found
        names.update(name for name in found if name is not None)
    return frozenset(names), is_open


def _named(option: Expression) -> Iterator[str | None]:
    """The relationships that an option names; ``None`` for what is not known."""
    while True:
        if not isinstance(option, CallExpr):
            yield None
            return
        callee = option.callee
        name = callee.name if isinstance(callee, (MemberExpr, NameExpr)) else ""
        if name in LOADERS:
            for argument in option.args:
                yield argument.name if isinstance(argument, MemberExpr) else None
        elif name not in OTHER_OPTIONS and name not in ("Load", "options"):
            yield None
            return
        if name == "options":
            for argument in option.args:
                yield from _named(argument)
        if not isinstance(callee, MemberExpr) or not isinstance(callee.expr, CallExpr):
            return
        option = callee.expr


def _unwound(statement: Expression) -> tuple[Expression, list[CallExpr]]:
    """A statement without the methods that are called on it, and these."""
    steps: list[CallExpr] = []
    while (
        isinstance(statement, CallExpr)
        and isinstance(statement.callee, MemberExpr)
        and statement.callee.name != SELECT
    ):
        steps.append(statement)
        statement = statement.callee.expr
    return statement, steps


def _with_options(query: Query, steps: list[CallExpr]) -> Query | None:
    for step in steps:
        callee = step.callee
        if not isinstance(callee, MemberExpr) or callee.name not in KEEPS_ENTITIES:
            return None
        if callee.name == "options":
            names, is_open = options(step.args)
            is_open = is_open or any(kind.is_star() for kind in step.arg_kinds)
            query = replace(query, loads=query.loads | names, is_open=query.is_open or is_open)
    return query


def _text(entity: MemberExpr | NameExpr) -> str:
    if isinstance(entity, NameExpr):
        return entity.name
    owner = entity.expr
    return f"{_text(owner)}.{entity.name}" if isinstance(owner, (MemberExpr, NameExpr)) else ""
