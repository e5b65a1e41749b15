"""``app.dependency_overrides``: which dependencies a file puts others in the place of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import libcst as cst
import libcst.matchers as m

from mypy_asyncsession.fixes.cannot_fix import CannotFix
from mypy_asyncsession.fixes.editing.draft import Change
from mypy_asyncsession.fixes.editing.imports import bound_names
from mypy_asyncsession.fixes.editing.source_file import written

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy_asyncsession.fixes.editing.draft import Draft
    from mypy_asyncsession.fixes.editing.source_file import SourceFile
    from mypy_asyncsession.fixes.editing.source_tree import Tree

_DEPENDING: Final = ("Depends", "Security", "asynccontextmanager", "contextmanager")


def overridden(tree: Tree) -> Iterator[tuple[SourceFile, cst.BaseExpression]]:
    """The dependencies in the place of which others are put, each with the file that does so."""
    for source in tree.mentioning(b"dependency_overrides"):
        for key in _keys(source):
            yield source, key


def check_seen(tree: Tree, owner: SourceFile, named: cst.BaseExpression) -> None:
    """Whether everything is seen that puts something in the place of a dependency.

    What is not repointed would go on to name the old dependency, and a test would no longer use
    what it puts in its place, without a word.

    Args:
        tree: The files.
        owner: The file that names the dependency.
        named: The dependency.

    Raises:
        CannotFix: A file may override it in a way that cannot be repointed.
    """
    name, origin = written(named).rpartition(".")[2], tree.origin(owner, named)
    path = tree.overridden_elsewhere(name)
    if path is not None:
        raise CannotFix(f'"{path}" overrides it, and is not among the files to fix')
    files = tree.mentioning(b"dependency_overrides")
    if any(map(_is_open, files)):
        files = tree.mentioning(name.encode())
    for source in files:
        keys = {id(key) for key in _keys(source)}
        for node in m.findall(source.module, m.Name(name)):
            key = _may_be_key(source, node, keys)
            if key is not None and origin in (None, tree.origin(source, key)):
                raise CannotFix(
                    f'"{source.path}" may override it in a way that the fix does not cover'
                )


def _is_open(source: SourceFile) -> bool:
    """Whether a file overrides dependencies that it does not name itself."""
    known = len(_keys(source))
    named = m.findall(source.module, m.Attribute(attr=m.Name("dependency_overrides")))
    plain = [node for node in named if not _is_harmless(source, node)]
    variables = [key for key in _keys(source) if not _is_imported(source, key)]
    return len(plain) > known or bool(variables)


def _is_harmless(source: SourceFile, node: cst.CSTNode) -> bool:
    """Whether overrides are only taken away, or all of them put in one go."""
    parent = source.parent(node)
    clear = m.Attribute(attr=m.Name("clear") | m.Name("copy"))
    empty = m.AssignTarget() | m.Assign(value=m.Dict(elements=[]))
    if m.matches(parent, clear):
        return True
    if m.matches(parent, m.AssignTarget()):
        return m.matches(source.parent(parent), m.Assign(value=m.Dict()))
    return m.matches(parent, empty)


def _is_imported(source: SourceFile, key: cst.BaseExpression) -> bool:
    """Whether a key is what the top level of its file has by that name."""
    root = key
    while isinstance(root, cst.Attribute):
        root = root.value
    return isinstance(root, cst.Name) and root.value in bound_names(source)


def _may_be_key(source: SourceFile, node: cst.CSTNode, keys: set[int]) -> cst.BaseExpression | None:
    """What may override a dependency, beside the known ones, where this mentions it."""
    parent = source.parent(node)
    if isinstance(parent, cst.Attribute) and parent.attr is node:
        node, parent = parent, source.parent(parent)
    assert isinstance(node, cst.BaseExpression)
    if id(node) in keys:
        return None
    if isinstance(parent, cst.Arg):
        call = source.parent(parent)
        if not isinstance(call, cst.Call) or parent.keyword is node:
            return None
        return node if written(call.func).rpartition(".")[2] not in _DEPENDING else None
    return node if isinstance(parent, (cst.DictElement, cst.Element, cst.Index)) else None


def repoint(
    draft: Draft, source: SourceFile, key: cst.BaseExpression, new: cst.BaseExpression
) -> None:
    """Have a file override *new* instead."""
    change = Change(source, key, lambda _old: new)
    draft.shared["override", source.path, id(key), source.code(new)] = change


def _keys(source: SourceFile) -> list[cst.BaseExpression]:
    overrides = m.Attribute(attr=m.Name("dependency_overrides"))
    keys = []
    for node in m.findall(source.module, m.Subscript(value=overrides)):
        assert isinstance(node, cst.Subscript)
        keys += [each.slice.value for each in node.slice if isinstance(each.slice, cst.Index)]
    dicts = m.findall(source.module, m.Assign(targets=[m.AssignTarget(overrides)], value=m.Dict()))
    for node in dicts:
        assert isinstance(node, cst.Assign) and isinstance(node.value, cst.Dict)
        keys += [each.key for each in node.value.elements if isinstance(each, cst.DictElement)]
    for method in ("update", "pop"):
        calls = m.Call(func=m.Attribute(value=overrides, attr=m.Name(method)))
        for node in m.findall(source.module, calls):
            assert isinstance(node, cst.Call)
            first = node.args[0].value if node.args else None
            if isinstance(first, cst.Dict):
                keys += [e.key for e in first.elements if isinstance(e, cst.DictElement)]
            elif first is not None and method == "pop":
                keys.append(first)
    return keys
