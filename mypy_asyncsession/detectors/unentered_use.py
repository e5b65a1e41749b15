"""What a provider hands out, used or given as the session that is still inside it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mypy.nodes import (
    AssignmentStmt,
    CallExpr,
    ConditionalExpr,
    ExpressionStmt,
    FuncDef,
    MemberExpr,
    NameExpr,
    ReturnStmt,
)
from mypy.types import AnyType, CallableType, Instance, NoneType, UnionType, get_proper_type

from mypy_asyncsession.detectors.called_properties import called_property
from mypy_asyncsession.detectors.entered_attributes import EnteredAttributes
from mypy_asyncsession.detectors.fixtures import is_of_fixture
from mypy_asyncsession.detectors.held_sessions import (
    has_attribute,
    held_in,
    is_resource,
    is_session,
)
from mypy_asyncsession.detectors.object_info import object_info
from mypy_asyncsession.detectors.record import Situation, UnenteredUse
from mypy_asyncsession.detectors.session_parameters import uses_as_session
from mypy_asyncsession.detectors.spans import span_of, written
from mypy_asyncsession.models.builtin import HANDING_ON
from mypy_asyncsession.models.sqlalchemy import (
    ASYNC_SESSIONMAKERS,
    CONNECTING_ATTRIBUTES,
    SESSION_ATTRIBUTES,
    SESSIONMAKERS,
    STARTED_ONCE,
    STARTING,
)
from mypy_asyncsession.models.typing import HOLDER_TYPES
from mypy_asyncsession.semantic.call_arguments import matched
from mypy_asyncsession.semantic.call_sites import last_name
from mypy_asyncsession.semantic.interpreter.evidence import suffices
from mypy_asyncsession.semantic.shapes import Can, Shape
from mypy_asyncsession.semantic.syntax import mentions, walk
from mypy_asyncsession.semantic.values import (
    UNKNOWN,
    ClassValue,
    FunctionValue,
    ObjectValue,
    members,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mypy.nodes import Expression
    from mypy.types import Type

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
#: The methods of a connection that start it.
_STARTS = frozenset({"__aenter__", "__await__", "start"})

#: The shapes of what holds no session that is yet to be got at.
_HOLDING_NOTHING = frozenset({Shape.NONE, Shape.OTHER, Shape.SESSION, Shape.SYNC_SESSION})


class UnenteredUses:
    """Finds where something that holds a session is taken for the session."""

    def __init__(self, interpreter: Interpreter, module: str) -> None:
        self._interpreter = interpreter
        self._module = module
        self._attributes = EnteredAttributes(interpreter)
        #: A quick look: whether a value may hold a session at all.
        self.may_lead: Callable[[Expression], bool] = lambda _: True

    def of_attribute(self, member: MemberExpr, point: ProgramPoint) -> Iterator[UnenteredUse]:
        """``cm.execute``: an attribute of the session, asked of what holds it."""
        if not self.may_lead(member.expr):
            return
        if member.name in CONNECTING_ATTRIBUTES or member.name in ("commit", "rollback"):
            yield from self._of_unstarted(member, point)
        found = self._holder(member.expr, point)
        if found is None:
            return
        holder, session = found
        if has_attribute(holder, member.name) or not has_attribute(session, member.name):
            return
        yield self._raw(Situation.ATTRIBUTE, member.expr, holder, session, member.name, point)

    def _of_unstarted(self, member: MemberExpr, point: ProgramPoint) -> Iterator[UnenteredUse]:
        """``connection = engine.connect()``, which is neither awaited nor entered."""
        function = point.body.function()
        name = member.expr.name if isinstance(member.expr, NameExpr) else None
        bindings = point.scope.names.bindings.get(name, []) if name is not None else []
        if function is None or name is None or len(bindings) != 1:
            return
        made = bindings[0].node
        if bindings[0].kind != "assign" or not isinstance(made, CallExpr):
            return
        started = self._interpreter.structural(made, point.scope, bindings[0].blocks)
        if not isinstance(started, ObjectValue) or not _is_unstarted(started):
            return
        if any(name in scope.names.outer for scope in point.scope.chain()):
            return  # others see it as well
        # Whoever else sees it, or any method that may start it.
        asked = [
            node.name
            for node in walk(function.body)
            if isinstance(node, MemberExpr)
            and isinstance(node.expr, NameExpr)
            and node.expr.name == name
        ]
        if mentions(function.body, name) > len(asked) + 1 or _STARTS & set(asked):
            return
        raw = self._raw(Situation.UNSTARTED, member.expr, started, started, member.name, point)
        yield raw._replace(callee=written(made.callee))

    def of_unopened(self, member: MemberExpr, point: ProgramPoint) -> Iterator[UnenteredUse]:
        """``uow.session``, which only entering ``uow`` sets, where nobody enters it."""
        function = point.body.function()
        name = member.expr.name if isinstance(member.expr, NameExpr) else None
        if function is None or name is None or not self.may_lead(member.expr):
            return
        bindings = point.scope.names.bindings.get(name, ())
        if len(bindings) != 1 or bindings[0].kind != "assign":
            return
        type_ = self._interpreter.static_type(member.expr, point.scope, point.where)
        made = bindings[0].node
        if not isinstance(type_, Instance) or not isinstance(made, CallExpr):
            return
        set_inside = self._attributes.set_by_entering(type_.type)
        if member.name not in set_inside:
            return
        klass = self._interpreter.value(made.callee, point.scope, bindings[0].blocks)
        asked = [
            node.name
            for node in walk(function.body)
            if isinstance(node, MemberExpr)
            and isinstance(node.expr, NameExpr)
            and node.expr.name == name
        ]
        if not isinstance(klass, ClassValue) or mentions(function.body, name) > len(asked) + 1:
            return
        if set(asked) - set_inside:
            return  # a method of it may do what entering does
        manager = self._interpreter.value(member.expr, point.scope, point.where)
        if isinstance(manager, ObjectValue):
            yield self._raw(Situation.UNOPENED, member.expr, manager, manager, member.name, point)

    def of_statement(
        self, statement: ExpressionStmt, point: ProgramPoint
    ) -> Iterator[UnenteredUse]:
        """``session.begin()`` alone, which begins nothing."""
        call = statement.expr
        if not (
            isinstance(call, CallExpr)
            and isinstance(call.callee, MemberExpr)
            and call.callee.name in STARTING
        ):
            return
        made = self._interpreter.structural(call, point.scope, point.where)
        if isinstance(made, ObjectValue) and _is_unstarted(made):
            function = point.body.function()
            is_async = isinstance(function, FuncDef) and function.is_coroutine
            detail = "await" if is_async else ""
            yield self._raw(Situation.DROPPED, call, made, made, detail, point)

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

    def of_property(self, call: Expression, point: ProgramPoint) -> Iterator[UnenteredUse]:
        """``store.session()``, where ``session`` is a property that gives one."""
        if isinstance(call, CallExpr) and isinstance(call.callee, MemberExpr) and not call.args:
            given = called_property(call.callee, self._interpreter, point)
            if given is not None:
                member = call.callee
                yield self._raw(Situation.CALLED, member, given, given, member.name, point)

    def _may_be_handed(self, argument: Expression, point: ProgramPoint) -> bool:
        """A quick look: whether an argument may hold a session that is yet to be got at."""
        if not isinstance(argument, (CallExpr, MemberExpr, NameExpr)) or not self.may_lead(
            argument
        ):
            return False
        if not self._interpreter.program.analysed:
            value = self._interpreter.value(argument, point.scope, point.where)
            return isinstance(value, ObjectValue) and value.shape not in _HOLDING_NOTHING
        type_ = get_proper_type(self._interpreter.type_of(argument, self._module))
        if isinstance(type_, Instance):
            return type_.type.fullname in _HANDED
        # The call of an unannotated provider.
        return isinstance(type_, AnyType) and isinstance(argument, CallExpr)

    def _of_body(
        self, call: CallExpr, point: ProgramPoint, *, after: int
    ) -> Iterator[UnenteredUse]:
        """``f(cm)``, where the body of *f* uses the parameter as a session."""
        called = call.args[0] if after else call.callee
        callee = self._interpreter.value(called, point.scope, point.where)
        if isinstance(callee, ClassValue):
            callee = self._interpreter.attribute(self._interpreter.instance(callee), "__init__")
        if not isinstance(callee, FunctionValue) or not isinstance(callee.node, FuncDef):
            return
        names = [argument.variable.name for argument in callee.node.arguments]
        for name, argument in matched(call, callee, after=after):
            if not self._may_be_handed(argument, point):
                continue
            declared = self._interpreter.declared_parameter(
                callee.node, names.index(name), callee.scope
            )
            if declared is UNKNOWN:
                takes = uses_as_session(callee, name, self._interpreter)
            else:
                # What is handed on is compared by nobody else.
                takes = after > 0 and is_resource(declared)
            if takes:
                yield from self._given(Situation.ARGUMENT, argument, name, point)

    def _suffices(
        self, call: CallExpr, name: str, argument: Expression, point: ProgramPoint
    ) -> bool:
        """Whether the body of what is called works with what it is given."""
        callee = self._interpreter.value(call.callee, point.scope, point.where)
        if not isinstance(callee, FunctionValue):
            return False
        given = self._interpreter.value(argument, point.scope, point.where)
        return all(
            isinstance(member, ObjectValue) and suffices(callee.node, name, member)
            for member in members(given)
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
        if not self.may_lead(statement.rvalue):
            return
        if declared is None and isinstance(target, MemberExpr):
            declared = self._interpreter.declared_attribute(target, point.scope, point.where)
        if declared is not None and is_session(declared, self._interpreter.types):
            yield from self._given(Situation.STORED, statement.rvalue, written(target), point)

    def _given(
        self, situation: Situation, expression: Expression, where: str, point: ProgramPoint
    ) -> Iterator[UnenteredUse]:
        if not isinstance(expression, (CallExpr, MemberExpr, NameExpr)):
            return
        if (
            not self.may_lead(expression)
            or self._accepted(situation, expression)
            or is_of_fixture(expression, point)
        ):
            return
        found = self._holder(expression, point)
        if found is not None:
            yield self._raw(situation, expression, *found, where, point)

    def _accepted(self, situation: Situation, expression: Expression) -> bool:
        """Whether a comment says that the annotation is known to be wrong."""
        tree = self._interpreter.program.modules.get(self._module)
        ignored = tree.ignored_lines if tree is not None else {}
        span = span_of(expression)
        return any(
            _MYPYS[situation] in ignored.get(line, ())
            for line in range(span.line, span.end_line + 1)
        )

    def _raw(
        self,
        situation: Situation,
        expression: Expression,
        holder: ObjectValue,
        session: ObjectValue,
        detail: str,
        point: ProgramPoint,
    ) -> UnenteredUse:
        span = span_of(expression)
        return UnenteredUse(
            situation=situation,
            text=written(expression),
            callee=written(expression.callee) if isinstance(expression, CallExpr) else None,
            detail=detail,
            handed=object_info(holder, self._interpreter, point.scope),
            session=session.label or "session",
            span=span,
            function=point.body.outermost(),
            lines=tuple(range(span.line, span.end_line + 1)),
        )

    def may_hold(self, member: MemberExpr) -> bool:
        """A quick look: most attributes are of objects whose type settles it."""
        return self._may_be_of(self._interpreter.type_of(member.expr, self._module), member.name)

    def _may_be_of(self, type_: Type | None, name: str) -> bool:
        proper = get_proper_type(type_) if type_ is not None else None
        if isinstance(proper, Instance):
            info = proper.type
            return info.fullname in HOLDER_TYPES or (
                name in SESSION_ATTRIBUTES and (info.name in STARTED_ONCE or info.get(name) is None)
            )
        if isinstance(proper, UnionType):
            return any(self._may_be_of(item, name) for item in proper.items)
        # ``self.session = None`` comes first, in a body without annotations.
        if proper is None or isinstance(proper, (AnyType, NoneType)):
            return name in SESSION_ATTRIBUTES
        return False

    def _holder(
        self, expression: Expression, point: ProgramPoint
    ) -> tuple[ObjectValue, ObjectValue] | None:
        """What holds a session, and the session, where each possibility does."""
        value = self._interpreter.value(expression, point.scope, point.where)
        found = []
        possible = self._is_conditional(expression, point)
        for member in members(value):
            if not isinstance(member, ObjectValue):
                return None
            if possible and member.resource is not None and len(list(members(value))) > 1:
                continue  # the other branch is wrong all the same
            session = held_in(member)
            if member.shape is Shape.SESSIONMAKER:
                made = self._interpreter.called(member, [], point.scope)
                session = (
                    made if isinstance(made, ObjectValue) and made.resource is not None else None
                )
            if session is None:
                return None
            found.append((member, session))
        return found[0] if found else None

    def _is_conditional(self, expression: Expression, point: ProgramPoint) -> bool:
        """Whether a name is bound once, to ``a if b else c``, so that it may be either of them."""
        if not isinstance(expression, NameExpr):
            return False
        bindings = point.scope.names.bindings.get(expression.name, [])
        return len(bindings) == 1 and isinstance(bindings[0].node, ConditionalExpr)


def _is_unstarted(value: ObjectValue) -> bool:
    """Whether this is a connection or a transaction of SQLAlchemy's as its method gives it."""
    method = value.origin.fullname if value.origin is not None else ""
    return (
        value.label in STARTED_ONCE
        and bool(value.can & Can.AWAIT)
        and method.startswith("sqlalchemy.")
        and method.rpartition(".")[2] in STARTING
    )
