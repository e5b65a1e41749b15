"""The types of unannotated providers, for the bodies of those who call them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mypy.nodes import Decorator, FuncDef, TypeInfo
from mypy.types import AnyType, Instance, NoneType, TypeOfAny, UnionType, get_proper_type

from mypy_asyncsession.providers import known
from mypy_asyncsession.providers.foreign import is_foreign
from mypy_asyncsession.providers.precise import precise
from mypy_asyncsession.providers.values import UNKNOWN, Class

if TYPE_CHECKING:
    from mypy.nodes import SymbolNode
    from mypy.types import CallableType, ProperType, Type

    from mypy_asyncsession.providers.evaluate import Evaluator
    from mypy_asyncsession.providers.program import Program
    from mypy_asyncsession.providers.values import Value


class Inference:
    """What calls of unannotated providers give, each found out once for a build."""

    def __init__(self, program: Program, evaluator: Evaluator) -> None:
        self._program = program
        self._evaluator = evaluator
        self._types: dict[str, ProperType | None] = {}

    def begin(self) -> None:
        """Begin with an update of the daemon: definitions may have changed."""
        self._types.clear()

    def result(self, fullname: str, found: Type) -> Type | None:
        """The type of a call of *fullname*, if mypy has found one that says too little."""
        if not _says_too_little(found):
            return None
        if fullname not in self._types:
            self._types[fullname] = None  # what it says of itself meanwhile
            self._types[fullname] = self._infer(fullname)
        better = self._types[fullname]
        proper = get_proper_type(found)
        if isinstance(proper, Instance) and isinstance(better, Instance):
            # mypy's class is right, and says more than ours: only what it holds is not known.
            arguments = list(proper.args)
            arguments[_held(proper)] = better.args[_held(better)]
            return proper.copy_modified(args=arguments)
        return better

    def _infer(self, fullname: str) -> ProperType | None:
        owner, _, name = fullname.rpartition(".")
        holder = self._program.symbol(owner)
        if isinstance(holder, TypeInfo):
            klass = Class(holder.fullname, holder)
            callee = self._evaluator.attribute(self._evaluator.instance(klass), name)
        else:
            module, inside = self._program.split(fullname)
            if "." in inside or not module:
                return None
            callee = self._evaluator.module_attribute(module, name, None)
        return precise(self._called(callee, fullname), self._make)

    def _called(self, callee: Value, fullname: str) -> Value:
        source = self._program.source(self._program.split(fullname)[0])
        return UNKNOWN if source is None else self._evaluator.called(callee, [], source.scope)

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


def may_infer(node: SymbolNode | None, program: Program) -> bool:
    """Whether a definition may be a provider, and has no annotation that says what it gives."""
    function = node.func if isinstance(node, Decorator) else node
    if not isinstance(function, FuncDef) or is_foreign(program.path_of(function)):
        return False
    type_: CallableType | None = getattr(function, "type", None)
    if type_ is None:
        return True
    result = get_proper_type(type_.ret_type)
    if isinstance(result, Instance) and result.type.fullname in known.COROUTINE_TYPES:
        result = get_proper_type(result.args[-1])
    # Who writes ``-> Any`` means it.
    return isinstance(result, AnyType) and result.type_of_any == TypeOfAny.unannotated


def _says_too_little(type_: Type) -> bool:
    """Whether a type is ``Any``, or of something that holds ``Any``."""
    proper = get_proper_type(type_)
    if isinstance(proper, AnyType):
        return True
    if not isinstance(proper, Instance) or proper.type.fullname not in known.HOLDER_TYPES:
        return False
    return isinstance(get_proper_type(proper.args[_held(proper)]), AnyType)


def _held(holder: Instance) -> int:
    """Which of its arguments is the type of what a generator, manager or coroutine holds."""
    return -1 if holder.type.fullname in known.COROUTINE_TYPES else 0
