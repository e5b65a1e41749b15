"""Where the packages of a Python are, as its directories say: nothing of it is run.

A Python that lies in a checked tree, or that its configuration names, may be any program.
"""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from mypy_asyncsession.reading import read_bytes

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_CONFIGURATION: Final = "pyvenv.cfg"

#: Where packages are below the directory of a Python: of any, of Debian's, of one for Windows.
_PLACES: Final = (
    "lib/py*/site-packages",
    "lib64/py*/site-packages",
    "local/lib/py*/dist-packages",
    "lib/py*/dist-packages",
    "Lib/site-packages",
)

#: The directory of a Python's library, with its version.
_LIBRARY: Final = re.compile(r"(?:python|pypy)(\d+)\.(\d+)t?", re.IGNORECASE)

#: How much is read of a file that says where else packages are.
_MOST: Final = 1024 * 1024


def version_of(executable: Path) -> tuple[int, int] | None:
    """The version of a Python: what its environment says, else its name, else its library's."""
    home = _environment(executable)
    if home is not None:
        text = _text(home / _CONFIGURATION)
        match = re.search(r"^version(?:_info)?\s*=\s*(\d+)\.(\d+)", text, re.MULTILINE)
    else:
        match = _LIBRARY.match(_real(executable).name)
    if match is not None:
        return int(match[1]), int(match[2])
    found = {_numbers(folder) for folder in _below(executable, home)} - {None}
    return found.pop() if len(found) == 1 else None


def packages_of(executable: Path, version: tuple[int, int]) -> tuple[str, ...]:
    """The directories in which a Python looks for installed packages; none if it has no such."""
    home = _environment(executable)
    found = [*_of_version(_below(executable, home), version)]
    shares = True
    if home is not None:
        text = _text(home / _CONFIGURATION)
        shares = _value(text, "include-system-site-packages").lower() == "true"
        base = _value(text, "home")
        if shares and Path(base).is_absolute():
            found += _of_version(_folders(Path(base).parent), version)
    if found and shares:
        found = [*_of_user(version), *found]
    return tuple(dict.fromkeys(str(each) for folder in found for each in _with_links(folder)))


def _environment(executable: Path) -> Path | None:
    """The virtual environment that a Python is of."""
    for folder in (executable.parent, executable.parent.parent):
        if (folder / _CONFIGURATION).is_file():
            return folder
    return None


def _below(executable: Path, home: Path | None) -> Iterator[Path]:
    """The directories of packages of an environment, or of a Python, be it behind a link."""
    if home is not None:
        yield from _folders(home)
        return
    for path in dict.fromkeys((executable, _real(executable))):
        folder = path.parent
        yield from _folders(folder if sys.platform == "win32" else folder.parent)


def _real(executable: Path) -> Path:
    return Path(os.path.realpath(executable))


def _folders(prefix: Path) -> Iterator[Path]:
    seen: set[str] = set()  # lib64 is mostly a link
    for pattern in _PLACES:
        for folder in sorted(prefix.glob(pattern)):
            real = os.path.realpath(folder)
            if folder.is_dir() and real not in seen:
                seen.add(real)
                yield folder


def _of_version(folders: Iterable[Path], version: tuple[int, int]) -> Iterator[Path]:
    """Those that are of a version, or of none: Debian's are called ``python3``."""
    return (folder for folder in folders if _numbers(folder) in (version, None))


def _numbers(folder: Path) -> tuple[int, int] | None:
    match = _LIBRARY.fullmatch(folder.parent.name)
    return (int(match[1]), int(match[2])) if match is not None else None


def _of_user(version: tuple[int, int]) -> Iterator[Path]:
    if os.environ.get("PYTHONNOUSERSITE"):
        return
    base = os.environ.get("PYTHONUSERBASE") or os.path.expanduser("~/.local")  # noqa: PTH111
    folder = Path(base, "lib", "python{}.{}".format(*version), "site-packages")
    if folder.is_dir():
        yield folder


def _with_links(folder: Path) -> Iterator[Path]:
    """A directory, and those that the ``.pth`` files in it name; what else they say is code."""
    yield folder
    try:
        names = sorted(os.listdir(folder))  # noqa: PTH208
    except OSError:
        return
    for name in names:
        if not name.endswith(".pth") or name.startswith("."):
            continue
        for line in _text(folder / name).splitlines():
            if line.strip() and not line.startswith(("#", "import ", "import\t")):
                linked = Path(os.path.abspath(folder / line.strip()))
                if _is_folder(linked):
                    yield linked


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except (OSError, ValueError):
        return False


def _value(text: str, key: str) -> str:
    match = re.search(rf"^\s*{re.escape(key)}\s*=(.*)$", text, re.MULTILINE | re.IGNORECASE)
    return match[1].strip() if match is not None else ""


def _text(path: Path) -> str:
    """The text of a file, if it is one that can be read."""
    try:
        return read_bytes(path)[:_MOST].decode("utf-8-sig", errors="replace").replace("\0", "")
    except OSError:
        return ""
