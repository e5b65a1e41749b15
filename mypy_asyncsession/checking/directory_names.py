"""The names in directories that an import could find, and what becomes of them."""

# ruff: noqa: PTH112
# Paths are strings, as they are to mypy; for thousands of files that is quicker, too.

from __future__ import annotations

import os
from hashlib import blake2b
from typing import TYPE_CHECKING, Final

from mypy_asyncsession.checking.file_times import state

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

#: What imports find, what says how, and what adds to where they are looked up.
_ENDS: Final = (".py", ".pyi", ".pth", "py.typed")


def names_in(folder: str) -> str:
    """A digest of the names in a directory that an import could find."""
    return digest_of(listed(folder))


def listed(folder: str) -> dict[str, bool] | None:
    """What is in a directory: by each name, whether it is a directory; ``None`` if it is closed."""
    try:
        with os.scandir(folder) as listing:
            return {entry.name: entry.is_dir() for entry in listing}
    except OSError:
        return None


class Listings(dict[str, "tuple[list[int] | None, dict[str, bool] | None]"]):
    """Directories, each read once: their states before that, and what is in them."""

    def __missing__(self, folder: str) -> tuple[list[int] | None, dict[str, bool] | None]:
        """Read a directory."""
        self[folder] = found = state(folder), listed(folder)
        return found


def digest_of(listed: dict[str, bool] | None) -> str:
    """A digest of the names in a directory that an import could find, as they were listed."""
    if listed is None:
        return ""
    found = sorted(
        f"{name}/" if is_dir else name
        for name, is_dir in listed.items()
        if ("." not in name or name.endswith(_ENDS)) and name != "__pycache__"
    )
    text = "\n".join(found).encode(errors="surrogateescape")
    return blake2b(text, digest_size=16).hexdigest()


def above_all(folders: Iterable[str]) -> set[str]:
    """The directories that some directories are in, and those that these are in."""
    found: set[str] = set()
    for folder in folders:
        current = os.path.dirname(folder)
        while current not in found:
            found.add(current)
            current = os.path.dirname(current)
    return found


def split(path: str) -> tuple[str, str]:
    """What ``os.path.split`` gives, which takes longer and is asked for thousands."""
    folder, _, name = path.rpartition(os.sep)
    return (folder, name) if name and folder.count(os.sep) else os.path.split(path)


def names_before(
    paths: Iterable[str], come: Sequence[str], gone: Sequence[str]
) -> Callable[[str], str]:
    """Reads the names in a directory as if files had neither come nor gone.

    Args:
        paths: The files as they were before.
        come: Those that have come.
        gone: Those that have gone.
    """
    before = above_all(paths)
    new: dict[str, set[str]] = {}
    old: dict[str, dict[str, bool]] = {}
    for path in come:
        inside = path
        while inside not in before:
            folder, name = split(inside)
            new.setdefault(folder, set()).add(name)
            inside = folder
    for path in gone:
        folder, name = split(path)
        old.setdefault(folder, {})[name] = False
        while not os.path.isdir(folder):
            folder, name = split(folder)
            old.setdefault(folder, {})[name] = True

    def read(folder: str) -> str:
        found = listed(folder)
        if found is None and folder not in old:
            return digest_of(None)
        left = {
            name: each for name, each in (found or {}).items() if name not in new.get(folder, ())
        }
        return digest_of({**left, **old.get(folder, {})})

    return read
