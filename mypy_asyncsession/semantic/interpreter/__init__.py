"""What an expression may be: an abstract evaluation over mypy's trees.

The interpreter follows names to their definitions and reads what these do, so that an unannotated
getter is as clear as an annotated one. Where mypy knows a type, the two are put together: the
type settles what flow and generics decide, the definition wins over an annotation that it
contradicts.

Its parts are functions, a file for each kind of thing that is evaluated. Each gets a ``Context``:
where it is, within what, and the way to what the other parts answer.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

from mypy_asyncsession.semantic.interpreter import (
    attributes,
    class_attributes,
    containers,
    definitions,
    functions,
    instances,
    names,
    parameters,
    protocols,
    signatures,
    symbols,
    undecided,
)
from mypy_asyncsession.semantic.interpreter.context import (
    NOWHERE,
    Activation,
    Budget,
    Context,
    Trace,
    Where,
)
from mypy_asyncsession.semantic.interpreter.evaluation import Evaluation
from mypy_asyncsession.semantic.interpreter.given import given_to
from mypy_asyncsession.semantic.interpreter.memo import Memo
from mypy_asyncsession.semantic.values import UNKNOWN

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mypy.nodes import ClassDef, Expression, FuncDef, FuncItem, MemberExpr, MypyFile, Node
    from mypy.types import CallableType, ProperType, Type

    from mypy_asyncsession.semantic.bound_names import Binding
    from mypy_asyncsession.semantic.declared import Declared
    from mypy_asyncsession.semantic.from_mypy_types import Types
    from mypy_asyncsession.semantic.interpreter.memo import ProgramCache
    from mypy_asyncsession.semantic.module_source import ModuleSource
    from mypy_asyncsession.semantic.program import Program
    from mypy_asyncsession.semantic.scopes import Scope
    from mypy_asyncsession.semantic.values import (
        ClassValue,
        ContainerValue,
        FunctionValue,
        Origin,
        Value,
    )

__all__ = ["Interpreter", "Where"]


class Interpreter:
    """Answers questions about one program, each of them an evaluation of its own.

    Attributes:
        program: Where definitions are looked up.
        types: Reads mypy's types.
        declared: Reads overlays, which count as annotations of the functions that they name.
        past_types: Whether a type of mypy's may be of the past.
        thorough: Whether nothing is taken for settled that could also be read, and nothing is
            known for good: slower, and to the same end.
    """

    thorough: ClassVar[bool] = False

    def __init__(
        self,
        program: Program,
        types: Types,
        declared: Declared | None = None,
        lasting: ProgramCache | None = None,
        *,
        past_types: bool = False,
    ) -> None:
        """Begin with nothing evaluated.

        Args:
            program: Where definitions are looked up.
            types: Reads mypy's types.
            declared: Reads overlays.
            lasting: What is known whichever module is at hand, for as long as no definition
                changes; ``None`` where definitions do.
            past_types: Whether a type may be of the past, so that none settles anything by itself.
        """
        self.program = program
        self.types = types
        self.declared = declared
        self.past_types = past_types
        self._lasting = None if self.thorough else lasting
        self.reset({}, {})

    def reset(
        self, inferred: Mapping[Expression, Type], recovered: Mapping[Expression, Type]
    ) -> None:
        """Begin with another module.

        Args:
            inferred: mypy's types of its expressions.
            recovered: What mypy found where a hook gave it another type.
        """
        if self._lasting is None:
            self.types.forget()
        self._trace = Trace()
        self._unguarded: Interpreter | None = None
        self._evaluation = Evaluation(
            self.program,
            self.types,
            self.declared,
            Memo(self.program, self._lasting, asks=False),
            inferred,
            recovered,
            past_types=self.past_types,
            thorough=self.thorough,
            asks=False,
        )

    def ignoring_runtime_checks(self) -> Interpreter:
        """The interpreter that takes what the code asks about at run time for known as well.

        It is of the module at hand, and of no use once there is another one.
        """
        if self._evaluation.asks:
            return self
        if self._unguarded is None:
            other = Interpreter(
                self.program, self.types, self.declared, self._lasting, past_types=self.past_types
            )
            memo = Memo(self.program, self._lasting, asks=True)
            other._evaluation = replace(self._evaluation, memo=memo, asks=True)
            self._unguarded = other
        return self._unguarded

    @property
    def passed_over(self) -> bool:
        """Whether something of the module at hand was not known because the code asks about it."""
        return self._trace.passed_over

    def forget_passed_over(self) -> None:
        """Let ``passed_over`` speak of what is evaluated from now on."""
        self._trace.passed_over = False

    def _at(self, scope: Scope = NOWHERE, where: Where = None) -> Context:
        """The beginning of an evaluation."""
        return Context(
            scope, where, 0, Activation(self._evaluation, self._trace, frozenset(), 0, Budget())
        )

    # Expressions and names

    def value(self, expr: Expression, scope: Scope, where: Where) -> Value:
        """What *expr* may be.

        Args:
            expr: The expression.
            scope: The scope that it stands in.
            where: The blocks around it, as ``Names.places`` has them, or ``None``.
        """
        return self._evaluation.value(expr, self._at(scope, where))

    def structural(self, expr: Expression, scope: Scope, where: Where) -> Value:
        """What *expr* may be, by the definitions alone."""
        return self._evaluation.structural(expr, self._at(scope, where))

    def undecided(self, expr: Expression, scope: Scope, where: Where) -> bool:
        """Whether mypy may know what an expression is whose value is not known without it."""
        return undecided.undecided(expr, self._at(scope, where))

    def name(self, name: str, scope: Scope, where: Where) -> Value:
        """What a name stands for in a scope."""
        return names.named(name, self._at(scope, where))

    def bound(self, binding: Binding, scope: Scope) -> Value:
        """What one binding gives to its name."""
        return names.bound(binding, self._at(scope))

    def module_attribute(self, module: str, name: str, where: Where) -> Value:
        """What *name* stands for in a module: at its end, or at *where* in its body."""
        return names.module_attribute(module, name, where, self._at())

    def resolve(self, dotted: str, scope: Scope) -> str | None:
        """The full name of what a dotted name in *scope* stands for, or ``None``."""
        return signatures.resolve(dotted, self._at(scope))

    # Definitions

    def defined(self, node: Node, scope: Scope) -> Value:
        """The value of a definition, its decorators applied."""
        return definitions.defined(node, self._at(scope))

    def class_of(self, node: ClassDef, scope: Scope) -> ClassValue:
        """The class that a statement in a scope defines."""
        return instances.class_of(node, self._at(scope))

    def parameter(self, name: str, scope: Scope) -> Value:
        """What a parameter stands for that no call at hand has filled in."""
        return parameters.parameter(name, self._at(scope))

    def place(self, fullname: str, tree: MypyFile | None, line: int = 1) -> Origin | None:
        """Where something is defined, in the module of a tree."""
        return symbols.place(fullname, tree, self.program, line)

    # Calls

    def called(self, callee: Value, arguments: Sequence[Value], scope: Scope) -> Value:
        """What a call of *callee* with *arguments* gives."""
        return self._at(scope).called(callee, arguments)

    def instance(self, klass: Value) -> Value:
        """An instance of a class."""
        return instances.instance(klass, self._at())

    def initializer(self, klass: Value) -> Value:
        """The ``__init__`` that a call of a class runs, bound to what it makes."""
        return self.attribute(self.instance(klass), "__init__")

    def promised(self, function: FunctionValue) -> Value:
        """What a function without a body says that it gives."""
        return functions.promised(function, self._at())

    def awaited(self, value: Value) -> Value:
        """What awaiting *value* gives."""
        return protocols.awaited(value)

    def entered(self, value: Value) -> Value:
        """What entering *value* gives, if need be in the way that was meant."""
        return protocols.entered(value)

    def iterated(self, value: Value) -> Value:
        """What iterating over *value* gives."""
        return protocols.iterated(value, self._at())

    # Attributes and elements

    def attribute(self, base: Value, name: str) -> Value:
        """What an attribute of *base* may be."""
        return attributes.attribute(base, name, self._at())

    def bind(self, value: Value, receiver: Value) -> Value:
        """A member of a class as *receiver*, an instance or the class, hands it out."""
        return class_attributes.bind(value, receiver, self._at())

    def assigned(self, source: ModuleSource, node: ClassDef, scope: Scope, name: str) -> Value:
        """What the body and the methods of a class assign to one of its attributes."""
        return class_attributes.assigned(source, node, name, self._at(scope))

    def loose(self, source: ModuleSource, name: str) -> Value:
        """What a module assigns to ``x.state.NAME``."""
        return attributes.loose(source, name, self._at(source.scope))

    def element(self, container: ContainerValue, key: object) -> Value:
        """What a literal holds under a key or at a position."""
        return containers.element(container, key, self._at())

    # Types and annotations

    def type_of(self, expr: Expression, module: str) -> Type | None:
        """mypy's own type of an expression of the module at hand."""
        return self._evaluation.type_of(expr, module)

    def static_type(self, expr: Expression, scope: Scope, where: Where) -> ProperType | None:
        """mypy's type of an expression; that of what it may be, where nobody has inferred types."""
        return definitions.static_type(expr, self._at(scope, where))

    def callable_type(self, callee: Expression, scope: Scope, where: Where) -> CallableType | None:
        """The type of what is called, without what it is bound to; ``None`` if it has several."""
        return definitions.callable_type(callee, self._at(scope, where))

    def signature(self, function: FuncItem, scope: Scope) -> ProperType | None:
        """mypy's type of a function, or ``None`` where it has no annotation."""
        return signatures.signature(function, scope, self.program)

    def annotated(self, type_: Type, scope: Scope) -> Value:
        """What an annotation says that mypy could not analyse, because a package is missing."""
        return signatures.annotated(type_, self._at(scope))

    def declared_parameter(self, function: FuncItem, position: int, scope: Scope) -> Value:
        """What the annotation of a parameter says."""
        return signatures.declared_parameter(function, position, self._at(scope))

    def given(self, function: FuncDef, name: str, scope: Scope) -> Value:
        """What the calls of a function give to a parameter; *scope* is of its body."""
        found = given_to(function, name, scope, self._at(scope), None, UNKNOWN)
        return UNKNOWN if found is None else found

    def declared_attribute(self, expr: MemberExpr, scope: Scope, where: Where) -> Type | None:
        """The type that an attribute is declared with, or ``None``."""
        return attributes.declared_attribute(expr, self._at(scope, where))
