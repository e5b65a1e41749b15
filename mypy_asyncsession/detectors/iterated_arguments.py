"""What builtins iterate over, and what is unpacked: ``list(...)``, ``[*...]``, ``one, = ...``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mypy.nodes import (
    ArgKind,
    AwaitExpr,
    CallExpr,
    ListExpr,
    MemberExpr,
    NameExpr,
    StarExpr,
    TupleExpr,
)

from mypy_asyncsession.detectors.record import UNPACKING, Pairing
from mypy_asyncsession.models.builtin import ITERATING
from mypy_asyncsession.models.sqlalchemy import CONNECTING_ATTRIBUTES, STREAMING_METHODS
from mypy_asyncsession.semantic.values import fullname

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy.nodes import AssignmentStmt, Expression

    from mypy_asyncsession.detectors.candidates import Candidates
    from mypy_asyncsession.detectors.pairings import Pairings
    from mypy_asyncsession.detectors.record import Use
    from mypy_asyncsession.semantic.interpreter import Interpreter
    from mypy_asyncsession.semantic.program_point import ProgramPoint

_NAMED = (CallExpr, MemberExpr, NameExpr)


class IteratedArguments:
    """Finds what is iterated over without a ``for``, where it may have to do with a provider."""

    def __init__(
        self, interpreter: Interpreter, pairings: Pairings, candidates: Candidates
    ) -> None:
        self._interpreter = interpreter
        self._pairings = pairings
        self._candidates = candidates

    def of_call(self, call: CallExpr, point: ProgramPoint) -> Iterator[Use]:
        """The arguments of a call that it iterates over."""
        callee = call.callee
        name = callee.name if isinstance(callee, NameExpr) else None
        positions = ITERATING.get(name) if name is not None else None
        for position, (argument, kind) in enumerate(zip(call.args, call.arg_kinds, strict=True)):
            if kind is ArgKind.ARG_STAR:
                yield from self._of(argument, UNPACKING, point)
                positions = None  # where the others are is not known
            elif kind is ArgKind.ARG_POS and positions is not None and position in positions:
                for use in self._of(argument, name or "", point):
                    if self._is_builtin(callee, point):
                        yield use

    def of_star(self, star: StarExpr, point: ProgramPoint) -> Iterator[Use]:
        """``[*sessions]``."""
        return self._of(star.expr, UNPACKING, point)

    def of_unpacking(self, statement: AssignmentStmt, point: ProgramPoint) -> Iterator[Use]:
        """``one, other = sessions``."""
        if isinstance(statement.lvalues[0], (ListExpr, TupleExpr)):
            yield from self._of(statement.rvalue, UNPACKING, point)

    def _of(self, expression: Expression, via: str, point: ProgramPoint) -> Iterator[Use]:
        if not _is_query(expression) and not (
            isinstance(expression, _NAMED) and self._candidates.may_lead(expression, point.body)
        ):
            return
        for use in self._pairings.of(Pairing.ITERATED, expression, point, None):
            yield use._replace(via=via)

    def _is_builtin(self, callee: Expression, point: ProgramPoint) -> bool:
        name = fullname(self._interpreter.value(callee, point.scope, point.where))
        return name is not None and name.startswith("builtins.")


def _is_query(expression: Expression) -> bool:
    """Whether an expression is ``session.scalars(...)``, or ``await session.stream(...)``."""
    names = CONNECTING_ATTRIBUTES
    if isinstance(expression, AwaitExpr):
        expression, names = expression.expr, STREAMING_METHODS
    callee = expression.callee if isinstance(expression, CallExpr) else None
    return isinstance(callee, MemberExpr) and callee.name in names
