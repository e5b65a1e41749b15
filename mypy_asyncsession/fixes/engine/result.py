"""What a fix hands back."""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from mypy_asyncsession.checking.report import Problem
    from mypy_asyncsession.findings import Finding


@dataclass(frozen=True, slots=True)
class Edited:
    """A file that is fixed.

    Attributes:
        path: The file, as it is shown.
        old: What was in it.
        new: What is in it now.
        needs: The files that have to be written before: they define what this one imports.
    """

    path: str
    old: bytes
    new: bytes
    needs: frozenset[str] = frozenset()

    def diff(self) -> Iterator[bytes]:
        """The difference, as ``git apply`` takes it, where paths are relative."""
        # Python's lines end where git's do, at a line feed, and at no other character.
        old, new = (
            [f"{line}\n" for line in text.decode("latin-1").split("\n")]
            for text in (self.old, self.new)
        )
        for lines in (old, new):
            last = lines.pop()
            if last != "\n":
                lines.append(last[:-1])
        for line in difflib.unified_diff(old, new, _named("a", self.path), _named("b", self.path)):
            yield line.encode("latin-1")
            if not line.endswith("\n"):
                yield b"\n\\ No newline at end of file\n"


def _named(side: str, path: str) -> str:
    """A path as git writes it in a diff: in quotes where it holds what would end it."""
    name = f"{side}/{path}".encode(errors="surrogateescape").decode("latin-1")
    if re.search(r'[\0-\x1f"\\\x7f]', name):
        quoted = re.sub(
            r'[\0-\x1f"\\\x7f-\xff]',
            lambda match: rf"\{match[0]}" if match[0] in '"\\' else rf"\{ord(match[0]):03o}",
            name,
        )
        return f'"{quoted}"'
    # A name with a space in it has to be ended.
    return f"{name}\t" if " " in name else name


def line_before(old: bytes, new: bytes, line: int) -> int:
    """The line, 1-based, that a line of *new* was in *old*; the one it came in the place of."""
    matcher = difflib.SequenceMatcher(None, new.split(b"\n"), old.split(b"\n"), autojunk=False)
    for _, first, last, before, end in matcher.get_opcodes():
        if first <= line - 1 < last:
            return min(before + line - 1 - first, max(end - 1, before)) + 1
    return line


@dataclass(frozen=True, slots=True)
class Outcome:
    """A finding, and what became of it.

    Attributes:
        finding: The finding.
        reason: Why it is left, or ``None`` where it is fixed.
    """

    finding: Finding
    reason: str | None

    def before(self, edits: Mapping[str, Edited]) -> Outcome:
        """The same, on the line on which it was before its file was edited."""
        found = self.finding
        edited = edits.get(found.path)
        if edited is None:
            return self
        line = line_before(edited.old, edited.new, found.span.line)
        span = replace(found.span, line=line, end_line=found.span.end_line + line - found.span.line)
        return replace(self, finding=replace(found, span=span))


@dataclass(frozen=True, slots=True)
class Result:
    """What became of all findings.

    Attributes:
        edited: The files that are fixed; those that others import from come first.
        fixed: The findings that are, where they were when they were found.
        left: The findings that are not, with the reasons, where they are once all is written.
        problems: What was in the way.
        checked: How many files were checked.
        known: How many findings are left that a baseline has.
        unchecked: How many files were not checked, or not in full.
        incomplete: Whether there is something that was not read, and that nobody has allowed.
    """

    edited: list[Edited] = field(default_factory=list)
    fixed: list[Outcome] = field(default_factory=list)
    left: list[Outcome] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    checked: int = 0
    known: int = 0
    unchecked: int = 0
    incomplete: bool = False

    def as_unwritten(self) -> Result:
        """The same, where nothing is written: what is left is where it is on disk."""
        edits = {each.path: each for each in self.edited}
        return replace(self, left=[each.before(edits) for each in self.left])

    def as_written(self, written: list[Edited], problems: list[Problem]) -> Result:
        """The same, where only some of the files could be written.

        Args:
            written: The files that were.
            problems: Why others were not.
        """
        paths = {each.path for each in self.edited} - {each.path for each in written}
        reasons = {problem.path: problem.message for problem in problems}
        other = problems[-1].message if problems else ""
        unwritten = {each.path: each for each in self.edited if each.path in paths}
        fixed, left = [], [each.before(unwritten) for each in self.left]
        for each in self.fixed:
            path = each.finding.path
            if path in paths:
                left.append(Outcome(each.finding, f"the file {reasons.get(path, other)}"))
            else:
                fixed.append(each)
        return replace(self, edited=written, fixed=fixed, left=left)
