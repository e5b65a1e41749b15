"""Backups: the files as they were before they were mended."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

from mypy_asyncsession.checking.report import CannotRun, shown
from mypy_asyncsession.writing import write

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

#: In the cache directory: which backups are ours, so that no other file is taken for one.
_LIST = "backups.json"


class Backups:
    """The copies of files as they were before they were mended: ``FILE.bak``."""

    def __init__(self, folder: Path) -> None:
        """Work with the list that is kept in *folder*.

        Raises:
            CannotRun: It cannot be read.
        """
        self._path = folder / _LIST
        try:
            self._listed: dict[str, str] = json.loads(self._path.read_bytes())
        except FileNotFoundError:
            self._listed = {}
        except (OSError, ValueError) as error:
            raise CannotRun(f'"{self._path}" cannot be read: {error}') from None

    def keep(self, contents: Mapping[Path, bytes]) -> None:
        """Keep copies of some files.

        Raises:
            OSError: It cannot be done; no copy is kept.
        """
        made: list[Path] = []
        try:
            for path, content in contents.items():
                copy = Path(f"{path}.bak")
                with copy.open("xb") as new:
                    made.append(copy)
                    new.write(content)
                    new.flush()
                    os.fsync(new.fileno())
                copy.chmod(path.stat().st_mode & 0o7777)
                self._listed[str(path)] = _digest(content)
            self._save()
        except OSError:
            for copy in made:
                copy.unlink(missing_ok=True)
            raise

    def restore(self, folders: list[str], directory: str) -> Iterator[tuple[str, str | None]]:
        """Put copies back where they came from.

        Args:
            folders: The files and directories to restore, absolute.
            directory: The working directory, to which paths are shown relative.

        Yields:
            The path of a file, and why it was not restored, if it was not.
        """
        for name in sorted(self._listed):
            if not any(
                name == each or name.startswith(each.rstrip(os.sep) + os.sep) for each in folders
            ):
                continue
            path, copy = Path(name), Path(f"{name}.bak")
            try:
                content = copy.read_bytes()
                if _digest(content) != self._listed[name]:
                    yield shown(name, directory), "the backup was changed since"
                    continue
                if not path.exists():
                    yield shown(name, directory), "the file is gone, the backup is still there"
                    continue
                write(path, content)
                copy.unlink()
            except FileNotFoundError:
                yield shown(name, directory), "the backup is gone"
            except OSError as error:
                yield shown(name, directory), f"it cannot be written: {error.strerror}"
                continue
            else:
                yield shown(name, directory), None
            del self._listed[name]
            self._save()

    def _save(self) -> None:
        if not self._path.exists():
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._path.write_bytes(b"{}")
        write(self._path, json.dumps(self._listed, indent=1).encode())


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
