"""What the plugin and ``check`` cost on a tree, beside mypy and ty, all in one run.

usage: python tests/benchmark.py TREE [PATH]

TREE is the working directory, PATH what is checked in it (everything, if it is left out). Prints
seconds of processor time and of wall time; the ratios are to mypy on the same tree.
"""

from __future__ import annotations

import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SETTINGS = """\
[mypy]
check_untyped_defs = true
ignore_missing_imports = true
follow_imports = silent
many_errors_threshold = -1
"""


def measured(command: list[str], tree: str) -> tuple[float, float]:
    """The processor time and the wall time of a command and its children, in seconds."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.monotonic()
    subprocess.run(command, cwd=tree, capture_output=True, check=False)
    wall = time.monotonic() - start
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, wall


def main() -> None:
    """Print the table."""
    if len(sys.argv) not in (2, 3):
        raise SystemExit(__doc__)
    tree, path = sys.argv[1], sys.argv[2] if len(sys.argv) == 3 else "."
    folder = Path(tempfile.mkdtemp())
    bare, with_plugin = folder / "bare.ini", folder / "plugin.ini"
    bare.write_text(SETTINGS)
    with_plugin.write_text(SETTINGS + "plugins = mypy_asyncsession.plugin\n")
    mypy = [sys.executable, "-m", "mypy"]
    check = [sys.executable, "-m", "mypy_asyncsession", "check", path]
    commands = {
        "mypy": [*mypy, "--config-file", str(bare), "--cache-dir", str(folder / "a"), path],
        "mypy with the plugin": [
            *mypy, "--config-file", str(with_plugin), "--cache-dir", str(folder / "b"), path,
        ],
        "check": [*check, "--cache-dir", str(folder / "c")],
    }  # fmt: skip
    print(f"{'':28}{'cpu s':>8}{'wall s':>8}{'cpu ratio':>11}")
    for state in ("cold", "warm"):
        base = 0.0
        for name, command in commands.items():
            cpu, wall = measured(command, tree)
            base = base or cpu
            print(f"{name + ', ' + state:28}{cpu:8.1f}{wall:8.1f}{cpu / base:11.2f}")
    if shutil.which("ty"):
        cpu, wall = measured(["ty", "check", path], tree)
        print(f"{'ty':28}{cpu:8.1f}{wall:8.1f}")
    shutil.rmtree(folder)


if __name__ == "__main__":
    main()
