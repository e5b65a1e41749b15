"""Comments that hid a misuse from mypy: they go with it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import libcst as cst

if TYPE_CHECKING:
    from collections.abc import Iterable

_COMMENT = re.compile(r"#\s*type:\s*ignore\[(?P<codes>[^\]]*)\]\s*")
#: The codes under which mypy says that a method such as ``__aenter__`` is missing.
ENTERING = frozenset({"attr-defined", "misc", "union-attr"})
#: Those under which it says that something is no session.
HOLDING = frozenset({"arg-type", "assignment", "attr-defined", "union-attr"})


def without_ignores(comment: cst.Comment, codes: Iterable[str]) -> cst.Comment | None:
    """A comment that ignores none of *codes*; ``None`` if nothing is left of it."""
    match = _COMMENT.search(comment.value)
    if match is None:
        return comment
    listed = [code.strip() for code in match["codes"].split(",")]
    kept = [code for code in listed if code not in set(codes)]
    if kept == listed:
        return comment
    before, after = comment.value[: match.start()], comment.value[match.end() :]
    if kept:
        return comment.with_changes(
            value=f"{before}# type: ignore[{', '.join(kept)}] {after}".rstrip()
        )
    rest = f"{before}{after}".strip()
    return comment.with_changes(value=rest) if rest.strip("#").strip() else None


def unignored(statement: cst.CSTNode, codes: Iterable[str] = ENTERING) -> cst.CSTNode:
    """A statement whose first or only line ignores none of *codes*."""
    if isinstance(statement, cst.SimpleStatementLine):
        return statement.with_changes(
            trailing_whitespace=_cleaned(statement.trailing_whitespace, codes)
        )
    body = getattr(statement, "body", None)
    if isinstance(body, cst.IndentedBlock):
        return statement.with_changes(body=body.with_changes(header=_cleaned(body.header, codes)))
    return statement


def _cleaned(trailing: cst.TrailingWhitespace, codes: Iterable[str]) -> cst.TrailingWhitespace:
    if trailing.comment is None:
        return trailing
    comment = without_ignores(trailing.comment, codes)
    if comment is trailing.comment:
        return trailing
    if comment is None:
        return trailing.with_changes(comment=None, whitespace=cst.SimpleWhitespace(""))
    return trailing.with_changes(comment=comment)
