"""Calls that make the coroutine of a function of the project which uses an async session."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from mypy.nodes import AwaitExpr, CallExpr, ClassDef, FuncDef, MemberExpr, NameExpr, WithStmt

from mypy_asyncsession.models.asyncio import RUNNING_LATER, RUNNING_LATER_METHODS
from mypy_asyncsession.models.sqlalchemy import COROUTINE_METHODS, STREAMING_METHODS
from mypy_asyncsession.models.starlette import RUNNING_IN_THREADS
from mypy_asyncsession.semantic.async_sessions import is_for_one_task
from mypy_asyncsession.semantic.shapes import Shape
from mypy_asyncsession.semantic.syntax import is_stub_body, walk
from mypy_asyncsession.semantic.values import FunctionValue, ObjectValue, fullname, members

if TYPE_CHECKING:
    from mypy.nodes import Expression, Node

    from mypy_asyncsession.detectors.candidates import Candidates
    from mypy_asyncsession.semantic.interpreter import Interpreter
    from mypy_asyncsession.semantic.program_point import ProgramPoint

#: The classes of coroutines; what is a task or a future runs without being awaited.
COROUTINES: Final = frozenset({"Coroutine", "CoroutineType"})
_ASKED: Final = COROUTINE_METHODS | STREAMING_METHODS

#: The last names of what calls a function that it is given, and awaits nothing.
_CALLING: Final = RUNNING_LATER_METHODS | {
    name.rpartition(".")[2] for name in RUNNING_LATER | RUNNING_IN_THREADS
}


class SessionCoroutines:
    """Says of calls whether they make such a coroutine."""

    def __init__(self, interpreter: Interpreter, candidates: Candidates) -> None:
        self._interpreter = interpreter
        self._candidates = candidates
        self._known: dict[int, bool] = {}

    def makes(self, call: CallExpr, point: ProgramPoint) -> bool:
        """Whether a call makes one, whichever of the functions it calls that it may call.

        It is given the session, or is of an object that was given it.
        """
        callee = call.callee
        if not self._is_given(call, point) and not self._is_of_holder(callee, point):
            return False
        if isinstance(callee, MemberExpr) and is_for_one_task(
            self._interpreter.value(callee.expr, point.scope, point.where)
        ):
            return False  # a method of the session itself
        found = list(members(self._interpreter.value(call, point.scope, point.where)))
        return bool(found) and all(
            isinstance(each, ObjectValue)
            and each.shape is Shape.COROUTINE
            and each.label in COROUTINES
            and self._is_of_session(each)
            for each in found
        )

    def _is_given(self, call: Node, point: ProgramPoint) -> bool:
        """Whether an argument of a call is a session."""
        return isinstance(call, CallExpr) and any(
            isinstance(each, (MemberExpr, NameExpr))
            and self._candidates.may_lead(each, point.body)
            and is_for_one_task(self._interpreter.value(each, point.scope, point.where))
            for each in call.args
        )

    def _is_of_holder(self, callee: Expression, point: ProgramPoint) -> bool:
        """``Users(session).get``, ``work.users.get``, and the methods of the object at hand."""
        if not isinstance(callee, MemberExpr):
            return False
        root = callee.expr
        while isinstance(root, MemberExpr):
            root = root.expr
        if not isinstance(root, NameExpr):
            return self._is_given(root, point)
        function = point.body.function()
        own = function.arguments[0].variable.name if function and function.arguments else None
        if root.name == own and _is_method(point):
            return True
        bindings = point.scope.names.bindings.get(root.name, [])
        made = bindings[0].node if len(bindings) == 1 and bindings[0].kind == "assign" else None
        is_made = made is not None and self._is_given(made, point)
        return is_made or self._candidates.may_lead(root, point.body)

    def called_in_sync(self, call: CallExpr, point: ProgramPoint) -> Expression | None:
        """The coroutine function that a call hands to what calls it elsewhere, and awaits nothing.

        ``run_sync`` of a session does so, and what runs a function in a thread.
        """
        callee = call.callee
        if not isinstance(callee, (MemberExpr, NameExpr)) or callee.name not in _CALLING:
            return None
        position = 0
        is_run_sync = False
        if isinstance(callee, MemberExpr) and callee.name in RUNNING_LATER_METHODS:
            position = 1
        else:
            name = fullname(self._interpreter.value(callee, point.scope, point.where))
            if name not in RUNNING_LATER | RUNNING_IN_THREADS:
                if not isinstance(callee, MemberExpr) or callee.name != "run_sync":
                    return None
                owner = self._interpreter.value(callee.expr, point.scope, point.where)
                if not is_for_one_task(owner):
                    return None
                is_run_sync = True
        if len(call.args) <= position or any(kind.is_star() for kind in call.arg_kinds[:2]):
            return None
        function = call.args[position]
        if isinstance(function, MemberExpr) and function.name in COROUTINE_METHODS:
            owner = self._interpreter.value(function.expr, point.scope, point.where)
            return function if is_for_one_task(owner) else None
        value = self._interpreter.value(function, point.scope, point.where)
        if not isinstance(value, FunctionValue) or not isinstance(value.node, FuncDef):
            return None
        is_coroutine = value.node.is_coroutine and not value.node.is_generator
        return function if is_coroutine and (is_run_sync or self._uses(value)) else None

    def _is_of_session(self, coroutine: ObjectValue) -> bool:
        origin = coroutine.origin
        if origin is None:
            return False
        function = origin.function
        if function is None:
            owner, _, name = origin.fullname.rpartition(".")
            return owner.startswith("sqlalchemy.ext.asyncio.") and name in _ASKED
        if id(function.node) not in self._known:
            self._known[id(function.node)] = self._uses(function)
        return self._known[id(function.node)]

    def _uses(self, function: FunctionValue) -> bool:
        """Whether a coroutine function opens or awaits an async session, or a method of one."""
        node = function.node
        source = self._interpreter.program.source(function.scope.module)
        if not isinstance(node, FuncDef) or source is None or is_stub_body(node):
            return False
        if not node.is_coroutine or node.is_generator:
            return False
        scope = source.scope_in(node, function.scope)
        for each in walk(node.body, into_functions=False):
            if isinstance(each, AwaitExpr) and isinstance(each.expr, CallExpr):
                callee = each.expr.callee
                is_asked = isinstance(callee, MemberExpr) and callee.name in _ASKED
                asked = callee.expr if is_asked and isinstance(callee, MemberExpr) else each
                if is_for_one_task(self._interpreter.value(asked, scope, None)):
                    return True
            elif isinstance(each, WithStmt) and each.is_async:
                for expression in each.expr:
                    manager = self._interpreter.value(expression, scope, None)
                    if is_for_one_task(self._interpreter.entered(manager)):
                        return True
        return False


def _is_method(point: ProgramPoint) -> bool:
    """Whether the function around stands in a class."""
    around = point.body.parent
    return around is not None and isinstance(around.node, ClassDef)
