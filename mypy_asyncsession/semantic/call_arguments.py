"""Arguments, matched to the parameters that they are for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mypy.nodes import ArgKind, AssignmentStmt, CallExpr, DictExpr, NameExpr, StrExpr

from mypy_asyncsession.semantic.call_sites import last_name
from mypy_asyncsession.semantic.program_point import ProgramPoint
from mypy_asyncsession.semantic.syntax import statements

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy.nodes import Expression, Node

    from mypy_asyncsession.semantic.values import FunctionValue


def matched(
    call: CallExpr, function: FunctionValue, *, after: int = 0
) -> Iterator[tuple[str, Expression]]:
    """The parameters of *function* with the arguments that *call* gives them.

    Args:
        call: The call.
        function: What is called, or is an argument that is called with those that follow it.
        after: How many arguments are for something else.
    """
    formal = [argument.variable.name for argument in function.node.arguments]
    if function.receiver is not None and not function.is_static:
        formal = formal[1:]
    position = 0
    given = list(zip(call.args, call.arg_kinds, call.arg_names, strict=True))
    for argument, kind, name in given[after:]:
        if kind is ArgKind.ARG_POS and position < len(formal):
            yield formal[position], argument
            position += 1
        elif kind is ArgKind.ARG_NAMED and name in formal:
            yield name, argument
        elif kind is ArgKind.ARG_STAR:
            return


def spread(
    call: CallExpr, function: FunctionValue, point: ProgramPoint
) -> Iterator[tuple[str, Expression, ProgramPoint]]:
    """What ``**options`` gives to parameters of *function*, where it is written as a dict.

    Args:
        call: The call.
        function: What is called.
        point: Where the call stands.

    Yields:
        A parameter, what it is given, and where that stands.
    """
    formal = {argument.variable.name for argument in function.node.arguments}
    for argument, kind in zip(call.args, call.arg_kinds, strict=True):
        if kind is not ArgKind.ARG_STAR2:
            continue
        written, there = _as_dict(argument, point)
        for name, value in _items(written):
            if name in formal:
                yield name, value, there


def _as_dict(argument: Expression, point: ProgramPoint) -> tuple[Node, ProgramPoint]:
    """An argument, or what its name was bound to if nothing was put there since."""
    function = point.body.function()
    if not isinstance(argument, NameExpr) or function is None:
        return argument, point
    bindings = point.scope.names.bindings.get(argument.name, ())
    if len(bindings) != 1 or bindings[0].kind != "assign" or point.body.puts_into(argument.name):
        return argument, point
    for statement in statements(function.body):
        if isinstance(statement, AssignmentStmt) and statement.rvalue is bindings[0].node:
            return statement.rvalue, ProgramPoint(point.body, statement)
    return argument, point


def _items(written: Node) -> Iterator[tuple[str, Expression]]:
    """The names and values of ``{"a": b}`` and of ``dict(a=b)``."""
    if isinstance(written, DictExpr):
        for key, value in written.items:
            if isinstance(key, StrExpr):
                yield key.value, value
    elif isinstance(written, CallExpr) and last_name(written.callee) == "dict":
        for name, value in zip(written.arg_names, written.args, strict=True):
            if name is not None:
                yield name, value
