"""What is taken from the project's own mypy configuration, and whose packages are read."""

from __future__ import annotations

import os
import re
import sys
from typing import TYPE_CHECKING

import pytest

from mypy_asyncsession.checking.project import Project, Silenced, project
from mypy_asyncsession.checking.python_environment import interpreter
from mypy_asyncsession.config import ConfigError

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def _nothing_around(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".git").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for name in ("MYPYPATH", "XDG_CONFIG_HOME", "VIRTUAL_ENV", "MYPY_CONFIG_FILE_DIR"):
        monkeypatch.delenv(name, raising=False)


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def test_no_configuration(tmp_path: Path) -> None:
    write(tmp_path / "pyproject.toml", "[tool.ruff]\n")
    write(tmp_path / "setup.cfg", "[metadata]\n")
    assert project(tmp_path) == Project()


INI = """
[mypy]
mypy_path = src:lib, $MYPY_CONFIG_FILE_DIR/more
no_namespace_packages = True
explicit_package_bases = yes
exclude = (?x)(
    ^build/
    )
python_executable = ~/python
python_version = 3.12
platform = win32
plugins = no.such.plugin
strict = True
disable_error_code = session-with, misc, django-manager
ignore_errors = False

[mypy-a.b, c.*]
ignore_errors = True
disallow_untyped_defs = True

[mypy-d]
enable_error_code = session-iter,truthy-bool
disable_error_code = async-session

[mypy-e]
follow_imports = skip

[mypy-what?]
ignore_errors = True
"""

TOML = """
[tool.mypy]
mypy_path = ["src", "lib", "$MYPY_CONFIG_FILE_DIR/more"]
namespace_packages = false
explicit_package_bases = true
exclude = ['''(?x)(
    ^build/
    )''']
python_executable = "~/python"
python_version = "3.12"
platform = "win32"
plugins = ["no.such.plugin"]
strict = true
disable_error_code = ["session-with", "misc", "django-manager"]
ignore_errors = false

[[tool.mypy.overrides]]
module = ["a.b", "c.*"]
ignore_errors = true
disallow_untyped_defs = true

[[tool.mypy.overrides]]
module = "d"
enable_error_code = ["session-iter", "truthy-bool"]
disable_error_code = ["async-session"]

[[tool.mypy.overrides]]
module = "e"
follow_imports = "skip"
"""


@pytest.mark.parametrize(
    ("name", "text"),
    [("mypy.ini", INI), (".mypy.ini", INI), ("setup.cfg", INI), ("pyproject.toml", TOML)],
)
def test_what_is_taken(tmp_path: Path, name: str, text: str) -> None:
    write(tmp_path / name, text)
    read = project(tmp_path)
    assert " ".join(read.exclude[0].split()) == "(?x)( ^build/ )"
    assert read == Project(
        config_file=str(tmp_path / name),
        mypy_path=("src", "lib", f"{tmp_path}/more"),
        namespace_packages=False,
        explicit_package_bases=True,
        exclude=read.exclude,
        python_executable=str(tmp_path / "home" / "python"),
        python_as_written="~/python",
        python_version=(3, 12),
        platform="win32",
        silenced=Silenced(disable=("session-with",), ignore_errors=False),
        modules={
            "a.b": Silenced(ignore_errors=True),
            "c.*": Silenced(ignore_errors=True),
            "d": Silenced(disable=("async-session",), enable=("session-iter",)),
        },
    )


def test_which_file(tmp_path: Path) -> None:
    below = tmp_path / "a" / "b"
    below.mkdir(parents=True)
    write(tmp_path / "setup.cfg", "[mypy]\n")
    assert project(below).config_file == str(tmp_path / "setup.cfg")
    write(tmp_path / "pyproject.toml", "[tool.mypy]\n")
    assert project(below).config_file == str(tmp_path / "pyproject.toml")
    write(tmp_path / "a" / ".mypy.ini", "[mypy]\n")
    assert project(below).config_file == str(tmp_path / "a" / ".mypy.ini")
    # Not above the repository, but in the home directory.
    (tmp_path / "a" / "b" / ".git").mkdir()
    assert project(below).config_file is None
    write(tmp_path / "home" / ".mypy.ini", "[mypy]\n")
    assert project(below).config_file == str(tmp_path / "home" / ".mypy.ini")


def test_the_path_in_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MYPYPATH", os.pathsep.join(["one", "two"]))
    assert project(tmp_path).mypy_path == ("one", "two")
    write(tmp_path / "mypy.ini", "[mypy]\nmypy_path = three\n")
    assert project(tmp_path).mypy_path == ("one", "two", "three")


@pytest.mark.parametrize("version", ["3.8", "2.7", "3.10"])
def test_old_versions_of_python(tmp_path: Path, version: str) -> None:
    write(tmp_path / "mypy.ini", f"[mypy]\npython_version = {version}\n")
    assert project(tmp_path).python_version == (3, 10)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("mypy.ini", "[mypy\n", "cannot be read: File contains no section headers"),
        ("mypy.ini", "[mypy]\n[mypy]\n", "cannot be read: "),
        ("pyproject.toml", "[tool.mypy\n", "not valid TOML: "),
        ("pyproject.toml", "[tool.mypy]\noverrides = 1\n", "[tool.mypy] is not as mypy expects it"),
        ("pyproject.toml", "[tool]\nmypy = 1\n", "[tool.mypy] is not as mypy expects it"),
        ("mypy.ini", "[mypy]\nexclude = (\n", '[mypy]: exclude: "(" is not a regular expression: '),
        (
            "mypy.ini",
            "[mypy]\nnamespace_packages = 2\n",
            '[mypy]: namespace_packages: "2" is not a boolean',
        ),
        (
            "mypy.ini",
            "[mypy]\npython_version = three\n",
            '[mypy]: python_version: "three" is not a version of Python, such as 3.12',
        ),
        (
            "pyproject.toml",
            "[tool.mypy]\nmypy_path = [1]\n",
            "[mypy]: mypy_path: expected a list of strings",
        ),
        (
            "mypy.ini",
            "[mypy]\n[mypy-a]\nignore_errors = perhaps\n",
            '[mypy-a]: ignore_errors: "perhaps" is not a boolean',
        ),
    ],
)
def test_what_cannot_be_used(tmp_path: Path, name: str, text: str, message: str) -> None:
    write(tmp_path / name, text)
    with pytest.raises(ConfigError) as caught:
        project(tmp_path)
    assert str(caught.value).startswith(f"{tmp_path / name}: {message}")
    assert "\n" not in str(caught.value)


def test_what_only_mypy_minds(tmp_path: Path) -> None:
    write(tmp_path / "mypy.ini", "[mypy]\nno_such_option = 1\nstrict = perhaps\nfiles = [\n")
    assert project(tmp_path) == Project(config_file=str(tmp_path / "mypy.ini"))


def environment(folder: Path, configuration: str = "version = 3.13.1\n") -> Path:
    """Something that looks like a virtual environment."""
    write(folder / "pyvenv.cfg", f"home = /usr/bin\n{configuration}")
    write(folder / "bin" / "python", "")
    version = re.search(r"\d+\.\d+", configuration)
    assert version is not None
    (folder / "lib" / f"python{version[0]}" / "site-packages").mkdir(parents=True)
    return folder


def test_the_running_python(tmp_path: Path) -> None:
    read = interpreter(Project(), str(tmp_path))
    assert (read.executable, read.version) == (sys.executable, sys.version_info[:2])


def test_an_environment_of_the_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = environment(tmp_path / ".venv")
    below = tmp_path / "backend"
    below.mkdir()
    read = interpreter(Project(), str(below))
    assert (read.executable, read.version) == (str(own / "bin" / "python"), (3, 13))
    active = environment(tmp_path / "active", "version_info = 3.9.0.final.0\n")
    monkeypatch.setenv("VIRTUAL_ENV", str(active))
    read = interpreter(Project(), str(below))
    assert (read.executable, read.version) == (str(active / "bin" / "python"), (3, 10))
    read = interpreter(Project(python_version=(3, 11)), str(below))
    assert read.version == (3, 11)


def test_the_running_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if sys.prefix == sys.base_prefix:
        pytest.skip("it is not an environment")
    monkeypatch.setenv("VIRTUAL_ENV", sys.prefix)
    assert interpreter(Project(), str(tmp_path)).executable == sys.executable


def test_the_python_that_is_configured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = environment(tmp_path / "env")
    environment(tmp_path / ".venv")
    read = interpreter(Project(python_executable="env/bin/python"), str(tmp_path))
    assert (read.executable, read.version) == (str(own / "bin" / "python"), (3, 13))
    read = interpreter(
        Project(config_file="mypy.ini", python_executable="gone/python"), str(tmp_path)
    )
    assert read.executable == sys.executable
    assert str(read.problem) == (
        'mypy.ini: python_executable: "gone/python" does not exist: '
        "the packages that are installed beside mypy are read"
    )
    # Looked up in PATH, as mypy does.
    (own / "bin" / "python").chmod(0o755)
    monkeypatch.setenv("PATH", str(own / "bin"))
    read = interpreter(Project(python_executable="python"), str(tmp_path / "elsewhere"))
    assert read.executable == str(own / "bin" / "python")
