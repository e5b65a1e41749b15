"""What we are made of, in one digest: another release may find something else."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import mypy_asyncsession

if TYPE_CHECKING:
    from pathlib import Path


def digest_of(package: Path) -> str:
    """A digest of the sources of a package of ours.

    Args:
        package: Its directory.
    """
    result = hashlib.sha256()
    parts = _installed(package) or (path.read_bytes() for path in sorted(package.rglob("*.py")))
    for part in parts:
        result.update(part)
    return result.hexdigest()[:16]


def _installed(package: Path) -> list[bytes]:
    """What an installer has written down of each of our files; empty if it has installed none.

    Their digests are among it, and are read ten times as fast as they would be made. The package
    has the same ones wherever it is installed, be it in an environment that is made anew each time.
    """
    name = f"{package.name}-{mypy_asyncsession.__version__}.dist-info"
    try:
        lines = (package.parent / name / "RECORD").read_bytes().splitlines()
    except OSError:
        return []
    ours = f"{package.name}/".encode()
    return sorted(line for line in lines if line.startswith(ours) and b"__pycache__" not in line)
