"""What holds a session, given where the session itself is expected: to a call, a caller, a name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mypy.nodes import (
    ArgKind,
    AssignmentStmt,
    CallExpr,
    FuncDef,
    MemberExpr,
    NameExpr,
    ReturnStmt,
)
from mypy.types import AnyType, CallableType, Instance, get_proper_type

from mypy_asyncsession.detectors.fixtures import is_of_fixture
from mypy_asyncsession.detectors.held_sessions import is_session
from mypy_asyncsession.detectors.record import Situation, UnenteredUse
from mypy_asyncsession.detectors.session_parameters import kept_in, takes_session
from mypy_asyncsession.detectors.spans import span_of, written
from mypy_asyncsession.detectors.unentered_holders import holder_of, unentered
from mypy_asyncsession.models.builtin import HANDING_ON
from mypy_asyncsession.models.sqlalchemy import (
    ASYNC_SESSIONMAKERS,
    SESSIONMAKERS,
)
from mypy_asyncsession.models.typing import HOLDER_TYPES
from mypy_asyncsession.semantic.call_arguments import matched, spread
from mypy_asyncsession.semantic.call_sites import last_name
from mypy_asyncsession.semantic.interpreter.evidence import suffices
from mypy_asyncsession.semantic.shapes import Shape
from mypy_asyncsession.semantic.values import (
    ClassValue,
    FunctionValue,
    ObjectValue,
    members,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy.nodes import Expression, Node
    from mypy.types import Type

    from mypy_asyncsession.detectors.candidates import Candidates
    from mypy_asyncsession.semantic.interpreter import Interpreter
    from mypy_asyncsession.semantic.program_point import ProgramPoint


#: The codes under which mypy says the same.
_MYPYS = {
    Situation.ARGUMENT: "arg-type",
    Situation.RETURNED: "return-value",
    Situation.STORED: "assignment",
}
#: The classes of what may hold a session that is yet to be got at.
_HANDED = HOLDER_TYPES | ASYNC_SESSIONMAKERS | SESSIONMAKERS
#: The shapes of what holds no session that is yet to be got at.
_HOLDING_NOTHING = frozenset({Shape.NONE, Shape.OTHER, Shape.SESSION, Shape.SYNC_SESSION})


class GivenHolders:
    """Finds where something that holds a session is given for the session."""

    def __init__(self, interpreter: Interpreter, module: str, candidates: Candidates) -> None:
        self._interpreter = interpreter
        self._module = module
        self._candidates = candidates

    def of_call(
        self, call: CallExpr, callee: CallableType | None, point: ProgramPoint
    ) -> Iterator[UnenteredUse]:
        """``f(cm)``, where the parameter is annotated as a session, or used as one.

        Args:
            call: The call.
            callee: The type of what it calls; ``None`` if no parameter of that is of interest.
            point: Where it stands.
        """
        handed_on = len(call.args) > 1 and last_name(call.callee) in HANDING_ON
        for argument in call.args[1:] if handed_on else call.args:
            if self._may_be_handed(argument, point):
                yield from self._of_body(call, point, after=int(handed_on))
                break
        if ArgKind.ARG_STAR2 in call.arg_kinds and not handed_on:
            yield from self._of_spread(call, point)
        if callee is None:
            return
        for position, (argument, name) in enumerate(zip(call.args, call.arg_names, strict=True)):
            if name is not None:
                formal = callee.argument_by_name(name)
            else:
                formal = callee.argument_by_position(position)
            if formal is not None and is_session(formal.typ, self._interpreter.types):
                if formal.name and self._suffices(call, formal.name, argument, point):
                    continue
                yield from self._given(
                    Situation.ARGUMENT, argument, formal.name or written(call.callee), point
                )

    def of_return(self, statement: ReturnStmt, point: ProgramPoint) -> Iterator[UnenteredUse]:
        """``return cm()`` from a function annotated as giving a session."""
        function = point.body.function()
        if statement.expr is None or not isinstance(function, FuncDef):
            return
        type_ = get_proper_type(function.type) if function.type is not None else None
        if not isinstance(type_, CallableType):
            return
        declared: Type = type_.ret_type
        proper = get_proper_type(declared)
        if function.is_coroutine and isinstance(proper, Instance) and proper.args:
            declared = proper.args[-1]
        if is_session(declared, self._interpreter.types):
            yield from self._given(Situation.RETURNED, statement.expr, function.name, point)

    def of_assignment(
        self, statement: AssignmentStmt, point: ProgramPoint
    ) -> Iterator[UnenteredUse]:
        """``self.session: AsyncSession = cm()``, or without its type where that is declared."""
        if not isinstance(statement.rvalue, (CallExpr, MemberExpr, NameExpr)):
            return
        target = statement.lvalues[0]
        declared = statement.type
        if not self._candidates.may_lead(statement.rvalue, point.body):
            return
        if declared is None and isinstance(target, MemberExpr):
            declared = self._interpreter.declared_attribute(target, point.scope, point.where)
        if declared is not None and is_session(declared, self._interpreter.types):
            yield from self._given(Situation.STORED, statement.rvalue, written(target), point)

    def _may_be_handed(self, argument: Expression, point: ProgramPoint) -> bool:
        """A quick look: whether an argument may hold a session that is yet to be got at."""
        if not isinstance(
            argument, (CallExpr, MemberExpr, NameExpr)
        ) or not self._candidates.may_lead(argument, point.body):
            return False
        if not self._interpreter.program.analysed:
            value = self._interpreter.value(argument, point.scope, point.where)
            return isinstance(value, ObjectValue) and value.shape not in _HOLDING_NOTHING
        type_ = get_proper_type(self._interpreter.type_of(argument, self._module))
        if isinstance(type_, Instance):
            return type_.type.fullname in _HANDED or type_.type.get("__await__") is not None
        # The call of an unannotated provider.
        return isinstance(type_, AnyType) and isinstance(argument, CallExpr)

    def _of_body(
        self, call: CallExpr, point: ProgramPoint, *, after: int
    ) -> Iterator[UnenteredUse]:
        """``f(cm)``, where the body of *f* uses the parameter as a session."""
        callee = self._function(call.args[0] if after else call.callee, point)
        if callee is None:
            return
        for name, argument in matched(call, callee, after=after):
            # What is handed on is compared by nobody else.
            if self._may_be_handed(argument, point) and takes_session(
                callee, name, self._interpreter, declared_too=after > 0
            ):
                yield from self._given(Situation.ARGUMENT, argument, name, point)

    def _of_spread(self, call: CallExpr, point: ProgramPoint) -> Iterator[UnenteredUse]:
        """``f(**{"session": cm})``, where *f* takes a session under that name."""
        callee = self._function(call.callee, point)
        for name, argument, there in spread(call, callee, point) if callee is not None else ():
            if (
                callee is not None
                and self._may_be_handed(argument, there)
                and takes_session(callee, name, self._interpreter, declared_too=True)
            ):
                yield from self._given(Situation.ARGUMENT, argument, name, there)

    def _function(self, called: Expression, point: ProgramPoint) -> FunctionValue | None:
        """The function that a call runs, the ``__init__`` of a class included."""
        callee = self._interpreter.value(called, point.scope, point.where)
        if isinstance(callee, ClassValue):
            callee = self._interpreter.initializer(callee)
        if not isinstance(callee, FunctionValue) or not isinstance(callee.node, FuncDef):
            return None
        return callee

    def _suffices(
        self, call: CallExpr, name: str, argument: Expression, point: ProgramPoint
    ) -> bool:
        """Whether the body of what is called works with what it is given."""
        callee = self._function(call.callee, point)
        if callee is None:
            return False
        bodies: list[Node] = [callee.node.body]
        attribute = kept_in(callee, name, self._interpreter)
        if attribute is not None:
            info, name = attribute
            methods = self._interpreter.program.methods(info)
            bodies = [each.body for each in methods if each is not callee.node]
        given = self._interpreter.value(argument, point.scope, point.where)
        return all(
            isinstance(member, ObjectValue) and suffices(bodies, name, member)
            for member in members(given)
        )

    def _given(
        self, situation: Situation, expression: Expression, where: str, point: ProgramPoint
    ) -> Iterator[UnenteredUse]:
        if not isinstance(expression, (CallExpr, MemberExpr, NameExpr)):
            return
        if (
            not self._candidates.may_lead(expression, point.body)
            or self._accepted(situation, expression)
            or is_of_fixture(expression, point)
        ):
            return
        found = holder_of(expression, point, self._interpreter)
        if found is not None:
            yield unentered(situation, expression, *found, where, point, self._interpreter)

    def _accepted(self, situation: Situation, expression: Expression) -> bool:
        """Whether a comment says that the annotation is known to be wrong."""
        tree = self._interpreter.program.modules.get(self._module)
        ignored = tree.ignored_lines if tree is not None else {}
        span = span_of(expression)
        return any(
            _MYPYS[situation] in ignored.get(line, ())
            for line in range(span.line, span.end_line + 1)
        )
