"""The ``__init__`` that ``@dataclass`` writes, of a class that was only parsed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from mypy.nodes import (
    ARG_NAMED,
    ARG_NAMED_OPT,
    ARG_OPT,
    ARG_POS,
    MDEF,
    Argument,
    AssignmentStmt,
    CallExpr,
    FuncDef,
    NameExpr,
    SymbolTableNode,
    TempNode,
    Var,
)
from mypy.types import AnyType, CallableType, NoneType, TypeOfAny, UnboundType

from mypy_asyncsession.semantic.call_sites import last_name
from mypy_asyncsession.semantic.syntax import statements

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy.nodes import ArgKind, ClassDef, Expression, TypeInfo
    from mypy.types import Instance, Type

#: The function that says more of a field than its default.
_FIELD: Final = "field"
_DEFAULTS: Final = frozenset({"default", "default_factory"})


def add_init(
    node: ClassDef, info: TypeInfo, decorator: Expression, function: Instance
) -> FuncDef | None:
    """Give a dataclass the ``__init__`` that it will have, unless it has one, or wants none.

    Args:
        node: The class.
        info: Its record; its bases have theirs.
        decorator: ``dataclass``, or a call of it.
        function: The type of functions.

    Returns:
        What was made, or ``None``.
    """
    if "__init__" in info.names or _says(decorator, "init", "False"):
        return None
    any_ = AnyType(TypeOfAny.special_form)
    fields: dict[str, tuple[Type, ArgKind, Expression | None]] = {}
    for base in reversed(info.mro[1:]):
        entry = base.names.get("__init__") if "dataclass" in base.metadata else None
        made = entry.node if entry is not None and entry.plugin_generated else None
        if isinstance(made, FuncDef) and isinstance(made.unanalyzed_type, CallableType):
            types = made.unanalyzed_type.arg_types
            for argument, type_ in list(zip(made.arguments, types, strict=True))[1:]:
                kind, default = argument.kind, argument.initializer
                fields[argument.variable.name] = (type_, kind, default)
    for name, type_, kind, default in _own_fields(
        node, by_name=_says(decorator, "kw_only", "True")
    ):
        fields[name] = (type_, kind, default)
    ordered = sorted(fields.items(), key=lambda item: item[1][1].is_named())
    arguments = [Argument(Var("self"), None, None, ARG_POS)]
    arguments += [Argument(Var(name), t, default, kind) for name, (t, kind, default) in ordered]
    init = FuncDef("__init__", arguments)
    init.info = info
    init._fullname = f"{info.fullname}.__init__"  # noqa: SLF001
    init.line = node.line
    init.unanalyzed_type = CallableType(
        [any_, *[type_ for _, (type_, _, _) in ordered]],
        [each.kind for each in arguments],
        [each.variable.name for each in arguments],
        NoneType(),
        function,
        name="__init__",
    )
    init.type = init.unanalyzed_type.copy_modified(arg_types=[any_] * len(arguments))
    info.names["__init__"] = SymbolTableNode(MDEF, init, plugin_generated=True)
    return init


def _own_fields(
    node: ClassDef, *, by_name: bool
) -> Iterator[tuple[str, Type, ArgKind, Expression | None]]:
    for statement in statements(node.defs.body):
        if not isinstance(statement, AssignmentStmt) or statement.unanalyzed_type is None:
            continue
        target, written = statement.lvalues[0], statement.unanalyzed_type
        if not isinstance(target, NameExpr):
            continue
        called = written.name.rpartition(".")[2] if isinstance(written, UnboundType) else ""
        if called == "KW_ONLY":
            by_name = True
            continue
        if called == "ClassVar":
            continue
        default = None if isinstance(statement.rvalue, TempNode) else statement.rvalue
        named, optional = by_name, default is not None
        if isinstance(default, CallExpr) and last_name(default.callee) == _FIELD:
            if _says(default, "init", "False"):
                continue
            named = named or _says(default, "kw_only", "True")
            optional = not _DEFAULTS.isdisjoint(default.arg_names)
        if called == "InitVar" and isinstance(written, UnboundType) and written.args:
            written = written.args[0]
        kinds = (ARG_NAMED, ARG_NAMED_OPT) if named else (ARG_POS, ARG_OPT)
        yield target.name, written, kinds[optional], default


def _says(call: Expression, name: str, word: str) -> bool:
    """Whether a call has a keyword argument that is a constant of a name."""
    return isinstance(call, CallExpr) and any(
        given == name and isinstance(value, NameExpr) and value.name == word
        for given, value in zip(call.arg_names, call.args, strict=True)
    )
