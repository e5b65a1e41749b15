"""Cases as data: what a ``.test`` file says.

A case begins with ``[case name]``; what follows is its ``main.py``. Everything else stands in
sections of its own::

    [case generator]
    from here.db import get_db

    async def use() -> None:
        async with get_db() as session:  # E: session-with "async generator" # N: "async for"
            await session.flush()

    [file db.py]
    ...
    [file db.py.2]
    ... what db.py holds when mypy runs for the second time
    [delete db.py.3]
    [config]
    tool.mypy.overrides = [{ module = "here.*", disable_error_code = ["session-with"] }]
    [counts attr-defined]
    [skip-axis daemon: the reason]

* ``here`` stands for the package that the case is written to; ``app`` is ``test-data/app``.
* ``# E: code "part" ...`` expects an error with that code on that line whose message has every
  part, ``# N: "part"`` a note. ``# E[2]:`` expects it in the second run
  only; without a number it is expected for as long as the line is there.
* A line without a mark has no finding. Only our codes count, and those in ``[counts ...]``.
* ``# silent: reason`` marks a line that fails when it is executed and about which nothing is said.
* ``--`` at the start of a line is a comment of the data file.
"""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

MAIN: Final = "main.py"

_HEADER: Final = re.compile(r"\[(?P<kind>case|file|delete|config|counts|skip-axis)\b(?P<rest>.*)\]")
#: The others are one line, after which the text of the section before goes on.
_HAS_TEXT: Final = frozenset({"case", "file", "config"})
_STEP: Final = re.compile(r"(?P<path>.+?)(?:\.(?P<step>[2-9]))?")
_MARK: Final = re.compile(
    r"""\#\ (?P<kind>[EN])(?:\[(?P<steps>\d(?:,\d)*)\])?:
        (?:\ (?P<code>[a-z][a-z-]*[a-z]))?
        (?P<parts>(?:\ "[^"]*")*)
        (?=\s*(?:\#|$))""",
    re.VERBOSE,
)
_LOOKS_LIKE_A_MARK: Final = re.compile(r"#\s*[EN]\s*(?:\[[^\]]*\])?\s*:")
_SILENT: Final = re.compile(r"# silent: \S")
_PLACEHOLDER: Final = re.compile(r"\bhere\b")


class BadCaseError(Exception):
    """A data file that cannot be read; the message says where and why."""


@dataclass(frozen=True, slots=True)
class Mark:
    """What is expected of one line.

    Attributes:
        path: The file, relative to the case.
        line: The line, 1-based.
        code: The error code; of a note, ``None``.
        parts: What the message must contain.
    """

    path: str
    line: int
    code: str | None
    parts: tuple[str, ...] = ()


@dataclass(frozen=True)
class Case:
    """One case.

    Attributes:
        name: Its name within the data file.
        source: The data file and the line, ``session-with.test:12``.
        package: The package that its files are written to.
        trees: What the case's files hold at each step, by path.
        config: What it adds to the configuration.
        counts: Codes of mypy's own that are expected to be marked too.
        skips: The axes that it does not run along, each with the reason.
    """

    name: str
    source: str
    package: str
    trees: tuple[Mapping[str, str], ...]
    config: Mapping[str, Any] = field(default_factory=dict)
    counts: frozenset[str] = frozenset()
    skips: Mapping[str, str] = field(default_factory=dict)

    def tree(self, step: int) -> Mapping[str, str]:
        """The files at a step, 1-based; after the last one nothing changes any more."""
        return self.trees[min(step, len(self.trees)) - 1]

    def marks(self, step: int) -> list[Mark]:
        """What is expected at a step."""
        step = min(step, len(self.trees))
        return [
            mark
            for path, text in self.tree(step).items()
            for number, line in enumerate(text.splitlines(), 1)
            for mark, steps in _marks_of_line(path, number, line)
            if steps is None or step in steps
        ]

    def silent_lines(self, step: int) -> set[tuple[str, int]]:
        """The lines that fail when they are executed, and about which nothing is said."""
        return {
            (path, number)
            for path, text in self.tree(step).items()
            for number, line in enumerate(text.splitlines(), 1)
            if _SILENT.search(line)
        }


def read_cases(file: Path) -> list[Case]:
    """The cases of a data file.

    Raises:
        BadCaseError: The file does not follow the format.
    """
    cases: list[Case] = []
    for source, name, sections in _split(file):
        if any(case.name == name for case in cases):
            raise BadCaseError(f"{source}: there is a case {name!r} already")
        cases.append(_case(source, name, f"{file.stem.replace('-', '_')}__{name}", sections))
    return cases


@dataclass
class _Section:
    source: str
    kind: str
    argument: str
    lines: list[str] = field(default_factory=list)

    def text(self) -> str:
        """The lines, without the empty ones at the end."""
        return "\n".join(self.lines).rstrip() + "\n"


def _split(file: Path) -> Iterator[tuple[str, str, list[_Section]]]:
    sections: list[_Section] = []
    text: list[str] = []
    in_config = False
    for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
        source = f"{file.name}:{number}"
        if line.startswith("--"):
            continue
        header = _HEADER.fullmatch(line.rstrip())
        if header and header["kind"] == "case":
            if sections:
                yield sections[0].source, sections[0].argument, sections
            sections = []
        elif not header and line.startswith("[") and line.endswith("]") and not in_config:
            raise BadCaseError(f"{source}: no section of a case: {line}")
        if header:
            section = _Section(source, header["kind"], header["rest"].strip())
            sections.append(section)
            if section.kind in _HAS_TEXT:
                text = section.lines
                in_config = section.kind == "config"  # TOML has headers of its own
        elif sections:
            text.append(line)
        elif line.strip():
            raise BadCaseError(f"{source}: text before the first [case]")
    if sections:
        yield sections[0].source, sections[0].argument, sections


def _case(source: str, name: str, package: str, sections: list[_Section]) -> Case:
    if not name.isidentifier():
        raise BadCaseError(f"{source}: the name of a case must be an identifier: {name!r}")
    edits: dict[int, dict[str, str | None]] = {1: {}}
    config: dict[str, Any] = {}
    counts: set[str] = set()
    skips: dict[str, str] = {}
    for section in sections:
        text = _PLACEHOLDER.sub(package, section.text())
        if section.kind in {"case", "file", "delete"}:
            path, step = (MAIN, 1) if section.kind == "case" else _path_and_step(section)
            files = edits.setdefault(step, {})
            if path in files:
                raise BadCaseError(f"{section.source}: {section.argument} is there already")
            files[path] = None if section.kind == "delete" else text
        elif section.kind == "config":
            try:
                config = tomllib.loads(text)
            except tomllib.TOMLDecodeError as error:
                raise BadCaseError(f"{section.source}: {error}") from error
        elif section.kind == "counts":
            counts.update(section.argument.split())
        else:
            axis, colon, reason = section.argument.partition(":")
            if not colon or not reason.strip():
                raise BadCaseError(f"{section.source}: say why: [skip-axis {axis}: the reason]")
            skips[axis] = reason.strip()
    case = Case(name, source, package, _trees(source, edits), config, frozenset(counts), skips)
    _check_marks(case)
    return case


def _path_and_step(section: _Section) -> tuple[str, int]:
    match = _STEP.fullmatch(section.argument)
    if not match:
        raise BadCaseError(f"{section.source}: [{section.kind}] needs a path")
    return match["path"], int(match["step"] or 1)


def _trees(
    source: str, edits: Mapping[int, Mapping[str, str | None]]
) -> tuple[dict[str, str], ...]:
    trees: list[dict[str, str]] = []
    for step in range(1, max(edits) + 1):
        if step not in edits:
            raise BadCaseError(f"{source}: nothing changes at step {step}")
        tree = dict(trees[-1]) if trees else {}
        for path, text in edits[step].items():
            if text is not None:
                tree[path] = text
            elif tree.pop(path, None) is None:
                raise BadCaseError(f"{source}: {path} is deleted at step {step}, and is not there")
        trees.append(tree)
    return tuple(trees)


def _marks_of_line(path: str, number: int, line: str) -> Iterator[tuple[Mark, set[int] | None]]:
    for match in _MARK.finditer(line):
        steps = {int(step) for step in match["steps"].split(",")} if match["steps"] else None
        parts = tuple(re.findall(r'"([^"]*)"', match["parts"]))
        yield Mark(path, number, match["code"], parts), steps


def _check_marks(case: Case) -> None:
    """Refuses what was meant as a mark and is none, which would otherwise test nothing."""
    for path, number, line in {
        (path, number, line)
        for tree in case.trees
        for path, text in tree.items()
        for number, line in enumerate(text.splitlines(), 1)
    }:
        good = [
            match
            for match in _MARK.finditer(line)
            if bool(match["code"]) is (match["kind"] == "E") and (match["code"] or match["parts"])
        ]
        if len(good) != len(_LOOKS_LIKE_A_MARK.findall(line)):
            raise BadCaseError(
                f"{case.source}: {path}:{number} has a mark that cannot be read: {line}"
            )
