"""Every case in test-data, in every way in which mypy can be run, and executed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from tests.harness import prove
from tests.harness.case import Case, Mark, read_cases
from tests.harness.compare import differences
from tests.harness.modes import AXES, LONG_AXES, Run, Seeds
from tests.harness.statements import functions, headers
from tests.harness.workspace import TEST_DATA, Workspace, batches

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from concurrent.futures import Future

    from _pytest.mark import ParameterSet

PROOF: Final = "proof"
CASES: Final = [case for file in sorted(TEST_DATA.glob("*.test")) for case in read_cases(file)]


def parameters(*axes: str) -> list[ParameterSet]:
    """A pair for each case and each axis that it does not skip."""
    return [
        pytest.param(
            case,
            axis,
            id=f"{case.package}-{axis}",
            marks=pytest.mark.long if axis in LONG_AXES else (),
        )
        for case in CASES
        for axis in axes
        if axis not in case.skips and not (axis == "parsed" and "check" in case.skips)
    ]


def selection(request: pytest.FixtureRequest) -> list[tuple[Case, str]]:
    """The cases and axes of the tests of this file that are about to run."""
    found = []
    for item in request.session.items:
        parameters = item.callspec.params if hasattr(item, "callspec") else {}
        case, axis = parameters.get("case"), parameters.get("axis")
        if item.path == request.path and isinstance(case, Case) and isinstance(axis, str):
            found.append((case, axis))
    return found


@dataclass(frozen=True)
class Batches:
    """The runs of each axis over each batch, started when the first of them is asked for."""

    futures: dict[tuple[str, str], Future[list[Run]]]

    def runs(self, case: Case, axis: str) -> list[Run]:
        """The runs of an axis over the batch that a case belongs to."""
        return self.futures[case.package, axis].result()


@pytest.fixture(scope="module")
def mypy_runs(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Batches]:
    """All the runs that the selected tests need, side by side on the machine's cores."""
    selected: dict[str, list[Case]] = {}
    for case, axis in selection(request):
        selected.setdefault(axis, []).append(case)
    selected.pop(PROOF, None)
    seeds = Seeds(tmp_path_factory.mktemp("seeds"))
    futures: dict[tuple[str, str], Future[list[Run]]] = {}
    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        for axis, cases in selected.items():
            for batch in batches(cases):
                workspace = Workspace(tmp_path_factory.mktemp(axis), batch)
                future = pool.submit(lambda axis, w: list(AXES[axis](w, seeds)), axis, workspace)
                futures.update({(case.package, axis): future for case in batch})
        yield Batches(futures)
        pool.shutdown(cancel_futures=True)


@pytest.mark.parametrize(("case", "axis"), parameters(*AXES))
def test_findings(case: Case, axis: str, mypy_runs: Batches) -> None:
    problems: dict[str, list[str]] = {}
    for run in mypy_runs.runs(case, axis):
        if run.broken:
            pytest.fail(f"{axis}, {run.name}: {run.output[-2000:]}", pytrace=False)
        for difference in differences(case, run.step, run.reports):
            problems.setdefault(difference, []).append(run.name)
    if problems:
        lines = [f"{problem}\n   in {', '.join(names)}" for problem, names in problems.items()]
        pytest.fail("\n".join([f"{case.source}: {case.name} [{axis}]", *lines]), pytrace=False)


@dataclass(frozen=True)
class Outcome:
    """What one function of a case did when it was called."""

    entry: str
    error: str | None
    lines: list[tuple[str, int]]
    unawaited: list[tuple[str, int]]


@pytest.fixture(scope="module")
def outcomes(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> dict[tuple[str, int], list[Outcome]]:
    """What the functions of each selected case did, at each step."""
    cases = [case for case, axis in selection(request) if axis == PROOF]
    found: dict[tuple[str, int], list[Outcome]] = {}
    workspace = Workspace(tmp_path_factory.mktemp(PROOF), cases)
    for step in range(1, workspace.steps + 1):
        workspace.write(step)
        packages = [case.package for case in cases if step <= len(case.trees)]
        done = subprocess.run(
            [sys.executable, "-B", prove.__file__, str(workspace.root), *packages],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            timeout=300,
            check=True,
        )
        for line in done.stdout.splitlines():
            fields = json.loads(line)
            lines = [(path, number) for path, number in fields["lines"]]
            unawaited = [(path, number) for path, number in fields.get("unawaited", [])]
            outcome = Outcome(fields["entry"], fields["error"], lines, unawaited)
            found.setdefault((fields["package"], step), []).append(outcome)
    return found


@pytest.mark.parametrize(("case", "axis"), parameters(PROOF))
def test_proof(case: Case, axis: str, outcomes: dict[tuple[str, int], list[Outcome]]) -> None:
    """The marked lines fail when they are executed, and nothing else does."""
    problems = []
    for step, tree in enumerate(case.trees, 1):
        expected = {(mark.path, mark.line) for mark in case.marks(step) if fails(mark)}
        expected |= case.silent_lines(step)
        neglected = {
            (mark.path, mark.line) for mark in case.marks(step) if mark.code == "session-unawaited"
        }
        side_by_side = {
            (mark.path, mark.line) for mark in case.marks(step) if mark.code == "session-concurrent"
        }
        reached: set[tuple[str, int]] = set()
        unawaited: set[tuple[str, int]] = set()
        called = outcomes.get((case.package, step), [])
        if not called:
            problems.append(f"step {step}: main.py has no function to call")
        for outcome in called:
            unawaited.update(outcome.unawaited)
            if outcome.error is None:
                continue
            lines = {line for path, n in outcome.lines for line in statement(path, n, tree[path])}
            lines |= {each for each in side_by_side if around(*each, tree) & set(outcome.lines)}
            if not lines & (expected | neglected):
                problems.append(
                    f"step {step}: {outcome.entry}: {outcome.error} at {outcome.lines[-1:]}"
                )
            reached |= lines & expected
        problems += [
            f"step {step}: {path}:{line} does not fail: {tree[path].splitlines()[line - 1].strip()}"
            for path, line in sorted(expected - reached)
        ]
        if neglected:
            problems += [
                f"step {step}: {path}:{line}: what is made there is "
                + ("never awaited" if (path, line) in unawaited else "awaited")
                for path, line in sorted(unawaited ^ neglected)
                if (path, line) not in case.silent_lines(step)
            ]
    if problems:
        pytest.fail("\n".join([f"{case.source}: {case.name} [{axis}]", *problems]), pytrace=False)


#: The codes of what raises an exception when it is executed.
_FAILING: Final = frozenset(
    {
        "async-with",
        "async-iter",
        "async-await",
        "session-with",
        "session-iter",
        "session-await",
        "session-concurrent",
        "session-lazy-load",
        "session-unentered",
        "session-expired",
        "session-transaction",
    }
)


def fails(mark: Mark) -> bool:
    """Whether what is marked raises an exception when it is executed.

    What is declared to FastAPI fails in a request, if at all; calls that leave FastAPI out fail.
    A manager whose function yields never or twice fails where it is entered or left, and what a
    decorator gives to a function fails in that.
    """
    if any(part.startswith(("generator didn't", "which wants")) for part in mark.parts):
        return False
    if mark.code == "session-depends":
        return "outside of FastAPI" in mark.parts
    return mark.code in _FAILING


def statement(path: str, line: int, text: str) -> set[tuple[str, int]]:
    """The lines of the simple statement, or of the header of the compound one, at a line."""
    return {(path, number) for number in headers(text).get(line, range(line, line + 1))}


def around(path: str, line: int, tree: Mapping[str, str]) -> set[tuple[str, int]]:
    """The lines of the function around a line: a task that it has started may fail at any."""
    return {(path, number) for number in functions(tree[path]).get(line, ())}


def test_the_cases_are_found() -> None:
    assert {Path(case.source.partition(":")[0]).stem for case in CASES} >= {
        "session-with",
        "session-iter",
        "session-await",
        "providers",
        "session-depends",
        "depends-type",
        "interactions",
        "incremental",
    }
