"""The directory that a check keeps between runs, and what it remembers of the last one."""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import json
import shutil
import sys
import tempfile
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import mypy_asyncsession
from mypy_asyncsession.checking.build_retries import Trouble
from mypy_asyncsession.checking.place import CACHED
from mypy_asyncsession.checking.report import CannotRun

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mypy_asyncsession.checking.place import Place

#: What is built in place of a file that mypy cannot read: whatever is imported from it is unknown.
_PLACEHOLDER: Final = "from typing import Any\n\ndef __getattr__(name: str) -> Any: ...\n"

_MEMORY: Final = "last-run.json"

_WORK: Final = "work-"

#: After how many seconds a directory to work in is taken for one that a run left behind.
_LEFT_BEHIND: Final = 24 * 60 * 60


@dataclass(slots=True)
class Memory:
    """What the last runs found out about files, by absolute path.

    Attributes:
        by: What it depends on besides the files.
        seen: When a file was last changed, as of the last time that it was checked.
        troubles: Which files are not built as they are.
        states: When these were changed, and their sizes.
        tree: A digest of all that was checked when the last of them were found.
    """

    by: list[object]
    seen: dict[str, int] = field(default_factory=dict)
    troubles: dict[str, Trouble] = field(default_factory=dict)
    states: dict[str, tuple[int, int]] = field(default_factory=dict)
    tree: str = ""


class Cache:
    """The private directory: what mypy caches, and the few files that a run needs."""

    def __init__(self, folder: Path, *, temporary: bool = False) -> None:
        self._folder = folder
        self._temporary = temporary
        (folder / "in-place-of").mkdir(exist_ok=True)
        _tidy(folder)
        self._work = Path(tempfile.mkdtemp(prefix=_WORK, dir=folder))

    @classmethod
    def open(cls, place: Place, chosen: str | None = None, part: str = "") -> Cache:
        """The directory, made ready; if it cannot be, and nobody has chosen it, another one.

        Args:
            place: Where it is to be.
            chosen: The directory that was chosen, or ``None``.
            part: The directory in it to use.

        Raises:
            CannotRun: The directory that was chosen cannot be written to.
        """
        try:
            place.prepare()
            if place.private is not None:
                folder = place.private / part
                folder.mkdir(parents=True, exist_ok=True)
                return cls(folder)
        except OSError as error:
            if chosen is not None:
                raise CannotRun(
                    f'the cache directory "{chosen}" cannot be written to: {error.strerror}'
                ) from None
        return cls(Path(tempfile.mkdtemp(prefix="mypy-asyncsession-")), temporary=True)

    def close(self) -> None:
        """Remove what is not to stay."""
        shutil.rmtree(self._folder if self._temporary else self._work, ignore_errors=True)

    @property
    def folder(self) -> Path:
        """The directory itself."""
        return self._folder

    @property
    def work(self) -> Path:
        """A new and empty directory for mypy and its workers to run in.

        It is the first place in which they look for what they import, unless Python is told
        otherwise, which is possible from 3.11 on.
        """
        return self._work

    def program(self, key: str) -> Path:
        """Where mypy caches one program."""
        return self._folder / f"{CACHED}{hashlib.sha256(key.encode()).hexdigest()[:8]}"

    def placeholder(self, *, package: bool) -> str:
        """A file that can be built in place of one that mypy cannot read."""
        path = self._folder / "in-place-of" / ("__init__.py" if package else "module.py")
        _write_once(path, _PLACEHOLDER)
        return str(path)

    def files(self, texts: Mapping[str, str]) -> str:
        """A directory that holds *texts*, by their paths in it, and nothing else."""
        digest = hashlib.sha256(json.dumps(sorted(texts.items())).encode()).hexdigest()[:8]
        folder = self._folder / f"names-{digest}"
        for path, text in texts.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            _write_once(folder / path, text)
        return str(folder)

    def settings(self, text: str) -> str:
        """A TOML file that holds *text*."""
        name = hashlib.sha256(text.encode()).hexdigest()[:8]
        path = self._folder / f"settings-{name}.toml"
        _write_once(path, text)
        return str(path)

    def remember(self, *how: object) -> Memory:
        """What is remembered of runs that are made like this one, by these versions."""
        by = [" ".join(map(str, how)), *_versions()]
        try:
            stored: dict[str, Any] = json.loads((self._folder / _MEMORY).read_bytes())
            if stored["by"] == by:
                troubles = {path: Trouble(**why) for path, why in stored["troubles"].items()}
                states = {path: tuple(state) for path, state in stored["states"].items()}
                return Memory(by, stored["seen"], troubles, states, stored["tree"])
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            pass  # no memory, or none that we can use
        return Memory(by)

    def save(self, memory: Memory) -> None:
        """Remember this for the next run; not being able to is no reason to stop."""
        text = json.dumps(asdict(memory))
        with contextlib.suppress(OSError):
            _write(self._folder / _MEMORY, text)


def _versions() -> list[object]:
    """What a memory depends on besides the files: importing mypy only to ask it takes too long."""
    found = importlib.util.find_spec("mypy")
    path = Path(found.origin).with_name("version.py") if found and found.origin else None
    changed = path.stat().st_mtime_ns if path is not None and path.exists() else 0
    return [mypy_asyncsession.__version__, list(sys.version_info[:3]), str(path), changed]


def _tidy(folder: Path) -> None:
    """Remove empty directories that runs left behind which were ended by force."""
    old = time.time() - _LEFT_BEHIND
    for path in folder.glob(f"{_WORK}*"):
        with contextlib.suppress(OSError):
            if path.lstat().st_mtime < old:
                path.rmdir()


def _write_once(path: Path, text: str) -> None:
    if not path.exists():
        _write(path, text)


def _write(path: Path, text: str) -> None:
    """Write a file in one step: other runs may be reading it."""
    with tempfile.NamedTemporaryFile(
        "w", dir=path.parent, prefix=path.name, delete=False, encoding="utf-8"
    ) as new:
        try:
            with new:
                new.write(text)
            Path(new.name).replace(path)
        except OSError:
            with contextlib.suppress(OSError):
                Path(new.name).unlink()
            raise
