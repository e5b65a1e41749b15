"""What ``check`` and the plugin cost on a tree, beside mypy and other checkers, in one run.

usage: python -m tests.bench.tree [--rounds N] [--fast] TREE [PATH]

TREE is the working directory, PATH what is checked in it (everything, if it is left out). TREE is
copied first, because files in it are edited. TREE may also be "shop", the demo's application, or
1x, 3x or 10x: then a tree of 500, 1,500 or 5,000 modules is made.

The commands take turns, N times, and the medians are printed as a table: wall time, processor time
and peak memory of all processes of a command. Ratios are to plain mypy on the same tree, cold.
``--fast`` leaves out the other checkers and all that is cold.
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Final

from tests.bench.generate import generate, sizes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_SETTINGS: Final = """\
[mypy]
check_untyped_defs = true
ignore_missing_imports = true
follow_imports = silent
many_errors_threshold = -1
"""
#: The other checkers, and the arguments with which they check a path.
_OTHERS: Final = {"ty": ("check",), "zuban": ("check",), "pyrefly": ("check",), "pyright": ()}

#: The application of the demo.
_SHOP: Final = Path(__file__).parents[2] / "test-data" / "demo"

#: What Linux's ``prctl`` calls it when orphans become one's children.
_CHILD_SUBREAPER: Final = 36

#: How often the memory of the processes is looked at, in seconds.
_EVERY: Final = 0.2


@dataclass(frozen=True, slots=True)
class Cost:
    """What one run took.

    Attributes:
        wall: Seconds of wall time.
        cpu: Seconds of processor time, of all its processes.
        memory: The most memory that its processes held at once, in MiB, as far as is known.
    """

    wall: float
    cpu: float
    memory: float


@dataclass(frozen=True, slots=True)
class Command:
    """A row of the table.

    Attributes:
        name: What stands in the table.
        arguments: The command.
        before: What is done to the tree before each run.
    """

    name: str
    arguments: list[str]
    before: Callable[[], None] = lambda: None


def measured(arguments: list[str], directory: Path) -> Cost:
    """Run a command to its end.

    Raises:
        SystemExit: It could not run: its exit status is neither 0 nor 1.
    """
    # Python keeps what it has compiled, as it does of what is installed.
    ours = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    start = time.monotonic()
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(arguments, cwd=directory, env=ours, stdout=log, stderr=log)
        ended = threading.Event()
        peak = [0.0]

        def watch() -> None:
            while not ended.wait(_EVERY):
                peak[0] = max(peak[0], sum(map(memory_of, family(process.pid))))

        watcher = threading.Thread(target=watch)
        watcher.start()
        _, status, used = os.wait4(process.pid, 0)
        wall = time.monotonic() - start
        cpu = used.ru_utime + used.ru_stime + sum(_of_orphans())
        ended.set()
        watcher.join()
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode not in (0, 1):
            log.seek(0)
            said = log.read().decode(errors="replace")[-500:]
            raise SystemExit(f"{' '.join(arguments)}: exit status {process.returncode}\n{said}")
    # Of what is over before it is looked at, the largest process is known.
    unit = 1024 * 1024 if sys.platform == "darwin" else 1024
    memory = max(peak[0], used.ru_maxrss / unit)
    return Cost(wall, cpu, memory)


def adopt_orphans() -> None:
    """Become the parent of processes whose own parent ends before them, where Linux does that."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_CHILD_SUBREAPER, 1, 0, 0, 0)


def _of_orphans() -> Iterator[float]:
    """Seconds of processor time of each process that a command has left, once it has ended."""
    with contextlib.suppress(ChildProcessError):
        while True:
            _, _, used = os.wait4(-1, 0)
            yield used.ru_utime + used.ru_stime


def family(pid: int) -> Iterator[int]:
    """A process and all that it started, where /proc tells."""
    yield pid
    try:
        for thread in Path(f"/proc/{pid}/task").iterdir():
            for child in (thread / "children").read_text().split():
                yield from family(int(child))
    except OSError:
        return  # it has ended, or this is no Linux


def memory_of(pid: int) -> float:
    """What a process holds of its own, its share of what it shares included, in MiB."""
    try:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii")
    except OSError:
        return 0
    lines = (line.split() for line in text.splitlines())
    return next((int(line[1]) / 1024 for line in lines if line[0] == "Pss:"), 0)


class Bench:
    """The commands to compare, on one copy of a tree."""

    def __init__(self, tree: Path, path: str, home: Path) -> None:
        self.tree = tree
        self.path = path
        self._home = home
        (home / "bare.ini").write_text(_SETTINGS)
        (home / "plugin.ini").write_text(f"{_SETTINGS}plugins = mypy_asyncsession.plugin\n")
        files = sorted((tree / path).rglob("*.py")) if (tree / path).is_dir() else [tree / path]
        self._leaf, self._definer = _leaf(files), _definer(files)

    def commands(self, *, fast: bool) -> Iterator[Command]:
        """All rows, in the order of the table; a warm run comes after one that filled its cache."""
        if not fast:
            for name, settings in (("mypy", "bare"), ("mypy, plugin", "plugin")):
                run = self._mypy(settings)
                yield Command(f"{name}, cold", run, self._without(settings))
                yield Command(f"{name}, warm", run)
            alone = [*self._mypy("bare"), "-n", "2"]
            yield Command("mypy, cold, 2 workers", alone, self._without("bare"))
            on_mypy = [*self._check(2), "--engine", "mypy"]
            yield Command("check on mypy, cold, 2 workers", on_mypy, self._without("check"))
            yield Command("check, cold, 1 process", self._check(0), self._without("check"))
            yield Command("check, cold", self._check(), self._without("check"))
        run = self._check(0)
        yield Command("check, nothing changed", run)
        yield Command("check, a leaf changed", run, lambda: _edit(self._leaf))
        yield Command("check, the providers changed", run, lambda: _edit(self._definer))
        if not fast:
            for other, arguments in _OTHERS.items():
                found = shutil.which(other)
                if found is not None:
                    yield Command(other, [found, *arguments, self.path])

    def _mypy(self, settings: str) -> list[str]:
        cache = str(self._home / settings)
        config = str(self._home / f"{settings}.ini")
        mypy = [sys.executable, "-m", "mypy", "--config-file", config, "--cache-dir", cache]
        return [*mypy, self.path]

    def _check(self, workers: int | None = None) -> list[str]:
        command = [
            sys.executable,
            "-m",
            "mypy_asyncsession",
            "check",
            "--allow-unchecked",
            self.path,
        ]
        number = [] if workers is None else ["--workers", str(workers)]
        return [*command, "--cache-dir", str(self._home / "check"), *number]

    def _without(self, cache: str) -> Callable[[], None]:
        return lambda: shutil.rmtree(self._home / cache, ignore_errors=True)


def _leaf(files: list[Path]) -> Path:
    """The module of usual size whose name stands in no import: nobody depends on it."""
    texts = {file: file.read_bytes() for file in files}
    imported: set[bytes] = set()
    for text in texts.values():
        for line in re.findall(rb"^.*\bimport\b.*$", text, re.MULTILINE):
            imported.update(re.findall(rb"\w+", line))
    by_size = sorted(files, key=lambda file: -len(texts[file]))
    usual = by_size[len(files) // 2 :]
    return next((file for file in usual if file.stem.encode() not in imported), usual[0])


def _definer(files: list[Path]) -> Path:
    """The module with the most async providers."""
    return max(files, key=lambda file: file.read_bytes().count(b"@asynccontextmanager"))


def _edit(file: Path) -> None:
    """Add a function, which changes the interface of the module."""
    name = f"added_{time.time_ns()}"
    with file.open("a", encoding="utf-8") as opened:
        opened.write(f"\n\ndef {name}(value: int) -> int:\n    return value + 1\n")


def table(costs: dict[str, list[Cost]]) -> Iterator[str]:
    """The lines of a table in Markdown."""
    base = costs.get("mypy, cold")
    yield "| | wall, s | CPU, s | peak, MiB | wall, of mypy cold |"
    yield "|---|--:|--:|--:|--:|"
    for name, found in costs.items():
        wall = median(cost.wall for cost in found)
        cpu = median(cost.cpu for cost in found)
        memory = median(cost.memory for cost in found)
        ratio = f"{wall / median(cost.wall for cost in base):.3f}" if base else ""
        yield f"| {name} | {wall:.2f} | {cpu:.2f} | {memory:.0f} | {ratio} |"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(usage=__doc__.split("\n\n", 2)[1] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--fast", action="store_true")
    parser.add_argument("tree")
    parser.add_argument("path", nargs="?", default=".")
    asked = parser.parse_args()
    adopt_orphans()
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder, "tree")
        if asked.tree in sizes():
            generate(tree, sizes()[asked.tree])
        else:
            ignored = shutil.ignore_patterns(".git", ".mypy_cache", ".mypy-asyncsession")
            named = _SHOP if asked.tree == "shop" else asked.tree
            shutil.copytree(named, tree, symlinks=True, ignore=ignored)
        home = Path(folder, "home")
        home.mkdir()
        bench = Bench(tree, asked.path, home)
        costs: dict[str, list[Cost]] = defaultdict(list)
        if asked.fast:
            for _ in range(2):  # it fills the cache; what is fresh is looked at once more
                measured(next(bench.commands(fast=True)).arguments, tree)
                time.sleep(2)
        for _ in range(asked.rounds):
            for command in bench.commands(fast=asked.fast):
                command.before()
                costs[command.name].append(measured(command.arguments, tree))
        print("\n".join(table(costs)))


if __name__ == "__main__":
    main()
