"""Functions that use a parameter as a session, although nothing in their signature says so."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mypy.nodes import (
    AssignmentStmt,
    CallExpr,
    ConditionalExpr,
    FuncDef,
    MemberExpr,
    NameExpr,
    OpExpr,
)

from mypy_asyncsession.detectors.held_sessions import is_resource
from mypy_asyncsession.detectors.parameter_needs import pairings
from mypy_asyncsession.models.sqlalchemy import SESSION_ATTRIBUTES
from mypy_asyncsession.semantic.cfg.conditions import conditions
from mypy_asyncsession.semantic.combine import is_none
from mypy_asyncsession.semantic.session_disposal import class_at
from mypy_asyncsession.semantic.syntax import dotted, mentions, statements, walk
from mypy_asyncsession.semantic.values import UNKNOWN, members

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mypy.nodes import Node, TypeInfo

    from mypy_asyncsession.semantic.interpreter import Interpreter
    from mypy_asyncsession.semantic.values import FunctionValue

#: What a session has as well as many other objects.
_OTHERS = frozenset({"add", "begin", "bind", "close", "delete", "get", "query"})


def takes_session(
    function: FunctionValue, name: str, interpreter: Interpreter, *, declared_too: bool
) -> bool:
    """Whether a function uses a parameter as a session, or, if need be, says so.

    Args:
        function: The function.
        name: The parameter.
        interpreter: Says what its annotation is.
        declared_too: Whether it is enough that it is annotated as one.
    """
    names = [argument.variable.name for argument in function.node.arguments]
    declared = interpreter.declared_parameter(function.node, names.index(name), function.scope)
    if declared is UNKNOWN:
        return uses_as_session(function, name, interpreter)
    wanted = [each for each in members(declared) if not is_none(each)]
    return declared_too and bool(wanted) and all(map(is_resource, wanted))


def uses_as_session(function: FunctionValue, name: str, interpreter: Interpreter) -> bool:
    """Whether a function does with a parameter what one does with a session alone.

    One that enters, calls or tests it, or binds its name anew, knows what to make of others.
    """
    node, scope = function.node, function.scope
    source = interpreter.program.source(scope.module)
    if source is None:
        return False
    names = source.scope_in(node, scope).names
    if name in names.bindings or name in names.probed or name in names.outer:
        return False
    if _asks_of([node.body], name):
        return True
    kept = kept_in(function, name, interpreter)
    if kept is None:
        return False
    info, attribute = kept
    return _asks_of([method.body for method in interpreter.program.methods(info)], attribute)


def kept_in(
    function: FunctionValue, name: str, interpreter: Interpreter
) -> tuple[TypeInfo, str] | None:
    """The class, and the attribute of it, that an ``__init__`` keeps a parameter in, and no other.

    Args:
        function: The function.
        name: The parameter.
        interpreter: Says which class that is.
    """
    node, scope = function.node, function.scope
    source = interpreter.program.source(scope.module)
    info = class_at(interpreter, scope)
    if source is None or info is None or not isinstance(node, FuncDef) or node.name != "__init__":
        return None
    located = source.class_named(info.name)
    for statement in statements(node.body):
        if not isinstance(statement, AssignmentStmt) or not _is_name(statement.rvalue, name):
            continue
        target = dotted(statement.lvalues[0])
        if target is None or located is None or not target.startswith("self."):
            continue
        attribute = target.removeprefix("self.")
        if (
            len(source.attributes(located[0]).get(attribute, ())) == 1
            and mentions(node.body, name) == 1
        ):
            return info, target
    return None


def _asks_of(bodies: Iterable[Node], owner: str) -> bool:
    """Whether some bodies ask something for a session's attributes, and nothing else of it."""
    asked = False
    for node in (inner for body in bodies for inner in walk(body)):
        if isinstance(node, MemberExpr) and dotted(node.expr) == owner:
            if node.name not in SESSION_ATTRIBUTES | _OTHERS:
                return False
            asked = asked or node.name in SESSION_ATTRIBUTES
        elif isinstance(node, CallExpr) and dotted(node.callee) == owner:
            return False
        elif any(dotted(each) == owner for _, each in pairings(node)):
            return False
        elif _tests(node, owner):
            return False
    return asked


def _tests(node: Node, owner: str) -> bool:
    if isinstance(node, OpExpr):
        return node.op in ("and", "or") and dotted(node.left) == owner
    tested = (node.cond,) if isinstance(node, ConditionalExpr) else conditions(node)
    return any(dotted(inner) == owner for each in tested for inner in walk(each))


def _is_name(node: Node, name: str) -> bool:
    return isinstance(node, NameExpr) and node.name == name
