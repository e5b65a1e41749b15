"""Where a misuse is the point, so that nothing is said of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from mypy.nodes import (
    CallExpr,
    FuncDef,
    MemberExpr,
    NameExpr,
    TupleExpr,
    WithStmt,
    YieldExpr,
)

from mypy_asyncsession.detectors.spans import written
from mypy_asyncsession.models.contextlib import SUPPRESSES
from mypy_asyncsession.models.pytest import (
    EXPECTS_FAILURE,
    EXPECTS_FAILURE_MARKS,
    EXPECTS_FAILURE_METHODS,
)
from mypy_asyncsession.models.typing import NO_TYPE_CHECK
from mypy_asyncsession.semantic.cfg.attempts import attempt_of
from mypy_asyncsession.semantic.program_point import ProgramPoint
from mypy_asyncsession.semantic.syntax import definition_of, returned, statements, walk
from mypy_asyncsession.semantic.values import FunctionValue, ManagerFactory, fullname

if TYPE_CHECKING:
    from collections.abc import Iterator
    from collections.abc import Set as AbstractSet

    from mypy.nodes import Block, Expression, Node

    from mypy_asyncsession.semantic.interpreter import Interpreter, Where
    from mypy_asyncsession.semantic.program_point import Body
    from mypy_asyncsession.semantic.scopes import Scope
    from mypy_asyncsession.semantic.values import Value


#: What SQLAlchemy raises where a session is used at the wrong time, and for hardly anything else.
_OF_TIME: Final = frozenset(
    {
        "DetachedInstanceError",
        "IllegalStateChangeError",
        "InvalidRequestError",
        "MissingGreenlet",
        "PendingRollbackError",
    }
)


class Expected:
    """Knows the blocks and functions whose failure is expected."""

    def __init__(self, interpreter: Interpreter) -> None:
        self._interpreter = interpreter
        self._functions: dict[FuncDef, AbstractSet[str]] = {}

    def in_block(self, expression: Expression, point: ProgramPoint) -> bool:
        """Whether a ``with`` of *expression* says that its block fails."""
        return self._expects(expression, point.scope, point.where)

    def _expects(self, expression: Expression, scope: Scope, where: Where, depth: int = 0) -> bool:
        if not isinstance(expression, CallExpr):
            return False
        callee = expression.callee
        if isinstance(callee, MemberExpr) and callee.name in EXPECTS_FAILURE_METHODS:
            return True
        value = self._interpreter.value(callee, scope, where)
        name = fullname(value)
        if name in SUPPRESSES:
            return any(map(self._is_misuse_error, expression.args))
        return name in EXPECTS_FAILURE or (depth < 2 and self._is_helper(value, depth + 1))

    def _is_helper(self, value: Value, depth: int) -> bool:
        """Whether a call of *value* gives a block of a function's own that expects a failure."""
        is_manager = isinstance(value, ManagerFactory)
        function = value.function if isinstance(value, ManagerFactory) else value
        if not isinstance(function, FunctionValue):
            return False
        source = self._interpreter.program.source(function.scope.module)
        if source is None:
            return False
        scope = source.scope_in(function.node, function.scope)
        if not is_manager:
            results = returned(function.node)
            return bool(results) and all(
                self._expects(result, scope, None, depth) for result in results
            )
        return any(
            isinstance(statement, WithStmt)
            and any(self._expects(each, scope, None, depth) for each in statement.expr)
            and any(isinstance(inner, YieldExpr) for inner in walk(statement.body))
            for statement in statements(function.node.body)
        )

    def lines_in(self, function: FuncDef, inner: Body) -> Iterator[range]:
        """The lines of a function, whose body is *inner*, on which a failure is expected."""
        for statement in statements(function.body):
            attempt = attempt_of(statement)
            block: Block | None = None
            if isinstance(statement, WithStmt):
                point = ProgramPoint(inner, statement)
                if any(self.in_block(each, point) for each in statement.expr):
                    block = statement.body
            elif attempt is not None and attempt.is_caught(_is_misuse_of_time):
                block = attempt.block
            if block is not None:
                yield range(block.line, (block.end_line or block.line) + 1)

    def in_definition(self, function: FuncDef, point: ProgramPoint) -> bool:
        """Whether a function inside another is only used where a failure is expected."""
        outer = point.body.node
        return isinstance(outer, FuncDef) and function.name in self._failing(outer, point)

    def _failing(self, outer: FuncDef, point: ProgramPoint) -> AbstractSet[str]:
        """The functions inside *outer* that are only used where a failure is expected."""
        found = self._functions.get(outer)
        if found is None:
            found = self._functions[outer] = self._find_failing(outer, point)
        return found

    def _find_failing(self, outer: FuncDef, point: ProgramPoint) -> AbstractSet[str]:
        inner = {
            function.name: function
            for statement in statements(outer.body)
            if (function := definition_of(statement)) is not None
        }
        if not inner:
            return frozenset()
        expected: list[Node] = []
        for node in walk(outer.body):
            if isinstance(node, WithStmt) and any(
                self._is_point(each, point) for each in node.expr
            ):
                expected.append(node.body)
            elif isinstance(node, CallExpr) and self._is_point(node, point):
                expected.extend(node.args)  # ``assertRaises(TypeError, function)``
        used = _names(outer.body)
        failing: set[str] = set()
        there: set[NameExpr] = set()
        while expected:
            there.update(*map(_names, expected))
            expected = []
            for name in inner.keys() - failing:
                uses = {node for node in used if node.name == name}
                if uses and uses <= there:
                    failing.add(name)
                    expected.append(inner[name].body)
        return failing

    def in_function(self, decorator: Expression, point: ProgramPoint) -> bool:
        """Whether a decorator says that the function fails, or that it is not to be checked."""
        if isinstance(decorator, (NameExpr, MemberExpr)) and decorator.name == "no_type_check":
            value = self._interpreter.value(decorator, point.scope, point.where)
            return fullname(value) in NO_TYPE_CHECK
        callee = decorator.callee if isinstance(decorator, CallExpr) else decorator
        if not (isinstance(callee, MemberExpr) and callee.name in EXPECTS_FAILURE_MARKS):
            return False
        return written(callee) in ("pytest.mark.xfail", "mark.xfail", "unittest.expectedFailure")

    def _is_point(self, expression: Expression, point: ProgramPoint) -> bool:
        """Whether just what a wrong pairing raises is expected, as far as the call says what is."""
        return self.in_block(expression, point) and (
            not isinstance(expression, CallExpr)
            or not expression.args
            or any(map(self._is_misuse_error, expression.args))
        )

    def failing_block(self, statement: Node) -> Block | None:
        """The block of a statement that has a handler for just what a wrong pairing raises."""
        attempt = attempt_of(statement)
        return attempt.block if attempt and attempt.is_caught(self._is_misuse_error) else None

    def _is_misuse_error(self, type_: Expression | None) -> bool:
        if isinstance(type_, TupleExpr):
            return any(map(self._is_misuse_error, type_.items))
        return isinstance(type_, NameExpr) and type_.name in ("TypeError", "AttributeError")


def _names(node: Node) -> set[NameExpr]:
    return {inner for inner in walk(node) if isinstance(inner, NameExpr)}


def _is_misuse_of_time(type_: Expression | None) -> bool:
    """Whether a handler waits for just what a use of a session at the wrong time raises."""
    types = type_.items if isinstance(type_, TupleExpr) else [type_]
    return any(isinstance(each, (MemberExpr, NameExpr)) and each.name in _OF_TIME for each in types)
