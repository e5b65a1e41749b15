"""Where a misuse is the point, so that nothing is said of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mypy.nodes import CallExpr, MemberExpr, NameExpr, TupleExpr

from mypy_asyncsession.providers import known
from mypy_asyncsession.providers.values import fullname
from mypy_asyncsession.uses.spans import written

if TYPE_CHECKING:
    from mypy.nodes import Expression, TryStmt

    from mypy_asyncsession.providers.evaluate import Evaluator
    from mypy_asyncsession.uses.spots import Spot


class Expected:
    """Knows the blocks and functions whose failure is expected."""

    def __init__(self, evaluator: Evaluator) -> None:
        self._evaluator = evaluator

    def in_block(self, expression: Expression, spot: Spot) -> bool:
        """Whether a ``with`` of *expression* says that its block fails."""
        if not isinstance(expression, CallExpr):
            return False
        callee = expression.callee
        if isinstance(callee, MemberExpr) and callee.name in known.EXPECTS_FAILURE_METHODS:
            return True
        name = fullname(self._evaluator.value(callee, spot.scope, spot.where))
        if name in known.SUPPRESSES:
            return any(self._is_misuse_error(argument, spot) for argument in expression.args)
        return name in known.EXPECTS_FAILURE

    def in_function(self, decorator: Expression, spot: Spot) -> bool:
        """Whether a decorator says that the function fails, or that it is not to be checked."""
        if isinstance(decorator, (NameExpr, MemberExpr)) and decorator.name == "no_type_check":
            value = self._evaluator.value(decorator, spot.scope, spot.where)
            return fullname(value) in known.NO_TYPE_CHECK
        callee = decorator.callee if isinstance(decorator, CallExpr) else decorator
        if not (isinstance(callee, MemberExpr) and callee.name in known.EXPECTS_FAILURE_MARKS):
            return False
        return written(callee) in ("pytest.mark.xfail", "mark.xfail", "unittest.expectedFailure")

    def in_try(self, statement: TryStmt, spot: Spot) -> bool:
        """Whether a ``try`` has a handler for just what a wrong pairing raises."""
        return any(
            type_ is not None and self._is_misuse_error(type_, spot) for type_ in statement.types
        )

    def _is_misuse_error(self, type_: Expression, spot: Spot) -> bool:
        if isinstance(type_, TupleExpr):
            return any(self._is_misuse_error(item, spot) for item in type_.items)
        return isinstance(type_, NameExpr) and type_.name in ("TypeError", "AttributeError")
