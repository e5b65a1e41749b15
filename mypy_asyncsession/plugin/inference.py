"""The types of unannotated providers, for the bodies of those who call them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mypy.nodes import Decorator, FuncDef, TypeInfo
from mypy.types import AnyType, Instance, NoneType, TypeOfAny, UnionType, get_proper_type

from mypy_asyncsession.models.typing import COROUTINE_TYPES, HOLDER_TYPES
from mypy_asyncsession.semantic.declared import agree
from mypy_asyncsession.semantic.foreign_files import is_foreign
from mypy_asyncsession.semantic.to_mypy_types import precise
from mypy_asyncsession.semantic.values import UNKNOWN, ClassValue

if TYPE_CHECKING:
    from collections.abc import Callable

    from mypy.nodes import SymbolNode
    from mypy.types import CallableType, ProperType, Type

    from mypy_asyncsession.semantic.declared import Declared
    from mypy_asyncsession.semantic.interpreter import Interpreter
    from mypy_asyncsession.semantic.program import Program
    from mypy_asyncsession.semantic.values import Value


class Inference:
    """What calls of unannotated or overlaid providers give, each found out once for a build."""

    def __init__(self, program: Program, interpreter: Interpreter, *, infer: bool) -> None:
        """Begin with nothing found out.

        Args:
        program: Where definitions are looked up.
        interpreter: Says what they give, and what overlays declare of them.
        infer: Whether what nothing declares is inferred.
        """
        self._program = program
        self._interpreter = interpreter
        self._infer = infer
        self._declared: dict[str, ProperType | None] = {}
        self._inferred: dict[str, ProperType | None] = {}
        #: Whether a function may give a session, where others have found that out.
        self.gives_session: Callable[[str], bool] | None = None

    def begin(self) -> None:
        """Begin with an update of the daemon: definitions may have changed."""
        self._declared.clear()
        self._inferred.clear()

    def may_know(self, node: SymbolNode | None) -> bool:
        """Whether there may be a better type for a call of a function than mypy's."""
        function = node.func if isinstance(node, Decorator) else node
        if not isinstance(function, FuncDef) or is_foreign(self._program.path_of(function)):
            return False
        declared = self._interpreter.declared
        if declared is not None and declared.names(function.fullname):
            return True
        type_: CallableType | None = getattr(function, "type", None)
        if type_ is None:
            return self._infer
        result = get_proper_type(type_.ret_type)
        if isinstance(result, Instance) and result.type.fullname in COROUTINE_TYPES:
            result = get_proper_type(result.args[-1])
        # Who writes ``-> Any`` means it.
        is_unannotated = isinstance(result, AnyType) and result.type_of_any == TypeOfAny.unannotated
        return self._infer and is_unannotated

    def result(self, fullname: str, found: Type) -> Type | None:
        """The type of a call of *fullname*, if there is a better one than the one *found*."""
        declared = self._interpreter.declared
        if declared is not None:
            if fullname not in self._declared:
                self._declared[fullname] = self._declare(fullname, declared)
            if self._declared[fullname] is not None:
                return self._declared[fullname]
        if not self._infer or not _says_too_little(found):
            return None
        if fullname not in self._inferred:
            self._inferred[fullname] = None  # what it says of itself meanwhile
            if self._may_give_session(fullname):
                self._inferred[fullname] = precise(self.value(fullname), self._make)
        better = self._inferred[fullname]
        proper = get_proper_type(found)
        if isinstance(proper, Instance) and isinstance(better, Instance):
            # mypy's class is right, and says more than ours: only what it holds is not known.
            arguments = list(proper.args)
            arguments[_held(proper)] = better.args[_held(better)]
            return proper.copy_modified(args=arguments)
        return better

    def _declare(self, fullname: str, declared: Declared) -> ProperType | None:
        node = self._program.symbol(fullname, inherited=True)
        definition = node.fullname if node is not None else fullname
        if not declared.names(definition):
            return None
        fits = agree(self.value(fullname), declared.value(definition))
        return declared.type(definition) if fits else None

    def _may_give_session(self, fullname: str) -> bool:
        if self.gives_session is None:
            return True
        node = self._program.symbol(fullname, inherited=True)
        # What is inherited may call what the class has made otherwise.
        return node is None or node.fullname != fullname or self.gives_session(fullname)

    def value(self, fullname: str) -> Value:
        """What a call gives, by the definition, whatever its body asks at run time."""
        interpreter = self._interpreter.ignoring_runtime_checks()
        owner, _, name = fullname.rpartition(".")
        module, inside = self._program.split(fullname)
        source = self._program.source(module)
        if source is None:
            return UNKNOWN
        holder = self._program.symbol(owner)
        if isinstance(holder, TypeInfo):
            klass = ClassValue(holder.fullname, holder)
            callee = interpreter.attribute(interpreter.instance(klass), name)
        elif "." not in inside:
            callee = interpreter.module_attribute(module, name, None)
        else:
            return UNKNOWN
        return interpreter.called(callee, [], source.scope)

    def _make(self, fullname: str, arguments: list[Type]) -> Instance | None:
        info = self._program.symbol(fullname)
        if not isinstance(info, TypeInfo):
            return None
        if len(info.type_vars) == len(arguments) + 1:
            # The second argument of context managers: whether they swallow exceptions.
            flag = self._program.symbol("builtins.bool")
            if not isinstance(flag, TypeInfo):
                return None
            arguments = [*arguments, UnionType([Instance(flag, []), NoneType()])]
        return Instance(info, arguments) if len(info.type_vars) == len(arguments) else None


def _says_too_little(type_: Type) -> bool:
    """Whether a type is ``Any``, or of something that holds ``Any``."""
    proper = get_proper_type(type_)
    if isinstance(proper, AnyType):
        return True
    if not isinstance(proper, Instance) or proper.type.fullname not in HOLDER_TYPES:
        return False
    return isinstance(get_proper_type(proper.args[_held(proper)]), AnyType)


def _held(holder: Instance) -> int:
    """Which of its arguments is the type of what a generator, manager or coroutine holds."""
    return -1 if holder.type.fullname in COROUTINE_TYPES else 0
