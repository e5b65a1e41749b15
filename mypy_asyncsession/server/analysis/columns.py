"""The columns of findings on lines that hold more than ASCII.

mypy's parser miscounts there. Where an expression stands is found again by what stands there: the
one whose columns come out as those that were reported.
"""

from __future__ import annotations

import ast
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING

from mypy_asyncsession.checking.finding_identity import parsed
from mypy_asyncsession.semantic.parser_columns import COLUMNS, PROBE

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from mypy_asyncsession.findings import Span


class Columns:
    """Finds out where the findings of one file stand."""

    def __init__(self, lines: Sequence[str]) -> None:
        """Begin with the lines of the file, without their ends."""
        self._lines = lines
        self._nodes: dict[int, list[tuple[int, int, int]]] | None = None

    def exact(self, span: Span) -> Span:
        """A span with columns that count characters."""
        line, end = self._line(span.line), self._line(span.end_line)
        if line.isascii() and end.isascii():
            return span
        count = _counter()
        reported = (span.column, span.end_line, span.end_column)
        for column, end_line, end_column in self._starting(span.line):
            found = (
                count(line, column),
                end_line,
                count(self._line(end_line), end_column),
            )
            if found == reported:
                return replace(span, column=column, end_column=end_column)
        return replace(
            span,
            column=_column(line, span.column),
            end_column=_column(end, span.end_column),
        )

    def _line(self, number: int) -> str:
        return self._lines[number - 1] if 0 < number <= len(self._lines) else ""

    def _starting(self, line: int) -> list[tuple[int, int, int]]:
        """What begins on a line: its column, its last line, and the column of its end."""
        if self._nodes is None:
            self._nodes = {}
            for node in ast.walk(parsed("\n".join(self._lines))):
                if isinstance(node, (ast.expr, ast.stmt)) and node.end_lineno is not None:
                    found = (
                        self._characters(node.lineno, node.col_offset),
                        node.end_lineno,
                        self._characters(node.end_lineno, node.end_col_offset or 0),
                    )
                    self._nodes.setdefault(node.lineno, []).append(found)
        return self._nodes.get(line, [])

    def _characters(self, line: int, count: int) -> int:
        return len(self._line(line).encode()[:count].decode(errors="replace"))


@lru_cache(maxsize=1)
def _counter() -> Callable[[str, int], int]:
    """How this mypy counts."""
    from mypy.errors import Errors
    from mypy.nodes import ExpressionStmt, TupleExpr
    from mypy.options import Options
    from mypy.parse import parse

    options = Options()
    tree = parse(PROBE, "<probe>", "probe", Errors(options), options, eager=True)
    statement = tree.defs[0]
    assert isinstance(statement, ExpressionStmt)
    assert isinstance(statement.expr, TupleExpr)
    return COLUMNS.get(statement.expr.items[1].column, COLUMNS[6])


def _column(line: str, reported: int) -> int:
    """The last character that may have been meant."""
    count = _counter()
    return next((at for at in range(len(line), -1, -1) if count(line, at) == reported), reported)
