"""``app.dependency_overrides``: which dependencies a file puts others in the place of."""

from __future__ import annotations

from typing import TYPE_CHECKING

import libcst as cst
import libcst.matchers as m

from mypy_asyncsession.fixes.draft import Change

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy_asyncsession.fixes.draft import Draft
    from mypy_asyncsession.fixes.source import SourceFile
    from mypy_asyncsession.fixes.tree import Tree


def overridden(tree: Tree) -> Iterator[tuple[SourceFile, cst.BaseExpression]]:
    """The dependencies in the place of which others are put, each with the file that does so."""
    for source in tree.mentioning(b"dependency_overrides"):
        for key in _keys(source):
            yield source, key


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
