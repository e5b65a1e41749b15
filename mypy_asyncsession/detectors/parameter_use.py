"""What a function does with a parameter whose value may not be what its annotation says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from mypy.nodes import (
    AssertStmt,
    CallExpr,
    ComparisonExpr,
    ConditionalExpr,
    FuncDef,
    IfStmt,
    MatchStmt,
    MemberExpr,
    NameExpr,
    OpExpr,
    UnaryExpr,
    WhileStmt,
)

from mypy_asyncsession.detectors.arguments import matched
from mypy_asyncsession.models.builtin import PROBES
from mypy_asyncsession.semantic.syntax import mentions, walk
from mypy_asyncsession.semantic.values import FunctionValue

if TYPE_CHECKING:
    from mypy.nodes import FuncItem, Node

    from mypy_asyncsession.semantic.interpreter import Interpreter
    from mypy_asyncsession.semantic.scopes import Scope

#: Functions that find out what they are given, beside the probes for providers.
_ASKING: Final = PROBES | {"getattr", "type"}
#: How many functions a parameter is followed into.
_DEPTH: Final = 3


def is_read(
    function: FuncItem, name: str, scope: Scope, interpreter: Interpreter, depth: int = 0
) -> bool:
    """Whether a function uses one of its parameters, and nobody asks what it is.

    Args:
        function: The function.
        name: The parameter.
        scope: The scope that the function stands in.
        interpreter: Says which functions the parameter is handed on to.
        depth: How many functions it has been followed into.
    """
    return mentions(function.body, name) > 0 and not _is_asked_about(
        function, name, scope, interpreter, depth
    )


def _is_asked_about(
    function: FuncItem, name: str, scope: Scope, interpreter: Interpreter, depth: int
) -> bool:
    asserted = {
        id(each)
        for node in walk(function.body)
        if isinstance(node, AssertStmt)
        for each in walk(node)
    }
    for node in walk(function.body):
        if isinstance(node, MatchStmt) and _is_name(node.subject, name):
            return True
        if isinstance(node, MemberExpr) and node.name == "__class__" and _is_name(node.expr, name):
            return True
        if not isinstance(node, CallExpr) or not any(_is_name(each, name) for each in node.args):
            continue
        callee = node.callee
        if isinstance(callee, (MemberExpr, NameExpr)) and callee.name in _ASKING:
            if id(node) not in asserted and _is_name(node.args[0], name):
                return True
        elif depth < _DEPTH and _handed_on(node, name, function, scope, interpreter, depth):
            return True
    return False


def _handed_on(
    call: CallExpr,
    name: str,
    function: FuncItem,
    scope: Scope,
    interpreter: Interpreter,
    depth: int,
) -> bool:
    """Whether a call hands a parameter on to a function that asks what it is."""
    source = interpreter.program.source(scope.module)
    if source is None:
        return False
    callee = interpreter.value(call.callee, source.scope_in(function, scope), None)
    if not isinstance(callee, FunctionValue) or not isinstance(callee.node, FuncDef):
        return False
    if callee.node is function:
        return False
    return any(
        _is_asked_about(callee.node, parameter, callee.scope, interpreter, depth + 1)
        for parameter, argument in matched(call, callee)
        if _is_name(argument, name)
    )


def asks_for_none(function: FuncItem, name: str) -> bool:
    """Whether a function finds out whether one of its parameters is ``None``."""
    for node in walk(function.body):
        if isinstance(node, (IfStmt,)):
            tested: list[Node] = list(node.expr)
        elif isinstance(node, (WhileStmt, AssertStmt)):
            tested = [node.expr]
        elif isinstance(node, ConditionalExpr):
            tested = [node.cond]
        elif isinstance(node, OpExpr) and node.op in ("and", "or"):
            tested = [node.left]
        elif isinstance(node, UnaryExpr) and node.op == "not":
            tested = [node.expr]
        elif isinstance(node, ComparisonExpr):
            if any(_is_name(each, name) for each in node.operands) and any(
                isinstance(each, NameExpr) and each.name == "None" for each in node.operands
            ):
                return True
            continue
        elif isinstance(node, MatchStmt):
            tested = [node.subject]
        elif isinstance(node, CallExpr):
            if isinstance(node.callee, NameExpr) and node.callee.name in _ASKING:
                tested = node.args[:1]  # type: ignore[assignment]
            else:
                continue
        else:
            continue
        if any(_is_name(each, name) for each in tested):
            return True
    return False


def _is_name(node: Node, name: str) -> bool:
    return isinstance(node, NameExpr) and node.name == name
