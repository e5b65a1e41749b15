"""Strict modules: what an edit of the configuration does, in a mypy run and in ``check``."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from mypy_asyncsession.config import Config, ConfigError, load

if TYPE_CHECKING:
    from pathlib import Path

ASKS = """\
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from resource_class import Session
@asynccontextmanager
async def manager() -> AsyncIterator[Session]:
    yield Session()

def asks() -> bool:
    return hasattr(manager(), "__aenter__")
"""
#: A class of our own: mypy reads SQLAlchemy for several seconds.
RESOURCE = "class Session: ...\n"
FILES = {
    "resource_class.py": RESOURCE,
    "shop/__init__.py": "",
    "shop/db.py": ASKS,
    "shop/api/__init__.py": ASKS,
}


def configure(root: Path, *strict: str) -> None:
    (root / "pyproject.toml").write_text(
        '[tool.mypy]\nplugins = ["mypy_asyncsession.plugin"]\n'
        "[tool.mypy-asyncsession]\n"
        'resources = ["resource_class.Session"]\n'
        f"strict = {json.dumps(strict)}\n"
    )


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    (tmp_path / ".git").mkdir()
    return tmp_path


def run(root: Path, *arguments: str) -> tuple[list[str], str]:
    """The files with findings, and all that was printed."""
    done = subprocess.run(
        [sys.executable, "-m", *arguments, "shop"],
        cwd=root,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode in (0, 1), done.stdout
    found = re.findall(r"^(\S+):9: error: .*\[session-probe\]$", done.stdout, re.MULTILINE)
    return sorted(found), done.stdout


STEPS: list[tuple[tuple[str, ...], list[str]]] = [
    ((), []),
    (("shop.db",), ["shop/db.py"]),
    (("shop.db", "shop.api.*"), ["shop/api/__init__.py", "shop/db.py"]),
    (("shop",), []),
]


@pytest.mark.parametrize("command", ["mypy", "mypy_asyncsession check"])
def test_an_edit_is_seen_at_once(shop: Path, command: str) -> None:
    for strict, expected in STEPS:
        configure(shop, *strict)
        for _ in range(2):
            assert run(shop, *command.split())[0] == expected, strict


def test_a_daemon_starts_anew(shop: Path) -> None:
    dmypy = ("mypy.dmypy", "--status-file", "status.json")
    try:
        for strict, expected in STEPS[:3]:
            configure(shop, *strict)
            before = run(shop, *dmypy, "run", "--timeout", "120", "--")
            again = run(shop, *dmypy, "run", "--timeout", "120", "--")
            assert (before[0], again[0]) == (expected, expected)
            assert "estart" not in again[1]
    finally:
        subprocess.run([sys.executable, "-m", *dmypy, "stop"], cwd=shop, check=False)


def test_only_the_modules_in_question_are_checked_again(shop: Path) -> None:
    configure(shop)
    run(shop, "mypy")
    configure(shop, "shop.db")
    _, output = run(shop, "mypy", "--verbose")
    assert re.search(r"Metadata fresh for shop\.api", output)
    assert not re.search(r"Metadata fresh for shop\.db", output)


def test_a_file_that_is_built_under_another_name(tmp_path: Path) -> None:
    for folder in "ab":
        (tmp_path / folder / "tests").mkdir(parents=True)
        (tmp_path / folder / "tests" / "__init__.py").write_text("")
        (tmp_path / folder / "tests" / f"test_{folder}.py").write_text(ASKS)
    (tmp_path / ".git").mkdir()
    (tmp_path / "resource_class.py").write_text(RESOURCE)
    configure(tmp_path, "tests.*")
    done = subprocess.run(
        [sys.executable, "-m", "mypy_asyncsession", "check", "--output", "json"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    found = sorted({json.loads(line)["file"] for line in done.stdout.splitlines()})
    assert found == ["a/tests/test_a.py", "b/tests/test_b.py"], done.stderr


@pytest.mark.parametrize(
    ("pattern", "module", "matches"),
    [
        ("shop", "shop", True),
        ("shop", "shop.db", False),
        ("shop.*", "shop", True),
        ("shop.*", "shop.api.v1", True),
        ("shop.*", "shops", False),
        ("shop.*.v1", "shop.v1", True),
        ("shop.*.v1", "shop.api.old.v1", True),
        ("shop.*.v1", "shop.api.v1.x", False),
        ("*.models", "shop.api.models", True),
        ("*.models", "models", False),
        ("*", "shop.db", True),
    ],
)
def test_patterns_are_those_of_mypy(pattern: str, module: str, matches: bool) -> None:
    assert Config(strict=(pattern,)).is_strict(module) is matches
    from mypy.options import Options

    assert bool(Options().compile_glob(pattern).match(module)) is matches


@pytest.mark.parametrize("pattern", ["", "shop/db.py", "shop.", "shop.a*", "-"])
def test_what_is_no_pattern(tmp_path: Path, pattern: str) -> None:
    configure(tmp_path, pattern)
    with pytest.raises(ConfigError) as caught:
        load(tmp_path / "pyproject.toml")
    assert str(caught.value).endswith(
        f'strict: "{pattern}" is neither a module nor a pattern such as "shop.api.*"'
    )
