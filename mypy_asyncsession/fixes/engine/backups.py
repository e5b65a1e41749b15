"""Backups: the files as they were before they were fixed."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

from mypy_asyncsession.checking.report import CannotRun, shown
from mypy_asyncsession.fixes.engine.journal import temporary
from mypy_asyncsession.writing import write

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

#: In the cache directory: which backups are ours, so that no other file is taken for one.
_LIST = "backups.json"


class Backups:
    """The copies of files as they were before they were fixed: ``FILE.bak``."""

    def __init__(self, folder: Path) -> None:
        """Work with the list that is kept in *folder*.

        Raises:
            CannotRun: It cannot be read.
        """
        #: The list.
        self.path = folder / _LIST
        try:
            self._listed = _read(self.path.read_bytes())
        except FileNotFoundError:
            self._listed = {}
        except (OSError, ValueError) as error:
            raise CannotRun(f'"{self.path}" cannot be read: {error}') from None

    def keep(self, contents: Mapping[Path, bytes]) -> None:
        """Keep copies of some files.

        Raises:
            OSError: It cannot be done; no copy is kept.
        """
        made: list[Path] = []
        before = dict(self._listed)
        try:
            # Listed before they are made: whoever is killed in between leaves none that nobody
            # knows. No file is edited before all of them are whole.
            for path, content in contents.items():
                if os.path.lexists(f"{path}.bak"):
                    raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), f"{path}.bak")
                self._listed[str(path)] = _digest(content)
            self._save()
            for path, content in contents.items():
                copy = Path(f"{path}.bak")
                with copy.open("xb") as new:
                    made.append(copy)
                    new.write(content)
                    new.flush()
                    os.fsync(new.fileno())
                copy.chmod(path.stat().st_mode & 0o7777)
        except OSError:
            for copy in made:
                copy.unlink(missing_ok=True)
            self._listed = before
            with contextlib.suppress(OSError):
                self._save()
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
            below = [each for each in folders if _is_in(name, each)]
            if not below:
                continue
            path, copy = Path(name), Path(f"{name}.bak")
            if not any(_is_really_in(name, each) for each in below):
                # Who made the tree can have made the list, too.
                yield shown(name, directory), 'it is somewhere else, by a link or by ".."'
                continue
            try:
                if self._is_unfinished(path, copy):
                    copy.unlink(missing_ok=True)
                    yield shown(name, directory), None
                    del self._listed[name]
                    self._save()
                    continue
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

    def _is_unfinished(self, path: Path, copy: Path) -> bool:
        """Whether the run was killed before it was done with the copy, and edited nothing."""
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            return False
        if _digest(content) != self._listed[str(path)]:
            return False
        try:
            return content.startswith(copy.read_bytes())
        except FileNotFoundError:
            return True

    def _save(self) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        write(self.path, json.dumps(self._listed, indent=1).encode(), temporary(self.path))


def _read(text: bytes) -> dict[str, str]:
    """The list.

    Raises:
        ValueError: It is not one of ours.
    """
    listed = json.loads(text)
    if not isinstance(listed, dict) or not all(isinstance(each, str) for each in listed.values()):
        raise ValueError("it is not a list of backups")
    return listed


def _is_in(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip(os.sep) + os.sep)


def _is_really_in(path: str, folder: str) -> bool:
    """Whether a file and its copy are in a folder, also once links and ``..`` are followed."""
    if Path(f"{path}.bak").is_symlink():
        return False
    real = os.path.realpath(folder)
    return path == folder or all(
        _is_in(os.path.realpath(each), real) for each in (os.path.dirname(path), path)
    )


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
