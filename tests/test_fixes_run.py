"""Programs that fail are executed again once they are fixed: what was edited must no longer fail.

The programs are the cases of ``test-data``: each line that is marked there as wrong fails when it
is executed. After the fix a function may still fail, but only on a line that was left, and said
to be left. A function that went well must go on to do so.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from mypy_asyncsession.checking.options import Options as CheckOptions
from mypy_asyncsession.fixes.engine.apply import write_all
from mypy_asyncsession.fixes.engine.driver import Options, fix
from mypy_asyncsession.fixes.engine.guard import Guard
from tests.harness import prove
from tests.harness.case import read_cases
from tests.harness.statements import headers
from tests.harness.workspace import TEST_DATA, Workspace

if TYPE_CHECKING:
    from mypy_asyncsession.fixes.engine.result import Result
    from tests.harness.case import Case

#: Those that run with a configuration of their own are about that configuration, and those that
#: expect a failure themselves about that.
CASES: Final = [
    case
    for file in sorted(TEST_DATA.glob("*.test"))
    for case in read_cases(file)
    if not case.config
    and case.marks(1)
    and not any("raises" in text for text in case.tree(1).values())
]
#: The sample: the first case of each data file, and so at least one of each kind.
SAMPLE: Final = list({case.source.partition(":")[0]: case for case in reversed(CASES)}.values())
#: Lines that fail, and about which nothing, or mypy alone, says something.
MARKED: Final = re.compile(r"# silent:|# E: (?!session-|async-|depends-)")
#: How what was broken by an edit, or is still broken, fails. Whatever else a function raises is
#: of a statement behind the one that failed, which now is reached.
BREAKING: Final = (
    "AttributeError",
    "ImportError",
    "MissingGreenlet",
    "NameError",
    "RuntimeError",
    "SyntaxError",
    "TypeError",
    "UnboundLocalError",
)


@dataclass(frozen=True)
class Outcome:
    """What a function of a case did: the error, if any, the lines that it passed through."""

    error: str | None
    lines: frozenset[tuple[str, int]]
    unawaited: int


def called(root: Path, cases: list[Case]) -> dict[tuple[str, str], Outcome]:
    """What each function does that takes no arguments, by its package and its name."""
    done = subprocess.run(
        [sys.executable, "-B", prove.__file__, str(root), *(case.package for case in cases)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        timeout=900,
        check=True,
    )
    found = {}
    for line in done.stdout.splitlines():
        fields = json.loads(line)
        lines = frozenset((path, number) for path, number in fields["lines"])
        unawaited = len(fields.get("unawaited", []))
        found[fields["package"], fields["entry"]] = Outcome(fields["error"], lines, unawaited)
    return found


def fixed_lines(case: Case, result: Result) -> set[tuple[str, int]]:
    """The lines of a case, as it was, on which something was fixed."""
    lines: set[tuple[str, int]] = set()
    for path, text in case.tree(1).items():
        at = headers(text)
        for each in result.fixed:
            if each.finding.path == f"{case.package}/{path}":
                number = each.finding.span.line
                lines.update((path, line) for line in at.get(number, range(number, number + 1)))
                lines.add((path, number))
    return lines


def left_lines(root: Path, case: Case, result: Result) -> set[tuple[str, int]]:
    """The lines of a case on which something is left, mypy objects, or nothing was to be said."""
    lines: set[tuple[str, int]] = set()
    for path in case.tree(1):
        text = (root / case.package / path).read_text(encoding="utf-8")
        at = headers(text)
        marked = [n for n, line in enumerate(text.splitlines(), 1) if MARKED.search(line)]
        left = [
            each.finding.span.line
            for each in result.left
            if each.finding.path == f"{case.package}/{path}"
        ]
        for number in (*marked, *left):
            lines.update((path, each) for each in at.get(number, range(number, number + 1)))
            lines.add((path, number))
    return lines


def is_harm(
    was: Outcome, now: Outcome, fixed: set[tuple[str, int]], left: set[tuple[str, int]]
) -> bool:
    """Whether a function fails in a way in which it should not, once the program is fixed."""
    assert now.error is not None
    if was.error is None:
        # What was never awaited now runs, and may fail on what the case gives to it.
        return not was.unawaited or now.error.startswith(BREAKING)
    if now.error == was.error:
        return bool(was.lines & fixed) and not now.lines & left
    return now.error.startswith(BREAKING) and not now.lines & left


def harm(folder: Path, cases: list[Case]) -> tuple[list[str], int]:
    """What fails that should not, and how many functions failed before and do no more."""
    workspace = Workspace(folder, cases)
    workspace.write(1)
    root = workspace.root
    before = called(root, cases)
    guard = Guard(str(root))
    check = CheckOptions(cache_dir=str(folder / "fix-cache"), workers=0)
    result = fix([case.package for case in cases], guard, Options(check, others=False))
    _, problems = write_all(result.edited, str(root), None)
    assert not problems
    edited = {Path(each.path).parts[0] for each in result.edited}
    after = called(root, [case for case in cases if case.package in edited])
    found, mended = [], 0
    for case in cases:
        if case.package not in edited:
            continue
        left, fixed = left_lines(root, case, result), fixed_lines(case, result)
        for (package, entry), was in before.items():
            if package != case.package:
                continue
            now = after.get((package, entry))
            if now is None and entry == "import" and was.error is not None:
                mended += 1  # the module can be imported now
            elif now is None:
                found.append(f"{case.source} {entry} is gone")
            elif now.error is None:
                mended += was.error is not None
                if was.error is None and now.unawaited > was.unawaited:
                    found.append(f"{case.source} {entry} leaves a coroutine unawaited")
            elif is_harm(was, now, fixed, left):
                found.append(f"{case.source} {entry}: {was.error} became {now.error}")
        found += [
            f"{case.source} {entry}: {now.error} while the module is imported"
            for (package, entry), now in after.items()
            if package == case.package
            and entry == "import"
            and now.error is not None
            and (package, entry) not in before
        ]
    return found, mended


def test_what_is_fixed_no_longer_fails_in_a_sample(tmp_path: Path) -> None:
    found, mended = harm(tmp_path, SAMPLE)
    assert not found, "\n".join(found)
    assert mended > 5


@pytest.mark.long
def test_what_is_fixed_no_longer_fails(tmp_path: Path) -> None:
    found, mended = harm(tmp_path, CASES)
    assert not found, "\n".join(found)
    assert mended > 100
