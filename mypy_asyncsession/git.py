"""What git knows of a file, asked in a way in which the repository has nothing run.

A repository's own configuration names programs: to watch files, to filter and to compare them, to
fetch what is missing. A tree that was unpacked brings that configuration along, and one that was
cloned may hold a bare repository in a folder. So git is asked for objects alone, which it reads
without filters, and may neither fetch anything nor take a folder for such a repository.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path

#: Configuration that goes before that of a repository.
_SAFE: Final = (
    *("-c", "core.fsmonitor=false"),
    *("-c", f"core.hooksPath={os.devnull}"),
    *("-c", "safe.bareRepository=explicit"),
)

#: Of the same kind: no object is fetched, by no protocol, and nobody is asked for a password.
_ENVIRONMENT: Final = {
    "GIT_ALLOW_PROTOCOL": "none",
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_TERMINAL_PROMPT": "0",
}

#: What git sets for a hook, which may be of another repository, and is relative to another folder.
_LOCAL: Final = (
    *("GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_COMMON_DIR", "GIT_DIR", "GIT_INDEX_FILE"),
    *("GIT_INTERNAL_SUPER_PREFIX", "GIT_NAMESPACE", "GIT_OBJECT_DIRECTORY", "GIT_PREFIX"),
    *("GIT_SHALLOW_FILE", "GIT_WORK_TREE"),
)


def content(path: Path, ref: str) -> bytes | None:
    """A file as it is in a commit; ``None`` if git does not know."""
    if ref.startswith("-"):
        return None
    done = _run(path.parent, "cat-file", "blob", f"{ref}:./{path.name}")
    return done.stdout if done is not None and done.returncode == 0 else None


def is_changed(path: Path) -> bool:
    """Whether the last commit has a file in another form, or not at all.

    Line endings do not count: git may change them on the way. Where there is no git, or no
    repository, nothing is changed.
    """
    done = _run(path.parent, "rev-parse", "--verify", "--quiet", f"HEAD:./{path.name}")
    if done is None or done.returncode > 1:
        return False
    if done.returncode == 1:
        return True
    known = done.stdout.decode("ascii", errors="replace").strip()
    try:
        text = path.read_bytes()
    except OSError:
        return True
    return known not in (_object(text, known), _object(text.replace(b"\r\n", b"\n"), known))


def _object(text: bytes, like: str) -> str:
    """The name that git gives to a content, in the algorithm of another name."""
    data = b"blob %d\0%b" % (len(text), text)
    if len(like) == hashlib.sha256().digest_size * 2:
        return hashlib.sha256(data).hexdigest()
    return hashlib.sha1(data, usedforsecurity=False).hexdigest()


def _run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[bytes] | None:
    program = _program()
    if program is None:
        return None
    environment = {name: value for name, value in os.environ.items() if name not in _LOCAL}
    try:
        return subprocess.run(
            [program, *_SAFE, *arguments],
            cwd=folder,
            env={**environment, **_ENVIRONMENT},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
        )
    except OSError:
        return None


def _program() -> str | None:
    """Git, but not one in the working directory."""
    folders = os.environ.get("PATH", os.defpath).split(os.pathsep)
    found = shutil.which("git", path=os.pathsep.join(filter(os.path.isabs, folders)))
    return found if found is not None and os.path.isabs(found) else None  # noqa: PTH117
