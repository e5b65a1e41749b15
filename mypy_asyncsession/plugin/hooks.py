"""The hooks: in a wrong pairing, give mypy the type that was meant; of a getter, what it gives.

The module pass reports the mistake. Without a hook mypy would add errors of its own for the same
line, and the target would be ``Any``, so that nothing in the body would be checked.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mypy.nodes import (
    AwaitExpr,
    CallExpr,
    Decorator,
    ForStmt,
    FuncDef,
    MypyFile,
    OverloadedFuncDef,
    TypeInfo,
    Var,
    WithStmt,
)
from mypy.types import (
    AnyType,
    CallableType,
    Instance,
    NoneType,
    TypeOfAny,
    UnionType,
    get_proper_type,
)

from mypy_asyncsession.detectors.record import Pairing
from mypy_asyncsession.plugin.codes import CODES
from mypy_asyncsession.plugin.inference import Inference
from mypy_asyncsession.semantic.foreign_files import is_foreign
from mypy_asyncsession.semantic.interpreter import Interpreter
from mypy_asyncsession.semantic.shapes import Can, Shape
from mypy_asyncsession.semantic.values import UNKNOWN, ObjectValue

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from mypy.checker import TypeChecker
    from mypy.nodes import Expression, Node, SymbolNode
    from mypy.plugin import FunctionContext, MethodContext
    from mypy.types import Type

    from mypy_asyncsession.plugin.internals import Build
    from mypy_asyncsession.semantic.declared import Declared
    from mypy_asyncsession.semantic.from_mypy_types import Types
    from mypy_asyncsession.semantic.index import ModuleIndex
    from mypy_asyncsession.semantic.interpreter.memo import ProgramCache
    from mypy_asyncsession.semantic.module_source import ModuleSource
    from mypy_asyncsession.semantic.program import Program
    from mypy_asyncsession.semantic.values import Value

    Hook = Callable[[FunctionContext | MethodContext], Type]

#: For each pairing: the code that rejects it, and the class of what it should have been given.
_MEANT: Mapping[Pairing, tuple[str, str]] = {
    Pairing.ASYNC_WITH: ("session-with", "contextlib.AbstractAsyncContextManager"),
    Pairing.WITH: ("session-with", "contextlib.AbstractContextManager"),
    Pairing.ASYNC_FOR: ("session-iter", "typing.AsyncIterator"),
    Pairing.FOR: ("session-iter", "typing.Iterator"),
    Pairing.AWAIT: ("session-await", "typing.Coroutine"),
}

#: The shapes whose misuse is recovered; a coroutine counts if what it gives is one of them.
_PROVIDERS = frozenset(
    {
        Shape.ASYNC_GENERATOR,
        Shape.ASYNC_ITERATOR,
        Shape.ASYNC_CONTEXT_MANAGER,
        Shape.GENERATOR,
        Shape.ITERATOR,
        Shape.CONTEXT_MANAGER,
    }
)


def is_implicit(fullname: str) -> bool:
    """Whether mypy also checks calls of this method that nobody wrote.

    For ``async with f()`` it checks ``__aenter__`` and ``__await__`` too, in the name of the same
    expression, ``f()``.
    """
    name = fullname.rpartition(".")[2]
    return name.startswith("__") and name != "__call__"


class Recovery:
    """Recovers the types that wrong pairings would lose."""

    def __init__(
        self,
        program: Program,
        types: Types,
        declared: Declared | None,
        lasting: ProgramCache | None,
        *,
        infer: bool,
    ) -> None:
        self._types = types
        self._program = program
        self._interpreter = Interpreter(program, types, declared, lasting)
        self._inference = Inference(program, self._interpreter, infer=infer)
        self._source: ModuleSource | None = None
        #: Expressions whose type we replaced, with the type that mypy had found.
        self.replaced: dict[Expression, Type] = {}
        self._pairings: dict[Node, Pairing] | None = None
        #: Whether a function may give a provider at all, where that was found out.
        self.may_give: Callable[[Decorator | FuncDef], bool] | None = None

    def refine(self, gives_session: Callable[[str], bool]) -> None:
        """Infer types of functions alone that may give a session, as others have found out."""
        self._inference.gives_session = gives_session

    def forget(self) -> None:
        """Forget the module that was just checked; what was replaced stays known."""
        self._source = None
        self._pairings = None

    def begin(self) -> None:
        """Begin with an update of the daemon: definitions may have changed."""
        self.forget()
        self._program.forget()
        self._inference.begin()

    def answers(self, fullname: str) -> tuple[bool, bool]:
        """Whether a call of *fullname* hands out something whose misuse is recovered.

        Returns:
            The answer, and whether it stays the same: what has no type yet gets one later.
        """
        # Methods are looked up with the receiver's class, not the defining one.
        node = self._program.symbol(fullname, inherited=True)
        known = self._may_give(node) and (
            self._hands_out_provider(node) or self._inference.may_know(node)
        )
        variable = node.var if isinstance(node, Decorator) else node
        return known, not isinstance(variable, Var) or variable.type is not None

    def _may_give(self, node: SymbolNode | None) -> bool:
        if self.may_give is None or not isinstance(node, (Decorator, FuncDef)):
            return True
        return self.may_give(node)

    def _hands_out_provider(self, node: SymbolNode | None) -> bool:
        type_: Type | None = None
        if isinstance(node, (FuncDef, OverloadedFuncDef, Var)):
            type_ = node.type
        elif isinstance(node, Decorator):
            type_ = node.var.type
        if type_ is None:
            return isinstance(node, FuncDef) and not is_foreign(self._program.path_of(node))
        proper = get_proper_type(type_)
        # Of an overloaded function mypy tries one item after the other, and with ``Any`` it
        # settles on none: what a hook makes of one of them would be taken for the answer.
        return isinstance(proper, CallableType) and self._is_provider(proper.ret_type)

    def _is_provider(self, result: Type) -> bool:
        value = self._types.value(result)
        if isinstance(value, ObjectValue) and value.shape is Shape.COROUTINE:
            value = value.item
        if not isinstance(value, ObjectValue):
            return False
        return value.shape in _PROVIDERS or value.resource is not None

    def result(self, fullname: str, ctx: FunctionContext | MethodContext, build: Build) -> Type:
        """The type of a call of *fullname*: what was meant, or what is known of a provider."""
        default = ctx.default_return_type
        call = ctx.context
        if not isinstance(call, CallExpr):
            return default
        checker: TypeChecker = ctx.api  # type: ignore[assignment]
        self.replaced.pop(call, None)
        self._turn_to(checker.tree)
        precise = self._inference.result(fullname, default)
        better = self._meant(call, precise or default, checker, build) or precise
        if better is None:
            return default
        self.replaced[call] = default
        return better

    def _meant(
        self, call: CallExpr, default: Type, checker: TypeChecker, build: Build
    ) -> Type | None:
        """In a wrong pairing, the type of what should have been called."""
        pairing = self._pairing(call)
        if pairing is None:
            return None
        code, meant = _MEANT[pairing]
        if not build.enabled(CODES[code]):
            return None
        value = self._types.value(default)
        if value is UNKNOWN:
            value = self._inferred(call, checker.tree)
        if not isinstance(value, ObjectValue) or value.can & pairing.needs:
            return None
        item = self._item(value, pairing)
        return self._holding(item, pairing, meant, build, checker) if item is not None else None

    def _inferred(self, call: CallExpr, tree: MypyFile) -> Value:
        """What an unannotated function hands out, by its definition."""
        source = self._turn_to(tree)
        return self._interpreter.value(call, source.scope, None)

    def _turn_to(self, tree: MypyFile) -> ModuleSource:
        """Make *tree*, which mypy is checking, the module at hand."""
        if self._source is None or self._source.tree is not tree:
            self._source = self._program.enter(tree)
            self._pairings = None
            self._interpreter.reset({}, {})
        self._program.current = self._source
        return self._source

    def _item(self, value: ObjectValue, pairing: Pairing) -> Type | None:
        """The type of what the pairing was meant to get at."""
        item = value.item
        if value.shape is Shape.COROUTINE and isinstance(item, ObjectValue):
            if item.can & pairing.needs and item.resource is None:
                item = item.item
            elif item.can & (Can.ASYNC_ENTER | Can.ENTER) and item.resource is None:
                item = item.item
        if isinstance(item, ObjectValue) and item.type is not None:
            return item.type
        if isinstance(value.type, Instance) and value.shape is not Shape.COROUTINE:
            return self._types.item_type(value.type)
        return None

    def _holding(
        self, item: Type, pairing: Pairing, meant: str, build: Build, checker: TypeChecker
    ) -> Type | None:
        """The type *meant*, of an object that hands out *item*."""
        module, _, name = meant.rpartition(".")
        if module not in build.modules:
            return None
        arguments = [item]
        if pairing.enters:
            info = build.modules[module].names[name].node
            if isinstance(info, TypeInfo) and len(info.type_vars) > 1:
                swallows = checker.named_type("builtins.bool")
                arguments.append(UnionType([swallows, NoneType()]))
        elif pairing is Pairing.AWAIT:
            anything = AnyType(TypeOfAny.special_form)
            arguments = [anything, anything, item]
        return checker.named_generic_type(meant, arguments)

    def _pairing(self, call: Expression) -> Pairing | None:
        """How the call is used: a hook is given the expression, not the statement around it."""
        if self._pairings is None:
            assert self._source is not None
            self._pairings = dict(_pairings(self._source.index))
        return self._pairings.get(call)


def _pairings(found: ModuleIndex) -> Iterator[tuple[Node, Pairing]]:
    """How statements use the expressions in them."""
    for block in found.of_kind(WithStmt):
        pairing = Pairing.ASYNC_WITH if block.is_async else Pairing.WITH
        yield from ((manager, pairing) for manager in block.expr)
    for loop in found.of_kind(ForStmt):
        yield loop.expr, Pairing.ASYNC_FOR if loop.is_async else Pairing.FOR
    for awaiting in found.of_kind(AwaitExpr):
        yield awaiting.expr, Pairing.AWAIT


class Hooks(dict[str, "Hook | None"]):
    """The hook of each function, once it is decided: mypy asks at every call."""

    def __init__(self, recovery: Recovery, build: Build) -> None:
        """Begin with none decided."""
        super().__init__()
        self._recovery = recovery
        self._build = build

    def __missing__(self, fullname: str) -> Hook | None:
        """Find out which hook a function has."""
        hook: Hook | None = None
        decided = is_implicit(fullname)
        if not decided:
            answers, decided = self._recovery.answers(fullname)
            if answers:
                hook = lambda ctx: self._recovery.result(fullname, ctx, self._build)  # noqa: E731
        if decided:
            self[fullname] = hook
        return hook


class WatchedHooks(Hooks):
    """The same under dmypy: that mypy asks is also the sign that an update goes on."""

    def __init__(self, recovery: Recovery, build: Build, watch: Callable[[], None]) -> None:
        """Begin with none decided.

        Args:
            recovery: Says what is recovered.
            build: The build at hand.
            watch: Called whenever mypy asks.
        """
        super().__init__(recovery, build)
        self._watch = watch

    def __getitem__(self, fullname: str) -> Hook | None:
        """The hook of a function."""
        self._watch()
        return super().__getitem__(fullname)
