"""The calls in the metadata of ``Annotated[T, Depends(f)]``.

mypy keeps no expressions in annotations, only where they stand. Their text is read again from
the source and given to mypy's own parser.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
from typing import TYPE_CHECKING, Final

from mypy.nodes import CallExpr, ExpressionStmt, IndexExpr, MemberExpr, NameExpr, TupleExpr
from mypy.types import RawExpressionType, UnboundType

from mypy_asyncsession.findings import Span
from mypy_asyncsession.semantic.parser_columns import COLUMNS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy.nodes import Expression, MypyFile
    from mypy.types import Type

    from mypy_asyncsession.semantic.module_source import ModuleSource
    from mypy_asyncsession.semantic.program import Program
    from mypy_asyncsession.semantic.scopes import Scope

#: ``str.splitlines`` knows more ends of a line than Python's grammar has.
_LINE_END: Final = re.compile(r"\r\n|\r|\n")
#: The lines that a call may go on for.
_LONGEST: Final = 60


_NO_TOKENS: Final = frozenset({tokenize.COMMENT, tokenize.NL})
_OPENING: Final = ("(", "[", "{")
_CLOSING: Final = (")", "]", "}")

#: The modules of generic classes that are no aliases.
_TYPING = frozenset({"collections.abc", "typing", "typing_extensions"})


class Annotations:
    """Reads the annotations of one module."""

    def __init__(self, program: Program, source: ModuleSource) -> None:
        self._program = program
        self._source = source
        self._lines: list[str] | None = None
        #: The interpreter knows nodes by identity, which a later node must not take over.
        self._kept: list[MypyFile] = []

    def calls(self, annotation: Type) -> Iterator[tuple[CallExpr, Span]]:
        """The calls in the metadata of an annotation, as it was parsed.

        ``Annotated`` counts where FastAPI looks for it: around all of the annotation.

        Yields:
            The call, and where it stands, or the string that it stands in.
        """
        seen: set[Span] = set()
        for raw in _metadata(annotation):
            line, column = raw.line, max(raw.column, 0)
            span = Span(line, column, raw.end_line or line, raw.end_column or column + 1)
            if span not in seen:  # what is in one string has one place
                seen.add(span)
                for call in self._read(line, column):
                    yield call, span

    def names(self, annotation: Type) -> Iterator[tuple[MemberExpr | NameExpr, Span]]:
        """The plain names in the metadata of an annotation, such as a ``Depends`` not called.

        Yields:
            The name, and where it stands.
        """
        if not isinstance(annotation, UnboundType) or not annotation.args:
            return
        if annotation.name.rpartition(".")[2] != "Annotated":
            return
        for each in annotation.args[1:]:
            if isinstance(each, UnboundType) and not each.args and each.original_str_expr is None:
                expression: MemberExpr | NameExpr | None = None
                for part in each.name.split("."):
                    expression = (
                        NameExpr(part) if expression is None else MemberExpr(expression, part)
                    )
                if expression is not None:
                    yield expression, self.span(each)

    def span(self, annotation: Type) -> Span:
        """Where an annotation stands."""
        line, column = annotation.line, max(annotation.column, 0)
        return Span(line, column, annotation.end_line or line, annotation.end_column or column + 1)

    def _read(self, line: int, column: int) -> list[CallExpr]:
        if self._lines is None:
            self._lines = self._read_lines()
        if not 0 < line <= len(self._lines):
            return []
        first, *others = self._lines[line - 1 : line + _LONGEST]
        for start in self._positions(first, column):
            text = _operand("\n".join([first[start:], *others]))
            if text is None:
                continue
            if text.endswith(")"):
                expression = self._parsed(text)
                found = [expression] if isinstance(expression, CallExpr) else []
            else:
                found = list(_calls(self._parsed(_string(text))))
            if found:
                return found
        return []

    def _parsed(self, text: str) -> Expression | None:
        tree = self._program.parse_text(text, self._source.module)
        if tree is None or len(tree.defs) != 1 or not isinstance(tree.defs[0], ExpressionStmt):
            return None
        self._kept.append(tree)
        return tree.defs[0].expr

    def _positions(self, line: str, column: int) -> list[int]:
        """Where in a line a column may be."""
        if line.isascii():
            return [column]
        probe = self._parsed('"ä", f')
        assert isinstance(probe, TupleExpr)
        count = COLUMNS.get(probe.items[1].column)
        if count is None:
            return []
        return [position for position in range(len(line)) if count(line, position) == column]

    def _read_lines(self) -> list[str]:
        data = self._program.content(self._source.path)
        return _LINE_END.split(data.decode("utf-8-sig", errors="replace"))


def _operand(text: str) -> str | None:
    """The call or the string that *text* begins with, unless it is part of something larger."""
    depth = 0
    previous = None
    try:
        # The bracket makes one line of all that follow.
        for token in tokenize.generate_tokens(io.StringIO(f"({text}").readline):
            if token.start == (1, 0) or token.type in _NO_TOKENS:
                continue
            if depth == 0:
                if previous is not None and previous.type == tokenize.STRING != token.type:
                    return _until(text, previous.end)
                if previous is not None and previous.string == ")":
                    return _until(text, previous.end) if token.string in (",", "]") else None
                if token.type not in (tokenize.NAME, tokenize.STRING) and token.string not in "(.":
                    return None
            depth += (token.string in _OPENING) - (token.string in _CLOSING)
            previous = token
    except (tokenize.TokenError, SyntaxError):
        pass  # the text is cut off somewhere
    return None


def _until(text: str, end: tuple[int, int]) -> str:
    """*text* up to a position among the tokens that were read with a bracket before it."""
    *lines, last = text.split("\n")[: end[0]]
    return "\n".join([*lines, last[: end[1] - (not lines)]])


def _string(literal: str) -> str:
    """The value of a string literal, empty for one that has none, such as an f-string."""
    try:
        value = ast.literal_eval(f"({literal}\n)")
    except (ValueError, SyntaxError):
        return ""
    return value if isinstance(value, str) else ""


def may_hold_metadata(annotation: Type | None) -> bool:
    """Whether there is anything in an annotation but a name."""
    return isinstance(annotation, UnboundType) and bool(annotation.args)


def is_of_typing(name: str, scope: Scope) -> bool:
    """Whether a name is a builtin one, or from ``typing``: no alias of the project's."""
    for inner in scope.chain():
        bindings = inner.names.bindings.get(name)
        if bindings:
            return all(each.kind == "from" and each.target[0] in _TYPING for each in bindings)
        if inner.names.stars:
            return False
    return True


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
