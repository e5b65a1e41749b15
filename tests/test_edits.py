"""After any sequence of edits, every way to run mypy says what a cold run says.

``ASYNCSESSION_EDITS`` is the number of batches of random programs to try, in place of the few
that a run of all tests has time for.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from difflib import unified_diff
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final

import pytest

from tests.harness.compare import is_ours
from tests.harness.modes import AXES, Seeds
from tests.harness.programs import case_of, random_history
from tests.harness.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from tests.harness.case import Case
    from tests.harness.compare import Report
    from tests.harness.modes import Run
    from tests.harness.programs import Edit, Program

BATCHES: Final = int(os.environ.get("ASYNCSESSION_EDITS", "6"))
PROGRAMS_IN_A_BATCH: Final = 12
EDITS_OF_A_PROGRAM: Final = 5
COMPARED: Final = ("warm", "workers", "daemon", "check")


@pytest.fixture(scope="module")
def seeds(tmp_path_factory: pytest.TempPathFactory) -> Seeds:
    return Seeds(tmp_path_factory.mktemp("seeds"))


@pytest.mark.parametrize("seed", range(BATCHES))
def test_every_mode_says_what_a_cold_run_says(seed: int, seeds: Seeds) -> None:
    random = Random(seed)
    batch = [random_history(random, EDITS_OF_A_PROGRAM) for _ in range(PROGRAMS_IN_A_BATCH)]
    cases = [case_of(f"program{number}", *history) for number, history in enumerate(batch)]
    wrong: dict[str, Case] = {}
    for case, axis in disagreements(cases, COMPARED, seeds):
        wrong.setdefault(axis, case)
    explanations = []
    for axis, case in wrong.items():
        program, log = batch[cases.index(case)]
        log = shortened(program, log, axis, seeds)
        explanations.append(explain(program, log, axis, seeds))
    if explanations:
        pytest.fail("\n\n".join(explanations), pytrace=False)


def disagreements(
    cases: Sequence[Case], axes: Sequence[str], seeds: Seeds
) -> Iterator[tuple[Case, str]]:
    """The cases about which an axis says something else than a cold run."""
    runs = run_all(cases, ("cold", *axes), seeds)
    for axis in axes:
        for case in cases:
            if any(first_difference(case, runs["cold"], runs[axis])):
                yield case, axis


def run_all(cases: Sequence[Case], axes: Sequence[str], seeds: Seeds) -> dict[str, list[Run]]:
    """The runs of each axis, side by side."""

    def run(axis: str) -> list[Run]:
        with TemporaryDirectory() as root:
            return list(AXES[axis](Workspace(Path(root), cases, app=False, repeat=False), seeds))

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


def shortened(program: Program, log: Sequence[Edit], axis: str, seeds: Seeds) -> list[Edit]:
    """The edits without those that the disagreement does not need."""
    log = list(log)
    for index in reversed(range(len(log))):
        shorter = log[:index] + log[index + 1 :]
        if any(disagreements([case_of("program", program, shorter)], (axis,), seeds)):
            log = shorter
    return log


def explain(program: Program, log: Sequence[Edit], axis: str, seeds: Seeds) -> str:
    """What was done, what each run said, and what the files held."""
    case = case_of("program", program, log)
    runs = run_all([case], ("cold", axis), seeds)
    step, difference = first_difference(case, runs["cold"], runs[axis])
    if not step:
        return f"{axis} differs from a cold run, but only in a batch with other programs: {log}"
    lines = [f"{axis} differs from a cold run at step {step}:", *difference, "", "The edits:"]
    lines += [f"  {number}: {changes(program, log, number)}" for number in range(2, step + 1)]
    for path, text in case.tree(step).items():
        old = case.tree(step - 1).get(path) if step > 1 else text
        lines += ["", f"--- {path}{'' if old == text else ' (just edited)'}", text.rstrip()]
    return "\n".join(lines)


def changes(program: Program, log: Sequence[Edit], step: int) -> str:
    """What the edit before a step changed, and from what."""
    before: Mapping[str, str] = program
    for edit in log[: step - 2]:
        before = {**before, **edit}
    return "; ".join(f"{name}: {before[name]} -> {value}" for name, value in log[step - 2].items())
