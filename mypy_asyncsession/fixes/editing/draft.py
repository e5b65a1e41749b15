"""What one fix edits, and how the edits of several are made in one go."""

from __future__ import annotations

import difflib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

import libcst as cst

from mypy_asyncsession.fixes.editing.import_lines import with_imports, without_imports
from mypy_asyncsession.fixes.editing.long_lines import broken

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from mypy_asyncsession.fixes.editing.imports import Import
    from mypy_asyncsession.fixes.editing.source_file import SourceFile

Replaced: TypeAlias = "cst.CSTNode | cst.FlattenSentinel[cst.CSTNode] | cst.RemovalSentinel"


@dataclass(frozen=True, slots=True)
class Change:
    """A node, and what becomes of it.

    Attributes:
        source: The file.
        node: The node, as the file's tree has it.
        make: Makes the new node of the old one, in which inner nodes are changed already.
    """

    source: SourceFile
    node: cst.CSTNode
    make: Callable[[cst.CSTNode], Replaced]


@dataclass(slots=True)
class Draft:
    """The edits of one fix, possibly in several files.

    Attributes:
        key: What is fixed: another finding with the same key is fixed by the same edits.
        changes: The nodes that change.
        imports: The imports that a file needs for it.
        shared: Edits that several drafts may make, and are made once, by what they are: three
            parts say which, and a fourth, if there is one, what it says.
        spare: Names that a file imports, which go if it has no more use for them.
    """

    key: object = None
    changes: list[Change] = field(default_factory=list)
    imports: list[tuple[SourceFile, Import]] = field(default_factory=list)
    shared: dict[tuple[object, ...], Change] = field(default_factory=dict)
    spare: list[tuple[SourceFile, str]] = field(default_factory=list)

    def change(
        self, source: SourceFile, node: cst.CSTNode, make: Callable[[cst.CSTNode], Replaced]
    ) -> None:
        """Have *make* make something else of a node."""
        self.changes.append(Change(source, node, make))

    def replace(self, source: SourceFile, node: cst.CSTNode, new: cst.CSTNode) -> None:
        """Put *new* in the place of a node."""
        self.change(source, node, lambda _old: new)

    def need(self, source: SourceFile, wanted: Import | None) -> None:
        """Have a file import something, unless it does already."""
        if wanted is not None:
            self.imports.append((source, wanted))

    def sources(self) -> set[SourceFile]:
        """The files that are edited."""
        edited = {change.source for change in (*self.changes, *self.shared.values())}
        return edited | {source for source, _ in self.imports}

    def defining(self) -> set[str]:
        """The files that then define what others import: they are written before these."""
        return {change.source.path for change in self.shared.values()}

    def collides(self, others: Iterable[Draft]) -> bool:
        """Whether it cannot be made in one go with what other drafts edit."""
        others = list(others)
        theirs = [change for other in others for change in other.changes]
        said = {key[:3]: key for other in others for key in other.shared}
        return any(said.get(key[:3], key) != key for key in self.shared) or any(
            _collide(mine, other) for mine in self.changes for other in theirs
        )


def _collide(one: Change, other: Change) -> bool:
    if one.source is not other.source:
        return False
    return _disturbs(one, other) or _disturbs(other, one)


def _disturbs(inner: Change, outer: Change) -> bool:
    """Whether *outer* cannot see, or not bear, what *inner* does.

    A statement is made anew of what has become of its parts, an expression of what it was. A
    block counts its statements.
    """
    if inner.node is outer.node:
        return True
    if isinstance(outer.node, cst.IndentedBlock):
        return inner.source.parent(inner.node) is outer.node
    if isinstance(outer.node, (cst.BaseStatement, cst.Module)):
        return False
    return any(around is outer.node for around in inner.source.ancestors(inner.node))


def applied(drafts: Iterable[Draft], limit: int | None = None) -> dict[SourceFile, bytes]:
    """The new contents of all files that *drafts* edit.

    Args:
        drafts: The edits.
        limit: How many characters a line may have that is written, if that matters.
    """
    changes: dict[SourceFile, list[Change]] = {}
    shared: dict[tuple[object, ...], Change] = {}
    imports: dict[SourceFile, list[Import]] = {}
    spare: dict[SourceFile, set[str]] = {}
    for draft in drafts:
        for what, change in draft.shared.items():
            shared.setdefault(what, change)  # the first, because findings come in order
        for source in draft.sources():
            changes.setdefault(source, [])
        for change in draft.changes:
            changes[change.source].append(change)
        for source, wanted in draft.imports:
            listed = imports.setdefault(source, [])
            if wanted not in listed:
                listed.append(wanted)
        for source, name in draft.spare:
            spare.setdefault(source, set()).add(name)
    for change in shared.values():
        changes[change.source].append(change)
    return {
        source: _content(source, listed, imports.get(source, []), spare.get(source, set()), limit)
        for source, listed in changes.items()
    }


def _content(
    source: SourceFile,
    changes: list[Change],
    imports: list[Import],
    spare: set[str],
    limit: int | None,
) -> bytes:
    module = source.module.visit(_Editor(changes))
    assert isinstance(module, cst.Module)
    module = without_imports(with_imports(module, imports), spare)
    if limit is not None:
        module = broken(module, source.module.code, limit)
    return faithful(source.content, source.module.bytes, module.bytes)


def faithful(original: bytes, read: bytes, written: bytes) -> bytes:
    """*written*, but lines that were not edited as they were.

    LibCST drops a form feed at the beginning of a line, for one.

    Args:
        original: The file.
        read: The file as LibCST would write it, unedited.
        written: The file as LibCST would write it, edited.
    """
    if read == original:
        return written
    lines, seen, new = (text.split(b"\n") for text in (original, read, written))
    result: list[bytes] = []
    matcher = difflib.SequenceMatcher(None, seen, new, autojunk=False)
    for tag, i1, i2, j1, j2 in matcher.get_opcodes():
        result += lines[i1:i2] if tag == "equal" else new[j1:j2]
    return b"\n".join(result)


class _Editor(cst.CSTTransformer):
    """Makes the changes, the inner ones first."""

    def __init__(self, changes: list[Change]) -> None:
        super().__init__()
        self._changes: dict[int, list[Change]] = {}
        for change in changes:
            self._changes.setdefault(id(change.node), []).append(change)

    def on_leave(  # type: ignore[override]
        self, original_node: cst.CSTNode, updated_node: cst.CSTNode
    ) -> Replaced:
        result: Replaced = super().on_leave(original_node, updated_node)
        for change in self._changes.get(id(original_node), ()):
            if isinstance(result, cst.FlattenSentinel):
                # Something was put beside it; what is left of it is the first.
                first, *more = result
                made = change.make(first)
                parts = list(made) if isinstance(made, cst.FlattenSentinel) else [made]
                result = cst.FlattenSentinel([*parts, *more])
            elif isinstance(result, cst.CSTNode):
                result = change.make(result)
        return result
