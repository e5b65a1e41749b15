"""Which project a file belongs to: that of the nearest configuration."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mypy_asyncsession.checking.project import config_file
from mypy_asyncsession.config import ConfigError, discover, is_root, upwards

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


@dataclass(frozen=True, slots=True)
class Root:
    """A project.

    Attributes:
        directory: Its directory, absolute.
        paths: What of it is checked, relative to that.
    """

    directory: str
    paths: tuple[str, ...] = (".",)


def root_of(path: str, folders: Iterable[str]) -> Root:
    """The project of a file or directory.

    Args:
        path: Its path, absolute.
        folders: The directories that are open in the editor.
    """
    around = [folder for folder in folders if is_below(path, folder)]
    folder = max(around, key=len, default=None)
    start = path if os.path.isdir(path) else os.path.dirname(path)  # noqa: PTH112
    configured = _configured(start)
    if configured is not None and (folder is None or is_below(configured, folder)):
        return Root(configured)
    if folder is not None:
        return Root(folder)
    above = next((str(each) for each in upwards(start) if is_root(each)), None)
    if above is not None:
        return Root(above)
    # Nothing says what else belongs to it.
    return Root(start, (os.path.basename(path),)) if start != path else Root(start)


def _configured(directory: str) -> str | None:
    """The nearest directory with a configuration of ours or of mypy's."""
    found = []
    searches: tuple[Callable[[], Path | None], ...] = (
        lambda: discover(None, directory),
        lambda: config_file(directory),
    )
    for search in searches:
        try:
            path = search()
        except ConfigError as error:
            # Its message begins with the path of the file that cannot be read.
            path = Path(str(error).partition(": ")[0])
        if path is not None and is_below(directory, str(path.parent)):
            found.append(str(path.parent))
    return max(found, key=len, default=None)


def is_below(path: str, folder: str) -> bool:
    """Whether a path is that of a directory, or of something in it."""
    return path == folder or path.startswith(folder.rstrip(os.sep) + os.sep)
