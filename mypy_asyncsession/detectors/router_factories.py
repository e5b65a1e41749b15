"""Functions that depend on what they are given: ``make_router(get_user)``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mypy.nodes import ArgKind, CallExpr, FuncDef, NameExpr
from mypy.types import CallableType

from mypy_asyncsession.detectors.annotations import Annotations
from mypy_asyncsession.detectors.dependency_place import DependencyPlace
from mypy_asyncsession.detectors.dependency_records import Role
from mypy_asyncsession.detectors.depends_calls import argument_of
from mypy_asyncsession.detectors.spans import span_of
from mypy_asyncsession.semantic.call_arguments import matched
from mypy_asyncsession.semantic.syntax import definition_of, statements, walk
from mypy_asyncsession.semantic.values import FunctionValue

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy.types import Type

    from mypy_asyncsession.detectors.dependencies import Dependencies
    from mypy_asyncsession.detectors.dependency_records import Dependency
    from mypy_asyncsession.detectors.depends_calls import DependsCalls
    from mypy_asyncsession.semantic.interpreter import Interpreter, Where
    from mypy_asyncsession.semantic.scopes import Scope


@dataclass(frozen=True, slots=True)
class _Asked:
    """A ``Depends(provider)`` in a function that is given the provider.

    Attributes:
        provider: The parameter of the function around.
        wanted: The type of the parameter that it is for.
        function: The function inside whose parameter that is.
        parameter: The name of that parameter.
    """

    provider: str
    wanted: Type | None
    function: FuncDef
    parameter: str


class RouterFactories:
    """Finds what such functions are given."""

    def __init__(
        self, interpreter: Interpreter, dependencies: Dependencies, depends: DependsCalls
    ) -> None:
        self._interpreter = interpreter
        self._dependencies = dependencies
        self._depends = depends
        self._asking: dict[FuncDef, list[_Asked]] = {}

    def of_call(
        self, call: CallExpr, scope: Scope, where: Where, owner: str
    ) -> Iterator[Dependency]:
        """The dependencies that a call gives to the functions inside of the one that it calls."""
        if ArgKind.ARG_STAR in call.arg_kinds or ArgKind.ARG_STAR2 in call.arg_kinds:
            return
        function = self._interpreter.value(call.callee, scope, where)
        if not isinstance(function, FunctionValue) or not isinstance(function.node, FuncDef):
            return
        asking = self._asked(function)
        if not asking:
            return
        given = dict(matched(call, function))
        defaults = {each.variable.name: each.initializer for each in function.node.arguments}
        for each in asking:
            expression = given.get(each.provider)
            outer, place = (scope, where)
            if expression is None:
                expression = defaults.get(each.provider)
                outer, place = function.scope, None
            if expression is None:
                continue
            value = self._interpreter.value(expression, outer, place)
            yield from self._dependencies.of_value(
                value,
                expression,
                DependencyPlace(
                    Role.PARAMETER,
                    scope,
                    where,
                    owner,
                    each.wanted,
                    span_of(call),
                    each.function,
                    each.parameter,
                ),
                helped=True,
            )

    def _asked(self, function: FunctionValue) -> list[_Asked]:
        node = function.node
        assert isinstance(node, FuncDef)
        if node not in self._asking:
            self._asking[node] = list(self._read(function, node))
        return self._asking[node]

    def _read(self, function: FunctionValue, node: FuncDef) -> Iterator[_Asked]:
        names = {each.variable.name for each in node.arguments}
        source = self._interpreter.program.source(function.scope.module)
        if not names or source is None:
            return
        inner = [
            found
            for statement in statements(node.body)
            if (found := definition_of(statement)) is not None
        ]
        if not inner or any(
            isinstance(each, NameExpr) and each.is_new_def and each.name in names
            for each in walk(node.body, into_functions=False)
        ):
            return
        scope = source.scope_in(node, function.scope)
        annotations = Annotations(self._interpreter.program, source)
        is_current = source is self._interpreter.program.current
        for each in inner:
            declared = each.type.arg_types if isinstance(each.type, CallableType) else []
            for position, argument in enumerate(each.arguments):
                calls = [argument.initializer] if argument.initializer is not None else []
                if argument.type_annotation is not None:
                    calls += (call for call, _ in annotations.calls(argument.type_annotation))
                for call in calls:
                    if not isinstance(call, CallExpr):
                        continue
                    provider = argument_of(call)
                    if (
                        isinstance(provider, NameExpr)
                        and provider.name in names
                        and self._depends.is_depends(call, scope, None)
                    ):
                        wanted = declared[position] if position < len(declared) else None
                        yield _Asked(
                            provider.name,
                            wanted if is_current else None,
                            each,
                            argument.variable.name,
                        )
