"""Calls that leave a parameter to its ``Depends``, which only FastAPI fills in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mypy.nodes import (
    ArgKind,
    AssertStmt,
    CallExpr,
    Decorator,
    FuncDef,
    NameExpr,
    RefExpr,
    TypeInfo,
)

from mypy_asyncsession.detectors.object_info import place_of
from mypy_asyncsession.detectors.record import DirectCall
from mypy_asyncsession.detectors.spans import span_of, written
from mypy_asyncsession.models.fastapi import DEPENDS, DEPENDS_NAMES
from mypy_asyncsession.semantic.syntax import mentions, walk
from mypy_asyncsession.semantic.values import ClassValue, FunctionValue

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy.nodes import Node

    from mypy_asyncsession.detectors.dependencies import Dependencies
    from mypy_asyncsession.semantic.interpreter import Interpreter, Where
    from mypy_asyncsession.semantic.scopes import Scope
    from mypy_asyncsession.semantic.values import Value


class DirectCalls:
    """Finds the direct calls of functions that FastAPI is meant to call."""

    def __init__(self, interpreter: Interpreter, dependencies: Dependencies) -> None:
        self._interpreter = interpreter
        self._dependencies = dependencies
        self._naming: dict[str, bool] = {}

    def may_be_one(self, call: CallExpr, scope: Scope) -> bool:
        """Whether a call may leave a parameter to its ``Depends``: a quick look."""
        callee = call.callee
        program = self._interpreter.program
        node = program.referent(callee, scope) if isinstance(callee, RefExpr) else None
        if isinstance(node, Decorator):
            node = node.func
        if isinstance(node, TypeInfo):
            entry = node.names.get("__init__")
            node = entry.node if entry is not None else None
        if not isinstance(node, FuncDef):
            return False
        required = sum(kind is ArgKind.ARG_POS for kind in node.arg_kinds)
        optional = sum(kind in (ArgKind.ARG_OPT, ArgKind.ARG_NAMED_OPT) for kind in node.arg_kinds)
        return optional > len(call.args) - required and self._names_depends(node.fullname)

    def _names_depends(self, function: str) -> bool:
        """Whether the module that a function is in has a name for ``Depends``."""
        module = self._interpreter.program.split(function)[0]
        known_one = self._naming.get(module)
        if known_one is None:
            known_one = any(
                name == "fastapi"
                or name in DEPENDS_NAMES
                or (node is not None and node.fullname in DEPENDS)
                for name, node in self._interpreter.program.declared_names(module)
            )
            self._naming[module] = known_one
        return known_one

    def of_call(
        self, call: CallExpr, scope: Scope, where: Where, owner: str
    ) -> Iterator[DirectCall]:
        """A call that leaves a parameter to its ``Depends``, outside of FastAPI."""
        if ArgKind.ARG_STAR in call.arg_kinds or ArgKind.ARG_STAR2 in call.arg_kinds:
            return
        callee = self._interpreter.value(call.callee, scope, where)
        function: Value = callee
        if isinstance(callee, ClassValue):
            function = self._interpreter.attribute(self._interpreter.instance(callee), "__init__")
        if not isinstance(function, FunctionValue) or not isinstance(function.node, FuncDef):
            return
        formal = function.node.arguments
        if function.receiver is not None and not function.is_static:
            formal = formal[1:]
        positional = sum(kind is ArgKind.ARG_POS for kind in call.arg_kinds)
        given = {argument.variable.name for argument in formal[:positional]} | set(call.arg_names)
        for argument in formal:
            default = argument.initializer
            name = argument.variable.name
            if (
                name not in given
                and isinstance(default, CallExpr)
                and default.args
                and self._dependencies.is_depends(default, function.scope, None)
                and _is_read(function.node, name)
            ):
                origin = function.origin()
                yield DirectCall(
                    callee=written(call.callee),
                    parameter=name,
                    dependency=written(default.args[0]),
                    place=place_of(origin),
                    span=span_of(call),
                    function=owner,
                    lines=tuple(range(call.line, (call.end_line or call.line) + 1)),
                )
                return


def _is_read(function: FuncDef, name: str) -> bool:
    """Whether the body of a function reads one of its parameters, and does not ask what it is."""
    asserted = {
        id(each)
        for node in walk(function.body)
        if isinstance(node, AssertStmt)
        for each in walk(node)
    }
    asks = any(
        isinstance(node, CallExpr)
        and isinstance(node.callee, NameExpr)
        and node.callee.name == "isinstance"
        and any(_is_name(argument, name) for argument in node.args[:1])
        and id(node) not in asserted
        for node in walk(function.body)
    )
    return not asks and mentions(function.body, name) > 0


def _is_name(node: Node, name: str) -> bool:
    return isinstance(node, NameExpr) and node.name == name
