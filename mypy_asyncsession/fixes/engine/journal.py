"""What a run is about to write, so that a run that was killed leaves nothing that nobody knows."""

from __future__ import annotations

import contextlib
import json
import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_NAME: Final = "writing-{}.json"


class Journal:
    """The new files that a run makes beside those that it is to put them in the place of."""

    def __init__(self, folder: Path | None) -> None:
        """Work in *folder*: the part of the cache directory that can be believed, if there is one.

        The list says which files to remove, so it must be nobody else's.
        """
        self._folder = folder

    def tidy(self) -> None:
        """Take away what runs have left that were killed."""
        if self._folder is None:
            return
        for path in sorted(self._folder.glob(_NAME.format("*"))):
            run = path.stem.partition("-")[2]
            if not run.isdecimal() or _is_running(int(run)):
                continue
            for name in _listed(path):
                _remove(name, run)
            with contextlib.suppress(OSError):
                path.unlink()

    @contextlib.contextmanager
    def writing(self, paths: Iterable[Path]) -> Iterator[None]:
        """Meanwhile, have it on record which files are written."""
        if self._folder is None:
            yield
            return
        record = self._folder / _NAME.format(os.getpid())
        names = [str(temporary(path)) for path in paths]
        with contextlib.suppress(OSError):  # without a cache directory there is no record
            record.write_text(json.dumps(names), encoding="utf-8")
        try:
            yield
        finally:
            with contextlib.suppress(OSError):
                record.unlink()


def temporary(path: Path) -> Path:
    """Where this run writes what is to come in the place of a file."""
    return path.with_name(f".{path.name}.{os.getpid()}.tmp")


def _is_running(run: int) -> bool:
    if run == os.getpid():
        return False
    try:
        os.kill(run, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def _listed(path: Path) -> list[str]:
    try:
        names = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return []  # it was killed while it wrote this, before anything else
    return [name for name in names if isinstance(name, str)] if isinstance(names, list) else []


def _remove(name: str, run: str) -> None:
    """Remove a file that a run made, and nothing that only has its name on a list."""
    path = Path(name)
    if not (path.name.startswith(".") and path.name.endswith(f".{run}.tmp")):
        return
    with contextlib.suppress(OSError):
        if stat.S_ISREG(path.lstat().st_mode):
            path.unlink()
