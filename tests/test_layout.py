"""Where a Python's packages are, read from its directories: it is never run."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from mypy_asyncsession.checking.layout import packages_of, version_of
from mypy_asyncsession.checking.options import Options
from mypy_asyncsession.checking.run import check

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="directories are others there")

GENERATOR = (
    "from typing import AsyncIterator\nasync def get_db() -> AsyncIterator[int]:\n    yield 1\n"
)
USE = "from {} import get_db\nasync def use():\n    async with get_db() as s:\n        s\n"


def write(path: Path, text: str = "") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def environment(home: Path, configuration: str = "version = 3.12.4\n") -> Path:
    """An environment whose Python is no program."""
    write(home / "pyvenv.cfg", configuration)
    (home / "lib" / "python3.12" / "site-packages").mkdir(parents=True)
    return write(home / "bin" / "python", "no program")


def test_an_environment(tmp_path: Path) -> None:
    python = environment(tmp_path / "env")
    packages = tmp_path / "env/lib/python3.12/site-packages"
    (tmp_path / "linked").mkdir()
    write(
        packages / "links.pth",
        f"# a remark\n\nimport os; os.abort()\n{tmp_path / 'linked'}\n{tmp_path / 'gone'}\n\0\n",
    )
    write(packages / "not-a-list.txt", str(tmp_path))
    os.mkfifo(packages / "pipe.pth")
    assert version_of(python) == (3, 12)
    assert packages_of(python, (3, 12)) == (str(packages), str(tmp_path / "linked"))
    assert packages_of(python, (3, 11)) == ()


@pytest.mark.parametrize("options", [[], ["--system-site-packages"]], ids=["alone", "with others"])
def test_it_is_what_python_says(tmp_path: Path, options: list[str]) -> None:
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", *options, tmp_path], check=True)
    python = tmp_path / "bin" / "python"
    told = subprocess.run(
        [python, "-c", "import sys; print(*sys.path[1:], sep='\\n')"],
        env={name: text for name, text in os.environ.items() if not name.startswith("PYTHON")},
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split("\n")
    library = {sysconfig.get_path("stdlib"), sysconfig.get_config_var("DESTSHARED")}
    said = [path for path in told if Path(path).is_dir() and path and path not in library]
    version = version_of(python)
    assert version == sys.version_info[:2]
    assert sorted(packages_of(python, version)) == sorted(said)


@pytest.mark.parametrize(
    ("folder", "name"),
    [("lib/python3.13/site-packages", "python3"), ("lib/python3/dist-packages", "python3.13")],
)
def test_what_is_no_environment(tmp_path: Path, folder: str, name: str) -> None:
    (tmp_path / folder).mkdir(parents=True)
    python = write(tmp_path / "bin" / name)
    (tmp_path / "link").symlink_to(python)
    for each in (python, tmp_path / "link"):
        assert version_of(each) == (3, 13)
        assert packages_of(each, (3, 13))[-1] == str(tmp_path / folder)


@pytest.mark.parametrize("workers", [0, 2])
def test_packages_are_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, workers: int, refuse: Callable[[Path], None]
) -> None:
    monkeypatch.delenv("VIRTUAL_ENV", raising=False)
    python = environment(tmp_path / "project" / ".venv")
    refuse(python)
    packages = tmp_path / "project/.venv/lib/python3.12/site-packages"
    write(packages / "typed_one/__init__.py", GENERATOR)
    write(packages / "typed_one/py.typed")
    write(packages / "typed_one/deep.py", GENERATOR)
    write(tmp_path / "linked/linked_one/__init__.py", GENERATOR)
    write(tmp_path / "linked/linked_one/py.typed")
    write(packages / "links.pth", str(tmp_path / "linked"))
    for name in ("typed_one", "typed_one.deep", "linked_one", "sqlalchemy.nothing"):
        write(tmp_path / f"project/use_{name.replace('.', '_')}.py", USE.format(name))
    report = check(
        ["."],
        Options(cache_dir=str(tmp_path / "cache"), workers=workers),
        directory=str(tmp_path / "project"),
    )
    assert report.problems == []
    assert [found.path for found in report.findings] == [
        "use_linked_one.py",
        "use_typed_one.py",
        "use_typed_one_deep.py",
    ]
    assert not (tmp_path / "was-run").exists()


@pytest.fixture
def refuse(tmp_path: Path) -> Callable[[Path], None]:
    """Have a program say that it was run."""

    def put(python: Path) -> None:
        python.write_text(f"#!/bin/sh\n: >{tmp_path}/was-run\n")
        python.chmod(0o755)

    return put
