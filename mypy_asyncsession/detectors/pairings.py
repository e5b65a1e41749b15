"""One use of an expression: how it is used, and what it may be."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mypy.nodes import AwaitExpr, IndexExpr, MemberExpr, NameExpr
from mypy.types import Instance, TupleType, get_proper_type

from mypy_asyncsession.detectors.object_info import object_info
from mypy_asyncsession.detectors.object_record import ObjectInfo
from mypy_asyncsession.detectors.record import Pairing
from mypy_asyncsession.detectors.sync_results import method_of
from mypy_asyncsession.detectors.unsettled_uses import UnsettledUses
from mypy_asyncsession.detectors.uses import use_of
from mypy_asyncsession.semantic.entering_methods import faulty_method
from mypy_asyncsession.semantic.shapes import Can, Shape
from mypy_asyncsession.semantic.values import UNKNOWN, UNSURE, ObjectValue, UnionValue, members

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy.nodes import Expression

    from mypy_asyncsession.detectors.candidates import Candidates
    from mypy_asyncsession.detectors.left_open import LeftOpen
    from mypy_asyncsession.detectors.record import Use
    from mypy_asyncsession.semantic.entering_faults import FaultyMethod
    from mypy_asyncsession.semantic.interpreter import Interpreter
    from mypy_asyncsession.semantic.program_point import ProgramPoint
    from mypy_asyncsession.semantic.values import Value

#: What enters something, to leave it again later.
_ENTERING = frozenset(
    {Pairing.ASYNC_WITH, Pairing.ENTER_ASYNC_CONTEXT, Pairing.ENTER_CONTEXT, Pairing.WITH}
)


class Pairings:
    """Finds out what is used in one module, and whether that needs a closer look."""

    def __init__(
        self,
        interpreter: Interpreter,
        module: str,
        candidates: Candidates,
        left_open: LeftOpen,
        *,
        exhaustive: bool,
    ) -> None:
        """Begin with one module.

        Args:
            interpreter: Says what expressions may be.
            module: The name of the module.
            candidates: A quick look at what may have to do with a provider.
            left_open: Says what the code itself leaves open.
            exhaustive: Whether uses are given that need no look to be right.
        """
        self._interpreter = interpreter
        self._module = module
        self._candidates = candidates
        self._open = left_open
        self._exhaustive = exhaustive
        self._unsettled = UnsettledUses(interpreter)

    def of(
        self,
        pairing: Pairing,
        expression: Expression,
        point: ProgramPoint,
        target: Expression | None,
    ) -> Iterator[Use]:
        """The use of an expression in one way, unless it is right whatever it is.

        Args:
            pairing: How it is used.
            expression: What is used.
            point: The statement that it stands in.
            target: What is bound to what it gives.
        """
        if pairing is Pairing.AWAIT:
            owner = method_of(expression, self._interpreter, point)
            if owner is not None:
                result = (ObjectInfo(Shape.RESULT, Can.NOTHING),)
                yield use_of(pairing, result, expression, point, target)._replace(method_of=owner)
                return
        if self._is_evident(pairing, expression, point) or self._open.has(expression, point):
            return
        if isinstance(expression, AwaitExpr) and any(
            use.wrong() for use in self.of(Pairing.AWAIT, expression.expr, point, None)
        ):
            return  # one mistake is reported once, where it is made
        value = self._interpreter.value(expression, point.scope, point.where)
        faulty = self._faulty(pairing, value)
        if faulty is not None:
            made = self.made(pairing, value, expression, point, target)
            if made is not None:
                yield made._replace(faulty=faulty)
            return
        self._unsettled.of_use(expression, value, point.scope, point.where)
        if not self._exhaustive and all(
            isinstance(each, ObjectValue) and each.can & pairing.needs for each in members(value)
        ):
            return  # right, whichever it is
        use = self.made(pairing, value, expression, point, target)
        if use is not None and not (use.wrong() and self._open.has_member(expression, point)):
            yield use

    def made(
        self,
        pairing: Pairing,
        value: Value,
        expression: Expression,
        point: ProgramPoint,
        target: Expression | None,
    ) -> Use | None:
        """The record of a use; ``None`` where a possibility is not known.

        Args:
            pairing: How it is used.
            value: What is used.
            expression: How it is written.
            point: The statement that it stands in.
            target: What is bound to what it gives.
        """
        if value is UNKNOWN or value is UNSURE:
            return None
        given = [object_info(member, self._interpreter, point.scope) for member in members(value)]
        known_ones = tuple(each for each in given if each is not None)
        if not known_ones or len(known_ones) < len(given):
            return None
        exact = not isinstance(value, UnionValue) or (
            # Which of its possibilities a name has at one place is for the flow to say.
            value.exact and not isinstance(expression, (IndexExpr, MemberExpr, NameExpr))
        )
        return use_of(pairing, known_ones, expression, point, target, exact=exact)

    def _faulty(self, pairing: Pairing, value: Value) -> FaultyMethod | None:
        """The special method that a block cannot work with, of an object made by its very class."""
        if pairing not in _ENTERING or not isinstance(value, ObjectValue):
            return None
        if not (value.bare or value.filled) or not isinstance(value.type, Instance):
            return None
        is_async = pairing.is_async
        if not value.can & pairing.needs:
            return None
        return faulty_method(value.type.type, self._interpreter.program, is_async=is_async)

    def _is_evident(self, pairing: Pairing, expression: Expression, point: ProgramPoint) -> bool:
        """Whether mypy's type settles it: most uses are of this kind, and need no second look.

        In these two pairings no definition that contradicts its annotation can be the wrong one.
        """
        if (
            pairing is Pairing.AWAIT
            and not self._exhaustive
            and not self._candidates.may_lead(expression, point.body)
            # ``await self.session.close`` is of the session.
            and not (
                isinstance(expression, MemberExpr)
                and self._candidates.may_lead(expression.expr, point.body)
            )
        ):
            return True
        if pairing not in (Pairing.AWAIT, Pairing.FOR) or self._interpreter.past_types:
            return False
        if self._exhaustive:
            return False
        found = self._interpreter.type_of(expression, self._module)
        proper = get_proper_type(found) if found is not None else None
        return isinstance(proper, (TupleType, Instance)) and bool(
            self._interpreter.types.can(
                proper.partial_fallback.type if isinstance(proper, TupleType) else proper.type
            )
            & pairing.needs
        )
