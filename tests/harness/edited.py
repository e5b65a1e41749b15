"""Backends on disk that are edited step by step, and how each way to run mypy is compared."""

from __future__ import annotations

import contextlib
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from tests.harness import backends
from tests.harness.case import Case
from tests.harness.compare import is_ours
from tests.harness.modes import AXES
from tests.harness.workspace import Workspace, write_toml

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path
    from random import Random

    from tests.harness.modes import Run, Seeds

_CONFIG: Final[dict[str, Any]] = {
    "mypy": {
        "plugins": ["mypy_asyncsession.plugin"],
        "check_untyped_defs": True,
        "exclude": ["^overlays/"],
    },
    "mypy-asyncsession": {"overlays": ["overlays"]},
}


@dataclass(frozen=True)
class State:
    """What everything is at one step.

    Attributes:
        chosen: Each backend, by the name of its package.
        configuration: The name of the configuration.
        log: What was edited to get here.
    """

    chosen: Mapping[str, Mapping[str, str]]
    configuration: str
    log: Sequence[str] = ()

    def files(self) -> dict[str, str]:
        """All files but the configuration, by path."""
        found = {"overlays/notes.pyi": ""}
        for package, chosen in self.chosen.items():
            for path, text in backends.render(package, chosen).items():
                found[f"{package}/{path}"] = text
            for path, text in backends.overlay(package, chosen).items():
                found[f"overlays/{path}"] = text
        return found


def history(random: Random, packages: int, steps: int, *, configure: bool = True) -> list[State]:
    """A random history of some backends, each of which is edited at each step."""
    names = [f"backend{number}" for number in range(packages)]
    state = State({name: backends.random_choice(random) for name in names}, "plain")
    states = [state]
    for _ in range(steps):
        chosen, log = {}, []
        for name, before in state.chosen.items():
            after = backends.edited(random, before)
            chosen[name] = after
            log += [f"{name} {k}: {before[k]} -> {v}" for k, v in after.items() if before[k] != v]
        configuration = state.configuration
        if configure and random.random() < 0.15:
            configuration = random.choice(sorted(backends.CONFIGURATIONS))
            log.append(f"configuration: {state.configuration} -> {configuration}")
        # A file that cannot be parsed stops mypy, so there is one at most, or nothing is tested.
        for name in [name for name in names if chosen[name]["broken"] != "none"][1:]:
            chosen[name]["broken"] = "none"
        state = State(chosen, configuration, log)
        states.append(state)
    return states


class Edited(Workspace):
    """Backends, and their history."""

    def __init__(self, root: Path, states: Sequence[State]) -> None:
        super().__init__(root, [Case("backends", "", "backends", ({},))], app=False, repeat=False)
        self.states = states
        self.steps = len(states)

    def write(self, step: int) -> None:
        """Brings the files to the state of a step, and touches no other file."""
        state = self.states[step - 1]
        old = self.states[step - 2].files() if step > 1 else {}
        new = state.files()
        for path in old.keys() - new.keys():
            (self.root / path).unlink()
        for path, text in new.items():
            if old.get(path) != text:
                self._write_file(self.root / path, text, step)
        before = self.states[step - 2].configuration if step > 1 else None
        if state.configuration != before:
            added = backends.CONFIGURATIONS[state.configuration]
            tools = {name: {**values, **added.get(name, {})} for name, values in _CONFIG.items()}
            write_toml(self.root / "pyproject.toml", {"tool": tools})

    def imports(self) -> list[str]:
        """The modules from outside that the files import."""
        return ["fastapi", "sqlalchemy.ext.asyncio", "sqlalchemy.orm"]


def anew(axis: str, workspace: Workspace, seeds: Seeds) -> Iterator[Run]:
    """A way of ``check``, each time as if it were the first."""
    for run in AXES[axis](workspace, seeds):
        yield run
        with contextlib.suppress(FileNotFoundError):
            shutil.rmtree(workspace.root / ".mypy-asyncsession")


def findings(run: Run) -> list[str]:
    """Our errors with their notes; all that is said where mypy was stopped."""
    lines = {(report.path, report.line) for report in run.reports if is_ours(report.code)}
    return sorted(
        str(report)
        for report in run.reports
        if is_ours(report.code)
        or (not report.code and (report.path, report.line) in lines)
        or report.code == "syntax"
    )
