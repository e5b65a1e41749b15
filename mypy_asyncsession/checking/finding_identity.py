"""What a finding is, apart from where it stands: by this it is known again in another run.

A line number changes with every edit above it. The code, the function around and the expression
do not, so these, and the file, are a finding's identity.
"""

from __future__ import annotations

import ast
import hashlib
import re
import warnings
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from mypy_asyncsession.reading import read_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from mypy_asyncsession.findings import Finding, Span

#: Layout that formatters change: spaces, the kind of quotes, a comma before a closing bracket.
_LAYOUT: Final = re.compile(r"\s+|,(?=\s*[)\]}])")

#: The most lines of source that are looked at for one finding.
_MOST_LINES: Final = 20


@dataclass(frozen=True, slots=True, order=True)
class Identity:
    """By what a finding is known again.

    Attributes:
        file: The file, with forward slashes.
        code: The name of the rule.
        function: The functions and classes around, outermost first: ``Database.session``; empty
            at the top of a module.
        text: The source that the finding points at, in one line.
    """

    file: str
    code: str
    function: str
    text: str

    def layout_free(self) -> Identity:
        """The same, whatever a formatter made of the text."""
        text = _LAYOUT.sub("", self.text).replace('"', "'")
        return Identity(self.file, self.code, self.function, text)


class Identities:
    """Identifies findings; it reads each file once."""

    def __init__(self, texts: Mapping[str, str] | None = None) -> None:
        """Read nothing yet.

        Args:
            texts: The text of files that is not what is on disk, by the file's path.
        """
        self._texts = texts or {}
        self._files: dict[str, _Source] = {}

    def of(self, found: Finding) -> Identity:
        """The identity of a finding, its file as the finding names it."""
        source = self._source(found.path)
        return Identity(
            found.path.replace("\\", "/"),
            found.code,
            source.function(found.span.line),
            source.text(found.span),
        )

    def defines(self, path: str, function: str) -> bool:
        """Whether a file still has a function or class of that name."""
        return not function or function in self._source(path).functions()

    def _source(self, path: str) -> _Source:
        if path not in self._files:
            self._files[path] = _Source(path, self._texts.get(path))
        return self._files[path]


def fingerprints(
    findings: Iterable[Finding], texts: Mapping[str, str] | None = None
) -> Iterator[tuple[Finding, str]]:
    """Each finding with a fingerprint that no other of them has: 32 hexadecimal digits.

    Args:
        findings: The findings.
        texts: The text of files that is not what is on disk, by the file's path.
    """
    identities = Identities(texts)
    seen: Counter[Identity] = Counter()
    for found in findings:
        identity = identities.of(found).layout_free()
        seen[identity] += 1
        parts = (identity.file, identity.code, identity.function, identity.text)
        text = "\n".join((*parts, str(seen[identity])))
        yield found, hashlib.sha256(text.encode()).hexdigest()[:32]


class _Source:
    """The source of one file; empty if it is not there any more."""

    def __init__(self, path: str, text: str | None = None) -> None:
        try:
            text = read_text(path, errors="replace") if text is None else text
        except OSError:
            text = ""
        # Not splitlines: what it takes for the end of a line is none to Python.
        self._lines = text.split("\n")
        self._spans: list[tuple[int, int, str]] | None = None

    def text(self, span: Span) -> str:
        """What stands there, in one line."""
        lines = self._lines[span.line - 1 : min(span.end_line, span.line + _MOST_LINES)]
        if not lines:
            return ""
        if all(line.isascii() for line in lines) and span.end_line - span.line < _MOST_LINES:
            # From the end, so that on a single line the first column still counts.
            exact = [*lines[:-1], lines[-1][: span.end_column]]
            exact[0] = exact[0][span.column :]
            text = " ".join("\n".join(exact).split())
            if len(text) > 1:  # of a function it is the first letter of its "def"
                return text
        # Behind a character that is not ASCII, columns are not what they should be.
        return " ".join(lines[0].split())

    def function(self, line: int) -> str:
        """The functions and classes around a line, decorators and signatures included."""
        inside = [span for span in self._definitions() if span[0] <= line <= span[1]]
        return max(inside)[2] if inside else ""

    def functions(self) -> set[str]:
        """The names of all functions and classes in it."""
        return {name for _, _, name in self._definitions()}

    def _definitions(self) -> list[tuple[int, int, str]]:
        if self._spans is None:
            tree = parsed("\n".join(self._lines))
            self._spans = list(_definitions(tree, ""))
        return self._spans


def parsed(text: str) -> ast.Module:
    """A module's tree; an empty one if it cannot be parsed by the Python that runs this."""
    try:
        with warnings.catch_warnings():
            # What is odd about the file, such as an escape, is not asked here.
            warnings.simplefilter("ignore")
            return ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return ast.Module([], [])


def _definitions(node: ast.AST, prefix: str) -> Iterator[tuple[int, int, str]]:
    for child in ast.iter_child_nodes(node):
        inner = prefix
        if isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            first = min([child.lineno, *(each.lineno for each in child.decorator_list)])
            yield first, child.end_lineno or child.lineno, prefix + child.name
            inner = f"{prefix}{child.name}."
        if not isinstance(child, ast.expr):
            yield from _definitions(child, inner)
