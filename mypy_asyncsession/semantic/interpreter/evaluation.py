"""The parts of the interpreter put together, for one module at hand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mypy_asyncsession.semantic.interpreter import attributes, calls, expressions, names

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from mypy.nodes import Expression
    from mypy.types import Type

    from mypy_asyncsession.semantic.declared import Declared
    from mypy_asyncsession.semantic.from_mypy_types import Types
    from mypy_asyncsession.semantic.interpreter.context import Context
    from mypy_asyncsession.semantic.interpreter.memo import Memo
    from mypy_asyncsession.semantic.program import Program
    from mypy_asyncsession.semantic.values import Value


@dataclass(frozen=True, slots=True, eq=False)
class Evaluation:
    """Evaluates what stands in a program, as seen from the module at hand.

    Attributes:
        program: Where definitions are looked up.
        types: Reads mypy's types.
        declared: Reads overlays, which count as annotations of the functions that they name.
        memo: What was evaluated already.
        inferred: mypy's types of the expressions of the module at hand.
        recovered: Expressions whose type in ``inferred`` is what we told mypy, with what it found.
        past_types: Whether a type may be of the past, so that none settles anything by itself:
            dmypy re-checks a function before the import that it depends on, and leaves it there.
        thorough: Whether nothing is taken for settled that could also be read, and nothing is
            known for good: slower, and to the same end.
        asks: Whether what the code asks about at run time counts as known.
    """

    program: Program
    types: Types
    declared: Declared | None
    memo: Memo
    inferred: Mapping[Expression, Type]
    recovered: Mapping[Expression, Type]
    past_types: bool
    thorough: bool
    asks: bool

    def type_of(self, expr: Expression, module: str) -> Type | None:
        """mypy's own type of an expression of the module at hand."""
        current = self.program.current
        if current is None or module != current.module:
            return None
        if expr in self.recovered:
            return self.recovered[expr]
        return self.inferred.get(expr)

    def knows_types(self, module: str) -> bool:
        """Whether mypy has inferred the types of the expressions in a module."""
        current = self.program.current
        return bool(self.inferred) and current is not None and module == current.module

    def is_recovered(self, expr: Expression) -> bool:
        """Whether we told mypy another type of an expression than the one that it found."""
        return expr in self.recovered

    def value(self, expr: Expression, at: Context) -> Value:
        """What an expression may be."""
        return expressions.value(expr, at)

    def structural(self, expr: Expression, at: Context) -> Value:
        """What it may be, by the definitions alone."""
        return expressions.structural(expr, at)

    def name(self, name: str, at: Context) -> Value:
        """What a name stands for."""
        return names.named(name, at)

    def attribute(self, base: Value, name: str, at: Context) -> Value:
        """What an attribute of *base* may be."""
        return attributes.attribute(base, name, at)

    def called(
        self, callee: Value, arguments: Sequence[Value], named: Mapping[str, Value], at: Context
    ) -> Value:
        """What a call of *callee* with *arguments* gives."""
        return calls.called(callee, arguments, named, at)

    def once(
        self,
        key: tuple[object, ...],
        module: str,
        general: bool,
        evaluate: Callable[[Context], Value],
        at: Context,
    ) -> Value:
        """Evaluate under a key, unless it was done already."""
        return self.memo.once(key, module, general, evaluate, at)
