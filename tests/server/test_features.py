"""Every feature of the server, through the real process."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from lsprotocol import types

from mypy_asyncsession.server.protocol.pages import page_of
from tests.server.editor import LONGEST, Editor, editor, without_packages

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

SHOP = Path(__file__).parents[2] / "test-data" / "demo" / "shop"


#: What is wrong in it: the lines and the codes.
WRONG = {
    "shop/api.py": [(21, "session-depends")],
    "shop/jobs.py": [(10, "session-with")],
    "shop/orders.py": [(16, "session-with")],
    "shop/reports.py": [(10, "session-iter")],
    "shop/stock.py": [(10, "session-await")],
}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with the demo's shop, whose cache is kept from one test to the next."""
    folder = tmp_path_factory.mktemp("editor")
    shutil.copytree(SHOP, folder / "shop")
    without_packages(folder)
    return folder


def drive(root: Path, part: Callable[[Editor], Awaitable[None]], *arguments: str) -> None:
    async def run() -> None:
        async with editor(root, *arguments) as found:
            await asyncio.wait_for(part(found), LONGEST)

    asyncio.run(run())


def test_findings_and_what_is_said_of_them(root: Path) -> None:
    async def part(editor: Editor) -> None:
        editor.open("shop/orders.py")
        await editor.settled()
        assert {path: editor.findings(path) for path in WRONG} == WRONG
        assert editor.status == "sessions: 5"
        assert types.WORKSPACE_DID_CHANGE_WATCHED_FILES in editor.watched
        kinds = [each["kind"] for each in editor.progress]
        assert kinds[0] == "begin"
        assert kinds[-1] == "end"
        [shown] = editor.shown[root / "shop/orders.py"]
        text = editor.texts[root / "shop/orders.py"].split("\n")[15]
        assert text[shown.range.start.character : shown.range.end.character] == "get_db()"
        assert shown.range.end.line == shown.range.start.line == 15
        assert shown.severity is types.DiagnosticSeverity.Error
        assert shown.code == "session-with"
        assert shown.message.startswith('"get_db" is an async generator')
        assert shown.code_description is not None
        page = Path(shown.code_description.href.removeprefix("file://"))
        assert await asyncio.to_thread(page.read_text) == page_of("session-with")
        assert ".mypy-asyncsession" in page.parts
        [related] = shown.related_information or ()
        assert related.location.uri == editor.uri("shop/db.py")
        assert related.location.range.start == types.Position(11, 0)

    drive(root, part)


def test_texts_that_are_not_saved(root: Path) -> None:
    async def part(editor: Editor) -> None:
        editor.open("shop/orders.py")
        await editor.settled()
        # It moves with its line, goes, and comes again; nothing is written.
        editor.change("shop/orders.py", "\n" + editor.texts[root / "shop/orders.py"])
        await editor.until(lambda: editor.findings("shop/orders.py") == [(17, "session-with")])
        editor.replace("shop/orders.py", "async with get_db()", "async for session in get_db()")
        editor.replace("shop/orders.py", "get_db() as session", "get_db()")
        await editor.until(lambda: not editor.findings("shop/orders.py"))
        await editor.settled()
        assert not editor.findings("shop/orders.py")
        # Who uses a provider hears of its edit, open or not.
        editor.open("shop/db.py")
        before = editor.texts[root / "shop/db.py"]
        editor.replace(
            "shop/db.py", "@asynccontextmanager\nasync def session_scope", "async def session_scope"
        )
        await editor.settled()
        assert not editor.findings("shop/api.py")
        assert editor.findings("shop/reports.py") == [(12, "session-early-exit")]
        assert await asyncio.to_thread((root / "shop/db.py").read_text) == before
        # A text that cannot be parsed keeps what was found, greyed, and says so.
        editor.open("shop/stock.py")
        await editor.settled()
        old = editor.findings("shop/stock.py")
        assert old
        editor.change("shop/stock.py", "def (:\n" + editor.texts[root / "shop/stock.py"])
        await editor.settled()
        assert editor.findings("shop/stock.py") == [(line + 1, code) for line, code in old]
        shown = editor.shown[root / "shop/stock.py"]
        assert [each.message for each in shown if "cannot be parsed" in each.message]
        assert all(
            types.DiagnosticTag.Unnecessary in (each.tags or ()) for each in shown if each.code
        )
        # Closed without having been saved, all is as it is on disk.
        for path in ("shop/stock.py", "shop/db.py", "shop/orders.py"):
            editor.close(path)
        await editor.settled()
        assert {path: editor.findings(path) for path in WRONG} == WRONG

    drive(root, part)


def test_what_can_be_done_about_a_finding(root: Path) -> None:
    async def part(editor: Editor) -> None:
        editor.open("shop/reports.py")
        editor.open("shop/db.py")
        await editor.settled()
        text = editor.texts[root / "shop/reports.py"]
        found = await editor.actions("shop/reports.py", 10)
        titles = list(found)
        assert titles == [
            'Fix session-iter: Write "async with session_scope() as session:"',
            "Ignore session-iter on this line",
            "Explain session-iter",
        ]
        fix, ignore, _ = found.values()
        assert fix is not None
        assert ignore is not None
        assert fix.is_preferred
        # The fix is made and checked when it is asked for.
        edit = (await editor.resolve(fix)).edit
        assert edit is not None
        editor.apply(edit)
        await editor.settled()
        assert not editor.findings("shop/reports.py")
        assert "async with session_scope() as session:" in editor.texts[root / "shop/reports.py"]
        # So is the one for a whole file.
        editor.change("shop/reports.py", text)
        await editor.settled()
        [everything] = (await editor.actions("shop/reports.py", 1, only=["source.fixAll"])).values()
        assert everything is not None
        assert everything.kind == "source.fixAll.mypy-asyncsession"
        assert (await editor.resolve(everything)).edit == edit
        # A comment is written at once.
        assert ignore.edit is not None
        editor.apply(ignore.edit)
        await editor.settled()
        assert not editor.findings("shop/reports.py")
        assert "# type: ignore[session-iter]" in editor.texts[root / "shop/reports.py"]
        argument = {"uri": editor.uri("shop/reports.py"), "code": "session-iter"}
        assert "# session-iter" in await editor.command("mypy-asyncsession.explain", argument)
        assert editor.documents[-1].endswith("session-iter.md")
        # A getter is annotated.
        [title] = [each for each in await editor.actions("shop/db.py", 25) if "Annotate" in each]
        assert title == 'Annotate "current_session": -> AsyncGenerator[AsyncSession, None]'
        argument = {"uri": editor.uri("shop/db.py"), "annotate": "shop.db.current_session"}
        await editor.command("mypy-asyncsession.annotate", argument)
        text = editor.texts[root / "shop/db.py"]
        assert "def current_session() -> AsyncGenerator[AsyncSession, None]:" in text
        assert "import AsyncGenerator" in text

    drive(root, part)


def test_what_is_said_of_a_provider(root: Path) -> None:
    async def part(editor: Editor) -> None:
        for path in ("shop/db.py", "shop/api.py", "shop/jobs.py", "shop/orders.py"):
            editor.open(path)
        await editor.settled()
        text = editor.texts[root / "shop/orders.py"].split("\n")[15]
        use = await editor.hover("shop/orders.py", 16, text.index("get_db") + 2)
        assert use is not None
        assert "`get_db` is an async generator of AsyncSession." in use
        assert "shop/db.py:12" in use
        assert "entered 1, Depends 1, 1 wrong" in use
        bound = await editor.hover("shop/orders.py", 16, text.index("session:") + 2)
        assert bound is not None
        assert bound.startswith("`session` comes from `get_db`")
        assert await editor.hover("shop/orders.py", 1, 1) is None
        everywhere = types.Range(types.Position(0, 0), types.Position(999, 0))
        [hint] = (
            await editor.client.text_document_inlay_hint_async(
                types.InlayHintParams(editor.document("shop/db.py"), everywhere)
            )
            or ()
        )
        assert hint.label == "-> AsyncGenerator[AsyncSession, None]"
        hint = await editor.client.inlay_hint_resolve_async(hint)
        assert hint.text_edits
        lenses = await editor.client.text_document_code_lens_async(
            types.CodeLensParams(editor.document("shop/db.py"))
        )
        titles = {each.range.start.line + 1: each.command for each in lenses or ()}
        assert {line: each.title for line, each in titles.items() if each} == {
            12: "entered 1, Depends 1, 1 wrong",
            19: "entered 1, iterated 1, awaited 1, Depends 1, 3 wrong",
            25: "entered 1, 1 wrong",
        }
        assert sorted(set(editor.refreshed)) == ["hint", "lens"]
        lens = titles[12]
        assert lens is not None
        assert lens.arguments is not None
        assert len(await editor.command(lens.command, lens.arguments[0])) == 2
        assert "uses.md" in editor.documents[-1]
        # The wrapper hands on what "get_db" gives.
        text = editor.texts[root / "shop/jobs.py"].split("\n")[9]
        place = types.Position(9, text.index("current_session") + 1)
        found = await editor.client.text_document_definition_async(
            types.DefinitionParams(editor.document("shop/jobs.py"), place)
        )
        assert isinstance(found, types.Location)
        assert (found.uri, found.range.start.line) == (editor.uri("shop/db.py"), 11)
        uses = await editor.client.text_document_references_async(
            types.ReferenceParams(
                text_document=editor.document("shop/jobs.py"),
                position=place,
                context=types.ReferenceContext(include_declaration=False),
            )
        )
        assert [each.uri for each in uses or ()] == [editor.uri("shop/jobs.py")]
        symbols = await editor.client.workspace_symbol_async(types.WorkspaceSymbolParams("getdb"))
        assert [each.name for each in symbols or ()] == ["get_db"]

    drive(root, part)
