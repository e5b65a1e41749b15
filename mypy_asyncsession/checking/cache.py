"""The directory that a check keeps between runs, and what it remembers of the last one."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import shutil
import sys
import tempfile
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

import mypy_asyncsession
from mypy_asyncsession.checking.attempts import Trouble
from mypy_asyncsession.checking.report import CannotRun

#: What is built in place of a file that mypy cannot read: whatever is imported from it is unknown.
_PLACEHOLDER: Final = "from typing import Any\n\ndef __getattr__(name: str) -> Any: ...\n"

_MEMORY: Final = "last-run.json"


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
        self._work = folder / "work"
        self._work.mkdir(exist_ok=True)
        (folder / "in-place-of").mkdir(exist_ok=True)
        _write_once(folder / ".gitignore", "# Made by mypy-asyncsession\n*\n")
        _write_once(
            folder / "CACHEDIR.TAG",
            "Signature: 8a477f597d28d172789f06886806bc55\n"
            "# This directory was made by mypy-asyncsession, and can be deleted at any time.\n",
        )

    @classmethod
    def open(cls, folder: Path, chosen: str | None = None) -> Cache:
        """The directory, made ready; if it cannot be, and nobody has chosen it, another one.

        Args:
            folder: Where it is to be.
            chosen: The directory that was chosen, or ``None``.

        Raises:
            CannotRun: The directory that was chosen cannot be written to.
        """
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=folder):
                return cls(folder)
        except OSError as error:
            if chosen is not None:
                raise CannotRun(
                    f'the cache directory "{chosen}" cannot be written to: {error.strerror}'
                ) from None
            return cls(Path(tempfile.mkdtemp(prefix="mypy-asyncsession-")), temporary=True)

    def close(self) -> None:
        """Remove the directory if it is not to stay."""
        if self._temporary:
            shutil.rmtree(self._folder, ignore_errors=True)

    @property
    def folder(self) -> Path:
        """The directory itself."""
        return self._folder

    @property
    def work(self) -> Path:
        """An empty directory for mypy and its workers to run in."""
        return self._work

    def program(self, key: str) -> Path:
        """Where mypy caches one program."""
        return self._folder / f"cache-{hashlib.sha256(key.encode()).hexdigest()[:8]}"

    def placeholder(self, *, package: bool) -> str:
        """A file that can be built in place of one that mypy cannot read."""
        path = self._folder / "in-place-of" / ("__init__.py" if package else "module.py")
        _write_once(path, _PLACEHOLDER)
        return str(path)

    def settings(self, text: str) -> str:
        """A TOML file that holds *text*."""
        name = hashlib.sha256(text.encode()).hexdigest()[:8]
        path = self._folder / f"settings-{name}.toml"
        _write_once(path, text)
        return str(path)

    def remember(self, settings: str) -> Memory:
        """What is remembered of runs with these settings, by these versions."""
        by = [settings, *_versions()]
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
        try:
            with tempfile.NamedTemporaryFile(
                "w", dir=self._folder, prefix=_MEMORY, delete=False, encoding="utf-8"
            ) as new:
                new.write(text)
            Path(new.name).replace(self._folder / _MEMORY)
        except OSError:
            pass


def _versions() -> list[object]:
    """What a memory depends on besides the files: importing mypy only to ask it takes too long."""
    found = importlib.util.find_spec("mypy")
    path = Path(found.origin).with_name("version.py") if found and found.origin else None
    changed = path.stat().st_mtime_ns if path is not None and path.exists() else 0
    return [mypy_asyncsession.__version__, list(sys.version_info[:3]), str(path), changed]


def _write_once(path: Path, text: str) -> None:
    if not path.exists():
        path.write_text(text, encoding="utf-8")
