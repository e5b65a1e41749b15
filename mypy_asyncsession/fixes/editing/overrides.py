"""``app.dependency_overrides``: which dependencies a file puts others in the place of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from weakref import WeakKeyDictionary

import libcst as cst
import libcst.matchers as m

from mypy_asyncsession.fixes.cannot_fix import CannotFix
from mypy_asyncsession.fixes.editing.draft import Change
from mypy_asyncsession.fixes.editing.source_file import SourceFile, written

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator

    from mypy_asyncsession.fixes.editing.draft import Draft
    from mypy_asyncsession.fixes.editing.source_tree import Tree

#: In the files that override: what does so by other means is called like that as well.
_OVERRIDING: Final = b"override"

#: Whether files override what they do not name: a round asks it for each finding.
_OPEN: Final[WeakKeyDictionary[Tree, bool]] = WeakKeyDictionary()

#: The functions that depend on what they are given.
DEPENDING: Final = ("Depends", "Security", "asynccontextmanager", "contextmanager")


def overridden(tree: Tree) -> Iterator[tuple[SourceFile, cst.BaseExpression]]:
    """The dependencies in the place of which others are put, each with the file that does so."""
    for source in tree.mentioning(b"dependency_overrides"):
        for key in _keys(source):
            yield source, key


def check_seen(
    tree: Tree,
    owner: SourceFile,
    named: cst.BaseExpression,
    depending: Container[str] = DEPENDING,
) -> None:
    """Whether everything is seen that puts something in the place of a dependency.

    What is not repointed would go on to name the old dependency, and a test would no longer use
    what it puts in its place, without a word.

    Args:
        tree: The files.
        owner: The file that names the dependency.
        named: The dependency.
        depending: The names of the functions that depend on what they are given.

    Raises:
        CannotFix: A file may override it in a way that cannot be repointed.
    """
    name, origin = written(named).rpartition(".")[2], tree.origin(owner, named)
    others = tree.other_names(name)
    is_open = _are_open(tree)
    for path, content in _outside(tree, {name, *others}):
        overrides = _OVERRIDING in content
        if not overrides and not is_open:
            continue
        source = tree.file_around(path, content)
        if source is None or _may_override(tree, source, {name, *others}):
            raise CannotFix(
                f'"{path}" {"overrides" if overrides else "may override"} it, and is not among the '
                "files to fix"
            )
    files = {each.path: each for word in (name, *others) for each in _files(tree, word, is_open)}
    for source in files.values():
        keys = {id(key) for key in _keys(source)}
        for node in m.findall(source.module, m.OneOf(*map(m.Name, (name, *others)))):
            assert isinstance(node, cst.Name)
            known = keys if node.value == name else set()
            key = _may_be_key(source, node, known, depending)
            if key is None:
                continue
            found = tree.function(source, key)
            if node.value == name:
                meant = origin in (None, tree.origin(source, key))
            else:
                # A name that it has somewhere: one that leads to a function can be repointed.
                meant = found is None
            if meant:
                raise CannotFix(
                    f'"{source.path}" may override it in a way that the fix does not cover'
                )


def _files(tree: Tree, word: str, is_open: bool) -> list[SourceFile]:
    """The files that mention a name and may override what it means."""
    return tree.mentioning(word.encode(), *(() if is_open else (_OVERRIDING,)))


def _outside(tree: Tree, names: Iterable[str]) -> list[tuple[str, bytes]]:
    """The files of the project that are not to be fixed, and mention one of the names."""
    return sorted(
        {path: text for name in names for path, text in tree.around(name).items()}.items()
    )


def _are_open(tree: Tree) -> bool:
    """Whether a file of the project overrides dependencies that it does not name itself."""
    known = _OPEN.get(tree)
    if known is None:
        around = tree.around("dependency_overrides").items()
        sources = (tree.file_around(path, content) for path, content in around)
        known = _OPEN[tree] = any(map(_is_open, tree.mentioning(b"dependency_overrides"))) or any(
            source is None or _is_open(source) for source in sources
        )
    return known


def _may_override(tree: Tree, source: SourceFile, names: Iterable[str]) -> bool:
    """Whether a file that is not to be fixed may override what has one of the names."""
    for name in names:
        imported = tree.imported(source, name)
        if imported is not None and tree.defined_around(imported[1], imported[2]):
            continue  # a sibling's, of the same name
        for node in m.findall(source.module, m.Name(name)):
            if _may_be_key(source, node, set()) is not None:
                return True
    return False


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
    """Whether a key is imported under its name, or a function or class of the file's own."""
    root = key
    while isinstance(root, cst.Attribute):
        root = root.value
    if not isinstance(root, cst.Name):
        return False
    defined = m.FunctionDef(name=m.Name(root.value)) | m.ClassDef(name=m.Name(root.value))
    if any(m.matches(each, defined) for each in source.module.body):
        return True
    return any(
        isinstance(alias, cst.ImportAlias)
        and (alias.evaluated_alias or alias.evaluated_name.partition(".")[0]) == root.value
        for alias in m.findall(source.module, m.ImportAlias())
    )


def _may_be_key(
    source: SourceFile,
    node: cst.CSTNode,
    keys: set[int],
    depending: Container[str] = DEPENDING,
) -> cst.BaseExpression | None:
    """What may override a dependency, beside the known ones, where this mentions it."""
    parent = source.parent(node)
    if isinstance(parent, cst.Attribute) and parent.attr is node:
        node, parent = parent, source.parent(parent)
    if id(node) in keys or not isinstance(node, cst.BaseExpression):
        return None
    if isinstance(parent, cst.Arg):
        call = source.parent(parent)
        if not isinstance(call, cst.Call) or parent.keyword is node:
            return None
        return node if written(call.func).rpartition(".")[2] not in depending else None
    if isinstance(parent, (cst.Assign, cst.AnnAssign, cst.NamedExpr, cst.Param)):
        values = (getattr(parent, "value", None), getattr(parent, "default", None))
        return node if any(value is node for value in values) else None
    handed = (cst.DictElement, cst.Element, cst.Index, cst.Return, cst.Yield)
    if isinstance(parent, cst.Index) and _is_annotation(source, parent):
        return None
    return node if isinstance(parent, handed) else None


def _is_annotation(source: SourceFile, index: cst.Index) -> bool:
    """Whether what stands in brackets is part of a type, and not a key."""
    if source.around(index, cst.Annotation) is not None:
        return True
    around = source.around(index, cst.Subscript)
    return around is not None and written(around.value).rpartition(".")[2] == "Annotated"


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
