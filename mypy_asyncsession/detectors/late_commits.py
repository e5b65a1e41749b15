"""Providers that commit once the response was sent, where FastAPI is given them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mypy.nodes import AwaitExpr, CallExpr, ExpressionStmt, FuncDef, MemberExpr

from mypy_asyncsession.detectors.fixtures import is_test_file
from mypy_asyncsession.detectors.object_info import place_of
from mypy_asyncsession.detectors.spans import written
from mypy_asyncsession.detectors.time_records import LateCommit
from mypy_asyncsession.semantic.late_commits import LateCommits
from mypy_asyncsession.semantic.syntax import dotted, walk, yields
from mypy_asyncsession.semantic.values import FunctionValue, ObjectValue

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy.nodes import Expression, FuncItem

    from mypy_asyncsession.detectors.dependency_records import Role
    from mypy_asyncsession.findings import Span
    from mypy_asyncsession.models.dependency_framework import Release
    from mypy_asyncsession.semantic.interpreter import Interpreter
    from mypy_asyncsession.semantic.values import Value


class LateCommitUses:
    """Finds the uses of one module."""

    def __init__(self, interpreter: Interpreter, release: Release) -> None:
        self._interpreter = interpreter
        self._commits = LateCommits(interpreter)
        self._matters = release.ends_after_response
        self._has_scope = release.has_scope

    def of_dependency(
        self,
        call: CallExpr,
        named: Expression,
        value: Value,
        role: Role,
        span: Span,
        owner: str,
        parameter: tuple[FuncItem, str] | None,
    ) -> Iterator[LateCommit]:
        """A provider that commits late, in a ``Depends`` that does not say when it is to end."""
        if not self._matters or "scope" in call.arg_names or self._is_for_tests():
            return
        if isinstance(value, ObjectValue):  # an instance that is called
            value = self._interpreter.attribute(value, "__call__")
        if not isinstance(value, FunctionValue) or not isinstance(value.node, FuncDef):
            return
        if not yields(value.node) or (parameter is not None and _commits(*parameter)):
            return
        commit = self._commits.after_yield(value)
        if commit is None:
            return
        depends = written(call.callee)
        yield LateCommit(
            text=written(named),
            depends=depends,
            provider=value.name,
            place=place_of(value.origin()),
            commit=commit,
            has_scope=self._has_scope and depends.rpartition(".")[2] == "Depends",
            in_generator=parameter is not None and bool(yields(parameter[0])),
            role=role.name,
            parameter=parameter[1] if parameter is not None else None,
            span=span,
            function=owner,
            lines=tuple(range(span.line, span.end_line + 1)),
        )

    def _is_for_tests(self) -> bool:
        """Whether the module is one of tests, whose client is in no hurry."""
        current = self._interpreter.program.current
        return current is not None and is_test_file(current.path)


def _commits(function: FuncItem, name: str) -> bool:
    """Whether a function commits what it is injected itself, so that nothing is left to commit."""
    return any(
        isinstance(node, ExpressionStmt)
        and isinstance(
            call := node.expr.expr if isinstance(node.expr, AwaitExpr) else node.expr, CallExpr
        )
        and isinstance(call.callee, MemberExpr)
        and call.callee.name == "commit"
        and dotted(call.callee.expr) == name
        for node in walk(function.body)
    )
