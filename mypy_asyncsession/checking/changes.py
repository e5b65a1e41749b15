"""Waiting until a file changes.

The files are looked at again and again: no library does that in the same way on every system and
every mount, and to list some thousand files takes a few hundredths of a second.
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Final

from mypy_asyncsession.checking.file_times import state
from mypy_asyncsession.checking.files import find_files
from mypy_asyncsession.checking.project import project
from mypy_asyncsession.checking.report import CannotRun
from mypy_asyncsession.config import ConfigError, discover, load, upwards

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

#: How many seconds there are between two looks, at the least, and how many times as long as one.
_PAUSE: Final = 0.3
_SHARE: Final = 10

#: What decides how files are checked.
_SETTINGS: Final = ("pyproject.toml", "mypy.ini", ".mypy.ini", "setup.cfg")


class Changes:
    """The files of a project, as they were when it was last looked at."""

    def __init__(self, paths: Sequence[str], others: Iterable[str] = ()) -> None:
        """Look at them.

        Args:
            paths: The files and directories that are checked. All below the working directory
                count with them: what is checked may import it.
            others: Other files that count.
        """
        self._directory = os.path.abspath(os.curdir)
        self._paths = [*paths, "."]
        self._others = [
            *(os.path.abspath(path) for path in others),
            *(str(folder / name) for folder in upwards(self._directory) for name in _SETTINGS),
        ]
        self._files: list[str] = []
        self._known = self._states()

    def wait(self) -> None:
        """Return when something has changed, and nothing more has for a moment."""
        while True:
            start = time.monotonic()
            now = self._states()
            if now != self._known:
                break
            time.sleep(max(_PAUSE, _SHARE * (time.monotonic() - start)))
        while now != self._known:
            self._known = now
            time.sleep(_PAUSE / 3)
            now = self._states()

    def _states(self) -> dict[str, list[int] | None]:
        try:
            config_file = discover(None, self._directory)
            selection = load(config_file).selection() if config_file is not None else None
            found = find_files(self._paths, project(self._directory), self._directory, selection)
            self._files = found.paths
        except (CannotRun, ConfigError):
            pass  # a configuration in the middle of an edit, or no file by now: those from before
        return {path: state(path) for path in (*self._files, *self._others)}
