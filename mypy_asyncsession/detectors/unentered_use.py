"""What a provider hands out, used as the session that is still inside it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mypy.nodes import (
    CallExpr,
    ExpressionStmt,
    FuncDef,
    MemberExpr,
    NameExpr,
)
from mypy.types import AnyType, Instance, NoneType, UnionType, get_proper_type

from mypy_asyncsession.detectors.called_properties import called_property
from mypy_asyncsession.detectors.entered_attributes import EnteredAttributes
from mypy_asyncsession.detectors.entered_for_nothing import EnteredForNothing
from mypy_asyncsession.detectors.held_sessions import (
    has_attribute,
)
from mypy_asyncsession.detectors.record import Situation, UnenteredUse
from mypy_asyncsession.detectors.spans import written
from mypy_asyncsession.detectors.unentered_holders import holder_of, unentered
from mypy_asyncsession.models.sqlalchemy import (
    CONNECTING_ATTRIBUTES,
    SESSION_ATTRIBUTES,
    SHARED_ATTRIBUTES,
    STARTED_ONCE,
    STARTING,
    TAKEN_FOR_SESSIONS,
)
from mypy_asyncsession.models.typing import HOLDER_TYPES
from mypy_asyncsession.semantic.shapes import Can
from mypy_asyncsession.semantic.syntax import mentions, walk
from mypy_asyncsession.semantic.values import (
    ClassValue,
    ObjectValue,
    members,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy.nodes import Expression, WithStmt
    from mypy.types import Type

    from mypy_asyncsession.detectors.candidates import Candidates
    from mypy_asyncsession.semantic.interpreter import Interpreter
    from mypy_asyncsession.semantic.program_point import ProgramPoint

#: What a session is asked for.
_ASKED = SESSION_ATTRIBUTES | SHARED_ATTRIBUTES
#: The methods of a connection that start it.
_STARTS = frozenset({"__aenter__", "__await__", "start"})


class UnenteredUses:
    """Finds where something that holds a session is asked for what the session has."""

    def __init__(self, interpreter: Interpreter, module: str, candidates: Candidates) -> None:
        self._interpreter = interpreter
        self._module = module
        self._attributes = EnteredAttributes(interpreter)
        self._nothing = EnteredForNothing(interpreter)
        self._candidates = candidates

    def of_attribute(self, member: MemberExpr, point: ProgramPoint) -> Iterator[UnenteredUse]:
        """``cm.execute``: an attribute of the session, asked of what holds it."""
        if not self._candidates.may_lead(member.expr, point.body):
            return
        if member.name in CONNECTING_ATTRIBUTES or member.name in ("commit", "rollback"):
            yield from self._of_unstarted(member, point)
        yield from self._of_another(member, point)
        found = holder_of(member.expr, point, self._interpreter)
        if found is None:
            return
        holder, session = found
        if has_attribute(holder, member.name) or not has_attribute(session, member.name):
            return
        yield unentered(
            Situation.ATTRIBUTE, member.expr, holder, session, member.name, point, self._interpreter
        )

    def _of_unstarted(self, member: MemberExpr, point: ProgramPoint) -> Iterator[UnenteredUse]:
        """``connection = engine.connect()``, which is neither awaited nor entered."""
        function = point.body.function()
        name = member.expr.name if isinstance(member.expr, NameExpr) else None
        bindings = point.scope.names.bindings.get(name, []) if name is not None else []
        if function is None or name is None or len(bindings) != 1:
            return
        made = bindings[0].node
        if bindings[0].kind != "assign" or not isinstance(made, CallExpr):
            return
        started = self._interpreter.structural(made, point.scope, bindings[0].blocks)
        if not isinstance(started, ObjectValue) or not _is_unstarted(started):
            return
        if any(name in scope.names.outer for scope in point.scope.chain()):
            return  # others see it as well
        # Whoever else sees it, or any method that may start it.
        asked = [
            node.name
            for node in walk(function.body)
            if isinstance(node, MemberExpr)
            and isinstance(node.expr, NameExpr)
            and node.expr.name == name
        ]
        if mentions(function.body, name) > len(asked) + 1 or _STARTS & set(asked):
            return
        raw = unentered(
            Situation.UNSTARTED,
            member.expr,
            started,
            started,
            member.name,
            point,
            self._interpreter,
        )
        yield raw._replace(callee=written(made.callee))

    def _of_another(self, member: MemberExpr, point: ProgramPoint) -> Iterator[UnenteredUse]:
        """``async with maker().begin() as session``, which gives a transaction."""
        if member.name not in _ASKED:
            return
        given = list(members(self._interpreter.value(member.expr, point.scope, point.where)))
        if given and all(
            isinstance(each, ObjectValue)
            and each.label in TAKEN_FOR_SESSIONS
            and isinstance(each.type, Instance)
            and each.type.type.module_name.startswith("sqlalchemy.")
            and each.type.type.get(member.name) is None
            for each in given
        ):
            (one, *_) = given
            assert isinstance(one, ObjectValue)
            yield unentered(
                Situation.LACKING, member.expr, one, one, member.name, point, self._interpreter
            )

    def of_unopened(self, member: MemberExpr, point: ProgramPoint) -> Iterator[UnenteredUse]:
        """``uow.session``, which only entering ``uow`` sets, where nobody enters it."""
        function = point.body.function()
        name = member.expr.name if isinstance(member.expr, NameExpr) else None
        if (
            function is None
            or name is None
            or not self._candidates.may_lead(member.expr, point.body)
        ):
            return
        bindings = point.scope.names.bindings.get(name, ())
        if len(bindings) != 1 or bindings[0].kind != "assign":
            return
        type_ = self._interpreter.static_type(member.expr, point.scope, point.where)
        made = bindings[0].node
        if not isinstance(type_, Instance) or not isinstance(made, CallExpr):
            return
        set_inside = self._attributes.set_by_entering(type_.type)
        if member.name not in set_inside:
            return
        klass = self._interpreter.value(made.callee, point.scope, bindings[0].blocks)
        asked = [
            node.name
            for node in walk(function.body)
            if isinstance(node, MemberExpr)
            and isinstance(node.expr, NameExpr)
            and node.expr.name == name
        ]
        if not isinstance(klass, ClassValue) or mentions(function.body, name) > len(asked) + 1:
            return
        if set(asked) - set_inside:
            return  # a method of it may do what entering does
        manager = self._interpreter.value(member.expr, point.scope, point.where)
        if isinstance(manager, ObjectValue):
            yield unentered(
                Situation.UNOPENED,
                member.expr,
                manager,
                manager,
                member.name,
                point,
                self._interpreter,
            )

    def of_statement(
        self, statement: ExpressionStmt, point: ProgramPoint
    ) -> Iterator[UnenteredUse]:
        """``session.begin()`` alone, which begins nothing."""
        call = statement.expr
        if not (
            isinstance(call, CallExpr)
            and isinstance(call.callee, MemberExpr)
            and call.callee.name in STARTING
        ):
            return
        made = self._interpreter.structural(call, point.scope, point.where)
        if isinstance(made, ObjectValue) and _is_unstarted(made):
            function = point.body.function()
            is_async = isinstance(function, FuncDef) and function.is_coroutine
            detail = "await" if is_async else ""
            yield unentered(Situation.DROPPED, call, made, made, detail, point, self._interpreter)

    def of_block(self, statement: WithStmt, point: ProgramPoint) -> Iterator[UnenteredUse]:
        """What a ``with`` binds of a manager that hands out nothing, used all the same."""
        yield from self._nothing.of_block(statement, point)

    def of_property(self, call: Expression, point: ProgramPoint) -> Iterator[UnenteredUse]:
        """``store.session()``, where ``session`` is a property that gives one."""
        if isinstance(call, CallExpr) and isinstance(call.callee, MemberExpr) and not call.args:
            given = called_property(call.callee, self._interpreter, point)
            if given is not None:
                member = call.callee
                yield unentered(
                    Situation.CALLED, member, given, given, member.name, point, self._interpreter
                )

    def may_hold(self, member: MemberExpr) -> bool:
        """A quick look: most attributes are of objects whose type settles it."""
        return self._may_be_of(self._interpreter.type_of(member.expr, self._module), member.name)

    def _may_be_of(self, type_: Type | None, name: str) -> bool:
        proper = get_proper_type(type_) if type_ is not None else None
        if isinstance(proper, Instance):
            info = proper.type
            return info.fullname in HOLDER_TYPES or (
                (
                    name in SESSION_ATTRIBUTES
                    and (info.name in STARTED_ONCE or info.get(name) is None)
                )
                or (name in SHARED_ATTRIBUTES and info.name in TAKEN_FOR_SESSIONS)
            )
        if isinstance(proper, UnionType):
            return any(self._may_be_of(item, name) for item in proper.items)
        # ``self.session = None`` comes first, in a body without annotations.
        if proper is None or isinstance(proper, (AnyType, NoneType)):
            return name in _ASKED
        return False


def _is_unstarted(value: ObjectValue) -> bool:
    """Whether this is a connection or a transaction of SQLAlchemy's as its method gives it."""
    method = value.origin.fullname if value.origin is not None else ""
    return (
        value.label in STARTED_ONCE
        and bool(value.can & Can.AWAIT)
        and method.startswith("sqlalchemy.")
        and method.rpartition(".")[2] in STARTING
    )
