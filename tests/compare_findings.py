"""What two commits find in a tree: the findings that only one of them has.

usage: python tests/compare_findings.py [--engine ENGINE] OLD NEW TREE [PATH ...]

OLD and NEW are commits, or ``.`` for the working tree; TREE is copied, and each of them checks the
PATHs in it (all of it if there are none), cold and strict. A finding is its file, line, column and
code: words may change. The exit status is 1 if they differ.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
from pathlib import Path
from typing import Any, Final, TypeAlias

ROOT: Final = Path(__file__).resolve().parent.parent
LEFT_OUT: Final = ("__pycache__", ".git", ".mypy_cache", ".mypy-asyncsession", ".venv")

#: File, line, column and code.
Finding: TypeAlias = "tuple[str, int, int, str]"


def engine_at(commit: str, folder: Path) -> Path:
    """A folder with the sources of a commit, from which Python imports them."""
    if commit == ".":
        return ROOT
    archive = subprocess.run(
        ["git", "archive", commit, "mypy_asyncsession", "stubs"],
        cwd=ROOT,
        check=True,
        stdout=subprocess.PIPE,
    ).stdout
    with tarfile.open(fileobj=io.BytesIO(archive)) as packed:
        packed.extractall(folder, filter="data")
    return folder


def findings(
    engine: Path, tree: Path, paths: list[str], cache: Path, options: list[str]
) -> dict[Finding, str]:
    """What one engine finds, with its words."""
    run = subprocess.run(
        [
            *(sys.executable, "-m", "mypy_asyncsession", "check", *paths, "--strict"),
            *("--output", "json", "--workers", "0", "--cache-dir", str(cache)),
            *options,
        ],
        cwd=tree,
        env=os.environ | {"PYTHONPATH": str(engine)},
        capture_output=True,
        text=True,
        check=False,
    )
    # 2 is also the status where something could not be checked.
    if run.returncode not in (0, 1, 2) or (run.returncode == 2 and "{" not in run.stdout):
        sys.exit(f"{engine}: it could not run\n{run.stdout[-2000:]}{run.stderr[-2000:]}")
    found: dict[Finding, str] = {}
    for line in run.stdout.splitlines():
        if line.startswith("{"):
            row: dict[str, Any] = json.loads(line)
            if row["severity"] == "error":
                key = (row["file"], row["line"], row["column"], row["code"])
                found[key] = row["message"]
    return found


def say(line: str) -> None:
    """Print a line at once."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main() -> int:
    """Compare, and print what differs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--engine", help="what `check` is to use, where it has a choice")
    parser.add_argument("old")
    parser.add_argument("new")
    parser.add_argument("tree", type=Path)
    parser.add_argument("paths", nargs="*")
    given = parser.parse_args()
    options = ["--engine", given.engine] if given.engine else []
    sides: list[dict[Finding, str]] = []
    with tempfile.TemporaryDirectory() as made:
        place = Path(made)
        tree = place / "tree"
        shutil.copytree(given.tree, tree, ignore=shutil.ignore_patterns(*LEFT_OUT), symlinks=True)
        for name, commit in (("old", given.old), ("new", given.new)):
            engine = engine_at(commit, place / name)
            begun = time.perf_counter()
            sides.append(findings(engine, tree, given.paths, place / f"{name}-cache", options))
            taken = time.perf_counter() - begun
            say(f"{name} {commit}: {len(sides[-1])} findings in {taken:.1f} s")
    old, new = sides
    for mark, one, other in (("-", old, new), ("+", new, old)):
        for key in sorted(one.keys() - other.keys()):
            path, line, column, code = key
            say(f"{mark} {path}:{line}:{column}: {one[key]}  [{code}]")
    return int(old.keys() != new.keys())


if __name__ == "__main__":
    sys.exit(main())
