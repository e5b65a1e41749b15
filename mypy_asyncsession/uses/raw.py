"""What a provider hands out, used or given as the session that is still inside it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mypy.nodes import AssignmentStmt, CallExpr, FuncDef, MemberExpr, NameExpr, ReturnStmt
from mypy.types import AnyType, CallableType, Instance, NoneType, UnionType, get_proper_type

from mypy_asyncsession.providers import known
from mypy_asyncsession.providers.shapes import Shape
from mypy_asyncsession.providers.syntax import mentions, walk
from mypy_asyncsession.providers.values import Either, Thing, members
from mypy_asyncsession.uses.fixtures import is_of_fixture
from mypy_asyncsession.uses.handed import handed
from mypy_asyncsession.uses.record import Raw, Situation
from mypy_asyncsession.uses.spans import span_of, written

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy.nodes import Expression
    from mypy.types import Type

    from mypy_asyncsession.providers.evaluate import Evaluator
    from mypy_asyncsession.uses.spots import Spot

#: The shapes that hold a session without being one.
_HOLDERS = frozenset(
    {
        Shape.ASYNC_GENERATOR,
        Shape.ASYNC_ITERATOR,
        Shape.ASYNC_CONTEXT_MANAGER,
        Shape.COROUTINE,
        Shape.GENERATOR,
        Shape.ITERATOR,
        Shape.CONTEXT_MANAGER,
    }
)
#: What generators and coroutines have, besides their special methods.
_OWN = frozenset({"aclose", "asend", "athrow", "close", "send", "throw"})
#: The codes under which mypy says the same.
_MYPYS = {
    Situation.ARGUMENT: "arg-type",
    Situation.RETURNED: "return-value",
    Situation.STORED: "assignment",
}
#: The methods of a connection that start it.
_STARTS = frozenset({"__aenter__", "__await__", "start"})


class RawResults:
    """Finds where something that holds a session is taken for the session."""

    def __init__(self, evaluator: Evaluator, module: str) -> None:
        self._evaluator = evaluator
        self._module = module

    def of_attribute(self, member: MemberExpr, spot: Spot) -> Iterator[Raw]:
        """``cm.execute``: an attribute of the session, asked of what holds it."""
        if member.name in known.CONNECTING_ATTRIBUTES:
            yield from self._of_unstarted(member, spot)
        found = self._holder(member.expr, spot)
        if found is None:
            return
        holder, session = found
        if _has(holder, member.name) or not _has(session, member.name):
            return
        yield self._raw(Situation.ATTRIBUTE, member.expr, holder, session, member.name, spot)

    def _of_unstarted(self, member: MemberExpr, spot: Spot) -> Iterator[Raw]:
        """``connection = engine.connect()``, which is neither awaited nor entered."""
        function = spot.body.function()
        name = member.expr.name if isinstance(member.expr, NameExpr) else None
        bindings = spot.scope.names.bindings.get(name, []) if name is not None else []
        if function is None or name is None or len(bindings) != 1:
            return
        made = bindings[0].node
        if not (
            bindings[0].kind == "assign"
            and isinstance(made, CallExpr)
            and isinstance(made.callee, MemberExpr)
            and made.callee.name == "connect"
        ):
            return
        connection = self._evaluator.value(made, spot.scope, bindings[0].blocks)
        if not isinstance(connection, Thing) or connection.resource not in known.ASYNC_CONNECTIONS:
            return
        engine = self._evaluator.value(made.callee.expr, spot.scope, bindings[0].blocks)
        if not isinstance(engine, Thing) or engine.shape is not Shape.ENGINE:
            return
        if any(name in scope.names.outer for scope in spot.scope.chain()):
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
        raw = self._raw(Situation.UNSTARTED, member.expr, connection, connection, member.name, spot)
        yield raw._replace(callee=written(made.callee))

    def of_call(self, call: CallExpr, spot: Spot) -> Iterator[Raw]:
        """``f(cm)``, where the parameter is annotated as a session."""
        type_ = self._evaluator.type_of(call.callee, self._module)
        callee = get_proper_type(type_) if type_ is not None else None
        if not isinstance(callee, CallableType):
            return
        for position, (argument, name) in enumerate(zip(call.args, call.arg_names, strict=True)):
            if name is not None:
                formal = callee.argument_by_name(name)
            else:
                formal = callee.argument_by_position(position)
            if formal is not None and self._is_session(formal.typ):
                yield from self._given(
                    Situation.ARGUMENT, argument, formal.name or written(call.callee), spot
                )

    def of_return(self, statement: ReturnStmt, spot: Spot) -> Iterator[Raw]:
        """``return cm()`` from a function annotated as giving a session."""
        function = spot.body.function()
        if statement.expr is None or not isinstance(function, FuncDef):
            return
        type_ = get_proper_type(function.type) if function.type is not None else None
        if not isinstance(type_, CallableType):
            return
        declared: Type = type_.ret_type
        proper = get_proper_type(declared)
        if function.is_coroutine and isinstance(proper, Instance) and proper.args:
            declared = proper.args[-1]
        if self._is_session(declared):
            yield from self._given(Situation.RETURNED, statement.expr, function.name, spot)

    def of_assignment(self, statement: AssignmentStmt, spot: Spot) -> Iterator[Raw]:
        """``self.session: AsyncSession = cm()``, or without its type where that is declared."""
        if not isinstance(statement.rvalue, (CallExpr, MemberExpr, NameExpr)):
            return
        target = statement.lvalues[0]
        declared = statement.type
        if declared is None and isinstance(target, MemberExpr):
            declared = self._evaluator.type_of(target, self._module)
        if declared is not None and self._is_session(declared):
            yield from self._given(Situation.STORED, statement.rvalue, written(target), spot)

    def _given(
        self, situation: Situation, expression: Expression, where: str, spot: Spot
    ) -> Iterator[Raw]:
        if not isinstance(expression, (CallExpr, MemberExpr, NameExpr)):
            return
        if self._accepted(situation, expression) or is_of_fixture(expression, spot):
            return
        found = self._holder(expression, spot)
        if found is not None:
            yield self._raw(situation, expression, *found, where, spot)

    def _accepted(self, situation: Situation, expression: Expression) -> bool:
        """Whether a comment says that the annotation is known to be wrong."""
        tree = self._evaluator.program.modules.get(self._module)
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
        holder: Thing,
        session: Thing,
        detail: str,
        spot: Spot,
    ) -> Raw:
        span = span_of(expression)
        return Raw(
            situation=situation,
            text=written(expression),
            callee=written(expression.callee) if isinstance(expression, CallExpr) else None,
            detail=detail,
            handed=handed(holder, self._evaluator, spot.scope),
            session=session.label or "session",
            span=span,
            function=spot.body.outermost(),
            lines=tuple(range(span.line, span.end_line + 1)),
        )

    def may_hold(self, member: MemberExpr) -> bool:
        """A quick look: most attributes are of objects whose type settles it."""
        return self._may_be_of(self._evaluator.type_of(member.expr, self._module), member.name)

    def _may_be_of(self, type_: Type | None, name: str) -> bool:
        proper = get_proper_type(type_) if type_ is not None else None
        if isinstance(proper, Instance):
            info = proper.type
            return info.fullname in known.HOLDER_TYPES or (
                name in known.SESSION_ATTRIBUTES
                and (info.fullname in known.ASYNC_CONNECTIONS or info.get(name) is None)
            )
        if isinstance(proper, UnionType):
            return any(self._may_be_of(item, name) for item in proper.items)
        # ``self.session = None`` comes first, in a body without annotations.
        if proper is None or isinstance(proper, (AnyType, NoneType)):
            return name in known.SESSION_ATTRIBUTES
        return False

    def _holder(self, expression: Expression, spot: Spot) -> tuple[Thing, Thing] | None:
        """What holds a session, and the session, where each possibility does."""
        value = self._evaluator.value(expression, spot.scope, spot.where)
        found = []
        for member in members(value):
            if not isinstance(member, Thing):
                return None
            session = _held(member)
            if member.shape is Shape.SESSIONMAKER:
                made = self._evaluator.called(member, [], spot.scope)
                session = made if isinstance(made, Thing) and made.resource is not None else None
            if session is None:
                return None
            found.append((member, session))
        return found[0] if found else None

    def _is_session(self, type_: Type | None) -> bool:
        proper = get_proper_type(type_) if type_ is not None else None
        if isinstance(proper, UnionType):
            items = [
                each for each in proper.items if not isinstance(get_proper_type(each), NoneType)
            ]
            return bool(items) and all(map(self._is_session, items))
        return isinstance(proper, Instance) and (
            self._evaluator.types.resource(proper.type) is not None
        )


def _held(value: object, depth: int = 0) -> Thing | None:
    """The session inside what has to be entered, iterated over or awaited first."""
    if not isinstance(value, Thing) or value.shape not in _HOLDERS or depth > 3:
        return None
    item = value.item
    if isinstance(item, Either):
        return None
    if isinstance(item, Thing) and item.resource is not None:
        return item
    return _held(item, depth + 1)


def _has(value: Thing, name: str) -> bool:
    """Whether an object has an attribute, as far as its class tells."""
    if value.shape in _HOLDERS and (name in _OWN or name.startswith(("__", "ag_", "gi_", "cr_"))):
        return True
    if isinstance(value.type, Instance):
        info = value.type.type
        looked_up = info.get("__getattr__") is not None
        return info.get(name) is not None or info.fallback_to_any or looked_up
    return value.resource is not None and name in known.SESSION_ATTRIBUTES
