"""From annotations as they are written to mypy's types, their names looked up where they stand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from mypy.expandtype import expand_type
from mypy.exprtotype import TypeTranslationError, expr_to_unanalyzed_type
from mypy.nodes import (
    CONTRAVARIANT,
    COVARIANT,
    INVARIANT,
    AssignmentStmt,
    CallExpr,
    Expression,
    FuncDef,
    IndexExpr,
    StrExpr,
    TupleExpr,
    TypeAlias,
    TypeAliasStmt,
    TypeInfo,
    TypeVarExpr,
    Var,
)
from mypy.options import Options
from mypy.typeops import get_all_type_vars
from mypy.types import (
    AnyType,
    CallableType,
    EllipsisType,
    Instance,
    LiteralType,
    NoneType,
    ProperType,
    RawExpressionType,
    TupleType,
    Type,
    TypeAliasType,
    TypeList,
    TypeOfAny,
    TypeType,
    TypeVarId,
    TypeVarType,
    UnboundType,
    UninhabitedType,
    UnionType,
    UnpackType,
    get_proper_type,
)

from mypy_asyncsession.semantic.declarations.keyed_types import KeyedTypes
from mypy_asyncsession.semantic.syntax import dotted, returned

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from mypy.nodes import SymbolNode

    from mypy_asyncsession.semantic.scopes import Scope

#: How deep types and aliases are followed.
DEPTH: Final = 20

#: Forms of ``typing`` that stand for their first argument.
_FIRST_ARGUMENT: Final = frozenset(
    {"Annotated", "ClassVar", "Final", "NotRequired", "ReadOnly", "Required"}
)
_ANNOTATED: Final = frozenset({"typing.Annotated", "typing_extensions.Annotated"})
_TYPING: Final = ("typing.", "typing_extensions.")
_VARIANCES: Final = {"contravariant": CONTRAVARIANT, "covariant": COVARIANT}
_NEVER: Final = frozenset({"Never", "NoReturn"})


@dataclass(frozen=True, slots=True, eq=False)
class TypePlace:
    """Where an annotation stands.

    Attributes:
        module: The full name of the module.
        klass: The class around it.
        function: The function whose annotation it is.
        scope: The scope around the function, where it is inside another one.
    """

    module: str
    klass: TypeInfo | None = None
    function: FuncDef | None = None
    scope: Scope | None = None


class TypeBinder:
    """Binds annotations."""

    def __init__(
        self,
        resolve: Callable[[str, TypePlace], SymbolNode | None],
        alias_of: Callable[[SymbolNode], tuple[AssignmentStmt | TypeAliasStmt, TypePlace] | None],
    ) -> None:
        """Begin with nothing bound.

        Args:
            resolve: What a dotted name stands for at a place.
            alias_of: The statement that assigns to a variable, and its place.
        """
        self._resolve = resolve
        self._alias_of = alias_of
        self._options = Options()
        self._keyed = KeyedTypes(
            lambda written, owner: self.bind(written, TypePlace(owner.module_name, owner))
        )

    def bind(self, type_: Type | None, place: TypePlace, depth: int = 0) -> Type:
        """The type that an annotation means; ``Any`` where that is not known."""
        if type_ is None or depth > DEPTH:
            return AnyType(TypeOfAny.unannotated)
        if isinstance(type_, UnboundType):
            bound = self._named(type_, place, depth)
            return UnionType.make_union([bound, NoneType()]) if type_.optional else bound
        proper = get_proper_type(type_)
        if isinstance(proper, UnionType):
            return UnionType.make_union([self.bind(i, place, depth + 1) for i in proper.items])
        if isinstance(proper, TupleType):
            return self._tuple([self.bind(i, place, depth + 1) for i in proper.items], place)
        if isinstance(proper, CallableType):
            return self.signature(proper, place, None, depth)
        if isinstance(proper, (RawExpressionType, EllipsisType, TypeList, UnpackType)):
            return AnyType(TypeOfAny.from_error)
        return proper

    def bind_expression(
        self, expression: Expression, place: TypePlace, depth: int = 0
    ) -> Type | None:
        """The type that an expression means where one is expected, or ``None``."""
        if isinstance(expression, IndexExpr) and isinstance(expression.index, TupleExpr):
            # What else stands in ``Annotated[AsyncSession, Depends(get_db)]`` is no type.
            base = self._resolve(dotted(expression.base) or "", place)
            if base is not None and base.fullname in _ANNOTATED:
                return self.bind_expression(expression.index.items[0], place, depth + 1)
        try:
            unbound = expr_to_unanalyzed_type(expression, self._options, allow_new_syntax=True)
        except (TypeTranslationError, AssertionError):
            return None
        return self.bind(unbound, place, depth)

    def signature(
        self, written: CallableType, place: TypePlace, function: FuncDef | None, depth: int = 0
    ) -> CallableType:
        """A function's signature.

        Args:
            written: As it is written.
            place: Where the function stands.
            function: The function itself, where it is one.
            depth: How deep inside another type it is written.
        """
        inside = TypePlace(place.module, place.klass, function or place.function, place.scope)
        result = self.bind(written.ret_type, inside, depth + 1)
        if function is not None and function.is_coroutine and not function.is_generator:
            coroutine = self.instance("typing.Coroutine", place)
            if coroutine is not None:
                any_ = AnyType(TypeOfAny.special_form)
                result = coroutine.copy_modified(args=[any_, any_, result])
        fallback = self.instance("builtins.function", place)
        return CallableType(
            [self.bind(each, inside, depth + 1) for each in written.arg_types],
            written.arg_kinds,
            written.arg_names,
            result,
            fallback if fallback is not None else written.fallback,
            name=written.name,
            definition=function,
        )

    def instance(
        self, fullname: str, place: TypePlace, arguments: Sequence[Type] = ()
    ) -> Instance | None:
        """An instance of a class by its full name; ``None`` where it is not there."""
        module, _, name = fullname.rpartition(".")
        info = self._resolve(name, TypePlace(module))
        del place
        return Instance(info, list(arguments)) if isinstance(info, TypeInfo) else None

    def _named(self, type_: UnboundType, place: TypePlace, depth: int) -> Type:
        if type_.name == "None":
            return NoneType()
        if type_.original_str_expr is not None and not type_.name:
            return AnyType(TypeOfAny.from_error)
        node = self._resolve(type_.name, place)
        fullname = node.fullname if node is not None else ""
        if fullname.startswith(_TYPING):
            special = self._special(fullname.rpartition(".")[2], type_, place, depth)
            if special is not None:
                return special
        if isinstance(node, TypeInfo):
            return self._of_class(node, type_, place, depth)
        if isinstance(node, Var):
            return self._of_variable(node, type_, place, depth)
        if isinstance(node, TypeAlias):
            return self._of_alias(node, type_, place, depth)
        if isinstance(node, TypeVarExpr):
            return self._known_variable(node.fullname, place) or self.variable(
                node.name,
                node.fullname,
                TypeVarId(-1, namespace=node.fullname),
                node.upper_bound,
                place,
                node.variance,
            )
        return AnyType(TypeOfAny.from_unimported_type)

    def _of_alias(self, alias: TypeAlias, type_: UnboundType, place: TypePlace, depth: int) -> Type:
        """What an alias stands for that mypy has analysed."""
        target = get_proper_type(alias.target)
        if alias.no_args and isinstance(target, Instance):
            return self._of_class(target.type, type_, place, depth)
        if alias.tvar_tuple_index is not None:
            return AnyType(TypeOfAny.special_form)
        given = [self.bind(each, place, depth + 1) for each in type_.args]
        given += [AnyType(TypeOfAny.from_omitted_generics)] * len(alias.alias_tvars)
        return get_proper_type(TypeAliasType(alias, given[: len(alias.alias_tvars)]))

    def _of_class(self, info: TypeInfo, type_: UnboundType, place: TypePlace, depth: int) -> Type:
        name = info.fullname
        keyed = self._keyed.type_of(info)
        if keyed is not None:
            return keyed
        if name == "builtins.tuple" and type_.args:
            return self._tuple_of(type_.args, place, depth)
        if name == "builtins.type" and len(type_.args) == 1:
            return _type_of(self.bind(type_.args[0], place, depth + 1), info)
        arguments = [self.bind(each, place, depth + 1) for each in type_.args]
        wanted = len(info.defn.type_vars)
        while len(arguments) < wanted:
            default = get_proper_type(info.defn.type_vars[len(arguments)].default)
            # A class of typing says what is left out: ``Generator[int]``.
            arguments.append(
                AnyType(TypeOfAny.from_omitted_generics)
                if isinstance(default, AnyType)
                else default
            )
        return Instance(info, arguments[:wanted])

    def _of_variable(self, var: Var, type_: UnboundType, place: TypePlace, depth: int) -> Type:
        found = self._alias_of(var)
        if found is None:
            return AnyType(TypeOfAny.from_unimported_type)
        statement, where = found
        if isinstance(statement, TypeAliasStmt):
            values = returned(statement.value)
            bound = self.bind_expression(values[0], where, depth + 1) if values else None
            return self._given(bound, type_, place, depth) or AnyType(TypeOfAny.from_error)
        value = statement.rvalue
        if isinstance(value, CallExpr):
            return self._type_variable(value, var, place, where, depth)
        if statement.unanalyzed_type is not None:
            written = statement.unanalyzed_type
            if not (isinstance(written, UnboundType) and written.name.endswith("TypeAlias")):
                return AnyType(TypeOfAny.from_error)
        bound = self.bind_expression(value, where, depth + 1)
        if isinstance(bound, Instance) and type_.args and not isinstance(value, IndexExpr):
            # ``List = list``: the arguments are those of what it stands for.
            return self._of_class(bound.type, type_, place, depth)
        return self._given(bound, type_, place, depth) or AnyType(TypeOfAny.from_error)

    def _given(
        self, alias: Type | None, type_: UnboundType, place: TypePlace, depth: int
    ) -> Type | None:
        """What an alias stands for, its type variables filled in as they come."""
        if alias is None or not type_.args:
            return alias
        variables = [
            each
            for each in dict.fromkeys(get_all_type_vars(alias))
            if isinstance(each, TypeVarType)
        ]
        given = [self.bind(each, place, depth + 1) for each in type_.args]
        found = {each.id: given for each, given in zip(variables, given, strict=False)}
        return expand_type(alias, found)

    def _type_variable(
        self, call: CallExpr, var: Var, place: TypePlace, where: TypePlace, depth: int
    ) -> Type:
        """A type variable, as the class or function around it knows it; a new type is ``Any``."""
        made_by = dotted(call.callee) or ""
        maker = self._resolve(made_by, where) if made_by else None
        name = maker.fullname if maker is not None else made_by
        if name.rpartition(".")[2] != "TypeVar":
            return AnyType(TypeOfAny.special_form)
        known = self._known_variable(var.fullname, place)
        if known is not None:
            return known
        bound: Type | None = None
        variance = INVARIANT
        for argument, keyword in zip(call.args, call.arg_names, strict=False):
            if keyword == "bound":
                bound = self._bound_of(argument, where, depth)
            elif keyword in _VARIANCES and dotted(argument) == "True":
                variance = _VARIANCES[keyword]
        id_ = TypeVarId(-1, namespace=var.fullname)
        return self.variable(var.name, var.fullname, id_, bound, where, variance)

    def _known_variable(self, fullname: str, place: TypePlace) -> TypeVarType | None:
        """A type variable of the class around, by its full name."""
        for known in place.klass.defn.type_vars if place.klass is not None else ():
            if isinstance(known, TypeVarType) and known.fullname == fullname:
                return known
        return None

    def _bound_of(self, argument: Expression, where: TypePlace, depth: int) -> Type | None:
        if isinstance(argument, StrExpr) and not argument.value.replace(".", "").isidentifier():
            return None
        return self.bind_expression(argument, where, depth + 1)

    def variable(
        self,
        name: str,
        fullname: str,
        id_: TypeVarId,
        bound: Type | None,
        place: TypePlace,
        variance: int = COVARIANT,
    ) -> TypeVarType:
        """A type variable; what is not said to be invariant counts as covariant."""
        upper = bound or self.instance("builtins.object", place) or AnyType(TypeOfAny.special_form)
        default = AnyType(TypeOfAny.from_omitted_generics)
        return TypeVarType(name, fullname, id_, [], upper, default, variance)

    def _special(self, name: str, type_: UnboundType, place: TypePlace, depth: int) -> Type | None:
        args = type_.args
        if name == "Any":
            return AnyType(TypeOfAny.explicit)
        if name == "Optional" and args:
            return UnionType.make_union([self.bind(args[0], place, depth + 1), NoneType()])
        if name == "Union" and args:
            return UnionType.make_union([self.bind(each, place, depth + 1) for each in args])
        if name in _FIRST_ARGUMENT:
            return self.bind(args[0], place, depth + 1) if args else AnyType(TypeOfAny.special_form)
        if name == "Callable":
            return self._callable(args, place, depth)
        if name == "Tuple":
            return self._tuple_of(args, place, depth)
        if name == "Type":
            klass = self.instance("builtins.type", place)
            if klass is None or not args:
                return klass
            return _type_of(self.bind(args[0], place, depth + 1), klass.type)
        if name == "Literal":
            return self._literal(args, place)
        if name == "LiteralString":
            return self.instance("builtins.str", place)
        if name in _NEVER:
            return UninhabitedType()
        if name in ("TypeGuard", "TypeIs"):
            return self.instance("builtins.bool", place)
        if name == "Self" and place.klass is not None:
            own = Instance(place.klass, list(place.klass.defn.type_vars))
            id_ = TypeVarId(0, namespace=place.klass.fullname)
            return self.variable("Self", f"{place.klass.fullname}.Self", id_, own, place)
        return None

    def _callable(self, args: Sequence[Type], place: TypePlace, depth: int) -> Type:
        from mypy.nodes import ARG_POS, ARG_STAR, ARG_STAR2

        fallback = self.instance("builtins.function", place)
        if fallback is None:
            return AnyType(TypeOfAny.special_form)
        any_ = AnyType(TypeOfAny.special_form)
        result = self.bind(args[1], place, depth + 1) if len(args) == 2 else any_
        if args and isinstance(args[0], TypeList):
            types = [self.bind(each, place, depth + 1) for each in args[0].items]
            kinds, names = [ARG_POS] * len(types), [None] * len(types)
            return CallableType(types, kinds, names, result, fallback)
        return CallableType(
            [any_, any_],
            [ARG_STAR, ARG_STAR2],
            [None, None],
            result,
            fallback,
            is_ellipsis_args=True,
        )

    def _tuple_of(self, args: Sequence[Type], place: TypePlace, depth: int) -> Type:
        if len(args) == 2 and isinstance(args[1], EllipsisType):
            item = self.bind(args[0], place, depth + 1)
            return self.instance("builtins.tuple", place, [item]) or AnyType(TypeOfAny.special_form)
        if not args or any(isinstance(each, UnpackType) for each in args):
            any_ = AnyType(TypeOfAny.special_form)
            return self.instance("builtins.tuple", place, [any_]) or any_
        return self._tuple([self.bind(each, place, depth + 1) for each in args], place)

    def _tuple(self, items: list[Type], place: TypePlace) -> Type:
        fallback = self.instance("builtins.tuple", place, [AnyType(TypeOfAny.special_form)])
        return TupleType(items, fallback) if fallback else AnyType(TypeOfAny.special_form)

    def _literal(self, args: Sequence[Type], place: TypePlace) -> Type | None:
        items: list[Type] = []
        for each in args:
            if isinstance(each, UnboundType) and each.original_str_expr is not None:
                fallback = self.instance(each.original_str_fallback or "builtins.str", place)
                value: object = each.original_str_expr
            elif isinstance(each, RawExpressionType):
                fallback = self.instance(each.base_type_name, place)
                value = each.literal_value
            elif isinstance(each, UnboundType) and each.name == "None":
                items.append(NoneType())
                continue
            else:
                return None
            if fallback is None or not isinstance(value, (bool, int, str)):
                return None
            items.append(LiteralType(value, fallback))
        return UnionType.make_union(items) if items else None


def _type_of(item: Type, klass: TypeInfo) -> ProperType:
    proper = get_proper_type(item)
    if isinstance(proper, (Instance, AnyType, TypeVarType, TupleType, NoneType, CallableType)):
        return TypeType(proper)
    return Instance(klass, [])


__all__ = ["TypeBinder", "TypePlace"]
