"""What mypy's symbols stand for, where there is no source to read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mypy.nodes import Decorator, FuncDef, MypyFile, OverloadedFuncDef, TypeAlias, TypeInfo, Var
from mypy.types import Instance, get_proper_type

from mypy_asyncsession.models.typing import ANNOTATED, OPTIONAL, UNION
from mypy_asyncsession.semantic.from_mypy_types import informative
from mypy_asyncsession.semantic.values import (
    UNKNOWN,
    ClassValue,
    ModuleValue,
    NamedValue,
    Origin,
    TypedCallable,
    Value,
)

if TYPE_CHECKING:
    from mypy_asyncsession.semantic.interpreter.context import Context
    from mypy_asyncsession.semantic.program import Program


def symbol(module: str, name: str, at: Context) -> Value:
    """What the symbol table of a module holds under a name."""
    program = at.program
    fullname = f"{module}.{name}"
    tree = program.modules.get(module)
    if tree is None:
        # ``from package import module``, where the package has no file.
        return ModuleValue(fullname) if fullname in program.modules else NamedValue(fullname)
    node = program.entry(module, name)
    if node is None:
        if fullname in program.modules:
            return ModuleValue(fullname)
        return UNKNOWN
    if isinstance(node, MypyFile):
        return ModuleValue(node.fullname)
    if isinstance(node, TypeInfo):
        return ClassValue(node.fullname, node)
    if isinstance(node, TypeAlias):
        # ``Lock = _thread.lock`` in a stub is the class itself.
        target = get_proper_type(node.target)
        if not isinstance(target, Instance) or not node.no_args or program.is_own(node.module):
            return UNKNOWN
        return ClassValue(target.type.fullname, target.type)
    if isinstance(node, Var):
        if node.fullname in ANNOTATED | OPTIONAL | UNION:
            return NamedValue(node.fullname)  # its type is that of every special form
        type_ = program.type_of(node)
        if node.is_suppressed_import or not informative(type_):
            if node.fullname and not node.fullname.startswith(module + "."):
                return NamedValue(node.fullname)
            return NamedValue(fullname) if node.is_suppressed_import else UNKNOWN
        value = at.types.value(type_)
        if isinstance(value, TypedCallable):
            return TypedCallable(value.type, place(node.fullname, tree, program))
        return value
    return function(node, program)


def function(node: object, program: Program) -> Value:
    """A function of which only mypy's symbol is at hand."""
    if not isinstance(node, (Decorator, FuncDef, OverloadedFuncDef)):
        return UNKNOWN
    fullname = node.fullname
    declared = program.type_of(node)
    type_ = get_proper_type(declared) if declared is not None else None
    module, _ = program.split(fullname)
    tree = program.modules.get(module)
    if type_ is None:
        return NamedValue(fullname)
    return TypedCallable(type_, place(fullname, tree, program, getattr(node, "line", 1)))


def place(fullname: str, tree: MypyFile | None, program: Program, line: int = 1) -> Origin | None:
    """Where something is defined, in the module of a tree."""
    if tree is None:
        return None
    _, name = program.split(fullname)
    return Origin(name, fullname, tree.path, line)
