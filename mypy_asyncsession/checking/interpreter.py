"""Whose installed packages are read, and for which version of Python."""

from __future__ import annotations

import os
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mypy_asyncsession.checking.project import OLDEST_PYTHON
from mypy_asyncsession.checking.report import Problem
from mypy_asyncsession.config import upwards

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy_asyncsession.checking.project import Project


@dataclass(frozen=True, slots=True)
class Interpreter:
    """A Python whose packages are read.

    Attributes:
        executable: Absolute; the running one if there is no better.
        version: What the code is taken to be written for. Newer syntax is read all the same.
        problem: What is wrong with the one that was configured.
    """

    executable: str
    version: tuple[int, int]
    problem: Problem | None = None


def interpreter(project: Project, directory: str) -> Interpreter:
    """The Python that is configured, else that of an environment, else the running one.

    The running one is often an environment of its own, made by pipx or uvx, which has none of the
    project's packages: so an environment that is active, or lies in the project, goes before it.
    """
    problem = None
    if project.python_executable is not None:
        # Not resolved: a link to another Python is what an environment is made of.
        path = os.path.abspath(os.path.join(directory, project.python_executable))
        if Path(path).exists() or os.sep not in project.python_executable:
            version = project.python_version or _version(Path(path))
            return Interpreter(path if Path(path).exists() else project.python_executable, version)
        problem = Problem(
            project.config_file or "",
            0,
            f'python_executable: "{project.python_executable}" does not exist: '
            "the packages that are installed beside mypy are read",
        )
    else:
        for environment in _environments(directory):
            for python in ("bin/python", "Scripts/python.exe"):
                if (environment / python).exists():
                    path = str(environment / python)
                    version = project.python_version or _version(environment / python)
                    same = environment.resolve() == Path(sys.prefix).resolve()
                    return Interpreter(sys.executable if same else path, version)
    return Interpreter(sys.executable, project.python_version or sys.version_info[:2], problem)


def _environments(directory: str) -> Iterator[Path]:
    active = os.environ.get("VIRTUAL_ENV")
    if active:
        yield Path(active)
    for folder in upwards(directory):
        for name in (".venv", "venv"):
            if (folder / name / "pyvenv.cfg").is_file():
                yield folder / name


def _version(executable: Path) -> tuple[int, int]:
    """The version of an environment's Python, as it was when the environment was made."""
    try:
        text = (executable.parent.parent / "pyvenv.cfg").read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return sys.version_info[:2]
    match = re.search(r"^version(?:_info)?\s*=\s*(\d+)\.(\d+)", text, re.MULTILINE)
    return max((int(match[1]), int(match[2])), OLDEST_PYTHON) if match else sys.version_info[:2]
