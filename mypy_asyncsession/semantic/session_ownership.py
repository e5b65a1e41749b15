"""Whether a context manager opens the session that it hands out, and so closes it again.

What is found here of one module, others rely on: it is part of the facts of that module.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mypy.nodes import (
    AssignmentStmt,
    AwaitExpr,
    CallExpr,
    MemberExpr,
    NameExpr,
    WithStmt,
    YieldExpr,
)
from mypy.types import Instance

from mypy_asyncsession.semantic.bindings import ITERATING
from mypy_asyncsession.semantic.call_sites import last_name
from mypy_asyncsession.semantic.function_flow import FunctionFlow
from mypy_asyncsession.semantic.shapes import Can
from mypy_asyncsession.semantic.syntax import dotted, returned, statements, walk, yields
from mypy_asyncsession.semantic.values import ObjectValue

if TYPE_CHECKING:
    from mypy.nodes import Expression, FuncDef, FuncItem, Node, TypeInfo

    from mypy_asyncsession.semantic.interpreter import Interpreter
    from mypy_asyncsession.semantic.scopes import Scope
    from mypy_asyncsession.semantic.values import FunctionValue, Value

#: Methods that drive or close an object, called or handed on to be called.
_METHODS = frozenset({"close", "aclose", "__aenter__", "__aexit__", "__anext__"})
#: Functions that drive or close what they are given.
_DRIVES = frozenset(
    {
        "aclosing",
        "anext",
        "callback",
        "closing",
        "enter_async_context",
        "enter_context",
        "next",
        "push_async_callback",
        "push_async_exit",
    }
)
#: How many managers a session is followed into.
_DEPTH = 4
#: What the end of a block calls where it closes something.
_CLOSING = frozenset({"__aexit__", "__exit__", "aclose", "close"})
#: What pools call it to be given back what they handed out.
_GIVING_BACK = frozenset({"checkin", "putconn", "release"})
#: What gives the session of a manager inside another.
_ENTERING = frozenset({"__aenter__", "__enter__", "enter_async_context", "enter_context"})


def opens(manager: Value, interpreter: Interpreter, *, bare: bool, depth: int = 0) -> bool:
    """Whether the session of a manager is its own.

    One that cannot be looked into is taken to close its session, as most do.

    Args:
        manager: What is entered.
        interpreter: Says what expressions may be.
        bare: Whether it was called with no arguments, among which a session may be.
        depth: How many managers the session has been followed into.
    """
    if not isinstance(manager, ObjectValue) or depth > _DEPTH:
        return depth == 0
    function = manager.origin.function if manager.origin is not None else None
    if function is not None and yields(function.node):
        return opens_in(function, interpreter, bare=bare, depth=depth)
    info = manager.type.type if isinstance(manager.type, Instance) else None
    return info is None or closes_own(
        info, interpreter, is_async=bool(manager.can & Can.ASYNC_ENTER)
    )


def opens_in(
    function: FunctionValue, interpreter: Interpreter, *, bare: bool, depth: int = 0
) -> bool:
    """Whether a generator function opens all that it yields; the rest is as for ``opens``."""
    source = interpreter.program.source(function.scope.module)
    if source is None:
        return True
    scope = source.scope_in(function.node, function.scope)
    flow = source.flow_of(function.node)
    return all(
        _is_own(each.expr, function.node, flow, scope, interpreter, bare=bare, depth=depth)
        for each in yields(function.node)
        if isinstance(each, YieldExpr) and each.expr is not None
    )


def closes_own(info: TypeInfo, interpreter: Interpreter, *, is_async: bool) -> bool:
    """Whether a class of managers closes what it hands out, or what it has got that from."""
    enters = _method(info, "__aenter__" if is_async else "__enter__", interpreter)
    leaves = _method(info, "__aexit__" if is_async else "__exit__", interpreter)
    if enters is None or leaves is None:
        return True
    closed = _closed(leaves)
    return any(
        {given, *_sources(enters, given)} & closed for given in map(_given, returned(enters))
    )


def closed_by(info: TypeInfo, interpreter: Interpreter, *, is_async: bool) -> frozenset[str]:
    """The attributes that a class of managers closes at the end, where it hands out itself."""
    enters = _method(info, "__aenter__" if is_async else "__enter__", interpreter)
    leaves = _method(info, "__aexit__" if is_async else "__exit__", interpreter)
    if enters is None or leaves is None or not leaves.arguments or not enters.arguments:
        return frozenset()
    handed = returned(enters)
    own = enters.arguments[0].variable.name
    if not handed or any(dotted(each) != own for each in handed):
        return frozenset()
    prefix = f"{leaves.arguments[0].variable.name}."
    return frozenset(
        name.removeprefix(prefix)
        for name in _closed(leaves)
        if name is not None and name.startswith(prefix) and name.count(".") == 1
    )


def _method(info: TypeInfo, name: str, interpreter: Interpreter) -> FuncDef | None:
    """A method of a class, where its source is at hand."""
    for base in info.mro:
        if name in base.names:
            methods = interpreter.program.methods(base)
            return next((each for each in methods if each.name == name), None)
    return None


def _given(expression: Expression) -> str | None:
    """What is returned, as written; for ``await self.manager.__aenter__()`` the manager."""
    if isinstance(expression, AwaitExpr):
        expression = expression.expr
    callee = expression.callee if isinstance(expression, CallExpr) else None
    if isinstance(callee, MemberExpr) and callee.name in _ENTERING:
        return dotted(callee.expr)
    return dotted(expression)


def _sources(function: FuncItem, name: str | None) -> set[str | None]:
    """The managers that a function has taken a name from."""
    return {
        _given(statement.rvalue)
        for statement in statements(function.body)
        if isinstance(statement, AssignmentStmt)
        and any(dotted(target) == name for target in statement.lvalues)
    }


def _closed(function: FuncItem) -> set[str | None]:
    """What a function closes on every way through it, as written."""
    flow = FunctionFlow(function)
    found: dict[str | None, list[int]] = {}
    for node in walk(function.body, into_functions=False):
        if isinstance(node, MemberExpr) and node.name in _CLOSING:
            found.setdefault(dotted(node.expr), []).extend(flow.graph.points_of(node))
        elif isinstance(node, CallExpr) and node.args and last_name(node.callee) in _GIVING_BACK:
            found.setdefault(dotted(node.args[0]), []).extend(flow.graph.points_of(node))
    return {name for name, points in found.items() if flow.always(points)}


def _is_own(
    yielded: Expression,
    function: FuncItem,
    flow: FunctionFlow,
    scope: Scope,
    interpreter: Interpreter,
    *,
    bare: bool,
    depth: int,
) -> bool:
    """Whether a generator function opens what it yields."""
    name = dotted(yielded)
    if name is None:
        return False
    closed = flow.always(
        [
            index
            for node in walk(function.body, into_functions=False)
            if closes(node, name)
            for index in flow.graph.points_of(node)
        ]
    )
    if not isinstance(yielded, NameExpr):
        return closed
    if name in flow.parameters:
        return bare
    bindings = scope.names.bindings.get(name, [])
    if len(bindings) == 1 and bindings[0].kind == "assign":
        return closed and isinstance(bindings[0].node, (AwaitExpr, CallExpr))
    for binding in bindings:
        if "with" in binding.kind:
            entered = interpreter.value(binding.node, scope, binding.blocks)  # type: ignore[arg-type]
            if not opens(entered, interpreter, bare=bare, depth=depth + 1):
                return False
        elif binding.kind not in ITERATING:
            return False
    return bool(bindings)


def closes(node: Node, target: str) -> bool:
    """Whether a node enters, drives or closes an object, or names what does."""
    if isinstance(node, WithStmt):
        return any(stands_for(item, target) for item in node.expr)
    if isinstance(node, MemberExpr):
        return node.name in _METHODS and stands_for(node.expr, target)
    if isinstance(node, CallExpr) and isinstance(node.callee, (NameExpr, MemberExpr)):
        drives = node.callee.name in _DRIVES or node.callee.name in _METHODS
        return drives and any(stands_for(argument, target) for argument in node.args)
    return False


def stands_for(node: Node, target: str) -> bool:
    """Whether a node is a name or an attribute, as written."""
    return isinstance(node, (NameExpr, MemberExpr)) and dotted(node) == target
