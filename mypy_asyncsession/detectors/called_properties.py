"""Properties that give a session, or what holds one, and are called as if they were methods."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mypy.nodes import Decorator, ReturnStmt
from mypy.types import Instance

from mypy_asyncsession.detectors.held_sessions import held_in
from mypy_asyncsession.semantic.syntax import definition_of, walk, yields
from mypy_asyncsession.semantic.values import ObjectValue

if TYPE_CHECKING:
    from mypy.nodes import MemberExpr, TypeInfo

    from mypy_asyncsession.semantic.interpreter import Interpreter
    from mypy_asyncsession.semantic.program_point import ProgramPoint


def called_property(
    member: MemberExpr, interpreter: Interpreter, point: ProgramPoint
) -> ObjectValue | None:
    """What the property that is called gives, if that is a session, or what holds one."""
    owner = interpreter.static_type(member.expr, point.scope, point.where)
    if not isinstance(owner, Instance):
        return None
    entry = owner.type.names.get(member.name)
    node = entry.node if entry is not None else None
    if not isinstance(node, Decorator) or not node.var.is_property:
        return None
    given = interpreter.value(member, point.scope, point.where)
    if not isinstance(given, ObjectValue) or not (given.resource or held_in(given)):
        return None
    if "scoped" in (given.label or "") or not _returns(owner.type, member.name, given, interpreter):
        return None
    return given


def _returns(info: TypeInfo, name: str, given: ObjectValue, interpreter: Interpreter) -> bool:
    """Whether the body of a property, not its annotation alone, says what it gives."""
    source = interpreter.program.source(info.module_name)
    located = source.class_named(info.name) if source is not None else None
    if source is None or located is None:
        return False
    inner = source.scope_in(*located)
    for statement in located[0].defs.body:
        function = definition_of(statement)
        if function is None or function.name != name:
            continue
        if yields(function):
            return True
        scope = source.scope_in(function, inner)
        returned = [
            interpreter.value(node.expr, scope, scope.names.places.get(id(node)))
            for node in walk(function.body, into_functions=False)
            if isinstance(node, ReturnStmt) and node.expr is not None
        ]
        wanted = given.item if function.is_coroutine else given
        return bool(returned) and all(
            isinstance(each, ObjectValue)
            and isinstance(wanted, ObjectValue)
            and each.shape is wanted.shape
            for each in returned
        )
    return False
