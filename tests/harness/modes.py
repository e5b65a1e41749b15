"""The ways in which mypy is run over a workspace, each as its users run it: as a process.

The configuration names the plugin, as a user's does. What takes long and is the same for all,
the cache of the standard library and of third-party packages, is made once for a configuration
and copied; a cold run is one in which nothing of the cases is in the cache.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING, Final

from tests.harness.compare import Report, crashes, read_output

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.harness.workspace import Workspace

_FLAGS: Final = ("--no-error-summary", "--no-pretty", "--no-color-output", "--show-traceback")
_CACHE: Final = ".mypy_cache"
_LONGEST_RUN: Final = 300


@dataclass(frozen=True, slots=True)
class Run:
    """One run of mypy.

    Attributes:
        name: Which run of which step it was.
        step: The step that the files were at.
        reports: What was reported.
        output: All that was printed.
        status: The exit status.
    """

    name: str
    step: int
    reports: list[Report]
    output: str
    status: int

    @property
    def broken(self) -> bool:
        """Whether it did not get through, so that silence means nothing."""
        return self.status not in {0, 1} or bool(crashes(self.output))


class Seeds:
    """Caches that hold what the cases import, and nothing of the cases themselves."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._made: dict[tuple[str, str], Path] = {}
        self._lock = Lock()

    def plant(self, workspace: Workspace) -> None:
        """Gives a workspace a cache as it would be if only third-party code had been checked."""
        cache = workspace.root / _CACHE
        shutil.rmtree(cache, ignore_errors=True)
        shutil.copytree(self._seed(workspace), cache)

    def _seed(self, workspace: Workspace) -> Path:
        config = (workspace.root / "pyproject.toml").read_text(encoding="utf-8")
        imports = "".join(f"import {name}  # type: ignore\n" for name in workspace.imports())
        with self._lock:
            if (config, imports) not in self._made:
                seed = self._root / f"seed{len(self._made)}"
                seed.mkdir()
                (seed / "seed.py").write_text(imports, encoding="utf-8")
                flags = (*_FLAGS, "--cache-dir", str(seed / _CACHE))
                _run(workspace.root, "-m", "mypy", *flags, str(seed / "seed.py"))
                self._made[config, imports] = seed / _CACHE
            return self._made[config, imports]


def cold(workspace: Workspace, seeds: Seeds) -> Iterator[Run]:
    """Each step as if there had been none before."""
    for step in range(1, workspace.steps + 1):
        workspace.write(step)
        seeds.plant(workspace)
        yield _mypy(workspace, step, f"step {step}")


def thorough(workspace: Workspace, seeds: Seeds) -> Iterator[Run]:
    """Like ``cold``, with the interpreter's shortcuts off."""
    start = (
        "from mypy_asyncsession.semantic.interpreter import Interpreter\n"
        "from mypy.__main__ import console_entry\n"
        "Interpreter.thorough = True\n"
        "console_entry()"
    )
    for step in range(1, workspace.steps + 1):
        workspace.write(step)
        seeds.plant(workspace)
        status, output = _run(workspace.root, "-c", start, *_FLAGS, ".")
        yield Run(f"step {step}", step, read_output(output), output, status)


def warm(workspace: Workspace, seeds: Seeds) -> Iterator[Run]:
    """All steps with one cache, and each step again, with nothing edited."""
    yield from _with_one_cache(workspace, seeds)


def workers(workspace: Workspace, seeds: Seeds) -> Iterator[Run]:
    """Like ``warm``, by two processes."""
    yield from _with_one_cache(workspace, seeds, "-n", "2")


def bare(workspace: Workspace, seeds: Seeds) -> Iterator[Run]:
    """Like ``warm``, while mypy leaves unannotated bodies alone."""
    yield from _with_one_cache(workspace, seeds, "--no-check-untyped-defs")


def daemon(workspace: Workspace, _seeds: Seeds) -> Iterator[Run]:
    """All steps in one daemon, and each step again, with nothing edited."""
    dmypy = ("-m", "mypy.dmypy", "--status-file", "status.json")
    run = (*dmypy, "run", "--timeout", str(_LONGEST_RUN))  # it ends even if the tests are killed
    try:
        for step, name in _each_step(workspace):
            status, output = _run(workspace.root, *run, "--", *_FLAGS, ".")
            yield Run(name, step, read_output(output), output, status)
    finally:
        _run(workspace.root, *dmypy, "stop")


def check(workspace: Workspace, _seeds: Seeds) -> Iterator[Run]:
    """The command line on mypy's analysis, with its own cache."""
    yield from _check(workspace, "--engine", "mypy")


def parsed(workspace: Workspace, _seeds: Seeds) -> Iterator[Run]:
    """The command line as it is: without mypy's symbols and types, the modules are only parsed.

    Where a case skips the command line, it skips this as well.
    """
    yield from _check(workspace)


AXES: Final[dict[str, Callable[[Workspace, Seeds], Iterator[Run]]]] = {
    "cold": cold,
    "thorough": thorough,
    "warm": warm,
    "workers": workers,
    "bare": bare,
    "daemon": daemon,
    "check": check,
    "parsed": parsed,
}
#: What holds the interpreter's memory to the same findings, and `check --engine mypy`, which is the
#: plugin once more: `make test-long` asks them.
LONG_AXES: Final = frozenset({"check", "thorough"})


def _check(workspace: Workspace, *flags: str) -> Iterator[Run]:
    start = "import sys; from mypy_asyncsession.cli import main; sys.exit(main())"
    # A case may leave out modules that it has no use for.
    arguments = ("-c", start, "check", "--output", "json", "--allow-unchecked", *flags, ".")
    for step, name in _each_step(workspace):
        status, output = _run(workspace.root, *arguments)
        yield Run(name, step, list(_read_json(output)), output, status)


def _with_one_cache(workspace: Workspace, seeds: Seeds, *flags: str) -> Iterator[Run]:
    workspace.write(1)
    seeds.plant(workspace)
    for step, name in _each_step(workspace):
        yield _mypy(workspace, step, name, *flags)


def _each_step(workspace: Workspace) -> Iterator[tuple[int, str]]:
    for step in range(1, workspace.steps + 1):
        workspace.write(step)
        yield step, f"step {step}"
        if workspace.repeat:
            yield step, f"step {step} again"


def _mypy(workspace: Workspace, step: int, name: str, *flags: str) -> Run:
    status, output = _run(workspace.root, "-m", "mypy", *_FLAGS, *flags, ".")
    return Run(name, step, read_output(output), output, status)


def _run(directory: Path, *arguments: str) -> tuple[int, str]:
    """Runs Python in a directory: its exit status, and all that it printed."""
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("MYPY") and name not in {"FORCE_COLOR", "MYPYPATH"}
    }
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=directory,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        timeout=_LONGEST_RUN,
        check=False,
    )
    return done.returncode, done.stdout


def _read_json(output: str) -> Iterator[Report]:
    for line in output.splitlines():
        with contextlib.suppress(json.JSONDecodeError, TypeError, KeyError):
            fields = json.loads(line)
            path, number, code = fields["file"], fields["line"], fields["code"]
            if code is None:
                continue  # what was not checked
            yield Report(path, number, fields["severity"], code, fields["message"])
            if fields["hint"]:
                yield Report(path, number, "note", "", fields["hint"])
