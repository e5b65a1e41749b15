"""What changes around an editor: configurations, files on disk, positions, and ends by force."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
from lsprotocol import types

from mypy_asyncsession.checking.options import Options
from mypy_asyncsession.checking.run import check
from tests.server.editor import ABLE, LONGEST, Editor, editor, without_packages

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence
    from pathlib import Path

DB = "async def get_db():\n    yield 1\n"
BODY = "async def use() -> None:\n    async with get_db() as s:\n        print(s)\n"
USE = f"from db import get_db\n\n{BODY}"
FOUND = [(4, "async-with")]
MORE = "async def more() -> None:\n    async with get_db() as s:\n        print(s)\n"

CREATED, CHANGED, DELETED = types.FileChangeType


@pytest.fixture
def root(tmp_path: Path) -> Path:
    without_packages(tmp_path)
    (tmp_path / "db.py").write_text(DB)
    (tmp_path / "use.py").write_text(USE)
    return tmp_path


def drive(
    root: Path,
    part: Callable[[Editor], Awaitable[None]],
    *arguments: str,
    capabilities: types.ClientCapabilities = ABLE,
    options: object = None,
) -> None:
    async def run() -> None:
        async with editor(root, *arguments, capabilities=capabilities, options=options) as found:
            await asyncio.wait_for(part(found), LONGEST)

    asyncio.run(run())


def test_files_and_configurations_that_change(root: Path) -> None:
    (root / "inner").mkdir()
    (root / "inner" / "use.py").write_text("from get import get_db\n" + USE.partition("\n")[2])
    (root / "inner" / "get.py").write_text(DB)

    async def part(editor: Editor) -> None:
        editor.open("use.py")
        await editor.settled()
        assert editor.findings("use.py") == FOUND
        assert editor.findings("inner/use.py") == FOUND
        # A provider that is renamed on disk is another one, or none.
        await asyncio.to_thread((root / "db.py").rename, root / "database.py")
        editor.on_disk("db.py", DELETED)
        editor.on_disk("database.py", CREATED)
        await editor.settled()
        assert not editor.findings("use.py")
        editor.replace("use.py", "from db", "from database")
        await editor.settled()
        assert editor.findings("use.py") == FOUND
        editor.save("use.py")
        # A configuration of its own makes a project of a directory, and is read again.
        (root / "inner" / "pyproject.toml").write_text(
            '[tool.mypy]\ndisable_error_code = ["async-with"]\n[tool.mypy-asyncsession]\n'
        )
        editor.on_disk("inner/pyproject.toml", CREATED)
        editor.open("inner/use.py")
        await editor.settled()
        assert not editor.findings("inner/use.py")
        assert editor.findings("use.py") == FOUND
        (root / "inner" / "pyproject.toml").write_text("[tool.mypy-asyncsession]\nnonsense = 1\n")
        editor.on_disk("inner/pyproject.toml", CHANGED)
        await editor.until(lambda: any("nonsense" in each for each in editor.messages))
        (root / "inner" / "pyproject.toml").write_text("[tool.mypy-asyncsession]\n")
        editor.on_disk("inner/pyproject.toml", CHANGED)
        await editor.settled()
        assert editor.findings("inner/use.py") == FOUND
        assert editor.status == "sessions: 2"
        # A project that nobody has opened is one of the project around it.
        editor.close("inner/use.py")
        editor.on_disk("inner/pyproject.toml", CHANGED)
        await editor.settled()
        assert editor.findings("inner/use.py") == FOUND
        assert editor.status == "sessions: 2"
        # Of a directory that is gone one editor tells by its name, the other as its own doing.
        await asyncio.to_thread(shutil.rmtree, root / "inner")
        editor.on_disk("inner", DELETED)
        await editor.settled()
        assert not editor.findings("inner/use.py")
        await asyncio.to_thread((root / "database.py").unlink)
        editor.client.workspace_did_delete_files(
            types.DeleteFilesParams([types.FileDelete(editor.uri("database.py"))])
        )
        await editor.settled()
        assert editor.status == "sessions: 0"
        # What the editor says itself is read again, too.
        editor.client.workspace_did_change_configuration(
            types.DidChangeConfigurationParams({"mypy-asyncsession": {"stricct": True}})
        )
        await editor.until(lambda: any("stricct" in each for each in editor.messages))
        # Notebooks are refused, once.
        for number in range(2):
            editor.client.text_document_did_open(
                types.DidOpenTextDocumentParams(
                    types.TextDocumentItem(editor.uri(f"{number}.ipynb"), "json", 1, "{}")
                )
            )
        await editor.until(lambda: any("Notebooks" in each for each in editor.messages))
        await editor.hover("use.py", 1, 1)
        assert sum("Notebooks" in each for each in editor.messages) == 1
        assert {each.name for each in await asyncio.to_thread(listed, root)} == {
            ".mypy-asyncsession", ".venv", "mypy.ini", "use.py",
        }  # fmt: skip

    drive(root, part)


def listed(folder: Path) -> list[Path]:
    return list(folder.iterdir())


WIDE = 'async def use() -> None:\r\n    x = "日本😀é"; s = await get_db()\r\n    print(x, s)\r\n'


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_columns_behind_more_than_ascii(root: Path, encoding: str) -> None:
    text = "from db import get_db\r\n\r\n" + WIDE
    (root / "use.py").write_bytes(text.encode())
    line = text.split("\r\n")[3]

    def count(part: str) -> int:
        # Of all its characters, one takes two units of UTF-16.
        return len(part.encode()) if encoding == "utf-8" else len(part) + 1

    start = count(line[: line.index("get_db()")])
    capabilities = types.ClientCapabilities(
        general=types.GeneralClientCapabilities(
            position_encodings=[types.PositionEncodingKind(encoding)]
        )
    )

    async def part(editor: Editor) -> None:
        editor.open("use.py")
        await editor.settled()
        [shown] = editor.shown[root / "use.py"]
        assert shown.code == "async-await"
        assert shown.range.start == types.Position(3, start)
        assert shown.range.end == types.Position(3, start + len("get_db()"))
        said = await editor.hover("use.py", 4, start + 2)
        assert said is not None
        assert said.startswith("`get_db` is an async generator")
        ignore = (await editor.actions("use.py", 4))["Ignore async-await on this line"]
        assert ignore is not None
        assert ignore.edit is not None
        [edits] = (ignore.edit.changes or {}).values()
        assert edits[0].range.start == types.Position(3, count(line))
        editor.change("use.py", text.replace("s = await get_db()", "s = 1"))
        await editor.settled()
        assert not editor.findings("use.py")

    drive(root, part, capabilities=capabilities)


def test_what_is_accepted_is_not_shown(root: Path) -> None:
    entry = {"file": "use.py", "code": "async-with", "function": "use", "text": "get_db()"}
    (root / "accepted.json").write_text(json.dumps({"version": 1, "findings": [entry]}))

    async def part(editor: Editor) -> None:
        editor.open("use.py")
        await editor.settled()
        assert not editor.findings("use.py")
        # It is known wherever it moves to; another one is new.
        more = "\n" + USE + "\n" + MORE
        editor.change("use.py", more)
        await editor.settled()
        assert editor.findings("use.py") == [(9, "async-with")]
        editor.change("use.py", more.replace("as s:", "as s:  # type: ignore[async-with]"))
        await editor.settled()
        assert not editor.findings("use.py")

    drive(root, part, options={"baseline": "accepted.json"})


def test_what_check_has_kept_is_shown_first(root: Path) -> None:
    assert [each.code for each in check(["."], directory=str(root)).findings] == ["async-with"]

    async def part(editor: Editor) -> None:
        await editor.until(lambda: editor.findings("use.py") == FOUND)
        # The providers follow.
        symbols = types.WorkspaceSymbolParams("get_db")
        assert not await editor.client.workspace_symbol_async(symbols)
        await editor.settled()
        assert editor.findings("use.py") == FOUND
        assert await editor.client.workspace_symbol_async(symbols)

    drive(root, part)
    assert [each.code for each in check(["."], directory=str(root)).findings] == ["async-with"]


def test_a_draft_that_has_become_the_file(
    root: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    draft = tmp_path_factory.mktemp("draft") / "db.py"
    text = "# moved\n" + DB
    draft.write_text(text)

    def found(**instead: str) -> list[tuple[int, str, int]]:
        options = Options(
            instead={str(root / f"{name}.py"): path for name, path in instead.items()}
        )
        return [
            (each.span.line, each.provider.path, each.provider.line)
            for each in check(["."], options, directory=str(root)).findings
            if each.provider is not None
        ]

    assert found() == [(4, "db.py", 1)]
    assert found(db=str(draft)) == [(4, "db.py", 2)]
    draft.unlink()
    (root / "db.py").write_text(text)
    assert found() == [(4, "db.py", 2)]
    # Who uses it is checked again; it is not, and its source is where the file is.
    (root / "use.py").write_text(USE + "\n" + MORE)
    assert found() == [(4, "db.py", 2), (8, "db.py", 2)]


def test_files_that_are_new_or_installed(
    root: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    library = tmp_path_factory.mktemp("python") / "lib" / "python3.11"
    package = root / ".venv" / "lib" / "site-packages"
    for folder in (library, package):
        folder.mkdir(parents=True)
        (folder / "broken.py").write_text("def (:\n")

    async def part(editor: Editor) -> None:
        editor.open(str(library / "broken.py"))
        editor.open(str(package / "broken.py"))
        await editor.settled()
        assert await editor.hover(str(library / "broken.py"), 1, 1) is None
        assert {path for path, shown in editor.shown.items() if shown} == {root / "use.py"}
        assert [each.name for each in await asyncio.to_thread(listed, library)] == ["broken.py"]
        editor.open("new.py", USE)
        await editor.until(lambda: editor.findings("new.py") == FOUND)
        await editor.settled()
        assert editor.findings("new.py") == FOUND
        [fix, *_] = (await editor.actions("new.py", 4)).values()
        assert (await editor.resolve(fix)).edit is not None
        editor.change("new.py", USE + "\n\n" + MORE)
        await editor.settled()
        assert editor.findings("new.py") == [*FOUND, (9, "async-with")]
        # Nobody tells of the file but the editor that has written it.
        editor.save("new.py")
        await editor.settled()
        editor.change("new.py", USE)
        await editor.settled()
        assert editor.findings("new.py") == FOUND
        editor.open("use.py", "from new import get_db\n" + USE.partition("\n")[2])
        await editor.settled()
        assert editor.findings("use.py") == FOUND

    drive(root, part)


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="there is no such signal here")
@pytest.mark.parametrize(
    "moments",
    [
        (0.2, 0.9),
        pytest.param([number / 10 for number in range(1, 20)], marks=pytest.mark.long),
    ],
)
def test_killed_at_any_moment(root: Path, moments: Sequence[float]) -> None:
    async def killed(after: float) -> None:
        with suppress(_Done):
            async with editor(root) as found:
                found.open("use.py")
                await asyncio.sleep(after)
                found.change("use.py", USE + f"# {after}\n")
                await asyncio.sleep(after)
                end(found)

    def end(editor: Editor) -> None:
        process = editor.client._server  # noqa: SLF001
        assert process is not None
        os.kill(process.pid, signal.SIGKILL)
        raise _Done

    for after in moments:
        asyncio.run(killed(after))
    assert (root / "use.py").read_text() == USE

    async def part(editor: Editor) -> None:
        editor.open("use.py")
        await editor.settled()
        assert editor.findings("use.py") == FOUND

    drive(root, part)
    # What works for the server ends by itself, and takes with it what is not to stay.
    deadline = 160
    while deadline and list(root.glob(".mypy-asyncsession/*/**/work-*")):
        deadline -= 1
        asyncio.run(asyncio.sleep(0.25))
    assert not list(root.glob(".mypy-asyncsession/*/**/work-*"))
    shutil.rmtree(root / ".mypy-asyncsession")


class _Done(Exception):
    """The server was killed."""


def test_without_what_it_needs() -> None:
    code = (
        "import sys; sys.modules['pygls'] = None; sys.argv = ['mypy-asyncsession', 'server']; "
        "from mypy_asyncsession.cli import main; main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.splitlines() == [
        'mypy-asyncsession: error: the server needs pygls: pip install "mypy-asyncsession[server]"'
    ]


EXPIRED = """\
from sqlalchemy import Integer
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

class Base(DeclarativeBase): ...

class User(Base):
    __tablename__ = "users"
    id: Mapped[int] = mapped_column(Integer, primary_key=True)

async def use(session: AsyncSession) -> None:
    user = await session.get_one(User, 1)
    await session.rollback()
    print(user.id)
"""


def test_the_steps_that_lead_to_a_finding(root: Path) -> None:
    (root / "expired.py").write_text(EXPIRED)

    async def part(editor: Editor) -> None:
        editor.open("expired.py")
        await editor.until(lambda: bool(editor.findings("expired.py")))
        for _ in range(2):  # without mypy, and with it
            assert editor.findings("expired.py") == [(14, "session-expired")]
            [shown] = editor.shown[root / "expired.py"]
            steps = [
                (each.location.range.start.line + 1, each.message)
                for each in shown.related_information or ()
            ]
            assert steps == [(13, 'rollback of "session"')]
            await editor.settled()

    drive(root, part)
