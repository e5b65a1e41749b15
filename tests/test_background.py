"""The process that goes through modules beside mypy: what it says, and what if it says nothing."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any, Final

import mypy.api
import pytest

from mypy_asyncsession.plugin import background
from mypy_asyncsession.plugin.background import Background
from mypy_asyncsession.plugin.parsed_answers import FEW, ParsedAnswers

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from mypy_asyncsession.plugin.answers import Found

_PROVIDER: Final = """\
async def numbers():
    yield 1


def handed_on():
    return numbers()
"""
_USE: Final = """\
from app import provider
{imports}

async def use() -> None:
    async with provider.handed_on() as number:
        print(number)
    async for number in provider.handed_on():
        print(number)
"""
_CONFIG: Final = "[mypy]\nplugins = mypy_asyncsession.plugin\ncheck_untyped_defs = true\n"
#: So many that what leads to a provider is looked for first.
_MODULES: Final = 60
#: What the other process imports, from the standard library and from us.
_IMPORTED: Final = ("mypy_asyncsession", "mypy", "pickle", "select", "struct", "sitecustomize")


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A program whose modules import each other in turn, each with one wrong use."""
    app = tmp_path / "app"
    app.mkdir()
    (app / "__init__.py").touch()
    (app / "provider.py").write_text(_PROVIDER, encoding="utf-8")
    for number in range(_MODULES):
        imports = f"from app import use{number + 1}\n" if number % 3 else ""
        (app / f"use{number}.py").write_text(_USE.format(imports=imports), encoding="utf-8")
    (app / f"use{_MODULES}.py").touch()
    (tmp_path / "mypy.ini").write_text(_CONFIG, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(background, "processors", lambda: 2)
    return tmp_path


def run(name: str) -> list[str]:
    """What a cold run says, in this process."""
    out, trouble, status = mypy.api.run(["--cache-dir", f"cache-{name}", "app"])
    assert status == 1, trouble
    return out.splitlines()


def expected(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What a cold run says that starts no other process."""
    with monkeypatch.context() as alone:
        alone.setenv("MYPY_ASYNCSESSION_PROCESSES", "1")
        alone.setattr(Background, "begin", None)
        found = run("alone")
    assert sum("[async-with]" in line and "error:" in line for line in found) == _MODULES
    return found


@pytest.fixture
def instead(monkeypatch: pytest.MonkeyPatch) -> list[ParsedAnswers]:
    """What has answered in this process in place of the other one."""
    made: list[ParsedAnswers] = []

    def counted(*args: Any) -> ParsedAnswers:
        made.append(ParsedAnswers(*args))
        return made[-1]

    monkeypatch.setattr(background, "ParsedAnswers", counted)
    return made


@pytest.mark.usefixtures("tree")
def test_what_it_says_is_what_is_found_without_it(
    instead: list[ParsedAnswers], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    original = Background.found

    def counted(self: Background, module: str) -> Found | None:
        asked.append(module)
        return original(self, module)

    alone = expected(monkeypatch)
    monkeypatch.setattr(Background, "found", counted)
    assert run("beside") == alone
    assert len(asked) > _MODULES
    assert not instead


def test_it_starts_once_an_edit_has_much_checked_again(
    tree: Path, instead: list[ParsedAnswers], monkeypatch: pytest.MonkeyPatch
) -> None:
    foretold: list[str] = []
    original = Background.foretell

    def counted(self: Background, groups: Iterable[Iterable[str]]) -> None:
        told = [list(group) for group in groups]
        foretold.extend(module for group in told for module in group)
        original(self, told)

    run("edited")
    manager = "from contextlib import asynccontextmanager\n\n\n@asynccontextmanager\n"
    (tree / "app" / "provider.py").write_text(manager + _PROVIDER, encoding="utf-8")
    with monkeypatch.context() as watched:
        watched.setattr(Background, "foretell", counted)
        found = run("edited")
    assert found == run("anew")
    assert sum("[async-iter]" in line and "error:" in line for line in found) == _MODULES
    # Up to there it was not worth one.
    assert 0 < len(foretold) <= _MODULES - FEW + 1
    assert not instead


@pytest.mark.usefixtures("tree")
def test_it_does_not_start(instead: list[ParsedAnswers], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(background, "_MAIN", "raise SystemExit")
    assert run("ended") == expected(monkeypatch)
    assert instead


@pytest.mark.usefixtures("tree")
def test_another_copy_of_us_is_not_used(
    tmp_path: Path, instead: list[ParsedAnswers], monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = tmp_path / "elsewhere" / "mypy_asyncsession"
    copy.mkdir(parents=True)
    (copy / "__init__.py").write_text("raise SystemExit", encoding="utf-8")
    monkeypatch.syspath_prepend(str(copy.parent))
    assert run("copies") == expected(monkeypatch)
    assert not instead


@pytest.mark.usefixtures("tree")
def test_it_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[subprocess.Popen[bytes]] = []
    asked: list[str] = []
    original, start = Background.found, subprocess.Popen

    def starting(*args: Any, **kwargs: Any) -> subprocess.Popen[bytes]:
        started.append(start(*args, **kwargs))
        return started[-1]

    def killed(self: Background, module: str) -> Found | None:
        asked.append(module)
        if len(asked) == _MODULES // 2:
            started[-1].kill()
        return original(self, module)

    alone = expected(monkeypatch)
    monkeypatch.setattr(subprocess, "Popen", starting)
    monkeypatch.setattr(Background, "found", killed)
    assert run("killed") == alone
    assert len(asked) > _MODULES
    assert started[-1].returncode


def test_nothing_of_the_tree_is_imported(tree: Path) -> None:
    for name in _IMPORTED:
        text = f"open('{tree}/imported-{name}', 'w').close()\n"
        (tree / f"{name}.py").write_text(text, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-I", "-m", "mypy", "app"],
        env=os.environ | {"MYPY_ASYNCSESSION_RAISE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "[async-with]" in done.stdout, done.stderr
    assert not done.stderr
    assert not [*tree.glob("imported-*")]
