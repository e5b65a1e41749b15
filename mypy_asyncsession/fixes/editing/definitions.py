"""Definitions, where findings say that they are, and what their names mean in other files."""

from __future__ import annotations

from typing import TYPE_CHECKING

import libcst as cst

from mypy_asyncsession.fixes.cannot_fix import CannotFix
from mypy_asyncsession.fixes.editing.imports import Import, bound_names

if TYPE_CHECKING:
    from mypy_asyncsession.findings import Place
    from mypy_asyncsession.fixes.editing.draft import Draft
    from mypy_asyncsession.fixes.editing.source_file import SourceFile
    from mypy_asyncsession.fixes.editing.source_tree import Tree


def defined_at(tree: Tree, place: Place | None) -> tuple[SourceFile, cst.FunctionDef] | None:
    """The function of a module, or method of a class at its top level, defined at *place*."""
    owner = tree.file_of(place) if place is not None else None
    if place is None or owner is None:
        return None
    module = tree.module(owner)
    if not place.fullname.startswith(f"{module}."):
        return None
    class_name, _, name = place.fullname.removeprefix(f"{module}.").rpartition(".")
    bodies = [
        each.body.body
        for each in owner.module.body
        if isinstance(each, cst.ClassDef) and each.name.value == class_name
    ]
    found = [
        each
        for body in (bodies if class_name else [owner.module.body])
        for each in body
        if isinstance(each, cst.FunctionDef) and each.name.value == name
    ]
    return (owner, found[0]) if len(found) == 1 else None


def make_visible(
    draft: Draft, tree: Tree, owner: SourceFile, source: SourceFile, name: str
) -> None:
    """Have a name of one file mean the same in another one.

    Raises:
        CannotFix: It means something else there.
    """
    if owner is source or name not in bound_names(owner):  # a builtin name is one everywhere
        return
    wanted = tree.origin(owner, cst.Name(name))
    imported = tree.imported(owner, name)
    if wanted is None or (imported is None and not _is_defined(owner, name)):
        raise CannotFix(f'"{name}" is not known in "{source.path}"')
    if name not in bound_names(source):
        module, original = (imported[0], imported[2]) if imported else (tree.module(owner), name)
        if original != name:
            raise CannotFix(f'"{name}" is not known in "{source.path}"')
        draft.need(source, Import(module, name))
    elif tree.origin(source, cst.Name(name)) != wanted:
        raise CannotFix(f'"{name}" means something else in "{source.path}"')


def _is_defined(source: SourceFile, name: str) -> bool:
    """Whether the top level of a file binds a name."""
    for statement in source.module.body:
        if isinstance(statement, (cst.FunctionDef, cst.ClassDef)) and statement.name.value == name:
            return True
        for line in statement.body if isinstance(statement, cst.SimpleStatementLine) else ():
            if isinstance(line, cst.Assign) and any(
                isinstance(each.target, cst.Name) and each.target.value == name
                for each in line.targets
            ):
                return True
    return False
