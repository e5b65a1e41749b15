"""What mypy's semantic analysis would put into the tree of one module, put there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mypy.nodes import AssignmentStmt, ClassDef, Decorator, FuncDef, OverloadedFuncDef
from mypy.types import CallableType

from mypy_asyncsession.semantic.declarations.classes import functions_of, mark, parts_of
from mypy_asyncsession.semantic.declarations.type_place import TypePlace
from mypy_asyncsession.semantic.syntax import definition_of, is_stub_body, statements

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from mypy.nodes import Node, TypeInfo

    from mypy_asyncsession.semantic.declarations.symbols import Symbols
    from mypy_asyncsession.semantic.module_source import ModuleSource
    from mypy_asyncsession.semantic.scopes import Scope


def analyse(
    source: ModuleSource, symbols: Symbols, concerns: Callable[[Node], bool] | None = None
) -> None:
    """Give the classes of a module their records, and its annotations their types.

    Args:
        source: The module.
        symbols: What names stand for.
        concerns: Whether a function of the module or of a class in it will be looked at; all will
            if ``None``.
    """
    # Each body with the scope around its definition, the class it is in, and the function.
    stack: list[tuple[Sequence[Node], Scope | None, TypeInfo | None]] = [
        (source.tree.defs, None, None)
    ]
    while stack:
        body, scope, klass = stack.pop()
        place = TypePlace(source.module, klass, None, scope)
        for statement in statements(body):
            if isinstance(statement, ClassDef):
                record = _record(statement, symbols, place)
                inner = source.scope_in(statement, scope) if scope is not None else None
                stack.append((statement.defs.body, inner, record))
            elif isinstance(statement, (FuncDef, Decorator, OverloadedFuncDef)):
                if scope is None and concerns is not None and not concerns(statement):
                    function = definition_of(statement)
                    if function is None or not is_stub_body(function):
                        continue  # others ask for what a body without a word is annotated with
                if scope is not None:
                    mark(statement, klass, in_class=klass is not None)
                    _name(statement, scope, klass)
                for function in functions_of(statement):
                    written = function.unanalyzed_type or function.type
                    if isinstance(written, CallableType):
                        function.unanalyzed_type = written
                        function.type = symbols.signature(function, place)
                    if _has_inner(function):
                        around = scope if scope is not None else source.scope
                        if scope is None and klass is not None:
                            located = source.class_named(klass.fullname[len(source.module) + 1 :])
                            if located is not None:
                                around = source.scope_in(*located)
                        stack.append((function.body.body, source.scope_in(function, around), None))
            elif isinstance(statement, AssignmentStmt) and statement.unanalyzed_type is not None:
                statement.type = symbols.bind(statement.unanalyzed_type, place)


def _record(node: ClassDef, symbols: Symbols, place: TypePlace) -> TypeInfo:
    if place.klass is not None:
        return symbols.class_record(node, f"{place.klass.fullname}.{node.name}", place)
    if place.scope is not None:
        return symbols.class_record(node, f"{place.module}.{node.name}@{node.line}", place)
    return symbols.class_record(node, f"{place.module}.{node.name}", place)


def _name(statement: Node, scope: Scope, klass: TypeInfo | None) -> None:
    function = definition_of(statement)
    if function is None:
        return
    prefix = klass.fullname if klass is not None else scope.module
    for part in parts_of(statement):
        part._fullname = f"{prefix}.{function.name}"  # noqa: SLF001


def _has_inner(function: FuncDef) -> bool:
    """Whether there is anything to analyse in the body of a function."""
    return any(
        isinstance(each, (ClassDef, Decorator, FuncDef, OverloadedFuncDef))
        or (isinstance(each, AssignmentStmt) and each.unanalyzed_type is not None)
        for each in statements(function.body)
    )
