"""Arguments, matched to the parameters that they are for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mypy.nodes import ArgKind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy.nodes import CallExpr, Expression

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
