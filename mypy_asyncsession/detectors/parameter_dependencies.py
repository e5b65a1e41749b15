"""What FastAPI is told to give to the parameters of functions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mypy.nodes import CallExpr, TupleExpr
from mypy.types import UnboundType

from mypy_asyncsession.detectors.annotations import Annotations
from mypy_asyncsession.semantic.values import AliasValue, FunctionValue

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy.nodes import Argument

    from mypy_asyncsession.detectors.depends_calls import DependsCalls
    from mypy_asyncsession.semantic.interpreter import Interpreter, Where
    from mypy_asyncsession.semantic.scopes import Scope


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
        found = list(self.calls(argument, scope))
        if len(found) != 1:
            return None
        call, inner = found[0]
        if len(call.args) != 1:
            return None  # other scopes, or no cache: perhaps another one
        named = self._depends.named(call, inner, None)
        if named is None or named.helped or not isinstance(named.value, FunctionValue):
            return None
        return named.value

    def _of_module(self, module: str) -> Annotations | None:
        if module not in self._annotations:
            source = self._interpreter.program.source(module)
            self._annotations[module] = (
                Annotations(self._interpreter.program, source) if source is not None else None
            )
        return self._annotations[module]
