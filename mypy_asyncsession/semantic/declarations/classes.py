"""Classes as their definitions have them: bases, method resolution, members, type variables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from mypy.mro import MroError, calculate_mro
from mypy.nodes import (
    IS_ABSTRACT,
    MDEF,
    NOT_ABSTRACT,
    AssignmentStmt,
    CallExpr,
    ClassDef,
    Decorator,
    Expression,
    FuncDef,
    IndexExpr,
    MemberExpr,
    NameExpr,
    OverloadedFuncDef,
    SymbolTable,
    SymbolTableNode,
    TupleExpr,
    TypeInfo,
    Var,
)
from mypy.types import (
    AnyType,
    CallableType,
    Instance,
    TupleType,
    TypedDictType,
    TypeOfAny,
    TypeVarId,
    TypeVarLikeType,
    TypeVarType,
)

from mypy_asyncsession.semantic.declarations.dataclass_init import add_init
from mypy_asyncsession.semantic.declarations.keyed_types import NAMED_TUPLE, TYPED_DICT, instance_of
from mypy_asyncsession.semantic.declarations.type_place import TypePlace
from mypy_asyncsession.semantic.syntax import definition_of, dotted, statements

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mypy.nodes import Node, SymbolNode
    from mypy.types import Type

    from mypy_asyncsession.semantic.declarations.type_binding import TypeBinder

_GENERIC: Final = frozenset({"typing.Generic", "typing.Protocol", "typing_extensions.Protocol"})
_TYPED_DICT: Final = frozenset({"typing.TypedDict", "typing_extensions.TypedDict"})
_PROTOCOL: Final = frozenset({"typing.Protocol", "typing_extensions.Protocol"})
#: Methods that are static or class methods without saying so.
_STATIC: Final = frozenset({"__new__"})
_CLASS: Final = frozenset({"__class_getitem__", "__init_subclass__"})
_PROPERTIES: Final = frozenset({"property", "cached_property", "hybrid_property"})
#: Where one class may stand for another by the word of PEP 484.
_PROMOTED: Final = {
    "builtins.bytearray": "builtins.bytes",
    "builtins.float": "builtins.complex",
    "builtins.int": "builtins.float",
    "builtins.memoryview": "builtins.bytes",
}
_ABSTRACT: Final = frozenset({"abstractmethod", "abstractproperty"})


class ClassBuilder:
    """Makes mypy's record of a class from its definition."""

    def __init__(
        self,
        binder: TypeBinder,
        resolve: Callable[[str, TypePlace], SymbolNode | None],
        declare: Callable[[SymbolNode, Node, TypePlace], None],
    ) -> None:
        """Begin with no class.

        Args:
            binder: Binds types.
            resolve: What a dotted name stands for at a place.
            declare: Told of each member, the statement that declares it, and its place.
        """
        self._binder = binder
        self._resolve = resolve
        self._declare = declare

    def build(self, node: ClassDef, fullname: str, place: TypePlace) -> TypeInfo:
        """The record of a class; its bases are looked up at once, its members' types later."""
        info = TypeInfo(SymbolTable(), node, place.module)
        info._fullname = fullname  # noqa: SLF001
        node.fullname = fullname
        node.info = info
        self._bases(node, info, place)
        inside = TypePlace(place.module, info, None, place.scope)
        self._members(node, info, inside)
        self._decorators(node, info, place)
        _find_abstract(info)
        return info

    def _bases(self, node: ClassDef, info: TypeInfo, place: TypePlace) -> None:
        # A class that is asked for while it is made has no bases yet.
        info.bases = []
        info.mro = [info]
        info.type_vars = []
        node.type_vars = self._own_variables(node, info, place)
        info.add_type_vars()
        bases: list[Instance] = []
        for expression in node.base_type_exprs:
            base = expression.base if isinstance(expression, IndexExpr) else expression
            name = dotted(base)
            symbol = self._resolve(name, place) if name is not None else None
            if symbol is not None and symbol.fullname in _PROTOCOL:
                info.is_protocol = True
            if symbol is not None and symbol.fullname in _TYPED_DICT:
                info.metadata[TYPED_DICT] = {}
                made = self._binder.instance("typing._TypedDict", place)
                bases += [made] if made is not None else []
                continue
            if symbol is not None and symbol.fullname in _GENERIC:
                if isinstance(symbol, TypeInfo) and not isinstance(expression, IndexExpr):
                    bases.append(Instance(symbol, []))
                continue
            bound: Type | None = self._binder.bind_expression(
                expression, TypePlace(place.module, info, None, place.scope)
            )
            if isinstance(bound, (TupleType, TypedDictType)):
                bound = instance_of(bound)
            if isinstance(bound, Instance) and bound.type is not info:
                bases.append(bound)
            else:
                info.fallback_to_any = True
        if not bases and info.fullname != "builtins.object":
            top = self._binder.instance("builtins.object", place)
            bases = [top] if top is not None else []
        for each in bases:
            if TYPED_DICT in each.type.metadata:
                info.metadata[TYPED_DICT] = {}
            if NAMED_TUPLE in each.type.metadata or each.type.fullname == "typing.NamedTuple":
                info.metadata[NAMED_TUPLE] = {}
        info.bases = bases
        info.mro = []
        open_ended = info.fallback_to_any
        try:
            calculate_mro(info)
        except MroError:
            info.mro = [info, *(bases[0].type.mro if bases else [])]
            open_ended = True
        info.fallback_to_any = info.fallback_to_any or open_ended
        self._metaclass(node, info, place)
        promoted = _PROMOTED.get(info.fullname)
        wider = self._binder.instance(promoted, place) if promoted is not None else None
        if wider is not None:
            info._promote = [wider]  # noqa: SLF001

    def _own_variables(
        self, node: ClassDef, info: TypeInfo, place: TypePlace
    ) -> list[TypeVarLikeType]:
        """The type variables of a class: of ``Generic`` and ``Protocol``, else as they come."""
        names: list[tuple[str, str, Expression | None]] = []
        names += [
            (parameter.name, f"{info.fullname}.{parameter.name}", None)
            for parameter in node.type_args or []
        ]
        listed: list[Expression] = []
        others: list[Expression] = []
        for expression in node.base_type_exprs:
            if not isinstance(expression, IndexExpr):
                continue
            name = dotted(expression.base)
            symbol = self._resolve(name, place) if name is not None else None
            fullname = symbol.fullname if symbol is not None else ""
            (listed if fullname in _GENERIC else others).append(expression.index)
        for index in listed or others:
            for part in _names_in(index):
                name = dotted(part)
                symbol = self._resolve(name, place) if name is not None else None
                if (
                    isinstance(symbol, Var)
                    and all(symbol.fullname != known for _, known, _ in names)
                    and isinstance(self._binder.bind_expression(part, place), TypeVarType)
                ):
                    names.append((symbol.name, symbol.fullname, part))
        found: list[TypeVarLikeType] = []
        for position, (name, fullname, written) in enumerate(names, 1):
            id_ = TypeVarId(position, namespace=info.fullname)
            bound = self._binder.bind_expression(written, place) if written is not None else None
            found.append(
                bound.copy_modified(id=id_)
                if isinstance(bound, TypeVarType)
                else self._binder.variable(name, fullname, id_, None, place)
            )
        return found

    def _metaclass(self, node: ClassDef, info: TypeInfo, place: TypePlace) -> None:
        if node.metaclass is not None:
            name = dotted(node.metaclass)
            symbol = self._resolve(name, place) if name is not None else None
            if isinstance(symbol, TypeInfo):
                info.declared_metaclass = Instance(symbol, [])
            else:
                # ``metaclass=build()``: any class may come of it.
                info.fallback_to_any = True
        info.metaclass_type = info.calculate_metaclass_type()

    def _members(self, node: ClassDef, info: TypeInfo, place: TypePlace) -> None:
        for statement in statements(node.defs.body):
            if isinstance(statement, (FuncDef, Decorator, OverloadedFuncDef)):
                self._method(statement, info, place)
            elif isinstance(statement, ClassDef):
                inner = self.build(statement, f"{info.fullname}.{statement.name}", place)
                info.names.setdefault(statement.name, SymbolTableNode(MDEF, inner))
            elif isinstance(statement, AssignmentStmt):
                for lvalue in statement.lvalues:
                    if isinstance(lvalue, NameExpr):
                        self._variable(lvalue.name, statement, info, place)
        for statement in node.defs.body:
            method = definition_of(statement)
            if method is None or not method.arguments or method.is_static:
                continue
            me = method.arguments[0].variable.name
            inside = TypePlace(place.module, info, method, place.scope)
            for inner_statement in statements(method.body):
                if isinstance(inner_statement, AssignmentStmt):
                    for lvalue in inner_statement.lvalues:
                        if (
                            isinstance(lvalue, MemberExpr)
                            and isinstance(lvalue.expr, NameExpr)
                            and lvalue.expr.name == me
                        ):
                            self._variable(lvalue.name, inner_statement, info, inside)

    def _method(self, statement: Node, info: TypeInfo, place: TypePlace) -> None:
        mark(statement, info, in_class=True)
        function = definition_of(statement)
        if function is None:
            return
        assert isinstance(statement, (FuncDef, Decorator, OverloadedFuncDef))
        fullname = f"{info.fullname}.{function.name}"
        for part in parts_of(statement):
            part._fullname = fullname  # noqa: SLF001
            part.info = info
        for inner in functions_of(statement):
            written = inner.type
            if inner.unanalyzed_type is None and isinstance(written, CallableType):
                inner.unanalyzed_type = written
                inner.type = self._open(written, place)
            if info.is_protocol and inner.abstract_status == NOT_ABSTRACT:
                inner.abstract_status = IS_ABSTRACT
        if function.name not in info.names:
            info.names[function.name] = SymbolTableNode(MDEF, statement)
            for symbol in (statement, *functions_of(statement)):
                self._declare(symbol, symbol, place)

    def _open(self, written: CallableType, place: TypePlace) -> CallableType | None:
        """A signature that leaves its types open, until ``Symbols.complete`` binds them.

        mypy cannot compare what the parser makes of annotations.
        """
        fallback = self._binder.instance("builtins.function", place)
        if fallback is None:
            return None
        any_ = AnyType(TypeOfAny.special_form)
        return written.copy_modified(
            arg_types=[any_] * len(written.arg_types), ret_type=any_, fallback=fallback
        )

    def _variable(
        self, name: str, statement: AssignmentStmt, info: TypeInfo, place: TypePlace
    ) -> None:
        known = info.names.get(name)
        if known is not None:
            node = known.node
            if not isinstance(node, Var) or statement.unanalyzed_type is None:
                return
            self._declare(node, statement, place)
            return
        var = Var(name)
        var.info = info
        var._fullname = f"{info.fullname}.{name}"  # noqa: SLF001
        var.is_inferred = statement.unanalyzed_type is None
        var.line = statement.line
        info.names[name] = SymbolTableNode(MDEF, var)
        self._declare(var, statement, place)

    def _decorators(self, node: ClassDef, info: TypeInfo, place: TypePlace) -> None:
        for decorator in node.decorators:
            maker = decorator.callee if isinstance(decorator, CallExpr) else decorator
            name = dotted(maker)
            symbol = self._resolve(name, place) if name is not None else None
            fullname = symbol.fullname if symbol is not None else (name or "")
            if fullname.startswith(("attr.", "attrs.")):
                info.metadata["attrs"] = {}
            elif fullname.rpartition(".")[2] == "dataclass":
                info.metadata["dataclass"] = {}
                function = self._binder.instance("builtins.function", place)
                init = add_init(node, info, decorator, function) if function is not None else None
                if init is not None:
                    self._declare(init, init, TypePlace(place.module, info, None, place.scope))


def _find_abstract(info: TypeInfo) -> None:
    """Find the abstract members of a class that nothing in its bases makes concrete."""
    concrete: set[str] = set()
    for base in info.mro:
        for name, entry in base.names.items():
            function = definition_of(entry.node) if entry.node is not None else None
            if function is None or function.abstract_status == NOT_ABSTRACT:
                concrete.add(name)
            elif name not in concrete:
                info.abstract_attributes.append((name, function.abstract_status))
    info.is_abstract = bool(info.abstract_attributes)


def mark(statement: Node, info: TypeInfo | None = None, *, in_class: bool = False) -> None:
    """Set on functions what mypy's semantic analysis finds in their decorators and bodies."""
    for function in functions_of(statement):
        if in_class:
            function.is_static = function.is_static or function.name in _STATIC
            function.is_class = function.is_class or function.name in _CLASS
            if info is not None:
                function.info = info
    for item in statement.items if isinstance(statement, OverloadedFuncDef) else [statement]:
        if not isinstance(item, Decorator):
            continue
        item.func.is_decorated = True
        item.var.is_initialized_in_class = in_class  # its first parameter is the object
        for decorator in item.original_decorators:
            name = (dotted(decorator) or "").rpartition(".")[2]
            if name in _PROPERTIES:
                item.func.is_property = item.var.is_property = True
            elif name == "staticmethod":
                item.func.is_static = item.var.is_staticmethod = True
            elif name == "classmethod":
                item.func.is_class = item.var.is_classmethod = True
            elif name in _ABSTRACT:
                item.func.abstract_status = IS_ABSTRACT
            elif name == "overload":
                item.is_overload = True
    if isinstance(statement, OverloadedFuncDef):
        first = statement.items[0] if statement.items else None
        if isinstance(first, Decorator) and first.func.is_property:
            statement.is_property = True
        last = statement.items[-1] if statement.items else None
        if not statement.is_property and statement.impl is None and last is not None:
            overloads = isinstance(last, Decorator) and last.is_overload
            if not overloads:
                statement.impl = last
                statement.items = statement.items[:-1]


def functions_of(statement: Node) -> Iterator[FuncDef]:
    """The functions that a definition consists of."""
    for part in parts_of(statement):
        if isinstance(part, FuncDef):
            yield part


def parts_of(statement: Node) -> Iterator[FuncDef | OverloadedFuncDef | Var]:
    """A definition, and the decorators, variables and functions that it consists of."""
    stack: list[Node | None] = [statement]
    while stack:
        part = stack.pop()
        if part is None:
            continue
        if isinstance(part, OverloadedFuncDef):
            yield part
            stack += [*part.items, part.impl]
        elif isinstance(part, Decorator):
            yield part.var
            stack.append(part.func)
        elif isinstance(part, FuncDef):
            yield part


def _names_in(index: Expression) -> Iterator[Expression]:
    """The names in the index of ``Base[A, B[C]]``."""
    stack: list[Expression] = [index]
    while stack:
        part = stack.pop()
        if isinstance(part, TupleExpr):
            stack.extend(reversed(part.items))
        elif isinstance(part, IndexExpr):
            stack.append(part.index)
        elif isinstance(part, (NameExpr, MemberExpr)):
            yield part


__all__ = ["ClassBuilder", "functions_of", "mark", "parts_of"]
