"""Whose installed packages are read, and for which version of Python."""

from __future__ import annotations

import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mypy_asyncsession.checking.layout import packages_of, version_of
from mypy_asyncsession.checking.project import OLDEST_PYTHON
from mypy_asyncsession.checking.report import Problem, shown
from mypy_asyncsession.config import upwards

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy_asyncsession.checking.project import Project


@dataclass(frozen=True, slots=True)
class PythonEnvironment:
    """A Python whose packages are read.

    Attributes:
        executable: Absolute; the running one if there is no better. No other one is ever run.
        version: What the code is taken to be written for. Newer syntax is read all the same.
        packages: The directories that its packages are in; ``None`` of the running one, which
            knows them.
        problem: What is wrong with the one that was configured.
    """

    executable: str
    version: tuple[int, int]
    packages: tuple[str, ...] | None = None
    problem: Problem | None = None


def interpreter(project: Project, directory: str) -> PythonEnvironment:
    """The Python that is configured, else that of an environment, else the running one.

    The running one is often an environment of its own, made by pipx or uvx, which has none of the
    project's packages: so an environment that is active, or lies in the project, goes before it.
    """
    problem = None
    configured = project.python_executable
    if configured is not None:
        path = _found(configured, directory)
        read = _read(path, project) if path is not None else None
        if read is not None:
            return read
        # As it is written: what a variable stands for may be nobody's business.
        name = project.python_as_written or configured
        problem = Problem(
            shown(project.config_file or "", directory),
            0,
            f'python_executable: "{name}" '
            f"{'has no packages' if path is not None else 'does not exist'}: "
            "the packages that are installed beside mypy are read",
        )
    else:
        for environment in _environments(directory):
            for python in ("bin/python", "Scripts/python.exe"):
                if os.path.lexists(environment / python):
                    read = _read(environment / python, project)
                    if read is not None:
                        return read
                    problem = problem or Problem(
                        shown(str(environment), directory),
                        0,
                        "this environment has no packages: those that are installed beside mypy "
                        "are read",
                    )
    version = project.python_version or sys.version_info[:2]
    return PythonEnvironment(sys.executable, version, problem=problem)


def _found(configured: str, directory: str) -> Path | None:
    """Where a Python is; one that is only named is looked up as mypy does it."""
    # Not resolved: a link to another Python is what an environment is made of.
    path = Path(os.path.abspath(os.path.join(directory, configured)))
    if path.exists():
        return path
    found = shutil.which(configured) if os.sep not in configured else None
    return Path(os.path.abspath(found)) if found is not None else None


def _read(executable: Path, project: Project) -> PythonEnvironment | None:
    """A Python and its packages; ``None`` if it has none."""
    found = version_of(executable)
    read = max(found, OLDEST_PYTHON) if found is not None else sys.version_info[:2]
    version = project.python_version or read
    if executable.parent.parent.resolve() == Path(sys.prefix).resolve():
        return PythonEnvironment(sys.executable, version)
    packages = packages_of(executable, found or read)
    return PythonEnvironment(str(executable), version, packages) if packages else None


def _environments(directory: str) -> Iterator[Path]:
    active = os.environ.get("VIRTUAL_ENV")
    if active:
        yield Path(os.path.abspath(active))
    for folder in upwards(directory):
        for name in (".venv", "venv"):
            if (folder / name / "pyvenv.cfg").is_file():
                yield folder / name
