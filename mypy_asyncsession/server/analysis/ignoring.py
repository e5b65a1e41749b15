"""The comment that has a finding ignored: where it can stand, and what is to be written."""

from __future__ import annotations

import io
import re
import tokenize
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mypy_asyncsession.findings import Finding

_IGNORE: Final = re.compile(r"#\s*type:\s*ignore(?:\[(?P<codes>[^\]]*)\])?")


@dataclass(frozen=True, slots=True)
class Comment:
    """What is to be written on one line.

    Attributes:
        line: The line, 1-based.
        start: The column at which it begins.
        end: The column up to which it replaces what is there.
        text: What is written.
    """

    line: int
    start: int
    end: int
    text: str


def ignoring(found: Finding, lines: Sequence[str]) -> Comment | None:
    """The comment that has a finding ignored; ``None`` where none can stand."""
    within, comments = _read(lines)
    for line in range(found.span.line, found.span.end_line + 1):
        if not 0 < line <= len(lines):
            break
        text = lines[line - 1]
        at = comments.get(line)
        if at is None:
            if line in within or text.endswith("\\"):
                continue
            end = len(text.rstrip())
            return Comment(line, end, len(text), f"  # type: ignore[{found.code}]")
        known = _IGNORE.search(text, at)
        if known is None:
            # mypy looks for it at the beginning of a comment.
            return Comment(line, at, at, f"# type: ignore[{found.code}]  ")
        if known["codes"] is None:
            return None  # it ignores everything there
        codes = [code.strip() for code in known["codes"].split(",") if code.strip()]
        if found.code in codes:
            continue
        written = ", ".join([*codes, found.code])
        return Comment(line, known.start(), known.end(), f"# type: ignore[{written}]")
    return None


def _read(lines: Sequence[str]) -> tuple[set[int], dict[int, int]]:
    """The lines that end within a string, and where comments begin, by their lines."""
    within: set[int] = set()
    comments: dict[int, int] = {}
    begun: list[int] = []
    starts = {getattr(tokenize, name, -1) for name in ("FSTRING_START", "TSTRING_START")}
    ends = {getattr(tokenize, name, -1) for name in ("FSTRING_END", "TSTRING_END")}
    try:
        for token in tokenize.generate_tokens(io.StringIO("\n".join(lines)).readline):
            if token.type == tokenize.COMMENT:
                comments[token.start[0]] = token.start[1]
            elif token.type == tokenize.STRING:
                within.update(range(token.start[0], token.end[0]))
            elif token.type in starts:
                begun.append(token.start[0])
            elif token.type in ends and begun:
                within.update(range(begun.pop(), token.end[0]))
    except (tokenize.TokenError, SyntaxError):
        pass
    return within, comments
