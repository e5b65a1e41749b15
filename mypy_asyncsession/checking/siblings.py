"""The projects that a project says it depends on, by where they are: its siblings in a repository.

A path dependency of uv's, Poetry's or PDM's names a directory; one of a workspace of uv's is known
by its name. Nothing is installed of these where a check runs, so imports are looked up in them.
"""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from mypy_asyncsession.checking.report import Problem, shown
from mypy_asyncsession.config import upwards
from mypy_asyncsession.reading import read_text

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

if TYPE_CHECKING:
    from collections.abc import Iterator

_FILE: Final = "pyproject.toml"

#: A dependency on a directory, as PEP 508 writes it, with the variable of PDM's or Hatch's.
_DIRECT: Final = re.compile(
    r"^\s*(?:-e\s+)?(?:([\w.-]+)\s*(?:\[[^\]]*\])?\s*@\s*)?file:/{0,3}"
    r"(?:\$\{PROJECT_ROOT\}|\{root:(?:uri|parent:uri)\}|\.)/+([^#\s;]+)"
)


def siblings(directory: str) -> tuple[list[str], list[Problem]]:
    """The directories that the project in a directory depends on, and which of them are missing.

    Args:
        directory: The directory, absolute.
    """
    own = _read(Path(directory, _FILE))
    folders: list[str] = []
    problems: list[Problem] = []
    for name, path in _dependencies(own):
        folder = os.path.normpath(os.path.join(directory, path)) if path is not None else None
        if folder is None:
            folder = _member(directory, name)
        if folder is not None and os.path.isdir(folder):  # noqa: PTH112
            folders.append(folder)
        elif folder is None or not os.path.lexists(folder):
            where = f'"{path}"' if path is not None else "the workspace"
            message = f'"{name}" is not in {where}: what is imported from it is not known'
            problems.append(Problem(shown(os.path.join(directory, _FILE), directory), 0, message))
    return list(dict.fromkeys(folders)), problems


def _dependencies(project: dict[str, Any]) -> Iterator[tuple[str, str | None]]:
    """The names of dependencies, with their directories, or ``None`` in a workspace."""
    for name, source in _table(project, "tool", "uv", "sources").items():
        for each in source if isinstance(source, list) else [source]:
            if isinstance(each, dict) and each.get("workspace") is True:
                yield name, None
            elif isinstance(each, dict) and isinstance(each.get("path"), str):
                yield name, each["path"]
    poetry = _table(project, "tool", "poetry")
    groups = [group for group in _table(poetry, "group").values() if isinstance(group, dict)]
    for group in (poetry, *groups):
        for key in ("dependencies", "dev-dependencies"):
            for name, source in _table(group, key).items():
                if isinstance(source, dict) and isinstance(source.get("path"), str):
                    yield name, source["path"]
    listed = _table(project, "project").get("dependencies", [])
    for extra in _table(project, "tool", "pdm", "dev-dependencies").values():
        listed = [*listed, *extra] if isinstance(extra, list) else listed
    for requirement in listed if isinstance(listed, list) else []:
        found = _DIRECT.match(requirement) if isinstance(requirement, str) else None
        if found is not None:
            path = found[2].rstrip("/")
            yield found[1] or os.path.basename(path), path


def _member(directory: str, name: str) -> str | None:
    """The directory of a member of the workspace that a directory is in."""
    for folder in upwards(directory):
        workspace = _table(_read(folder / _FILE), "tool", "uv", "workspace")
        patterns = workspace.get("members")
        if not isinstance(patterns, list):
            continue
        for pattern in filter(lambda each: isinstance(each, str) and each, patterns):
            try:
                members = sorted(folder.glob(pattern))
            except (ValueError, NotImplementedError, OSError):
                continue
            for member in members:
                called = _table(_read(member / _FILE), "project").get("name")
                if isinstance(called, str) and _normal(called) == _normal(name):
                    return str(member)
        return None
    return None


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _table(tables: dict[str, Any], *names: str) -> dict[str, Any]:
    found: Any = tables
    for name in names:
        found = found.get(name) if isinstance(found, dict) else None
    return found if isinstance(found, dict) else {}


def _read(path: Path) -> dict[str, Any]:
    """A file's tables; none if it cannot be read, which is for others to say."""
    try:
        return tomllib.loads(read_text(path))
    except (OSError, ValueError, RecursionError):
        return {}
