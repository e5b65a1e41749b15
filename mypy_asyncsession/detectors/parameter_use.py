"""What a function does with a parameter whose value may not be what its annotation says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from mypy.nodes import (
    AssignmentStmt,
    CallExpr,
    ComparisonExpr,
    ConditionalExpr,
    ForStmt,
    FuncDef,
    IndexExpr,
    MemberExpr,
    NameExpr,
    OpExpr,
    ReturnStmt,
    UnaryExpr,
)
from mypy.types import UnboundType

from mypy_asyncsession.models.builtin import PROBES
from mypy_asyncsession.semantic.call_arguments import matched
from mypy_asyncsession.semantic.cfg.attempts import attempt_of
from mypy_asyncsession.semantic.cfg.conditions import assertion, deciding, subject
from mypy_asyncsession.semantic.cfg.names import names_in
from mypy_asyncsession.semantic.syntax import mentions, walk
from mypy_asyncsession.semantic.values import FunctionValue

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from mypy.nodes import FuncItem, Node

    from mypy_asyncsession.semantic.interpreter import Interpreter
    from mypy_asyncsession.semantic.module_source import ModuleSource
    from mypy_asyncsession.semantic.scopes import Scope

#: Functions that find out what they are given, beside the probes for providers.
_ASKING: Final = PROBES | {"getattr", "type"}
#: What the objects have that stand for a parameter of the request.
_OF_PARAMETERS: Final = frozenset({"alias", "default", "description", "example", "title"})
_ARITHMETIC: Final = frozenset({"+", "-", "*", "/", "//", "%", "**"})
_EQUALITY: Final = frozenset({"==", "!=", "in", "not in"})
_ORDERING: Final = frozenset({"<", ">", "<=", ">="})
#: What takes numbers, or what can be iterated over.
_FAILING_FUNCTIONS: Final = frozenset(
    {"enumerate", "float", "int", "len", "list", "max", "min", "range", "set", "sorted", "sum"}
)
_FAILING_METHODS: Final = frozenset({"in_", "join", "limit", "offset"})
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
    return _is_loaded(function, name) and not _is_asked_about(
        function, name, scope, interpreter, depth
    )


def _is_loaded(function: FuncItem, name: str) -> bool:
    """Whether a name stands in a function elsewhere than where it is bound anew."""
    bound = sum(
        each.name == name
        for node in walk(function.body)
        if isinstance(node, AssignmentStmt)
        for target in node.lvalues
        for each in names_in(target)
    )
    return mentions(function.body, name) > bound


def _is_asked_about(
    function: FuncItem, name: str, scope: Scope, interpreter: Interpreter, depth: int
) -> bool:
    asserted = {
        id(each)
        for node in walk(function.body)
        if (required := assertion(node)) is not None
        for each in walk(required)
    }
    for node in walk(function.body):
        if _is_name(subject(node), name):
            return True
        if isinstance(node, MemberExpr) and node.name == "__class__" and _is_name(node.expr, name):
            return True
        if not isinstance(node, CallExpr) or not any(_is_name(each, name) for each in node.args):
            continue
        callee = node.callee
        if isinstance(callee, (MemberExpr, NameExpr)) and callee.name in _ASKING:
            if id(node) not in asserted and _is_name(node.args[0], name):
                return True
        elif depth < _DEPTH and _handed_on(
            _is_asked_about, node, name, function, scope, interpreter, depth
        ):
            return True
    return False


def _handed_on(
    asks: Callable[[FuncItem, str, Scope, Interpreter, int], bool],
    call: CallExpr,
    name: str,
    function: FuncItem,
    scope: Scope,
    interpreter: Interpreter,
    depth: int,
) -> bool:
    """Whether a call hands a parameter on to a function that *asks* the same about it."""
    if not any(_is_name(each, name) for each in call.args):
        return False
    callee = _target(call, function, scope, interpreter)
    return callee is not None and any(
        asks(callee.node, parameter, callee.scope, interpreter, depth + 1)
        for parameter, argument in matched(call, callee)
        if _is_name(argument, name)
    )


def _target(
    call: CallExpr, function: FuncItem, scope: Scope, interpreter: Interpreter
) -> FunctionValue | None:
    """The function that is called in another, unless it is that one again."""
    source = interpreter.program.source(scope.module)
    if source is None:
        return None
    callee = interpreter.value(call.callee, source.scope_in(function, scope), None)
    if not isinstance(callee, FunctionValue) or not isinstance(callee.node, FuncDef):
        return None
    return callee if callee.node is not function else None


def asks_for_none(
    function: FuncItem, name: str, scope: Scope, interpreter: Interpreter, depth: int = 0
) -> bool:
    """Whether a function, or one that it hands it to, asks whether a parameter is ``None``."""
    if _only_compares(function, name):
        return True
    for node in walk(function.body):
        asked: Sequence[Node | None]
        if isinstance(node, ConditionalExpr):
            asked = [node.cond]
        elif isinstance(node, OpExpr) and node.op in ("and", "or"):
            asked = [node.left, node.right]
        elif isinstance(node, UnaryExpr) and node.op == "not":
            asked = [node.expr]
        elif isinstance(node, ComparisonExpr):
            if any(_is_name(each, name) for each in node.operands) and any(
                isinstance(each, NameExpr) and each.name == "None" for each in node.operands
            ):
                return True
            continue
        elif isinstance(node, CallExpr):
            if not isinstance(node.callee, NameExpr) or node.callee.name not in _ASKING:
                if depth < _DEPTH and _handed_on(
                    asks_for_none, node, name, function, scope, interpreter, depth
                ):
                    return True
                continue
            asked = node.args[:1]
        else:
            attempt = attempt_of(node)
            if attempt and attempt.is_caught(_is_broad) and mentions(attempt.block, name):
                return True
            asked = [*deciding(node), subject(node)]
        if any(_is_name(each, name) for each in asked):
            return True
    return False


def _only_compares(function: FuncItem, name: str) -> bool:
    """Whether a function compares a parameter, and does nothing with it else but to return it.

    ``if key != expected: raise``: ``None`` is another one, too.
    """
    compared = returned = 0
    for node in walk(function.body):
        if isinstance(node, ComparisonExpr) and _EQUALITY.issuperset(node.operators):
            compared += sum(_is_name(each, name) for each in node.operands)
        elif isinstance(node, ReturnStmt) and node.expr is not None and _is_name(node.expr, name):
            returned += 1
    return compared > 0 and mentions(function.body, name) == compared + returned


def all_ask_for_none(
    alias: IndexExpr, scope: Scope, source: ModuleSource, interpreter: Interpreter
) -> bool:
    """Whether the functions of a module that use an alias all ask whether what it gives is None.

    Args:
        alias: What the alias stands for.
        scope: The scope that it stands in.
        source: The module.
        interpreter: As in ``is_read``.
    """
    names = {
        name
        for name, bindings in scope.names.bindings.items()
        if len(bindings) == 1 and bindings[0].node is alias
    }
    using = [
        (function, argument.variable.name)
        for function in source.index.of_kind(FuncDef)
        for argument in function.arguments
        if isinstance(argument.type_annotation, UnboundType)
        and argument.type_annotation.name in names
    ]
    return bool(using) and all(
        asks_for_none(function, name, scope, interpreter) for function, name in using
    )


def _is_broad(type_: Node | None) -> bool:
    """Whether a handler catches what comes of ``None`` where something else is expected."""
    return type_ is None or (
        isinstance(type_, NameExpr) and type_.name in ("AttributeError", "Exception", "TypeError")
    )


def fails_on_another(
    function: FuncItem, name: str, scope: Scope, interpreter: Interpreter, depth: int = 0
) -> bool:
    """Whether a function does with a parameter what only the object itself can do.

    A ``Query(None)`` in place of a string is often handed on, and looked up, and not found.
    """
    for node in walk(function.body):
        if isinstance(node, AssignmentStmt) and any(_is_name(each, name) for each in node.lvalues):
            return False
        if isinstance(node, (MemberExpr, ForStmt)) and _is_name(node.expr, name):
            return not (isinstance(node, MemberExpr) and node.name in _OF_PARAMETERS)
        if isinstance(node, IndexExpr) and _is_name(node.base, name):
            return True
        if isinstance(node, OpExpr) and node.op in _ARITHMETIC:
            if _is_name(node.left, name) or _is_name(node.right, name):
                return True
        elif isinstance(node, ComparisonExpr) and not _ORDERING.isdisjoint(node.operators):
            if any(_is_name(each, name) for each in node.operands):
                return True
        elif isinstance(node, CallExpr) and any(_is_name(each, name) for each in node.args):
            callee = node.callee
            if isinstance(callee, NameExpr) and callee.name in _FAILING_FUNCTIONS:
                return True
            if isinstance(callee, MemberExpr) and callee.name in _FAILING_METHODS:
                return True
            target = _target(node, function, scope, interpreter) if depth < _DEPTH else None
            if target is not None and any(
                fails_on_another(target.node, parameter, target.scope, interpreter, depth + 1)
                for parameter, argument in matched(node, target)
                if _is_name(argument, name)
            ):
                return True
    return False


def _is_name(node: Node | None, name: str) -> bool:
    return isinstance(node, NameExpr) and node.name == name
