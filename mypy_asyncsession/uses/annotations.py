"""The calls in the metadata of ``Annotated[T, Depends(f)]``.

mypy keeps no expressions in annotations, only where they stand. Their text is read again from
the source and given to mypy's own parser.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

from mypy.nodes import CallExpr, ExpressionStmt, IndexExpr, MemberExpr, NameExpr, StrExpr, TupleExpr
from mypy.types import RawExpressionType, UnboundType

from mypy_asyncsession.findings import Span

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mypy.nodes import Expression
    from mypy.types import Type

    from mypy_asyncsession.providers.program import Program, Source


def _doubly(text: str) -> int:
    # Where a character takes more than a byte, mypy 2.4 takes what is too much away twice.
    return 2 * len(text) - len(text.encode())


#: How many columns the beginning of a line has, as parsers count them; the same if it is ASCII.
_COLUMNS: Final[tuple[Callable[[str], int], ...]] = (
    _doubly,
    len,
    lambda text: len(text.encode()),
)
#: ``str.splitlines`` knows more ends of a line than Python's grammar has.
_LINE_END: Final = re.compile(r"\r\n|\r|\n")


class Annotations:
    """Reads the annotations of one module."""

    def __init__(self, program: Program, source: Source) -> None:
        self._program = program
        self._source = source
        self._lines: list[str] | None = None

    def calls(self, annotation: Type) -> Iterator[tuple[CallExpr, Span]]:
        """The calls in the metadata of an annotation, as it was parsed.

        ``Annotated`` counts where FastAPI looks for it: around all of the annotation.

        Yields:
            The call, and where it stands, or the string that it stands in.
        """
        seen: set[Span] = set()
        for raw in _metadata(annotation):
            line, column = raw.line, max(raw.column, 0)
            if raw.end_line is None or raw.end_column is None:
                continue
            span = Span(line, column, raw.end_line, raw.end_column)
            if span not in seen:  # what is in one string has one place
                seen.add(span)
                for call in self._read(span):
                    yield call, span

    def _read(self, span: Span) -> list[CallExpr]:
        for text in self._texts(span):
            expression = self._parsed(text)
            if isinstance(expression, StrExpr):
                return list(_calls(self._parsed(expression.value)))
            if isinstance(expression, CallExpr):
                return [expression]
        return []

    def _parsed(self, text: str) -> Expression | None:
        tree = self._program.parse_text(text, self._source.module)
        if tree is None or len(tree.defs) != 1 or not isinstance(tree.defs[0], ExpressionStmt):
            return None
        return tree.defs[0].expr

    def _texts(self, span: Span) -> Iterator[str]:
        """What may stand at a place: the one text that does, if its lines are ASCII."""
        if self._lines is None:
            self._lines = self._read_lines()
        if not 0 < span.line <= span.end_line <= len(self._lines):
            return
        first, *others = self._lines[span.line - 1 : span.end_line]
        last = others[-1] if others else first
        for columns in _COLUMNS:
            for start in _positions(first, span.column, columns):
                for end in _positions(last, span.end_column, columns):
                    if others:
                        yield "\n".join([first[start:], *others[:-1], last[:end]])
                    else:
                        yield first[start:end]
            if first.isascii() and last.isascii():
                return

    def _read_lines(self) -> list[str]:
        try:
            data = Path(self._source.path).read_bytes()
        except OSError:
            return []
        return _LINE_END.split(data.decode("utf-8-sig", errors="replace"))


def _positions(line: str, column: int, columns: Callable[[str], int]) -> list[int]:
    if line.isascii():
        return [column]
    return [end for end in range(len(line) + 1) if columns(line[:end]) == column]


def _metadata(annotation: Type) -> Iterator[RawExpressionType]:
    if isinstance(annotation, UnboundType) and annotation.args:
        if annotation.name.rpartition(".")[2] == "Annotated":
            yield from _metadata(annotation.args[0])
        # Under whatever name: nothing else has expressions after the first argument.
        for argument in annotation.args[1:]:
            if isinstance(argument, RawExpressionType) and argument.literal_value is None:
                yield argument


def _calls(expression: Expression | None) -> Iterator[CallExpr]:
    """The calls in the metadata of an annotation that is written as a string."""
    if isinstance(expression, IndexExpr) and isinstance(expression.index, TupleExpr):
        annotated, *metadata = expression.index.items
        if (
            isinstance(expression.base, (MemberExpr, NameExpr))
            and expression.base.name == "Annotated"
        ):
            yield from _calls(annotated)
        yield from (item for item in metadata if isinstance(item, CallExpr))
