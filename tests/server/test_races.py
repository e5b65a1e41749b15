"""Edits that come before anybody has looked, or while something runs: what counts is the end."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from lsprotocol.types import FileChangeType

from mypy_asyncsession.server.analysis.edit import Edit
from mypy_asyncsession.server.analysis.open_files import KnownFile
from tests.server.editor import Editor, editor, without_packages

if TYPE_CHECKING:
    from pathlib import Path

WRONG = "async def get_db():\n    yield 1\n"
RIGHT = f"from contextlib import asynccontextmanager\n\n@asynccontextmanager\n{WRONG}"
HEAD = "from db import get_db\n\n"
BODY = "async def use() -> None:\n    async with get_db() as s:\n        print(s)\n"
BROKEN = "def (:\n"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    without_packages(tmp_path)
    (tmp_path / "db.py").write_text(WRONG)
    (tmp_path / "use.py").write_text(HEAD + BODY)
    return tmp_path


def lines(editor: Editor) -> list[int]:
    return [line for line, _ in editor.findings("use.py")]


async def edited_too_soon(found: Editor) -> None:
    for name in ("db.py", "use.py"):
        found.open(name)
    await found.settled()
    assert lines(found) == [4]
    # A text that is parsed by nobody before another one comes that cannot be.
    twice = f"{HEAD}{BODY}\n{BODY.replace('use', 'again')}"
    found.change("use.py", twice)
    found.change("use.py", twice + BROKEN)
    found.change("use.py", f"{twice}\n{BROKEN}")
    await found.settled()
    assert lines(found) == [4, 8]
    found.change("db.py", RIGHT)
    await found.settled()
    assert lines(found) == []
    found.change("db.py", WRONG)
    await found.settled()
    assert lines(found) == [4, 8]
    # What was saved before mypy has begun, and while it is at a text that is no more.
    found.change("use.py", twice)
    await found.settled()
    for text, wanted in ((RIGHT, []), (WRONG, [4, 8])):
        found.change("db.py", text)
        found.save("db.py")
        await found.settled()
        assert lines(found) == wanted
    found.change("db.py", RIGHT)
    await found.until(lambda: "pending" in found.status)
    await asyncio.sleep(0.2)  # it has begun
    found.change("db.py", f"{RIGHT}\n")
    found.save("db.py")
    await found.settled()
    assert lines(found) == []
    # What is closed is what is on disk.
    found.change("db.py", WRONG)
    await found.settled()
    assert lines(found) == [4, 8]
    found.close("db.py")
    await found.settled()
    assert lines(found) == []
    assert "could not run" not in found.status


async def done_while_all_is_begun_anew(found: Editor) -> None:
    found.open("db.py", WRONG)
    found.save("db.py")
    found.change("db.py", RIGHT)
    await found.settled()
    assert lines(found) == []
    # Edited, and closed, before the processes of before have ended.
    found.on_disk("mypy.ini", FileChangeType.Changed)
    found.change("use.py", f"\n{HEAD}{BODY}")
    found.close("db.py")
    await found.settled()
    assert lines(found) == [5]
    # What keeps it from running is told each time anew.
    config = found.root / "mypy.ini"
    right = config.read_text()
    for _ in range(2):
        told = len(found.messages)
        for text in ("[mypy]\npython_version = x\n", right):
            config.write_text(text)
            found.on_disk("mypy.ini", FileChangeType.Changed)
            await found.settled()
        assert len(found.messages) == told + 1
    assert lines(found) == [5]


async def fixed_while_typing(found: Editor) -> None:
    found.open("db.py", WRONG)
    found.change("use.py", HEAD + BODY)
    await found.settled()
    found.change("use.py", f"{HEAD}{BODY}\n{BROKEN}")
    await found.settled()
    assert lines(found) == [4]
    [fix, *_] = (await found.actions("use.py", 4)).values()
    assert (await found.resolve(fix)).edit is None
    assert any("use.py cannot be parsed" in message for message in found.messages)
    found.change("use.py", HEAD + BODY)
    await found.settled()
    assert (await found.resolve(fix)).edit is not None


def test_what_comes_too_soon(root: Path) -> None:
    async def run() -> None:
        async with editor(root) as found:
            await edited_too_soon(found)
            await done_while_all_is_begun_anew(found)
            await fixed_while_typing(found)

    asyncio.run(run())


def test_which_texts_nobody_has_read() -> None:
    file = KnownFile()

    def edit(*texts: str) -> list[str]:
        for old, new in pairwise(texts):
            file.edited(old, new)
        return list(file.unread)

    file.is_read("a", None)
    assert edit("a", "b", "c", "d") == ["b", "c"]
    # The look at one of them was too late for it to be shown, but it can be parsed.
    file.is_read("b", None)
    assert (file.good, list(file.unread)) == ("b", ["c"])
    file.is_read("d", (1, "broken"))
    assert (file.good, list(file.unread)) == ("b", ["c"])
    # The newest text can be: all others are older.
    assert edit("d", "e", "f") == ["c", "e"]
    file.is_read("f", None)
    assert (file.good, list(file.unread)) == ("f", [])


OLD = "import a\nimport b\n\ndef f():\n    one()\n\ndef g():\n    two()\n\ndef h():\n    three()\n"


@pytest.mark.parametrize(
    ("new", "kept"),
    [
        (OLD, {1, 4, 5, 8, 11}),
        (OLD.replace("import b\n", ""), {1: 1, 4: 3, 5: 4, 8: 7, 11: 10}),
        # At two places: what is between them is what it was.
        (
            OLD.replace("import a\n", "").replace("three()", "four()"),
            {4: 3, 5: 4, 8: 7, 11: None},
        ),
        (
            OLD.replace("one()", "one(1)") + "\n\nend()\n",
            {1: 1, 4: 4, 5: None, 8: 8, 11: 11},
        ),
        ("", {1: None, 4: None}),
        # What was moved is where it is, if its neighbours are.
        (
            "def g():\n    two()\n\n" + OLD.replace("def g():\n    two()\n\n", ""),
            {4: 7, 5: 8, 8: None, 11: 11},
        ),
    ],
)
def test_where_lines_are_after_an_edit(new: str, kept: dict[int, int | None] | set[int]) -> None:
    edit = Edit.between(OLD, new)
    wanted = kept if isinstance(kept, dict) else {line: line for line in kept}
    assert {line: edit.line(line) for line in wanted} == wanted
    back = edit.back()
    assert all(back.line(now) == line for line, now in wanted.items() if now is not None)
