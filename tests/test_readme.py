"""The README: each of its commands is run, and says what the README says it does."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click
import pytest
import yaml

from mypy_asyncsession.adoption import pre_commit
from mypy_asyncsession.cli import main
from mypy_asyncsession.config import Config, load

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT: Final = Path(__file__).resolve().parent.parent
README: Final = (ROOT / "README.md").read_text(encoding="utf-8")

#: Commands that are run elsewhere, and where.
ELSEWHERE: Final = {
    "python -m pip install .": "tests/test_packaging.py installs the wheel",
    "pip install mypy-asyncsession": "tests/test_packaging.py installs the wheel",
    "pipx run mypy-asyncsession check": "tests/test_packaging.py: in a clean environment",
    "mypy-asyncsession fix shop": "tests/test_fix_command.py: it would fix what the others show",
    "make demo": "continuous integration",
    "make test": "this is part of it",
}


def blocks(kind: str) -> list[str]:
    """The blocks of code of one kind, without their indentation in lists."""
    found = re.findall(rf"^( *)```{kind}\n(.*?)^ *```$", README, re.MULTILINE | re.DOTALL)
    return [re.sub(rf"^{indent}", "", text, flags=re.MULTILINE) for indent, text in found]


def commands() -> Iterator[tuple[str, list[str]]]:
    """Each command, and the lines that it prints as far as the README has them."""
    for block in blocks("console"):
        for command in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            first, *rest = command.rstrip("\n").split("\n")
            yield first.partition("  #")[0].rstrip(), rest


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copytree(ROOT / "test-data" / "demo" / "shop", tmp_path / "shop")
    (tmp_path / ".git").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.usefixtures("shop")
def test_every_command_is_run(capsys: pytest.CaptureFixture[str]) -> None:
    ran = 0
    for command, expected in commands():
        if command in ELSEWHERE:
            continue
        program, *arguments = command.split()
        assert program == "mypy-asyncsession", command
        with pytest.raises(SystemExit) as ended:
            main.main(arguments)
        out, err = capsys.readouterr()
        assert ended.value.code in (0, 1), f"{command}: {err}"
        printed = out.splitlines()
        if expected and "..." not in expected:
            assert printed == expected
        for line in expected:
            assert line == "..." or line in printed, command
        ran += 1
    assert ran >= 5


def test_what_is_run_elsewhere_is_there() -> None:
    assert {command for command, _ in commands()} >= ELSEWHERE.keys()


def test_commands_in_the_text_have_these_options() -> None:
    for words in set(re.findall(r"`mypy-asyncsession ((?:\w+)(?: [\w./-]+)*)`", README)):
        name, *rest = words.split()
        command = main.get_command(click.Context(main), name)
        assert command is not None
        options = {
            option for each in command.params for option in (*each.opts, *each.secondary_opts)
        }
        assert {word for word in rest if word.startswith("--")} <= options, words


@pytest.mark.usefixtures("shop")
def test_configuration() -> None:
    Path("stubs").mkdir()  # as ``mypy-asyncsession stubs`` makes it
    for number, block in enumerate(blocks("toml")):
        file = Path(f"{number}.toml")
        file.write_text(block)
        tools = tomllib.loads(block)["tool"]
        if "mypy-asyncsession" in tools:
            assert load(file) != Config()
        else:
            assert tools == {"mypy": {"plugins": ["mypy_asyncsession.plugin"]}}


def test_every_key_is_documented() -> None:
    keys = {item.name.replace("_", "-") for item in fields(Config) if item.metadata}
    table = _section("## Configuration")
    named = re.findall(r"^\| `([\w-]+)` \| [^|]*\| [^|]* \|$", table, re.MULTILINE)
    assert keys == {*named, "strict"}


def _section(start: str) -> str:
    return README.partition(start)[2].partition("\n## ")[0]


def test_yaml() -> None:
    files = [yaml.safe_load(block) for block in blocks("yaml")]
    assert len(files) == 3
    hooks = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))
    (used,) = files[-1]["repos"][0]["hooks"]
    assert used["id"] in {hook["id"] for hook in hooks}


def test_init_writes_the_hook_that_is_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pre_commit, "_origin", lambda: (None, None))
    edit = pre_commit.with_hook(tmp_path / pre_commit.CONFIG)
    assert edit is not None
    assert edit.after == list(blocks("yaml"))[-1].partition("\n")[2]


def test_what_pre_commit_and_ci_call_is_there() -> None:
    for call in re.findall(r"^\s*- (?:run: )?mypy-asyncsession (.+)$", README, re.MULTILINE):
        done = subprocess.run(
            [sys.executable, "-m", "mypy_asyncsession", *call.partition(" >")[0].split(), "--help"],
            capture_output=True,
            check=False,
        )
        assert done.returncode == 0, call
