"""Comments of our own that silence a finding: ``# session: ignore[session-with]``.

mypy without the plugin calls ``# type: ignore[session-with]`` unused, and who has no mypy has no
use for its comments. These mean nothing to anybody else.
"""

from __future__ import annotations

import io
import re
import tokenize
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from mypy.errorcodes import error_codes

from mypy_asyncsession.codes import OURS, PARENT
from mypy_asyncsession.near import near, nearest

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

#: A comment without codes has to end where it does: "# session: ignore what comes" is prose.
_COMMENT: Final = re.compile(r"#\s*session:\s*ignore(?:\[(?P<codes>[^\]#]*)\]|\s*(?=#|$))")
_WORD: Final = re.compile(rb"#\s*session:\s*ignore")


#: How like a code must be to one of ours to be taken for it: other plugins have codes as well.
_ALIKE: Final = 0.85


def no_code(code: str) -> str:
    """What to say of a code in a comment that is none."""
    return f'There is no code "{code}" to ignore{near(code, OURS)}'


@lru_cache(maxsize=256)
def looks_like_ours(code: str) -> bool:
    """Whether a code in a comment for mypy is none, but nearly one of ours."""
    return code not in error_codes and nearest(code, OURS, cutoff=_ALIKE) is not None


@dataclass(slots=True)
class IgnoreComment:
    """One comment.

    Attributes:
        line: Its line, 1-based.
        column: Where it begins, 0-based.
        end_column: Where it ends.
        codes: The codes in it; empty if it is for all of them.
        used: Those of them that were found there; the common parent of all for a comment without.
    """

    line: int
    column: int
    end_column: int
    codes: tuple[str, ...]
    used: set[str] = field(default_factory=set)

    def covers(self, code: str) -> bool:
        """Whether it silences a finding with *code*; it is remembered that there was one."""
        found = {PARENT} if not self.codes else {code, PARENT}.intersection(self.codes)
        self.used |= found
        return bool(found)

    def mistakes(self) -> Iterator[str]:
        """What is wrong with it, whatever is found."""
        for code in self.codes:
            if code not in OURS:
                yield no_code(code)

    def unused(self, judged: Iterable[str]) -> Iterator[str]:
        """What it silences though nothing was found there.

        Args:
            judged: The codes that were looked for.
        """
        if not self.codes:
            if not self.used:
                yield 'Unused "session: ignore" comment'
            return
        codes = [code for code in self.codes if code in {*judged, PARENT} and code not in self.used]
        if codes:
            yield f'Unused "session: ignore[{", ".join(codes)}]" comment'


def ignore_comments(source: bytes) -> list[IgnoreComment]:
    """The comments in the source of a module."""
    if _WORD.search(source) is None:
        return []
    found = []
    for line, column, text in _comments(source):
        for match in _COMMENT.finditer(text):
            codes = [code.strip() for code in (match["codes"] or "").split(",")]
            if match["codes"] is None or any(codes):
                span = column + match.start(), column + len(text[: match.end()].rstrip())
                found.append(IgnoreComment(line, *span, tuple(filter(None, codes))))
    return found


def _comments(source: bytes) -> list[tuple[int, int, str]]:
    """The comments of a module: line, column and text."""
    try:
        return [
            (*token.start, token.string)
            for token in tokenize.tokenize(io.BytesIO(source).readline)
            if token.type == tokenize.COMMENT
        ]
    except (SyntaxError, tokenize.TokenError, ValueError):
        # Written for a newer Python than this one. Nothing that is a string looks like that.
        lines = source.decode(errors="replace").splitlines()
        return [
            (number, match.start(), match[0])
            for number, line in enumerate(lines, 1)
            for match in [re.search(r"#\s*session:\s*ignore.*", line)]
            if match is not None
        ]
