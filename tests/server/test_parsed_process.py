"""The process that stays: what it keeps from one text to the next is what a new one would find."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, Any

import pytest

from mypy_asyncsession.checking.stale_modules import StaleModules
from mypy_asyncsession.server.analysis.jobs import Settings
from mypy_asyncsession.server.analysis.parsed_process import View
from tests.graphs import tree_of
from tests.server.editor import without_packages
from tests.server.test_random_edits import Texts

if TYPE_CHECKING:
    from pathlib import Path


def view(root: Path) -> View:
    return View(str(root), ["."], Settings())


def look(found: View, texts: dict[str, str], path: str) -> Any:
    [answer] = found.look(texts, [path])
    return answer


@pytest.mark.parametrize("edits", [40, pytest.param(600, marks=pytest.mark.long)])
def test_random_edits(tmp_path: Path, edits: int) -> None:
    random = Random(3)
    (tmp_path / "p").mkdir()
    without_packages(tmp_path)
    texts = Texts(random)
    for name, text in {"__init__": "", **texts.read()}.items():
        (tmp_path / "p" / f"{name}.py").write_text(text)
    staying = view(tmp_path)
    found = 0
    for number in range(edits):
        texts.edit()
        now = {str(tmp_path / "p" / f"{name}.py"): text for name, text in texts.read().items()}
        warm = {path: look(staying, now, path) for path in now}
        found += sum(len(answer["findings"]) for answer in warm.values())
        if number % 4 == 0:
            new = view(tmp_path)
            assert warm == {path: look(new, now, path) for path in now}
    assert found > edits


DB = "from contextlib import asynccontextmanager\n\nasync def get():\n    yield 1\n"
USE = "async def use() -> None:\n    async with {}() as s:\n        print(s)\n"
FILES = {
    "a/__init__.py": "",
    "a/db.py": DB,
    "a/again.py": "from a.db import *\n",
    "direct.py": "from a.db import get\n\n" + USE.format("get"),
    "star.py": "from a.again import *\n\n" + USE.format("get"),
    "through.py": "import a.again\n\n" + USE.format("a.db.get"),
    "package.py": "from a import db as where\n\n" + USE.format("where.get"),
    "inside.py": (
        "def wrapped():\n    from a import again\n    return again.get()\n\n"
        + USE.format("wrapped")
    ),
    "ignored.py": "from a.db import get\n\n" + USE.format("get"),
    "alone.py": "async def own():\n    yield 1\n\n" + USE.format("own"),
}


def test_what_leans_on_a_text(tmp_path: Path) -> None:
    without_packages(tmp_path)
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    staying = view(tmp_path)
    db = str(tmp_path / "a" / "db.py")
    users = [name for name in FILES if "/" not in name]

    def wrong(texts: dict[str, str]) -> list[str]:
        return [name for name in users if look(staying, texts, str(tmp_path / name))["findings"]]

    assert wrong({}) == users
    right = {db: DB.replace("async def", "@asynccontextmanager\nasync def")}
    assert wrong(right) == ["alone.py"]
    assert wrong({}) == users
    # The same on disk.
    (tmp_path / "a" / "db.py").write_text(right[db])
    assert wrong({}) == ["alone.py"]
    (tmp_path / "a" / "db.py").write_text(DB)
    # A comment in the editor counts before it is saved.
    ignoring = FILES["ignored.py"].replace(" as s:", " as s:  # session: ignore[async-with]")
    assert wrong({str(tmp_path / "ignored.py"): ignoring}) == [
        name for name in users if name != "ignored.py"
    ]


def test_only_what_leans_on_it_is_read_again() -> None:
    sources = {
        "db": "",
        "use": "def f():\n    from db import x\n",
        "api": "import use as u\n",
        "deep": "from p import q\n",
        "p.q.r": "",
        "other": "import os\n",
    }
    texts = dict.fromkeys(sources, b"")
    stale = StaleModules(texts)
    for name in sources:
        stale.reading(name, name)
    stale.note(lambda name: tree_of(sources[name]))
    assert not stale.take()
    texts["db"] = b"#"
    assert stale.take() == {"db", "use", "api"}
    texts["p.q.r"] = b"#"
    assert stale.take() == {"p.q.r", "deep"}
