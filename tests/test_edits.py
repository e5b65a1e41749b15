"""After any sequence of edits, every way to run mypy says what a cold run says.

``ASYNCSESSION_EDITS`` is the number of batches of random programs to try, in place of the few
that a run of all tests has time for.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from difflib import unified_diff
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final

import pytest

from tests.harness.compare import is_ours
from tests.harness.modes import AXES, LONG_AXES, Seeds
from tests.harness.programs import case_of, random_history
from tests.harness.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tests.harness.case import Case
    from tests.harness.compare import Report
    from tests.harness.modes import Run
    from tests.harness.programs import History

BATCHES: Final = int(os.environ.get("ASYNCSESSION_EDITS", "6"))
#: How many of them belong to every change.
USUAL: Final = 1
PROGRAMS_IN_A_BATCH: Final = 12
EDITS_OF_A_PROGRAM: Final = 5
COMPARED: Final = ("thorough", "warm", "workers", "daemon", "check", "parsed")


@dataclass(frozen=True)
class Disagreement:
    """What one way to run mypy said otherwise than a cold run.

    Attributes:
        history: The program, and the edits of it.
        axis: The way to run mypy.
        step: The first step at which they differ.
        difference: How they differ, line by line.
        tree: The files at that step.
        before: The files at the step before.
    """

    history: History
    axis: str
    step: int
    difference: list[str]
    tree: Mapping[str, str]
    before: Mapping[str, str]

    def __str__(self) -> str:
        program, log = self.history
        lines = [f"{self.axis} differs from a cold run at step {self.step}:", *self.difference, ""]
        for number, edit in enumerate(log[: self.step - 1], 2):
            changes = (f"{name}: {program[name]} -> {choice}" for name, choice in edit.items())
            lines.append(f"edit before step {number}: {'; '.join(changes)}")
            program = {**program, **edit}
        for path, text in self.tree.items():
            edited = "" if self.before.get(path) == text else " (just edited)"
            lines += ["", f"--- {path}{edited}", text.rstrip()]
        return "\n".join(lines)


@pytest.fixture(scope="module")
def seeds(tmp_path_factory: pytest.TempPathFactory) -> Seeds:
    return Seeds(tmp_path_factory.mktemp("seeds"))


@pytest.mark.parametrize(
    "seed",
    [pytest.param(n, marks=pytest.mark.long if n >= USUAL else ()) for n in range(BATCHES)],
)
def test_every_mode_says_what_a_cold_run_says(seed: int, seeds: Seeds) -> None:
    random = Random(seed)
    batch = [random_history(random, EDITS_OF_A_PROGRAM) for _ in range(PROGRAMS_IN_A_BATCH)]
    compared = [axis for axis in COMPARED if seed >= USUAL or axis not in LONG_AXES]
    found = disagreements(batch, compared, seeds)
    if found:
        explained = "\n\n".join(explain(first, seeds) for first in found)
        pytest.fail(explained, pytrace=False)


def disagreements(
    histories: Sequence[History], axes: Sequence[str], seeds: Seeds
) -> list[Disagreement]:
    """The first program about which an axis says something else than a cold run, for each axis."""
    cases = [case_of(f"program{n}", *history) for n, history in enumerate(histories)]
    runs = run_all(cases, ("cold", *axes), seeds)
    found = []
    for axis in axes:
        for case, history in zip(cases, histories, strict=True):
            step, difference = first_difference(case, runs["cold"], runs[axis])
            if step:
                trees = (case.tree(step), case.tree(max(step - 1, 1)))
                found.append(Disagreement(history, axis, step, difference, *trees))
                break
    return found


def run_all(cases: Sequence[Case], axes: Sequence[str], seeds: Seeds) -> dict[str, list[Run]]:
    """The runs of each axis, side by side."""

    def run(axis: str) -> list[Run]:
        with TemporaryDirectory() as root:
            # Not in that directory itself: what lies beside a tree counts, and beside that one lie
            # others that come and go.
            inside = Path(root, "tree")
            inside.mkdir()
            return list(AXES[axis](Workspace(inside, cases, app=False, repeat=False), seeds))

    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        found = dict(zip(axes, pool.map(run, axes), strict=True))
    for axis, runs in found.items():
        for each in runs:
            if each.broken:
                pytest.fail(f"{axis}, {each.name}: {each.output[-3000:]}", pytrace=False)
    return found


def first_difference(case: Case, cold: Sequence[Run], runs: Sequence[Run]) -> tuple[int, list[str]]:
    """The first step at which the runs differ from the cold ones, and how; 0 if they do not."""
    expected = {run.step: findings(case, run.reports) for run in cold}
    for run in runs:
        found = findings(case, run.reports)
        if found != expected[run.step]:
            names = ("a cold run", run.name)
            return run.step, [*unified_diff(expected[run.step], found, *names, lineterm="")]
    return 0, []


def findings(case: Case, reports: Sequence[Report]) -> list[str]:
    """Our errors for a case, and the notes on their lines."""
    own = [report for report in reports if report.path.startswith(case.package + "/")]
    lines = {(report.path, report.line) for report in own if is_ours(report.code)}
    return sorted(
        str(report)
        for report in own
        if is_ours(report.code) or (not report.code and (report.path, report.line) in lines)
    )


def explain(found: Disagreement, seeds: Seeds) -> str:
    """The disagreement, with that program alone and with no edit more than it takes."""
    alone = disagreements([found.history], (found.axis,), seeds)
    if not alone:
        return f"Only beside the other programs of its batch:\n{found}"
    (shortest,) = alone
    program, log = shortest.history
    for index in reversed(range(len(log))):
        shorter = [*log[:index], *log[index + 1 :]]
        again = disagreements([(program, shorter)], (found.axis,), seeds)
        if again:
            (shortest,), log = again, shorter
    return str(shortest)
