"""What an installation gets: the wheel that is built, and the metadata that is promised."""

from __future__ import annotations

import configparser
import os
import shutil
import subprocess
import sys
import zipfile
from email.parser import HeaderParser
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import typing_extensions
from packaging.requirements import Requirement

import mypy_asyncsession
from tests.try_wheel import try_wheel

if TYPE_CHECKING:
    from collections.abc import Iterator
    from email.message import Message

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "mypy_asyncsession"
STUBS = ROOT / "stubs"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[zipfile.ZipFile]:
    """The wheel of this tree, built with what is installed: nothing is downloaded."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel"]
    built = subprocess.run(
        [*command, "--directory", str(folder)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode == 0, built.stderr
    (path,) = folder.glob("*.whl")
    with zipfile.ZipFile(path) as opened:
        yield opened


@pytest.fixture(scope="module")
def production(
    wheel: zipfile.ZipFile, tmp_path_factory: pytest.TempPathFactory
) -> tuple[str, dict[str, str]]:
    """A Python that has the wheel, installed with ``--no-deps``, and typing-extensions alone."""
    folder = tmp_path_factory.mktemp("production")
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index"]
    subprocess.run([*command, "--target", str(folder), str(wheel.filename)], check=True)
    shutil.copy(str(typing_extensions.__file__), folder)
    # Without the packages around: neither its own nor the user's.
    return sys.executable, {"PYTHONPATH": str(folder), "PYTHONNOUSERSITE": "1"}


def dist_info(wheel: zipfile.ZipFile, name: str) -> str:
    (path,) = (path for path in wheel.namelist() if path.endswith(f".dist-info/{name}"))
    return wheel.read(path).decode()


def metadata(wheel: zipfile.ZipFile) -> Message:
    return HeaderParser().parsestr(dist_info(wheel, "METADATA"))


def test_the_wheel_holds_the_whole_package_and_nothing_else(wheel: zipfile.ZipFile) -> None:
    packed = {path for path in wheel.namelist() if ".dist-info/" not in path}
    # Stubs beside the package would be on the path of everybody's mypy and pyright.
    tree = {
        f"{below}{path.relative_to(base).as_posix()}"
        for below, base, folder in (
            ("", ROOT, PACKAGE),
            ("mypy_asyncsession/", ROOT, STUBS),
        )
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert packed == tree


def test_the_wheel_is_typed(wheel: zipfile.ZipFile) -> None:
    assert "mypy_asyncsession/py.typed" in wheel.namelist()


def test_the_wheel_carries_the_licence(wheel: zipfile.ZipFile) -> None:
    assert dist_info(wheel, "licenses/LICENSE") == (ROOT / "LICENSE").read_text(encoding="utf-8")
    assert metadata(wheel)["License-Expression"] == "MIT"


def test_the_version_is_the_one_in_the_package(wheel: zipfile.ZipFile) -> None:
    assert metadata(wheel)["Version"] == mypy_asyncsession.__version__


def test_the_command_is_declared(wheel: zipfile.ZipFile) -> None:
    entry_points = configparser.ConfigParser()
    entry_points.read_string(dist_info(wheel, "entry_points.txt"))
    assert dict(entry_points["console_scripts"]) == {
        "mypy-asyncsession": "mypy_asyncsession.cli:main"
    }


def test_the_pytest_plugin_is_declared(wheel: zipfile.ZipFile) -> None:
    entry_points = configparser.ConfigParser()
    entry_points.read_string(dist_info(wheel, "entry_points.txt"))
    assert dict(entry_points["pytest11"]) == {
        "mypy-asyncsession": "mypy_asyncsession.runtime.pytest_plugin"
    }


RUNTIME = """
import asyncio, sys
before = set(sys.modules)
import mypy_asyncsession.runtime as runtime
assert not {"logging", "inspect", "asyncio.events"} & (set(sys.modules) - before)
for name in runtime.__all__:
    getattr(runtime, name)

@runtime.provider
async def get_db():
    yield "session"

@runtime.validate_session
async def use(session, amount=0):
    return session

async def main():
    with runtime.LeakDetector():
        async with get_db() as one, runtime.session_scope(get_db) as two:
            return await use(one), two

assert asyncio.run(main()) == ("session", "session")
assert not runtime.SessionMonitor().check_session(None, "here")
packages = {name.partition(".")[0] for name in sys.modules} - sys.stdlib_module_names
print(*sorted(packages - {"__main__", "__mp_main__", "sitecustomize", "usercustomize"}))
"""


def test_the_runtime_part_needs_nothing_else(production: tuple[str, dict[str, str]]) -> None:
    python, environment = production
    done = subprocess.run(
        [python, "-S", "-c", RUNTIME],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert set(done.stdout.split()) <= {"mypy_asyncsession", "typing_extensions"}


def test_users_get_no_development_dependencies(wheel: zipfile.ZipFile) -> None:
    requirements = map(Requirement, metadata(wheel).get_all("Requires-Dist", []))
    unconditional = {
        requirement.name
        for requirement in requirements
        if requirement.marker is None or "extra" not in str(requirement.marker)
    }
    assert unconditional == {
        "click",
        "libcst",
        "mypy",
        "rich",
        "sqlalchemy",
        "tomli",
        "tomlkit",
        "typing-extensions",
    }


@pytest.mark.skipif(
    bool(os.environ.get("MYPY_ASYNCSESSION_OFFLINE")), reason="pip reaches no package index"
)
def test_it_works_in_a_clean_environment(wheel: zipfile.ZipFile, tmp_path: Path) -> None:
    said = try_wheel(Path(str(wheel.filename)), sys.executable, tmp_path)
    assert said.startswith(f"mypy-asyncsession {mypy_asyncsession.__version__} (mypy ")
    shutil.rmtree(tmp_path / "venv")
