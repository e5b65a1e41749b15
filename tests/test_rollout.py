"""``mypy-asyncsession rollout``: from findings to strict, package by package."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from mypy_asyncsession.adoption.edit import NotUnderstood
from mypy_asyncsession.adoption.strict_list import dropped, with_strict
from mypy_asyncsession.cli import main
from mypy_asyncsession.config import Config

if TYPE_CHECKING:
    from collections.abc import Callable

Run = tuple[object, str, str]

DB = """\
from collections.abc import AsyncGenerator
from sqlalchemy.ext.asyncio import AsyncSession

async def get_db() -> AsyncGenerator[AsyncSession, None]:
    yield AsyncSession()
"""
FILES = {
    "shop/__init__.py": "",
    "shop/db.py": DB,
    "shop/web/__init__.py": "",
    "shop/web/api.py": (
        "from fastapi import Depends\nfrom shop.db import get_db\n\n"
        "def index(session=Depends(get_db)) -> None: ...\n"
    ),
    "shop/jobs/__init__.py": "",
    "shop/jobs/run.py": (
        "from shop.db import get_db\n\nasync def run() -> None:\n"
        "    async with get_db() as session:\n        print(session)\n"
    ),
    "shop/old/__init__.py": "",
    "shop/old/db.py": "from shop.db import get_db\n\ndef make():\n    return get_db()\n",
}


def git(*arguments: str) -> None:
    identity = ("-c", "user.name=shop", "-c", "user.email=shop@example.org")
    subprocess.run(["git", *identity, *arguments], check=True, capture_output=True)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One directory for all, so that its cache serves all."""
    return tmp_path_factory.mktemp("shop")


@pytest.fixture
def run(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., Run]:
    for name in ("GITHUB_BASE_REF", "CI_MERGE_REQUEST_TARGET_BRANCH_NAME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(folder)
    for name, text in FILES.items():
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        if not Path(name).exists() or Path(name).read_text() != text:
            Path(name).write_text(text)
    Path("pyproject.toml").unlink(missing_ok=True)
    if not Path(".git").exists():
        git("init", "-q")

    def call(*arguments: str) -> Run:
        with pytest.raises(SystemExit) as ended:
            main.main(["rollout", *arguments])
        out, err = capsys.readouterr()
        return ended.value.code, out, err

    return call


def test_how_far_each_package_is(run: Callable[..., Run]) -> None:
    status, out, err = run("--output", "json")
    assert (status, err) == (0, "")
    found = json.loads(out)
    assert {each["name"]: each["state"] for each in found["packages"]} == {
        "shop": "ready",
        "shop.jobs": "findings",
        "shop.old": "annotations",
        "shop.web": "ready",
    }
    # Not "shop.*": what is below it is not ready.
    assert found["ready"] == ["shop.db", "shop.web.*"]
    (missing,) = [each for package in found["packages"] for each in package["missing"]]
    assert (missing["provider"], missing["file"]) == (
        "shop.old.db.make",
        str(Path("shop", "old", "db.py")),
    )
    _, text, _ = run()
    assert f"shop.old is one annotation away: make ({missing['file']}:3) needs" in text
    assert "Ready: shop.db, shop.web.*" in text


def test_all_of_it(run: Callable[..., Run]) -> None:
    for name in ("shop/jobs/run.py", "shop/old/db.py"):
        Path(name).write_text("")
    assert json.loads(run("--output", "json")[1])["ready"] == ["shop.*"]


def test_what_is_ready_is_written_and_kept(run: Callable[..., Run]) -> None:
    Path("pyproject.toml").write_text("[project]  # a shop\n")
    status, out, _ = run("--write")
    assert status == 1
    assert '+strict = ["shop.db", "shop.web.*"]' in out
    assert Path("pyproject.toml").read_text() == "[project]  # a shop\n"
    assert run("--write", "--yes")[0] == 0
    assert Path("pyproject.toml").read_text() == (
        '[project]  # a shop\n\n[tool.mypy-asyncsession]\nstrict = ["shop.db", "shop.web.*"]\n'
    )
    git("add", "-A")
    git("commit", "-q", "--allow-empty", "-m", "strict")
    status, out, _ = run("--check")
    assert (status, out) == (0, "Success: what is strict stays so (checked 8 source files)\n")
    # It regresses.
    Path("shop/db.py").write_text(DB.replace(" -> AsyncGenerator[AsyncSession, None]", ""))
    status, out, _ = run("--check")
    assert status == 1
    assert out.splitlines()[0].startswith(str(Path("shop", "db.py")) + ":4: error: ")
    Path("shop/db.py").write_text(DB)
    # It is dropped, alone or with a better reason.
    Path("pyproject.toml").write_text('[tool.mypy-asyncsession]\nstrict = ["shop.db"]\n')
    status, out, _ = run("--check")
    assert status == 1
    assert out == 'error: "shop.web.*" was strict, and is not in the list any more\n'
    Path("shop/web/api.py").unlink()
    Path("shop/web/__init__.py").unlink()
    assert run("--check")[0] == 0


def test_against(run: Callable[..., Run]) -> None:
    status, out, err = run("--check", "--against", "no-such-branch")
    assert (status, out) == (2, "")
    assert 'pyproject.toml cannot be read as it was in "no-such-branch"' in err


@pytest.mark.parametrize(
    ("before", "now", "lost"),
    [
        (["shop.db"], ["shop.db"], []),
        (["shop.db"], ["shop.*"], []),
        (["shop.api.*"], ["shop.api"], ["shop.api.*"]),
        (["shop.api.*"], ["shop.*"], []),
        (["shop.db", "gone.*"], [], ["shop.db"]),
        (["*.models"], [], ["*.models"]),
        (["*"], [], ["*"]),
    ],
)
def test_dropped(before: list[str], now: list[str], lost: list[str]) -> None:
    paths = ["src/shop/db.py", "src/shop/api/__init__.py"]
    assert list(dropped(before, Config(strict=tuple(now)), paths)) == lost


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", '[tool.mypy-asyncsession]\nstrict = ["a", "b.*"]\n'),
        (
            "[tool.mypy-asyncsession] # c\nresources = []\n",
            '[tool.mypy-asyncsession] # c\nresources = []\nstrict = ["a", "b.*"]\n',
        ),
        (
            '[tool.mypy-asyncsession]\nstrict = [\n    "a", # c\n]\n',
            '[tool.mypy-asyncsession]\nstrict = [\n    "a", # c\n    "b.*",\n]\n',
        ),
        (
            '[tool.mypy-asyncsession]\nstrict = ["b.*", "a"]\n',
            '[tool.mypy-asyncsession]\nstrict = ["b.*", "a"]\n',
        ),
    ],
)
def test_the_list_is_edited(tmp_path: Path, before: str, after: str) -> None:
    file = tmp_path / "pyproject.toml"
    file.write_text(before)
    with_strict(file, ["a", "b.*"]).apply()
    assert file.read_text() == after


@pytest.mark.parametrize(
    "text", ['[tool.mypy-asyncsession]\nstrict = "a"\n', "[tool\n", "tool = 1\n"]
)
def test_a_list_that_is_not_understood(tmp_path: Path, text: str) -> None:
    file = tmp_path / "pyproject.toml"
    file.write_text(text)
    with pytest.raises(NotUnderstood, match="add to strict by hand: a"):
        with_strict(file, ["a"])
