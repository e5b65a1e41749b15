"""What overlays declare: from the return types in stub files to values and to mypy's types."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mypy.nodes import ClassDef, SymbolNode, TypeAlias, TypeInfo
from mypy.types import (
    AnyType,
    Instance,
    NoneType,
    TypeOfAny,
    UnboundType,
    UnionType,
    get_proper_type,
)

from mypy_asyncsession.models.typing import HOLDER_TYPES
from mypy_asyncsession.semantic.shapes import Shape
from mypy_asyncsession.semantic.unresolved_annotations import annotated
from mypy_asyncsession.semantic.values import UNKNOWN, ObjectValue, Value, object_value

if TYPE_CHECKING:
    from mypy.types import ProperType, Type

    from mypy_asyncsession.semantic.from_mypy_types import Types
    from mypy_asyncsession.semantic.overlays import Overlays, Stub
    from mypy_asyncsession.semantic.program import Program

#: The names that typing and collections.abc have for one class; typing is always loaded.
_BY_LAST_NAME = {
    name.rpartition(".")[2]: name for name in HOLDER_TYPES if name.startswith("typing.")
}
_MADE = {
    "asynccontextmanager": (
        "contextlib._AsyncGeneratorContextManager",
        Shape.ASYNC_CONTEXT_MANAGER,
    ),
    "contextmanager": ("contextlib._GeneratorContextManager", Shape.CONTEXT_MANAGER),
}


class Declared:
    """Reads the declarations of some overlays, in one program."""

    def __init__(self, overlays: Overlays, program: Program, types: Types) -> None:
        self._overlays = overlays
        self._program = program
        self._types = types

    def names(self, fullname: str) -> bool:
        """Whether a function is declared."""
        return self._stub(fullname) is not None

    def type(self, fullname: str) -> ProperType | None:
        """mypy's type of a call of a function; ``None`` if none is declared."""
        stub = self._stub(fullname)
        if stub is None or stub.returns is None:
            return None
        found = self._analysed(stub.returns, stub)
        if found is None:
            return None
        if stub.manages is not None:
            item = _first_argument(found)
            info = self._program.symbol(_MADE[stub.manages][0])
            if item is None or not isinstance(info, TypeInfo):
                return None
            return Instance(info, [item, NoneType()][: len(info.type_vars)])
        if stub.is_async:
            info = self._program.symbol("typing.Coroutine")
            anything = AnyType(TypeOfAny.special_form)
            if not isinstance(info, TypeInfo):
                return None
            return Instance(info, [anything, anything, found])
        return get_proper_type(found)

    def value(self, fullname: str) -> Value:
        """What a call of a function gives, by its declaration; unknown if there is none."""
        stub = self._stub(fullname)
        if stub is None or stub.returns is None:
            return UNKNOWN
        return self.of_stub(stub)

    def of_stub(self, stub: Stub) -> Value:
        """What a call of the function gives that a stub declares."""
        if stub.returns is None:
            return UNKNOWN
        type_ = self._analysed(stub.returns, stub)
        value = self._types.value(type_)
        if value is UNKNOWN or (isinstance(value, ObjectValue) and value.item is UNKNOWN):
            read = annotated(
                stub.returns, lambda name: self._resolve(name, stub), self._types.resources
            )
            value = value if read is UNKNOWN else read
        if stub.manages is not None:
            item = value.item if isinstance(value, ObjectValue) else UNKNOWN
            return object_value(_MADE[stub.manages][1], item)
        return object_value(Shape.COROUTINE, value, label="Coroutine") if stub.is_async else value

    def _stub(self, fullname: str) -> Stub | None:
        module, name = self._program.split(fullname)
        return self._overlays.stub(module, name)

    def _analysed(self, type_: Type, stub: Stub) -> Type | None:
        """An annotation with its names resolved; ``None`` where one of them is not known."""
        if isinstance(type_, UnionType):
            return self._union(type_.items, stub)
        if not isinstance(type_, UnboundType):
            return None
        name = self._resolve(type_.name, stub)
        if type_.name == "None":
            return NoneType()
        if name is None:
            return None
        last = name.rpartition(".")[2]
        if name in ("typing.Any", "typing_extensions.Any"):
            return AnyType(TypeOfAny.explicit)
        if name in ("typing.Optional", "typing.Union"):
            items = list(type_.args)
            if last == "Optional":
                items.append(UnboundType("None"))
            return self._union(items, stub)
        arguments = [self._analysed(argument, stub) for argument in type_.args]
        node: SymbolNode | None = self._program.symbol(name)
        if not isinstance(node, TypeInfo) and name in HOLDER_TYPES and last in _BY_LAST_NAME:
            node = self._program.symbol(_BY_LAST_NAME[last])
        if isinstance(node, TypeAlias) and not arguments:
            return node.target
        if not isinstance(node, TypeInfo) or None in arguments:
            return None
        known_arguments = [argument for argument in arguments if argument is not None]
        missing = len(node.type_vars) - len(known_arguments)
        if missing < 0:
            return None
        rest = [
            _default(node, position)
            for position in range(len(known_arguments), len(node.type_vars))
        ]
        return Instance(node, [*known_arguments, *rest])

    def _union(self, items: list[Type], stub: Stub) -> Type | None:
        found = [self._analysed(item, stub) for item in items]
        known_items = [item for item in found if item is not None]
        return UnionType.make_union(known_items) if len(known_items) == len(items) else None

    def _resolve(self, dotted: str, stub: Stub) -> str | None:
        """The full name of what a name in a stub stands for."""
        first, _, rest = dotted.partition(".")
        bindings = stub.scope.names.bindings.get(first)
        if not bindings:
            builtin = f"builtins.{dotted}"
            return builtin if self._program.symbol(builtin) is not None else None
        binding = bindings[-1]
        if binding.kind == "from":
            module, name = binding.target
            found = f"{module}.{name}"
        elif binding.kind == "import":
            found = binding.target[0]
        elif isinstance(binding.node, ClassDef):
            found = f"{stub.module}.{first}"
        else:
            return None
        if rest:
            found = f"{found}.{rest}"
        node = self._program.symbol(found)
        return node.fullname if node is not None and node.fullname else found


def _default(info: TypeInfo, position: int) -> Type:
    """What a type argument is that was not written: its default, or ``Any``."""
    variable = info.defn.type_vars[position]
    if variable.has_default():
        return variable.default
    return AnyType(TypeOfAny.from_omitted_generics)


def _first_argument(type_: Type) -> Type | None:
    proper = get_proper_type(type_)
    return proper.args[0] if isinstance(proper, Instance) and proper.args else None


#: Shapes that stand for one another in an annotation: the wider one is no contradiction.
_ALIKE = (
    frozenset({Shape.ASYNC_GENERATOR, Shape.ASYNC_ITERATOR}),
    frozenset({Shape.GENERATOR, Shape.ITERATOR}),
    frozenset({Shape.ASYNC_CONTEXT_MANAGER, Shape.AWAITABLE_CONTEXT_MANAGER}),
    frozenset({Shape.SESSION, Shape.ASYNC_CONTEXT_MANAGER}),
    frozenset({Shape.SYNC_SESSION, Shape.CONTEXT_MANAGER}),
)


def agree(defined: Value, declared: Value) -> bool:
    """Whether a declaration may be true of what a definition gives."""
    if not isinstance(defined, ObjectValue) or not isinstance(declared, ObjectValue):
        return True
    if Shape.OTHER in (defined.shape, declared.shape) or Shape.NONE in (
        defined.shape,
        declared.shape,
    ):
        return True
    if defined.shape is declared.shape:
        return defined.shape is not Shape.COROUTINE or agree(defined.item, declared.item)
    return any({defined.shape, declared.shape} <= alike for alike in _ALIKE)
