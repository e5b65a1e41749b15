"""What FastAPI is told to give to the parameters of functions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mypy.nodes import CallExpr, TupleExpr
from mypy.types import Instance, UnboundType

from mypy_asyncsession.detectors.annotations import Annotations
from mypy_asyncsession.semantic.values import (
    UNKNOWN,
    AliasValue,
    ClassValue,
    FunctionValue,
    ObjectValue,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy.nodes import Argument, FuncItem

    from mypy_asyncsession.detectors.depends_calls import DependsCalls
    from mypy_asyncsession.semantic.interpreter import Interpreter, Where
    from mypy_asyncsession.semantic.scopes import Scope
    from mypy_asyncsession.semantic.values import Value


class ParameterDependencies:
    """Reads the ``Depends(...)`` of parameters, in whichever module they stand."""

    def __init__(self, interpreter: Interpreter, depends: DependsCalls) -> None:
        self._interpreter = interpreter
        self._depends = depends
        self._annotations: dict[str, Annotations | None] = {}

    def calls(
        self, argument: Argument, scope: Scope, where: Where = None
    ) -> Iterator[tuple[CallExpr, Scope]]:
        """The ``Depends(...)`` of a parameter, and the scopes that they stand in.

        Args:
            argument: The parameter.
            scope: The scope that its function is defined in.
            where: The place of the function there.
        """
        if isinstance(argument.initializer, CallExpr):
            yield argument.initializer, scope
        annotation = argument.type_annotation
        if annotation is None:
            return
        annotations = self._of_module(scope.module)
        if annotations is not None:
            for call, _ in annotations.calls(annotation):
                yield call, scope
        if isinstance(annotation, UnboundType) and "." not in annotation.name:
            alias = self._interpreter.name(annotation.name, scope, where)
            if isinstance(alias, AliasValue) and isinstance(alias.node.index, TupleExpr):
                for item in alias.node.index.items[1:]:
                    if isinstance(item, CallExpr):
                        yield item, alias.scope

    def provider(self, argument: Argument, scope: Scope) -> FunctionValue | None:
        """The function whose result a parameter is given, one for each request.

        ``None`` where it is not known, and where FastAPI may call it more than once.
        """
        value = self._given(argument, scope)
        return value if isinstance(value, FunctionValue) else None

    def initializer(self, argument: Argument, scope: Scope, at: FuncItem) -> FunctionValue | None:
        """The ``__init__`` of what a parameter is given, as with ``provider``.

        Args:
            argument: The parameter.
            scope: The scope that its function is defined in.
            at: The function.
        """
        value = self._given(argument, scope)
        if value is None:
            # ``Depends()``, which is of the class that the parameter is annotated with.
            position = at.arguments.index(argument)
            declared = self._interpreter.declared_parameter(at, position, scope)
            type_ = declared.type if isinstance(declared, ObjectValue) else None
            if isinstance(type_, Instance):
                value = ClassValue(type_.type.fullname, type_.type)
        found = self._interpreter.initializer(value) if isinstance(value, ClassValue) else None
        return found if isinstance(found, FunctionValue) else None

    def _given(self, argument: Argument, scope: Scope) -> Value | None:
        """What ``Depends`` names for a parameter; ``None`` where it names nothing."""
        found = list(self.calls(argument, scope))
        if len(found) != 1:
            return UNKNOWN
        call, inner = found[0]
        if not call.args and self._depends.is_depends(call, inner, None):
            return None
        if len(call.args) != 1:
            return UNKNOWN  # other scopes, or no cache: perhaps another one
        named = self._depends.named(call, inner, None)
        return UNKNOWN if named is None or named.helped else named.value

    def _of_module(self, module: str) -> Annotations | None:
        if module not in self._annotations:
            source = self._interpreter.program.source(module)
            self._annotations[module] = (
                Annotations(self._interpreter.program, source) if source is not None else None
            )
        return self._annotations[module]
