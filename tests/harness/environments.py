"""Virtual environments with releases of FastAPI that are not the one beside pytest."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

#: What the applications and FastAPI's test client need; older clients want httpx, not httpx2.
_REQUIREMENTS: Final = ("aiosqlite>=0.20", "greenlet>=3", "httpx>=0.27")


class NoEnvironmentError(Exception):
    """An environment could not be made; the message says why."""


def environment(
    folder: Path, release: str, sqlalchemy: str = "sqlalchemy>=2.0", *others: str
) -> Path:
    """The interpreter of an environment that has a release of FastAPI, which is made if need be.

    Args:
        folder: Where environments are kept from one run to the next.
        release: The version of FastAPI.
        sqlalchemy: The requirement for SQLAlchemy.
        others: What else is needed.

    Raises:
        NoEnvironmentError: It cannot be made, for instance because pip reaches no index.
    """
    requirements = (f"fastapi=={release}", *_REQUIREMENTS, sqlalchemy, *others)
    made_with = hashlib.sha256(repr((sys.version, sys.prefix, requirements)).encode())
    place = folder / f"{release}-{made_with.hexdigest()[:8]}"
    if not place.exists():
        # Complete before it has its name, so that a run that is stopped leaves none half-made.
        making = Path(tempfile.mkdtemp(dir=folder))
        try:
            _run(sys.executable, "-m", "venv", str(making))
            _run(
                str(_python(making)), "-m", "pip", "install", "--quiet",
                "--disable-pip-version-check", "--no-compile", *requirements,
            )  # fmt: skip
            making.replace(place)
        except OSError as error:
            if not place.exists():  # else another run was quicker
                raise NoEnvironmentError(f"{place}: {error}") from error
        finally:
            shutil.rmtree(making, ignore_errors=True)
    return _python(place)


def _python(place: Path) -> Path:
    folder = "Scripts" if sys.platform == "win32" else "bin"
    return place / folder / "python"


def _run(*command: str) -> None:
    done = subprocess.run(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    if done.returncode:
        raise NoEnvironmentError(f"{' '.join(command)}\n{done.stdout}")
