"""Calls of functions that read attributes of an instance that they are given."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mypy.nodes import FuncDef, NameExpr

from mypy_asyncsession.semantic.call_arguments import matched
from mypy_asyncsession.semantic.sure_reads import surely_read
from mypy_asyncsession.semantic.values import FunctionValue

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy.nodes import CallExpr

    from mypy_asyncsession.detectors.loaded_instances import Loaded, LoadedInstances
    from mypy_asyncsession.semantic.interpreter import Interpreter
    from mypy_asyncsession.semantic.program_point import ProgramPoint


class ReadingCalls:
    """Finds what the functions of one module read of what they are given there."""

    def __init__(self, interpreter: Interpreter, loaded: LoadedInstances, module: str) -> None:
        self._interpreter = interpreter
        self._loaded = loaded
        self._module = module

    def of(
        self, call: CallExpr, point: ProgramPoint
    ) -> Iterator[tuple[NameExpr, list[Loaded], frozenset[str]]]:
        """The instances that a call is given, and the relationships that it surely reads of each.

        What functions of other modules read, they say to nobody.
        """
        for argument in call.args:
            if not isinstance(argument, NameExpr):
                continue
            found = self._loaded.of(argument, point.scope, point.where)
            if not found or any(
                each.kind != "one" or each.query.mapped is not found[0].query.mapped
                for each in found
            ):
                continue
            function = self._interpreter.value(call.callee, point.scope, point.where)
            if (
                not isinstance(function, FunctionValue)
                or not isinstance(function.node, FuncDef)
                or function.scope.module != self._module
            ):
                return
            name = next((n for n, each in matched(call, function) if each is argument), None)
            if name is not None:
                relationships = found[0].query.mapped.relationships
                yield argument, found, surely_read(function.node, name, relationships)
