"""Where an evaluation is, and within what: the one thing that the parts of the interpreter share.

A ``Context`` is never changed. What is evaluated elsewhere, or further inside, gets one of its own,
so that what is found does not depend on what was evaluated before it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Protocol

from mypy_asyncsession.models import READ_BY_NAME
from mypy_asyncsession.semantic.bindings import Names
from mypy_asyncsession.semantic.scopes import Scope

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from mypy.nodes import ClassDef, Expression, FuncDef, FuncItem, TypeInfo
    from mypy.types import Type

    from mypy_asyncsession.semantic.declared import Declared
    from mypy_asyncsession.semantic.from_mypy_types import Types
    from mypy_asyncsession.semantic.module_source import ModuleSource
    from mypy_asyncsession.semantic.program import Program
    from mypy_asyncsession.semantic.values import Value

Where = tuple[tuple[int, int], ...] | None

#: How many calls deep the evaluation goes before it says that it does not know.
CALLS: Final = 10
#: How many expressions deep it goes.
NESTING: Final = 60
#: How many expressions it looks at to find out about one.
STEPS: Final = 4000

#: Stands, among the named arguments of a call, for what ``*args`` and ``**kwargs`` may give.
ELLIPSIS: Final = "**"


@dataclass(slots=True)
class Trace:
    """What an evaluation came across, for the one that it is a part of: it is only added to.

    Attributes:
        lasts: Whether it would come to the same from any module: it has not looked at the module
            at hand, was not cut short, and has not met itself.
        passed_over: Whether something counted as not known because the code asks about it at run
            time.
        calls: How many calls deep it went: meanwhile counted from the outermost evaluation, and
            from its own beginning when it is done.
        depth: How many expressions deep it went, counted in the same way.
        modules_read: The modules whose bodies it has read.
    """

    lasts: bool = True
    passed_over: bool = False
    calls: int = 0
    depth: int = 0
    modules_read: set[str] = field(default_factory=set)

    def add(self, part: Trace, calls: int, depth: int) -> None:
        """Take in what a part of this evaluation came across, which began that deep."""
        self.lasts = self.lasts and part.lasts
        self.passed_over = self.passed_over or part.passed_over
        self.calls = max(self.calls, calls + part.calls)
        self.depth = max(self.depth, depth + part.depth)
        self.modules_read |= part.modules_read


class Budget:
    """How many more expressions may be looked at to find out about one."""

    __slots__ = ("steps",)

    def __init__(self) -> None:
        self.steps = STEPS


class Activation:
    """What is being evaluated: the same for all the expressions of one body.

    Attributes:
        evaluator: Evaluates.
        trace: What it came across.
        active: The keys of what this is a part of.
        calls: How many calls deep it is.
        budget: What is left for the outermost evaluation.
        values: What expressions of it are that were evaluated, by how deep that was.
    """

    __slots__ = ("active", "budget", "calls", "evaluator", "trace", "values")

    def __init__(
        self,
        evaluator: Evaluator,
        trace: Trace,
        active: frozenset[object],
        calls: int,
        budget: Budget,
    ) -> None:
        self.evaluator: Final = evaluator
        self.trace: Final = trace
        self.active: Final = active
        self.calls: Final = calls
        self.budget: Final = budget
        self.values: Final[dict[tuple[Expression, Scope, Where, int], Value]] = {}


class Context:
    """Where an expression is evaluated, and within what.

    Attributes:
        scope: The scope that it stands in, with what is known of the parameters around.
        where: The blocks around it, as ``Names.places`` has them, or ``None``.
        depth: How many expressions deep it is.
        frame: What it is a part of.
    """

    __slots__ = ("depth", "frame", "scope", "where")

    def __init__(self, scope: Scope, where: Where, depth: int, frame: Activation) -> None:
        self.scope: Final = scope
        self.where: Final = where
        self.depth: Final = depth
        self.frame: Final = frame

    def within(self, scope: Scope, where: Where = None) -> Context:
        """The same evaluation in another place."""
        return Context(scope, where, self.depth, self.frame)

    def deeper(self) -> Context:
        """The same evaluation one call deeper."""
        frame = self.frame
        calls = frame.calls + 1
        frame.trace.calls = max(frame.trace.calls, calls)
        inside = Activation(frame.evaluator, frame.trace, frame.active, calls, frame.budget)
        return Context(self.scope, self.where, self.depth, inside)

    # What is known of the program

    @property
    def program(self) -> Program:
        """Where definitions are looked up."""
        return self.frame.evaluator.program

    @property
    def types(self) -> Types:
        """Reads mypy's types."""
        return self.frame.evaluator.types

    def source(self, module: str) -> ModuleSource | None:
        """The source of a module, or ``None``; the evaluation depends on it."""
        found = self.frame.evaluator.program.source(module)
        if found is not None:
            self.frame.trace.modules_read.add(module)
        return found

    def methods(self, info: TypeInfo) -> Iterable[FuncDef]:
        """The methods that a class defines itself, where its source is at hand."""
        self.source(info.module_name)
        return self.program.methods(info)

    def is_current(self, module: str) -> bool:
        """Whether a module is the one at hand."""
        current = self.frame.evaluator.program.current
        return current is not None and current.module == module

    @property
    def is_typed(self) -> bool:
        """Whether mypy has inferred the types of the expressions here.

        It has not in a tree that was only parsed, as that of each module but the one at hand is;
        nor is what others read of that one to depend on them.
        """
        return self.frame.evaluator.knows_types(self.scope.module)

    # What other parts of the interpreter answer

    def value(self, expr: Expression) -> Value:
        """What an expression that stands here may be."""
        return self.frame.evaluator.value(expr, self)

    def structural(self, expr: Expression) -> Value:
        """What it may be, by the definitions alone."""
        return self.frame.evaluator.structural(expr, self)

    def name(self, name: str) -> Value:
        """What a name stands for here."""
        return self.frame.evaluator.name(name, self)

    def attribute(self, base: Value, name: str) -> Value:
        """What an attribute of *base* may be."""
        return self.frame.evaluator.attribute(base, name, self)

    def called(
        self,
        callee: Value,
        arguments: Sequence[Value] = (),
        named: Mapping[str, Value] = MappingProxyType({}),
    ) -> Value:
        """What a call of *callee* with *arguments* gives."""
        return self.frame.evaluator.called(callee, arguments, named, self)

    def once(
        self,
        key: tuple[object, ...],
        module: str,
        general: bool,
        evaluate: Callable[[Context], Value],
    ) -> Value:
        """Evaluate under a key: once for a module at hand, and not at all inside itself.

        Args:
            key: What is evaluated.
            module: The module that it stands in.
            general: Whether the key names all that it depends on, in whichever module that is.
            evaluate: How.
        """
        return self.frame.evaluator.once(key, module, general, evaluate, self)


class Evaluator(Protocol):
    """The parts of the interpreter put together, as each of them sees the others."""

    @property
    def program(self) -> Program:
        """Where definitions are looked up."""

    @property
    def types(self) -> Types:
        """Reads mypy's types."""

    @property
    def declared(self) -> Declared | None:
        """Reads overlays, which count as annotations of the functions that they name."""

    @property
    def thorough(self) -> bool:
        """Whether nothing is taken for settled that could also be read."""

    @property
    def past_types(self) -> bool:
        """Whether a type may be of the past, so that none settles anything by itself."""

    @property
    def asks(self) -> bool:
        """Whether what the code asks about at run time counts as known."""

    def type_of(self, expr: Expression, module: str) -> Type | None:
        """mypy's own type of an expression of the module at hand."""

    def knows_types(self, module: str) -> bool:
        """Whether mypy has inferred the types of the expressions in a module."""

    def is_recovered(self, expr: Expression) -> bool:
        """Whether we told mypy another type of an expression than the one that it found."""

    def value(self, expr: Expression, at: Context) -> Value:
        """What an expression may be."""

    def structural(self, expr: Expression, at: Context) -> Value:
        """What it may be, by the definitions alone."""

    def name(self, name: str, at: Context) -> Value:
        """What a name stands for."""

    def attribute(self, base: Value, name: str, at: Context) -> Value:
        """What an attribute of *base* may be."""

    def called(
        self, callee: Value, arguments: Sequence[Value], named: Mapping[str, Value], at: Context
    ) -> Value:
        """What a call of *callee* with *arguments* gives."""

    def once(
        self,
        key: tuple[object, ...],
        module: str,
        general: bool,
        evaluate: Callable[[Context], Value],
        at: Context,
    ) -> Value:
        """Evaluate under a key."""


#: The scope of what is asked about a value, which stands nowhere.
NOWHERE: Final = Scope("", None, Names())


def argument_of(node: FuncItem, name: str) -> object | None:
    """The parameter of that name, or ``None``."""
    for argument in node.arguments:
        if argument.variable.name == name:
            return argument
    return None


def is_read_by_name(name: str) -> bool:
    """Whether a function is in one of the packages some of whose functions are known by name."""
    return name.partition(".")[0] in READ_BY_NAME


def scope_at(source: ModuleSource, chain: Iterable[FuncItem | ClassDef]) -> Scope:
    """The scope of the last of some functions and classes, each inside the one before."""
    scope = source.scope
    for node in chain:
        scope = source.scope_in(node, scope)
    return scope
