"""The directory that is kept between runs: whether it is ours, and what in it can be believed.

A checked tree may bring a directory of this name along, made to hide what a check would find. So
what is read again lies below it, in one whose name nobody knows who does not know a key. The key
is kept in the user's own cache directory, or given in an environment variable.
"""

from __future__ import annotations

import contextlib
import os
import stat
import sys
import tempfile
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Final

from mypy_asyncsession.checking.report import CannotRun
from mypy_asyncsession.config import is_root, upwards
from mypy_asyncsession.reading import read_bytes

#: The name in the working directory of what is kept between runs.
FOLDER: Final = ".mypy-asyncsession"

#: How the names of the directories in it begin that mypy caches programs in.
CACHED: Final = "cache-"

#: The variable with the key, for where there is no home to keep it in.
KEY_VARIABLE: Final = "MYPY_ASYNCSESSION_CACHE_KEY"

_KEY_SIZE: Final = 32

_TAG: Final = "CACHEDIR.TAG"
_SIGNATURE: Final = (
    "Signature: 8a477f597d28d172789f06886806bc55\n"
    "# This directory was made by mypy-asyncsession, and can be deleted at any time.\n"
)
_IGNORED: Final = "# Made by mypy-asyncsession\n*\n"


@dataclass(frozen=True, slots=True)
class Place:
    """Where something is kept between runs.

    Attributes:
        folder: The directory, as it was chosen.
        private: The one in it that holds what is read again; ``None`` if there is no key, and so
            nothing that could be believed.
    """

    folder: Path
    private: Path | None

    def prepare(self) -> None:
        """Make the directory, and mark it as ours.

        Raises:
            OSError: It cannot be written to.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=self.folder):
            pass
        _write_new(self.folder / _TAG, _SIGNATURE)
        _write_new(self.folder / ".gitignore", _IGNORED)


def place(directory: str, chosen: str | None) -> Place:
    """Where to keep what.

    Args:
        directory: The working directory, absolute.
        chosen: The directory that was named, relative to that; ``None`` if none was.

    Raises:
        CannotRun: It is a link, or there are files in it that are not ours.
    """
    folder = Path(os.path.abspath(os.path.join(directory, chosen or FOLDER)))
    shown = chosen or FOLDER
    try:
        found = os.lstat(folder)
    except OSError:
        pass  # it is still to be made
    else:
        if stat.S_ISLNK(found.st_mode):
            raise CannotRun(
                f'the cache directory "{shown}" is a symbolic link: name another --cache-dir'
            )
        if stat.S_ISDIR(found.st_mode) and not _is_ours(folder):
            raise CannotRun(
                f'"{shown}" was not made by mypy-asyncsession and is not empty: '
                "name another --cache-dir"
            )
    key = _key(directory)
    if key is None:
        return Place(folder, None)
    name = blake2b(os.fsencode(folder), key=key, digest_size=16).hexdigest()
    return Place(folder, folder / name)


def _is_ours(folder: Path) -> bool:
    """Whether a directory has our mark, or nothing in it."""
    try:
        return _read(folder / _TAG) == _SIGNATURE.encode() or not os.listdir(folder)  # noqa: PTH208
    except OSError:
        return True  # it cannot be read: whoever tries to write to it says why


def _key(directory: str) -> bytes | None:
    """What nobody knows who only wrote the files of a tree; made at the first time."""
    given = os.environ.get(KEY_VARIABLE)
    if given:
        return blake2b(given.encode(errors="surrogateescape"), digest_size=_KEY_SIZE).digest()
    home = _user_cache()
    if home is None or _is_below(home, directory):
        return None
    path = home / "mypy-asyncsession" / "key"
    with contextlib.suppress(OSError):
        if not os.path.lexists(path):
            _make_key(path)
        return _read_key(path)
    return None


def _user_cache() -> Path | None:
    """The user's cache directory, if there is a user."""
    if sys.platform == "win32":
        chosen, otherwise = os.environ.get("LOCALAPPDATA", ""), "~/AppData/Local"
    elif sys.platform == "darwin":
        chosen, otherwise = "", "~/Library/Caches"
    else:
        chosen, otherwise = os.environ.get("XDG_CACHE_HOME", ""), "~/.cache"
    path = Path(chosen if os.path.isabs(chosen) else os.path.expanduser(otherwise))  # noqa: PTH111, PTH117
    return path if path.is_absolute() else None


def _is_below(home: Path, directory: str) -> bool:
    """Whether the files of the tree may be those of the user's cache directory."""
    above = list(upwards(directory))
    root = above[-1] if is_root(above[-1]) else above[0]
    return Path(os.path.realpath(home)).is_relative_to(os.path.realpath(root))


def _make_key(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor, new = tempfile.mkstemp(dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as opened:
            opened.write(os.urandom(_KEY_SIZE))
        os.replace(new, path)  # noqa: PTH105
    except OSError:
        with contextlib.suppress(OSError):
            os.unlink(new)  # noqa: PTH108
        raise


def _read_key(path: Path) -> bytes | None:
    """The key, if it is the user's alone."""
    found = os.lstat(path)
    if hasattr(os, "geteuid") and (found.st_uid != os.geteuid() or found.st_mode & 0o077):
        return None
    key = _read(path)
    return key if key is not None and len(key) == _KEY_SIZE else None


def _read(path: Path) -> bytes | None:
    """What is in a file; ``None`` if it is a link, or no file."""
    try:
        if stat.S_ISLNK(os.lstat(path).st_mode):
            return None
        return read_bytes(path)
    except FileNotFoundError:
        return None


def _write_new(path: Path, text: str) -> None:
    """Write a file that is not there yet; none is left that is only half of it."""
    if os.path.lexists(path):
        return
    try:
        opened = open(path, "x", encoding="utf-8")  # noqa: PTH123, SIM115
    except FileExistsError:
        return
    try:
        with opened:
            opened.write(text)
    except OSError:
        with contextlib.suppress(OSError):
            path.unlink()
        raise
