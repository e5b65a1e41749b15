"""What the parts of the interpreter share: its state, and what it has found out already."""

from __future__ import annotations

from abc import ABC, abstractmethod
from contextlib import contextmanager
from typing import TYPE_CHECKING, ClassVar

from mypy_asyncsession.models import READ_BY_NAME
from mypy_asyncsession.semantic.evaluation_cache import Frame, Known
from mypy_asyncsession.semantic.value_identity import identity
from mypy_asyncsession.semantic.values import (
    RECURSIVE,
    BoundMethod,
    ClassValue,
    ContainerValue,
    FunctionValue,
    Origin,
    Value,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from collections.abc import Set as AbstractSet

    from mypy.nodes import (
        CallExpr,
        ClassDef,
        Expression,
        FuncItem,
        IndexExpr,
        MemberExpr,
        MypyFile,
        Node,
        SuperExpr,
    )
    from mypy.types import CallableType, ProperType, Type

    from mypy_asyncsession.semantic.bindings import Binding
    from mypy_asyncsession.semantic.declared import Declared
    from mypy_asyncsession.semantic.evaluation_cache import ProgramCache
    from mypy_asyncsession.semantic.from_mypy_types import Types
    from mypy_asyncsession.semantic.program import Program
    from mypy_asyncsession.semantic.scopes import Scope

Where = tuple[tuple[int, int], ...] | None

#: How many calls deep the evaluation goes before it says that it does not know.
CALLS = 10
#: How many expressions deep it goes.
NESTING = 60
#: How many expressions it looks at to find out about one.
STEPS = 4000

#: Stands, among the named arguments of a call, for what ``*args`` and ``**kwargs`` may give.
ELLIPSIS = "**"


class Base(ABC):
    """What is known of the program, and each evaluation done but once.

    Attributes:
        program: Where definitions are looked up.
        types: Reads mypy's types.
        declared: Reads overlays, which count as annotations of the functions that they name.
        inferred: mypy's types of the expressions of the module at hand.
        recovered: Expressions whose type in ``inferred`` is what we told mypy, not what it found.
        past_types: Whether a type may be of the past, so that none settles anything by itself:
            dmypy re-checks a function before the import that it depends on, and leaves it there.
        frame: What the evaluation at hand has come across.
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
    ) -> None:
        """Begin with nothing evaluated.

        Args:
            program: Where definitions are looked up.
            types: Reads mypy's types.
            declared: Reads overlays.
            lasting: What is known whichever module is at hand, for as long as no definition
                changes; ``None`` where definitions do.
        """
        self.program = program
        self.types = types
        self.declared = declared
        self.inferred: Mapping[Expression, Type] = {}
        self.recovered: Mapping[Expression, Type] = {}
        self.past_types = False
        self._busy: set[tuple[object, ...]] = set()
        self._memo: dict[tuple[object, ...], Known] = {}
        self._lasting = None if self.thorough else lasting
        self.frame = Frame()
        self._ask = False
        self._calls = 0
        self._depth = 0
        self._steps = 0

    def reset(
        self, inferred: Mapping[Expression, Type], recovered: Mapping[Expression, Type]
    ) -> None:
        """Begin with another module.

        Args:
            inferred: mypy's types of its expressions.
            recovered: What mypy found where a hook gave it another type.
        """
        self.inferred = inferred
        self.recovered = recovered
        self._memo.clear()
        self.frame = Frame()
        if self._lasting is None:
            self.types.forget()

    @contextmanager
    def ignoring_runtime_checks(self) -> Iterator[None]:
        """Evaluate what the code asks about at run time too, which else counts as not known."""
        if self._ask:
            yield
            return
        memo, self._memo, self._ask = self._memo, {}, True
        try:
            yield
        finally:
            self._memo, self._ask = memo, False

    def _once(
        self,
        key: tuple[object, ...],
        module: str,
        general: bool,
        evaluate: Callable[[], Value],
    ) -> Value:
        """Evaluate under a key: once for a module at hand, and not at all inside itself.

        Args:
            key: What is evaluated.
            module: The module that it stands in.
            general: Whether the key names all that it depends on, in whichever module that is.
            evaluate: How.
        """
        outer = self.frame
        known = self._known(key)
        if known is not None:
            outer.add(known.frame, self._calls, self._depth)
            self.program.modules_read |= known.frame.leaned
            return known.value
        if key in self._busy:
            outer.lasts = False
            return RECURSIVE
        self._busy.add(key)
        calls, depth = self._calls, self._depth
        lasts = not self.program.analysed or module != self._current()
        inner = self.frame = Frame(lasts=lasts, calls=calls, depth=depth)
        leaned, self.program.modules_read = self.program.modules_read, inner.leaned
        try:
            value = evaluate()
        finally:
            self._busy.discard(key)
            self.frame = outer
            inner.calls -= calls
            inner.depth -= depth
            outer.add(inner, calls, depth)
            leaned |= inner.leaned
            self.program.modules_read = leaned
        self._memo[key] = Known(value, inner)
        if general and inner.lasts and self._lasting is not None and self._settled(inner.leaned):
            self._lasting[self._ask, key] = self._memo[key]
        return value

    def _known(self, key: tuple[object, ...]) -> Known | None:
        known = self._memo.get(key)
        if known is not None or self._lasting is None:
            return known
        known = self._lasting.get((self._ask, key))
        if known is None:
            return None
        # What would be cut short here was not, where it was found.
        if self._calls + known.frame.calls > CALLS or self._depth + known.frame.depth > NESTING:
            return None
        return known

    def _settled(self, modules: set[str]) -> bool:
        """Whether mypy is done with these modules: it has let go of their trees."""
        if not self.program.analysed:
            return True
        return not any(self.program.modules[module].defs for module in modules)

    def _circumstances(self, scope: Scope) -> tuple[object, ...]:
        """What is known of the parameters around, as a key."""
        return tuple(
            (id(inner.node), name, identity(value))
            for inner in scope.chain()
            for name, value in inner.values.items()
        )

    def _current(self) -> str | None:
        return self.program.current.module if self.program.current is not None else None

    # What the parts need of one another

    @abstractmethod
    def value(self, expr: Expression, scope: Scope, where: Where) -> Value:
        """What *expr* may be."""

    @abstractmethod
    def structural(self, expr: Expression, scope: Scope, where: Where) -> Value:
        """What *expr* may be, by the definitions alone."""

    @abstractmethod
    def default_stands(self, function: FuncItem, position: int, scope: Scope) -> bool:
        """Whether a call in the function's module leaves a parameter to its default."""

    @abstractmethod
    def passed_otherwise(
        self, function: FuncItem, position: int, declared: Value, scope: Scope
    ) -> bool:
        """Whether a call in the function's module gives a parameter what its annotation denies."""

    @abstractmethod
    def index(self, expr: IndexExpr, scope: Scope, where: Where) -> Value:
        """What ``a[b]`` may be."""

    @abstractmethod
    def held(
        self, container: ContainerValue, written: Expression, key: Expression, scope: Scope
    ) -> Value:
        """What a container holds under a key."""

    @abstractmethod
    def element(self, container: ContainerValue, key: object) -> Value:
        """What a literal holds under a key or at a position."""

    @abstractmethod
    def name(self, name: str, scope: Scope, where: Where) -> Value:
        """What a name stands for in a scope."""

    @abstractmethod
    def bound(self, binding: Binding, scope: Scope) -> Value:
        """What one binding gives to its name."""

    @abstractmethod
    def class_of(self, node: ClassDef, scope: Scope) -> ClassValue:
        """The class that a statement in a scope defines."""

    @abstractmethod
    def module_attribute(self, module: str, name: str, where: Where) -> Value:
        """What *name* stands for in a module: at its end, or at *where* in its body."""

    @abstractmethod
    def semantic(self, node: object) -> Value:
        """A function of which only mypy's symbol is at hand."""

    @abstractmethod
    def place(self, fullname: str, tree: MypyFile | None, line: int = 1) -> Origin | None:
        """Where something is defined, in the module of a tree."""

    @abstractmethod
    def parameter(self, name: str, scope: Scope) -> Value:
        """What a parameter stands for that no call at hand has filled in."""

    @abstractmethod
    def declared_parameter(self, function: FuncItem, position: int, scope: Scope) -> Value:
        """What the annotation of a parameter says."""

    @abstractmethod
    def left_out(self, function: FuncItem, given: AbstractSet[str], scope: Scope) -> None:
        """Fill in the defaults that a call at hand leaves as they are."""

    @abstractmethod
    def annotated(self, type_: Type, scope: Scope) -> Value:
        """What an annotation says that mypy could not analyse, because a package is missing."""

    @abstractmethod
    def defined(self, node: Node, scope: Scope) -> Value:
        """The value of a definition, its decorators applied."""

    @abstractmethod
    def signature(self, function: FuncItem, scope: Scope) -> ProperType | None:
        """mypy's type of a function, or ``None`` where it has no annotation."""

    @abstractmethod
    def callable_type(self, callee: Expression, scope: Scope, where: Where) -> CallableType | None:
        """The type of what is called, without what it is bound to; ``None`` if it has several."""

    @abstractmethod
    def static_type(self, expr: Expression, scope: Scope, where: Where) -> ProperType | None:
        """mypy's type of an expression; that of what it may be, where nobody has inferred types."""

    @abstractmethod
    def type_of(self, expr: Expression, module: str) -> Type | None:
        """mypy's own type of an expression of the module at hand."""

    @abstractmethod
    def call(self, expr: CallExpr, scope: Scope, where: Where) -> Value:
        """What a call may give."""

    @abstractmethod
    def called(
        self,
        callee: Value,
        arguments: list[Value],
        scope: Scope,
        named: Mapping[str, Value] | None = None,
    ) -> Value:
        """What a call of *callee* with *arguments* gives."""

    @abstractmethod
    def instance(self, klass: Value) -> Value:
        """An instance of a class."""

    @abstractmethod
    def result(
        self, function: FunctionValue, arguments: list[Value], named: Mapping[str, Value]
    ) -> Value:
        """What a call of *function* gives."""

    @abstractmethod
    def awaited(self, value: Value) -> Value:
        """What awaiting *value* gives."""

    @abstractmethod
    def entered(self, value: Value) -> Value:
        """What entering *value* gives, if need be in the way that was meant."""

    @abstractmethod
    def iterated(self, value: Value) -> Value:
        """What iterating over *value* gives."""

    @abstractmethod
    def iterator(self, value: Value) -> Value:
        """What ``iter`` or ``aiter`` makes of *value*: an iterator is its own."""

    @abstractmethod
    def protocol(self, method: BoundMethod) -> Value:
        """What a call of a special method gives."""

    @abstractmethod
    def super_attribute(self, expr: SuperExpr, scope: Scope) -> Value:
        """A method or attribute of the classes after the one around, in its method resolution."""

    @abstractmethod
    def member(self, expr: MemberExpr, scope: Scope, where: Where) -> Value:
        """What ``a.b`` may be."""

    @abstractmethod
    def attribute(self, base: Value, name: str) -> Value:
        """What an attribute of *base* may be."""


def argument_of(node: FuncItem, name: str) -> object | None:
    """The parameter of that name, or ``None``."""
    return next((a for a in node.arguments if a.variable.name == name), None)


def is_read_by_name(name: str) -> bool:
    """Whether a function is in one of the packages some of whose functions are known by name."""
    return name.partition(".")[0] in READ_BY_NAME
