"""The configuration, as the plugin and the command line read it."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from mypy_asyncsession.config import (
    Config,
    ConfigError,
    RunOptions,
    discover,
    load,
    misplaced,
    run_options,
)

if TYPE_CHECKING:
    from pathlib import Path


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def test_a_table_is_read(tmp_path: Path) -> None:
    file = write(
        tmp_path / "pyproject.toml",
        '[tool.mypy-asyncsession]\nresources = ["app.db.Session", "aiohttp.ClientSession"]\n',
    )
    assert load(file) == Config(resources=("app.db.Session", "aiohttp.ClientSession"))


def test_an_empty_table_is_the_default(tmp_path: Path) -> None:
    assert load(write(tmp_path / "a.toml", "[tool.mypy-asyncsession]\n")) == Config()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[tool.mypy]\n", "there is no table [tool.mypy-asyncsession]"),
        (
            "[tool.mypy_asyncsession]\n",
            'there is no table [tool.mypy-asyncsession] (did you mean "mypy_asyncsession"?)',
        ),
        ("[tool]\nmypy-asyncsession = 1\n", "[tool.mypy-asyncsession] is not a table"),
        ("tool = 1\n", "there is no table [tool.mypy-asyncsession]"),
        (
            "[tool.mypy-asyncsession]\nresource = []\n",
            '[tool.mypy-asyncsession]: unknown key "resource" (did you mean "resources"?)',
        ),
        ("[tool.mypy-asyncsession]\nq = 1\n", '[tool.mypy-asyncsession]: unknown key "q"'),
        (
            '[tool.mypy-asyncsession]\nresources = "a.B"\n',
            '[tool.mypy-asyncsession]: resources: expected a list of strings, got "a.B"',
        ),
        (
            "[tool.mypy-asyncsession]\nresources = [true]\n",
            "[tool.mypy-asyncsession]: resources: expected a list of strings, got [true]",
        ),
        (
            '[tool.mypy-asyncsession]\nresources = ["Session"]\n',
            '[tool.mypy-asyncsession]: resources: "Session" is not the full name of a class',
        ),
        ("[tool\n", "not valid TOML: "),
    ],
)
def test_what_cannot_be_used_is_said_in_one_line(tmp_path: Path, text: str, message: str) -> None:
    file = write(tmp_path / "pyproject.toml", text)
    with pytest.raises(ConfigError) as caught:
        load(file)
    said = str(caught.value)
    assert said.startswith(f"{file}: {message}")
    assert "\n" not in said


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("absent.toml", None, "cannot be read: No such file or directory"),
        ("latin.toml", b"# \xe9\n", "cannot be read: not UTF-8"),
        ("setup.cfg", b"[mypy]\n", "not a TOML file"),
    ],
)
def test_files_that_cannot_be_read(
    tmp_path: Path, name: str, content: bytes | None, message: str
) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(ConfigError, match=f"{name}: {message}"):
        load(tmp_path / name)


TABLE = "[tool.mypy-asyncsession]\n"


def test_mypys_own_file_comes_first(tmp_path: Path) -> None:
    own = write(tmp_path / "conf" / "mypy.toml", TABLE)
    beside = write(tmp_path / "conf" / "pyproject.toml", TABLE)
    here = write(tmp_path / "pyproject.toml", TABLE)
    assert discover(str(own), tmp_path) == own
    write(own, "[tool.mypy]\n")
    assert discover(str(own), tmp_path) == beside
    write(beside, "")
    assert discover(str(own), tmp_path) == here
    assert discover(str(write(tmp_path / "conf" / "mypy.ini", "[mypy]\n")), tmp_path) == here


def test_no_further_up_than_the_repository(tmp_path: Path) -> None:
    top = write(tmp_path / "pyproject.toml", TABLE)
    deep = tmp_path / "repo" / "src"
    deep.mkdir(parents=True)
    assert discover(None, deep) == top
    (tmp_path / "repo" / ".git").mkdir()
    assert discover(None, deep) is None


def test_a_misspelt_table_is_found(tmp_path: Path) -> None:
    file = write(tmp_path / "pyproject.toml", "[tool.mypy_asyncsession]\n")
    assert discover(None, tmp_path) == file


@pytest.mark.parametrize(
    ("name", "section"),
    [
        ("mypy.ini", "mypy-asyncsession"),
        ("setup.cfg", "mypy-asyncsession"),
        ("setup.cfg", "tool:mypy-asyncsession"),
    ],
)
def test_a_section_in_an_ini_file_is_pointed_out(tmp_path: Path, name: str, section: str) -> None:
    file = write(tmp_path / name, f"[mypy]\n[{section}]\nresources = a.B\n")
    message = misplaced(file)
    assert message is not None
    assert message.startswith(f"{file}: mypy reads [{section}] as the options of a module: ")
    with pytest.raises(ConfigError) as caught:
        discover(str(file), tmp_path)
    assert str(caught.value) == message


@pytest.mark.parametrize("text", ["[mypy]\n[mypy-asyncsession.*]\n", "no section\n"])
def test_other_ini_files_are_mypys(tmp_path: Path, text: str) -> None:
    file = write(tmp_path / "mypy.ini", text)
    assert misplaced(file) is None
    assert discover(str(file), tmp_path) is None


def test_what_check_tells_the_plugin(tmp_path: Path) -> None:
    assert run_options(None) == RunOptions()
    assert run_options(write(tmp_path / "mypy.ini", "[mypy]\n")) == RunOptions()
    assert run_options(write(tmp_path / "pyproject.toml", TABLE)) == RunOptions()
    generated = write(
        tmp_path / "run.toml",
        '[tool.mypy-asyncsession-run]\nrecords = true\nerror-codes = ["django-manager"]\n',
    )
    assert run_options(generated) == RunOptions(records=True, error_codes=("django-manager",))
    write(generated, "[tool.mypy-asyncsession-run]\nrecords = 1\n")
    with pytest.raises(ConfigError, match="records: expected true or false, got 1"):
        run_options(generated)


def test_nothing_of_mypy_is_imported() -> None:
    code = "import sys, mypy_asyncsession.config; print(*(m for m in sys.modules if m == 'mypy'))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout == "\n"
