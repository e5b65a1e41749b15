"""What a run looked at on disk, and whether that is still as it was.

A file is the same if its times, its size and its inode are, or its content. A directory counts by
the names in it that an import could find: so a module that was not there, and would be found before
another one, is noticed, and a log file or ``__pycache__`` is not minded.

Whatever was changed so shortly before the run that its time could stay the same when it is changed
once more is not known by its time.
"""

# ruff: noqa: PTH123
# Paths are strings, as they are to mypy; for thousands of files that is quicker, too.

from __future__ import annotations

import os
import time
from dataclasses import dataclass, field
from hashlib import blake2b
from itertools import chain
from typing import TYPE_CHECKING, Any, Final

from mypy_asyncsession.checking.directory_names import (
    Listings,
    above_all,
    digest_of,
    names_before,
    names_in,
    split,
)
from mypy_asyncsession.checking.file_times import state

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from typing_extensions import Self

    from mypy_asyncsession.checking.python_environment import PythonEnvironment
    from mypy_asyncsession.config import Config

#: By how many nanoseconds a time must be past: file systems keep two seconds at the worst.
_SETTLED: Final = 2_000_000_000

#: What makes a package of a directory.
_PACKAGES: Final = ("__init__.py", "__init__.pyi")

#: What Python runs at its start, and may add to where imports are looked up.
_AT_START: Final = (".pth", "sitecustomize.py", "usercustomize.py")


@dataclass(frozen=True, slots=True)
class Looked:
    """What a build looked at.

    Attributes:
        files: The files that are there, with their states.
        missing: The paths at which there was nothing.
        folders: The directories in which installed packages are looked up.
    """

    files: dict[str, list[int]] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)
    folders: list[str] = field(default_factory=list)

    def outside(self, folder: Path) -> Looked:
        """What of it lies outside a directory whose files are always the same."""
        inside = os.path.join(folder, "")
        files = {path: known for path, known in self.files.items() if not path.startswith(inside)}
        return Looked(files, self.missing, self.folders)

    def encode(self) -> dict[str, Any]:
        """As an object for JSON, of the values that it is made of."""
        return {"files": self.files, "missing": self.missing, "folders": self.folders}

    def add(self, other: Looked) -> None:
        """Add what another build looked at."""
        self.files.update(other.files)
        self.missing.extend(other.missing)
        self.folders.extend(other.folders)


@dataclass(frozen=True, slots=True)
class Before:
    """What there was before a run began to read.

    Attributes:
        start: When that was, in nanoseconds.
        sources: The files to check, in order, with their states.
        others: Files that are read beside mypy, with their states.
        folders: Directories that decide what is built, with digests of the names in them.
        missing: Paths at which there was nothing, in the directories above the project.
    """

    start: int
    sources: dict[str, list[int]]
    others: dict[str, list[int]]
    folders: dict[str, str]
    missing: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Snapshot:
    """The state of all that a run looked at.

    Attributes:
        sources: The files to check, in order: their states, and digests of their contents.
        others: Other files, in the same way.
        folders: Directories: their states, and digests of the names in them.
        missing: Paths at which there is nothing, in directories above those that are searched.
        renewed: Whether something has another state by now, and is the same all the same.

    A state is ``None`` if it was too fresh to tell.
    """

    sources: dict[str, tuple[list[int] | None, str]]
    others: dict[str, tuple[list[int] | None, str]]
    folders: dict[str, tuple[list[int] | None, str]]
    missing: list[str] = field(default_factory=list)
    renewed: bool = False

    @classmethod
    def take(cls, before: Before, looked: Looked, old: Snapshot | None) -> Self | None:
        """The snapshot of a run that has just ended.

        The states are those from before anything was read, so one of a file that was changed
        meanwhile is another one by now. The content counts as well, which may be the old one
        again, as where packages were installed anew: so they are looked at once more.

        Args:
            before: What was there when it began.
            looked: What the builds looked at.
            old: An older one: what is unchanged since need not be read again.

        Returns:
            ``None`` if something was changed meanwhile.
        """
        old = old or cls({}, {}, {})
        start = before.start
        sources = _contents(before.sources, old.sources, start)
        rest = {**looked.files, **before.others}
        at_start = chain.from_iterable(map(_at_start, looked.folders))
        rest |= {path: found for path in at_start if (found := state(path)) is not None}
        rest = {path: found for path, found in rest.items() if path not in before.sources}
        others = _contents(rest, old.others, start)
        if sources is None or others is None:
            return None
        folders: dict[str, tuple[list[int] | None, str]] = {}
        listings = Listings()
        missing = [*before.missing]
        above = above_all(before.folders).difference(before.folders, looked.folders)
        for folder, absent in sorted(_to_watch(before, looked, listings).items()):
            if folder in above:
                # What else comes and goes beside a project is nothing to it.
                missing += (os.path.join(folder, name) for name in sorted(absent))
                continue
            found_now = listings[folder][0] if folder in listings else state(folder)
            known, digest = old.folders.get(folder, (None, None))
            if digest is None or found_now is None or known != found_now:
                found_now, listed = listings[folder]
                digest = digest_of(listed)
                if not absent.isdisjoint(listed or ()):
                    return None
            if before.folders.get(folder, digest) != digest:
                return None
            folders[folder] = (found_now and _settled(found_now, start), digest)
        if any(map(os.path.lexists, missing)):
            return None
        return cls(sources, others, folders, missing)

    def holds(self, paths: Iterable[str]) -> bool:
        """Whether all is as it was, and *paths* are the files to check; it may go on to do so."""
        now = time.time_ns()
        # An edit is mostly one of these files: then the many others need not be looked at.
        return (
            list(paths) == list(self.sources)
            and self._same(self.sources, _content, now)
            and self._rest_holds(now)
        )

    def changed(self, paths: Iterable[str]) -> list[str] | None:
        """The files to check that have changed since, come or gone, if nothing else has.

        Args:
            paths: The files to check.
        """
        now = time.time_ns()
        files = dict.fromkeys(paths)
        come = [path for path in files if path not in self.sources]
        gone = [path for path in self.sources if path not in files]
        if not self._rest_holds(now, come, gone):
            return None
        left = [(path, each) for path, each in self.sources.items() if path in files]
        edited = [path for path, each in left if not self._same({path: each}, _content, now)]
        return [*come, *gone, *edited]

    def is_after(self, other: Snapshot, changed: Iterable[str]) -> bool:
        """Whether what files hold is what it was in another one, but for those that have changed.

        It is not where one was edited after it had been asked what has changed.
        """
        aside = {*changed}
        return all(
            path in aside or path not in old or old[path][1] == digest
            for new, old in ((self.sources, other.sources), (self.others, other.others))
            for path, (_, digest) in new.items()
        )

    def with_rest_of(self, other: Snapshot) -> Snapshot:
        """The same, with what another one has besides the files to check."""
        others, folders = {**other.others, **self.others}, {**other.folders, **self.folders}
        missing = list(dict.fromkeys((*other.missing, *self.missing)))
        return Snapshot(self.sources, others, folders, missing, self.renewed)

    def _rest_holds(self, now: int, come: Sequence[str] = (), gone: Sequence[str] = ()) -> bool:
        """Whether all else is as it was, and what is in directories but for files come and gone."""
        read = names_before(self.sources, come, gone) if come or gone else names_in
        return (
            self._same(self.folders, read, now)
            and self._same(self.others, _content, now)
            and not any(map(os.path.lexists, self.missing))
        )

    def _same(
        self,
        states: dict[str, tuple[list[int] | None, str]],
        read: Callable[[str], str | None],
        now: int,
    ) -> bool:
        """Whether files or directories hold what they held; their states become those of now."""
        for path, (known, digest) in states.items():
            found = state(path)
            if found is None:
                return False
            if known is None or found != known:
                if read(path) != digest:
                    return False
                settled = _settled(found, now)
                states[path] = (settled, digest)
                self.renewed |= settled != known
        return True

    def encode(self) -> dict[str, Any]:
        """As an object for JSON."""
        return {
            "sources": self.sources,
            "others": self.others,
            "folders": self.folders,
            "missing": self.missing,
        }

    @classmethod
    def decode(cls, values: dict[str, Any]) -> Self:
        """What ``encode`` made an object of.

        Raises:
            ValueError, TypeError, KeyError, AttributeError: It is something else.
        """
        return cls(
            {path: (known, digest) for path, (known, digest) in values["sources"].items()},
            {path: (known, digest) for path, (known, digest) in values["others"].items()},
            {path: (known, digest) for path, (known, digest) in values["folders"].items()},
            list(values["missing"]),
        )


def _settled(found: list[int], now: int) -> list[int] | None:
    """A state, if the next change cannot leave it as it is."""
    return found if max(found[:2]) < now - _SETTLED else None


def _contents(
    found: Mapping[str, list[int]],
    old: Mapping[str, tuple[list[int] | None, str]],
    start: int,
) -> dict[str, tuple[list[int] | None, str]] | None:
    """The states of files, with digests of their contents; ``None`` if one has changed."""
    contents: dict[str, tuple[list[int] | None, str]] = {}
    for path, each in found.items():
        known, digest = old.get(path, (None, None))
        if known != each:
            digest = _content(path)
        if digest is None or state(path) != each:
            return None
        contents[path] = (_settled(each, start), digest)
    return contents


def _content(path: str) -> str | None:
    try:
        with open(path, "rb", buffering=0) as opened:
            return blake2b(opened.read(), digest_size=16).hexdigest()
    except OSError:
        return None


def _at_start(folder: str) -> Iterator[str]:
    try:
        names = os.listdir(folder)  # noqa: PTH208
    except OSError:
        return
    yield from (os.path.join(folder, name) for name in names if name.endswith(_AT_START))


def _to_watch(before: Before, looked: Looked, listings: Listings) -> dict[str, set[str]]:
    """The directories in which something could come to be found, and what was not in them.

    Where a directory is not there, that is so of its name in the nearest one above it that is.
    """
    missing: dict[str, set[str]] = {folder: set() for folder in (*before.folders, *looked.folders)}
    for path in looked.missing:
        folder, name = split(path)
        missing.setdefault(folder, set()).add(name)
    watched: dict[str, set[str]] = {}
    for folder, absent in missing.items():
        while True:
            above, name = split(folder)
            # Mostly it would be in one that has many others: then they are not asked for singly.
            listed = listings[above][1] if above in missing else None
            if listed is not None:
                is_dir, is_there = listed.get(name, False), name in listed
            else:
                is_dir, is_there = os.path.isdir(folder), os.path.lexists(folder)  # noqa: PTH112
            if is_dir or above == folder:
                break
            # It may be a file.
            folder, absent = above, set() if is_there else {name}  # noqa: PLW2901
        watched.setdefault(folder, set()).update(absent)
    return watched


def what_was_there(
    start: int,
    files: Mapping[str, list[int] | None],
    python: PythonEnvironment,
    config: Config,
    searched: Iterable[str],
    directory: str,
) -> Before | None:
    """What there was when a run began; ``None`` if something has changed since, or is not there."""
    home = os.path.dirname(python.executable)
    settings = [os.path.join(home, "pyvenv.cfg"), os.path.join(os.path.dirname(home), "pyvenv.cfg")]
    beside = [python.executable, *filter(os.path.exists, settings)]
    # Those above the project are only asked whether they are packages.
    above = [each for each in searched if directory.startswith(os.path.join(each, ""))]
    asked = {each: [os.path.join(each, name) for name in _PACKAGES] for each in above}
    missing = [path for paths in asked.values() for path in paths if not os.path.lexists(path)]
    above = [each for each, paths in asked.items() if set(paths).issubset(missing)]
    folders = {*searched}.difference(above)
    for overlay in config.overlays:
        for folder, _, names in os.walk(overlay):
            folders.add(folder)
            beside += (os.path.join(folder, name) for name in names if name.endswith(".pyi"))
    others = {path: state(path) for path in beside}
    states = (*map(state, folders), *others.values())
    changed = (max(found[:2]) for found in states if found is not None)
    if None in others.values() or None in files.values() or any(time >= start for time in changed):
        return None
    return Before(
        start,
        {path: found for path, found in files.items() if found is not None},
        {path: found for path, found in others.items() if found is not None},
        {folder: names_in(folder) for folder in folders},
        missing,
    )
