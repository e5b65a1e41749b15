"""Installs a wheel into a clean environment, and uses all of it there.

usage: python tests/try_wheel.py WHEEL PYTHON...

PYTHON is an interpreter, such as ``python3.13``. For each of them an environment is made, with
nothing in it but the wheel and what pip installs along with it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

DEMO: Final = Path(__file__).resolve().parent.parent / "test-data" / "demo" / "shop"

#: What the demo has, by code.
FOUND: Final = ("session-depends", "session-with", "session-iter", "session-await")

_PLUGIN: Final = "[mypy]\nplugins = mypy_asyncsession.plugin\nignore_missing_imports = True\n"


class NotWorkingError(Exception):
    """The wheel does not work there; the message says what happened."""


def try_wheel(wheel: Path, python: str, folder: Path) -> str:
    """Install a wheel, and run the commands and the plugin from it.

    Args:
        wheel: The wheel.
        python: The interpreter to make an environment with.
        folder: Where to make it.

    Returns:
        What ``--version`` prints.

    Raises:
        NotWorkingError: Something does not do what it should.
    """
    venv, work = folder / "venv", folder / "work"
    _run(folder, 0, python, "-m", "venv", str(venv))
    scripts = venv / ("Scripts" if sys.platform == "win32" else "bin")
    own = str(scripts / "python")
    _run(folder, 0, own, "-m", "pip", "install", "--quiet", "--no-compile", str(wheel))
    work.mkdir()
    (work / ".git").mkdir()
    shutil.copytree(DEMO, work / "shop")
    command = str(scripts / "mypy-asyncsession")
    version = _run(work, 0, command, "--version")
    for codes in (
        _run(work, 1, command, "check", "shop"),
        _run(work, 0, command, "explain"),
        _run(work, 1, own, "-m", "mypy_asyncsession", "check", "--output", "sarif"),
    ):
        _expect(codes, *FOUND)
    _expect(_run(work, 0, command, "init", "--yes"), "mypy.ini is written.")
    (work / "mypy.ini").write_text(_PLUGIN, encoding="utf-8")
    _expect(_run(work, 1, own, "-m", "mypy", "shop"), *FOUND)
    return version.strip()


def _run(directory: Path, status: int, *command: str) -> str:
    # Nothing of the environment that this runs in must show through.
    clean = {name: text for name, text in os.environ.items() if not name.startswith("PYTHON")}
    clean.pop("VIRTUAL_ENV", None)
    done = subprocess.run(
        command,
        cwd=directory,
        env=clean,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode != status or "Traceback" in done.stdout:
        raise NotWorkingError(f"{' '.join(command)}: {done.returncode}\n{done.stdout}")
    return done.stdout


def _expect(output: str, *words: str) -> None:
    missing = [word for word in words if word not in output]
    if missing:
        raise NotWorkingError(f"{', '.join(missing)}: not in\n{output}")


def main() -> None:
    """Try one wheel on several Pythons."""
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    wheel = Path(sys.argv[1]).resolve()
    failed = False
    for python in sys.argv[2:]:
        with tempfile.TemporaryDirectory() as folder:
            try:
                said = try_wheel(wheel, python, Path(folder).resolve())
            except NotWorkingError as error:
                failed, said = True, f"failed: {error}"
        sys.stdout.write(f"{python}: {said}\n")
    sys.exit(failed)


if __name__ == "__main__":
    main()
