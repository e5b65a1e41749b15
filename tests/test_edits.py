"""After any sequence of edits, every way to run mypy says what a cold run says.

``ASYNCSESSION_EDITS`` is the number of batches of random programs to try, in place of the few
that a run of all tests has time for.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from difflib import unified_diff
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final

import pytest
from hypothesis import HealthCheck, Phase, Verbosity, given, settings
from hypothesis import strategies as st

from tests.harness.compare import is_ours
from tests.harness.modes import AXES, Seeds
from tests.harness.programs import case_of, edits, programs
from tests.harness.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from tests.harness.case import Case
    from tests.harness.compare import Report
    from tests.harness.modes import Run
    from tests.harness.programs import Edit, Program

BATCHES: Final = int(os.environ.get("ASYNCSESSION_EDITS", "4"))
PROGRAMS_IN_A_BATCH: Final = 12
EDITS_OF_A_PROGRAM: Final = 5
COMPARED: Final = ("warm", "workers", "daemon")
#: How often a sequence of edits that fails is tried again with one edit less.
TRIES_TO_SHORTEN: Final = 8

pairs = st.tuples(
    programs(), st.lists(edits(), min_size=EDITS_OF_A_PROGRAM, max_size=EDITS_OF_A_PROGRAM)
)


@pytest.fixture(scope="module")
def seeds(tmp_path_factory: pytest.TempPathFactory) -> Seeds:
    return Seeds(tmp_path_factory.mktemp("seeds"))


@settings(
    max_examples=BATCHES,
    derandomize=True,
    deadline=None,
    database=None,
    verbosity=Verbosity.quiet,  # what failed is explained below, not as a dump of the batch
    phases=[Phase.generate],  # shortened below: a batch takes long, and one program of it fails
    suppress_health_check=list(HealthCheck),
)
@given(st.lists(pairs, min_size=PROGRAMS_IN_A_BATCH, max_size=PROGRAMS_IN_A_BATCH))
def test_every_mode_says_what_a_cold_run_says(
    seeds: Seeds, batch: Sequence[tuple[Program, Sequence[Edit]]]
) -> None:
    cases = [case_of(f"program{n}", *pair) for n, pair in enumerate(batch)]
    for case, axis in disagreements(cases, COMPARED, seeds):
        program, log = batch[cases.index(case)]
        log = shortened(program, log, axis, seeds)
        pytest.fail(explain(program, log, axis, seeds), pytrace=False)


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
            return list(AXES[axis](Workspace(Path(root), cases, app=False), seeds))

    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        found = dict(zip(axes, pool.map(run, axes), strict=True))
    for axis, runs in found.items():
        for each in runs:
            if each.broken:
                pytest.fail(f"{axis}, {each.name}: {each.output[-3000:]}", pytrace=False)
    return found


def first_difference(case: Case, cold: Sequence[Run], runs: Sequence[Run]) -> tuple[int, list[str]]:
    """The first step at which the runs differ from the cold ones, and how; 0 if they do not."""
    expected = {run.step: [*findings(case, run.reports)] for run in cold}
    for run in runs:
        found = [*findings(case, run.reports)]
        if found != expected[run.step]:
            names = ("a cold run", run.name)
            return run.step, [*unified_diff(expected[run.step], found, *names, lineterm="")]
    return 0, []


def findings(case: Case, reports: Sequence[Report]) -> Iterator[str]:
    """Our errors for a case, each with the notes on its line."""
    own = [report for report in reports if report.path.startswith(case.package + "/")]
    lines = {(report.path, report.line) for report in own if is_ours(report.code)}
    for report in own:
        if is_ours(report.code) or (
            report.severity == "note" and (report.path, report.line) in lines
        ):
            yield str(report)


def shortened(program: Program, log: Sequence[Edit], axis: str, seeds: Seeds) -> list[Edit]:
    """The edits without which the disagreement would go away, as far as was tried."""
    log = list(log)
    for _ in range(TRIES_TO_SHORTEN):
        for index in reversed(range(len(log))):
            shorter = log[:index] + log[index + 1 :]
            if any(disagreements([case_of("program", program, shorter)], (axis,), seeds)):
                log = shorter
                break
        else:
            break
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
