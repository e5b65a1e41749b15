"""The calls in the metadata of ``Annotated[T, Depends(f)]``.

mypy keeps no expressions in annotations, only where they stand. Their text is read again from
the source and given to mypy's own parser.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from mypy.nodes import CallExpr, ExpressionStmt
from mypy.types import RawExpressionType, Type, TypeList, UnboundType, UnionType

from mypy_asyncsession.findings import Span

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy_asyncsession.providers.program import Program, Source

_CALL = re.compile(r"[A-Za-z_][\w.]*\s*\(")


class Annotations:
    """Reads the annotations of one module."""

    def __init__(self, program: Program, source: Source) -> None:
        self._program = program
        self._source = source
        self._lines: list[str] | None = None

    def calls(self, annotation: Type) -> Iterator[tuple[UnboundType, CallExpr, Span]]:
        """The calls in the metadata of an annotation, as it was parsed.

        Yields:
            The annotation around (``Annotated[T, ...]``), the call, and where it stands.
        """
        for outer, raw in _metadata(annotation):
            text = self._text(raw)
            tree = self._program.parse_text(text, self._source.module) if text else None
            if tree is None or not tree.defs or not isinstance(tree.defs[0], ExpressionStmt):
                continue
            call = tree.defs[0].expr
            if isinstance(call, CallExpr):
                line, column = raw.line, max(raw.column, 0)
                end_line = raw.end_line or line
                span = Span(line, column, end_line, raw.end_column or column + 1)
                yield outer, call, span

    def _text(self, raw: RawExpressionType) -> str | None:
        if self._lines is None:
            try:
                data = Path(self._source.path).read_bytes()
                self._lines = data.decode("utf-8-sig", errors="replace").splitlines()
            except OSError:
                self._lines = []
        if not 0 < raw.line <= len(self._lines):
            return None
        line = self._lines[raw.line - 1]
        # The native parser's columns are off where a line is not ASCII: take the nearest call.
        starts = [match.start() for match in _CALL.finditer(line)]
        starts = [start for start in starts if not line[:start].rstrip().endswith(("def", "."))]
        if not starts:
            return None
        slack = sum(not character.isascii() for character in line[: raw.column + 8])
        near = [start for start in starts if start >= raw.column - 2 * slack - 1]
        if not near:
            return None
        start = min(near, key=lambda position: abs(position - raw.column))
        return _balanced("\n".join([line[start:], *self._lines[raw.line : raw.line + 60]]))


def _metadata(annotation: Type) -> Iterator[tuple[UnboundType, RawExpressionType]]:
    if isinstance(annotation, UnboundType):
        named = annotation.name.rpartition(".")[2] == "Annotated"
        for position, argument in enumerate(annotation.args):
            if isinstance(argument, RawExpressionType):
                if named and position > 0:
                    yield annotation, argument
            else:
                yield from _metadata(argument)
    elif isinstance(annotation, (UnionType, TypeList)):
        for item in annotation.items:
            yield from _metadata(item)


def _balanced(text: str) -> str | None:
    """The call that *text* begins with, up to the bracket that closes it."""
    depth = 0
    quote: str | None = None
    position = 0
    while position < len(text):
        character = text[position]
        if quote is not None:
            if character == "\\":
                position += 1
            elif text.startswith(quote, position):
                position += len(quote) - 1
                quote = None
        elif character in "\"'":
            quote = character * 3 if text.startswith(character * 3, position) else character
            position += len(quote) - 1
        elif character == "#":
            end = text.find("\n", position)
            position = len(text) if end < 0 else end
        elif character in "([{":
            depth += 1
        elif character in ")]}":
            depth -= 1
            if depth == 0:
                return text[: position + 1]
        position += 1
    return None
