"""What pytest fills in: nobody compares the annotation of such a parameter with what it is."""

from __future__ import annotations

from fnmatch import fnmatch
from functools import lru_cache
from pathlib import PurePath
from typing import TYPE_CHECKING, Final

from mypy.nodes import AwaitExpr, CallExpr, FuncDef, FuncItem, NameExpr

if TYPE_CHECKING:
    from mypy.nodes import Expression, Node

    from mypy_asyncsession.semantic.program_point import Body, ProgramPoint

#: The files in which pytest looks for tests, unless it is told otherwise.
_TEST_FILES: Final = ("test_*.py", "*_test.py", "conftest.py")


def is_of_fixture(expression: Expression, point: ProgramPoint) -> bool:
    """Whether *expression* is what a fixture gave, or what a call of that gives.

    A fixture is annotated with what it yields as often as with how, and whoever asks for it by
    name repeats that. pytest looks at neither.
    """
    current: Node = expression
    while isinstance(current, (AwaitExpr, CallExpr)):
        current = current.expr if isinstance(current, AwaitExpr) else current.callee
    if not isinstance(current, NameExpr):
        return False
    body: Body | None = point.body
    while body is not None and body.node is not None:
        if isinstance(body.node, FuncItem) and any(
            argument.variable.name == current.name and argument.initializer is None
            for argument in body.node.arguments
        ):
            return body.is_fixture() or _is_test(body)
        if current.name in body.scope.names.bindings:
            return False
        body = body.parent
    return False


def _is_test(body: Body) -> bool:
    return (
        isinstance(body.node, FuncDef)
        and body.node.name.startswith("test")
        and is_test_file(body.path)
    )


@lru_cache
def is_test_file(path: str) -> bool:
    """Whether pytest looks for tests or fixtures in a file of that name."""
    name = PurePath(path).name
    return any(fnmatch(name, pattern) for pattern in _TEST_FILES)
