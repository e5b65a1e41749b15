"""An editor, as far as a server can tell: it starts the real process and remembers what it says."""

from __future__ import annotations

import asyncio
import sys
import venv
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lsprotocol import types
from pygls.lsp.client import LanguageClient

from mypy_asyncsession.server.protocol.status import STATUS

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence

#: How long to wait for anything, in seconds.
LONGEST = 90

#: Everything that the server asks about.
ABLE = types.ClientCapabilities(
    text_document=types.TextDocumentClientCapabilities(
        code_action=types.CodeActionClientCapabilities(
            resolve_support=types.ClientCodeActionResolveOptions(properties=["edit"])
        ),
        inlay_hint=types.InlayHintClientCapabilities(
            resolve_support=types.ClientInlayHintResolveOptions(properties=["textEdits"])
        ),
    ),
    window=types.WindowClientCapabilities(
        work_done_progress=True,
        show_document=types.ShowDocumentClientCapabilities(support=True),
    ),
    workspace=types.WorkspaceClientCapabilities(
        did_change_watched_files=types.DidChangeWatchedFilesClientCapabilities(
            dynamic_registration=True
        ),
        code_lens=types.CodeLensWorkspaceClientCapabilities(refresh_support=True),
        inlay_hint=types.InlayHintWorkspaceClientCapabilities(refresh_support=True),
    ),
)


class Editor:
    """An editor with a server.

    Attributes:
        client: The connection.
        root: The directory that is open.
        texts: The texts that are open, by their paths.
        shown: What is shown of each file, by its path.
        messages: What the user was told.
        progress: What was said about progress.
        watched: The patterns of the files that the server wants to be told about.
        documents: The pages that the server has had shown.
        applied: The edits that the server has made itself.
        refreshed: What the server has said is to be asked for again.
    """

    def __init__(self, client: LanguageClient, root: Path) -> None:
        self.client = client
        self.root = root
        self.texts: dict[Path, str] = {}
        self.shown: dict[Path, list[types.Diagnostic]] = {}
        self.messages: list[str] = []
        self.progress: list[Any] = []
        self.watched: list[str] = []
        self.documents: list[str] = []
        self.applied: list[types.WorkspaceEdit] = []
        self.refreshed: list[str] = []
        self.published = 0
        self.ended = False
        self._versions: dict[Path, int] = {}
        self._status: dict[str, Any] = {}
        self._news = asyncio.Event()
        self._listen()

    def _listen(self) -> None:
        for method, handler in (
            (types.TEXT_DOCUMENT_PUBLISH_DIAGNOSTICS, self._published),
            (STATUS, self._status_changed),
            (types.WINDOW_SHOW_MESSAGE, self._told),
            (types.WINDOW_WORK_DONE_PROGRESS_CREATE, lambda _params: None),
            (types.PROGRESS, lambda params: self.progress.append(params.value)),
            (types.CLIENT_REGISTER_CAPABILITY, self._registered),
            (types.WINDOW_SHOW_DOCUMENT, self._show),
            (types.WORKSPACE_APPLY_EDIT, self._apply),
            (types.WORKSPACE_CODE_LENS_REFRESH, lambda _: self.refreshed.append("lens")),
            (types.WORKSPACE_INLAY_HINT_REFRESH, lambda _: self.refreshed.append("hint")),
        ):
            # A method itself takes no attributes, which it would be given.
            self.client.feature(method)(lambda params, handler=handler: handler(params))

    def _published(self, params: types.PublishDiagnosticsParams) -> None:
        self.published += 1
        self.shown[_path(params.uri)] = list(params.diagnostics)
        self._news.set()

    def _status_changed(self, params: Any) -> None:
        self._status = params._asdict()
        self._news.set()

    def _told(self, params: types.ShowMessageParams) -> None:
        self.messages.append(params.message)
        self._news.set()

    def _registered(self, params: types.RegistrationParams) -> None:
        self.watched += [each.method for each in params.registrations]

    def _show(self, params: types.ShowDocumentParams) -> types.ShowDocumentResult:
        self.documents.append(params.uri)
        return types.ShowDocumentResult(success=True)

    def _apply(self, params: types.ApplyWorkspaceEditParams) -> types.ApplyWorkspaceEditResult:
        self.applied.append(params.edit)
        self.apply(params.edit)
        return types.ApplyWorkspaceEditResult(applied=True)

    @property
    def status(self) -> str:
        """The status line."""
        return str(self._status.get("text", ""))

    def uri(self, path: str | Path) -> str:
        return (self.root / path).as_uri()

    def document(self, path: str | Path) -> types.TextDocumentIdentifier:
        return types.TextDocumentIdentifier(self.uri(path))

    # What a user does

    def open(self, path: str, text: str | None = None) -> None:
        """Open a file, with its own text or another one."""
        full = self.root / path
        if text is None:
            text = full.read_bytes().decode()
        self.texts[full] = text
        self._versions[full] = self._versions.get(full, 0) + 1
        self.client.text_document_did_open(
            types.DidOpenTextDocumentParams(
                types.TextDocumentItem(full.as_uri(), "python", self._versions[full], text)
            )
        )

    def change(self, path: str, text: str) -> None:
        """Write something else into an open file."""
        full = self.root / path
        self.texts[full] = text
        self._versions[full] += 1
        self.client.text_document_did_change(
            types.DidChangeTextDocumentParams(
                types.VersionedTextDocumentIdentifier(
                    uri=full.as_uri(), version=self._versions[full]
                ),
                [types.TextDocumentContentChangeWholeDocument(text)],
            )
        )

    def replace(self, path: str, old: str, new: str) -> None:
        """Write *new* where *old* stands in an open file."""
        text = self.texts[self.root / path]
        assert old in text
        self.change(path, text.replace(old, new))

    def save(self, path: str) -> None:
        full = self.root / path
        full.write_bytes(self.texts[full].encode())
        self.client.text_document_did_save(types.DidSaveTextDocumentParams(self.document(path)))

    def close(self, path: str) -> None:
        del self.texts[self.root / path]
        self.client.text_document_did_close(types.DidCloseTextDocumentParams(self.document(path)))

    def on_disk(self, path: str, kind: types.FileChangeType) -> None:
        """Tell that a file was made, changed or removed by others."""
        self.client.workspace_did_change_watched_files(
            types.DidChangeWatchedFilesParams([types.FileEvent(self.uri(path), kind)])
        )

    def apply(self, edit: types.WorkspaceEdit) -> None:
        """Make an edit of the server's."""
        changes = dict(edit.changes or {})
        for each in edit.document_changes or ():
            assert isinstance(each, types.TextDocumentEdit)
            assert all(isinstance(one, types.TextEdit) for one in each.edits)
            changes[each.text_document.uri] = each.edits  # type: ignore[assignment]
        for uri, edits in changes.items():
            path = _path(uri)
            name = str(path.relative_to(self.root))
            if path not in self.texts:
                self.open(name)
            self.change(name, edited(self.texts[path], edits))

    # What the server answers

    def findings(self, path: str) -> list[tuple[int, str]]:
        """The lines, 1-based, and the codes of what is shown of a file."""
        return [
            (each.range.start.line + 1, str(each.code))
            for each in self.shown.get(self.root / path, [])
            if each.code is not None
        ]

    async def until(self, met: Callable[[], bool]) -> None:
        """Wait for something that the server says."""

        async def wait() -> None:
            while not met():
                self._news.clear()
                await self._news.wait()

        await asyncio.wait_for(wait(), LONGEST)

    async def settled(self) -> None:
        """Wait until the server has nothing pending of what it was told."""
        while True:
            self._news.clear()
            if not (await self.command("mypy-asyncsession.status", None))["pending"]:
                return
            await asyncio.wait_for(self._news.wait(), LONGEST)

    async def actions(
        self, path: str, line: int, *, only: Sequence[str] | None = None
    ) -> dict[str, types.CodeAction | None]:
        """What can be done about a line, 1-based, by the titles.

        An action that is a command alone is read by this client as a command with another name:
        of these there is only the title.
        """
        at = types.Range(types.Position(line - 1, 0), types.Position(line - 1, 200))
        shown = [
            each
            for each in self.shown.get(self.root / path, [])
            if each.range.start.line == line - 1
        ]
        found = await self.client.text_document_code_action_async(
            types.CodeActionParams(
                self.document(path), at, types.CodeActionContext(shown, only=only)
            )
        )
        return {
            each.title: each if isinstance(each, types.CodeAction) else None for each in found or ()
        }

    async def resolve(self, action: types.CodeAction | None) -> types.CodeAction:
        assert action is not None
        return await self.client.code_action_resolve_async(action)

    async def command(self, name: str, argument: object) -> Any:
        return await self.client.workspace_execute_command_async(
            types.ExecuteCommandParams(name, [argument] if argument is not None else [])
        )

    async def hover(self, path: str, line: int, column: int) -> str | None:
        """The text that is shown at a place, its line 1-based."""
        found = await self.client.text_document_hover_async(
            types.HoverParams(self.document(path), types.Position(line - 1, column))
        )
        if found is None:
            return None
        assert isinstance(found.contents, types.MarkupContent)
        return found.contents.value


@asynccontextmanager
async def editor(
    root: Path,
    *arguments: str,
    capabilities: types.ClientCapabilities = ABLE,
    options: object = None,
    folders: Sequence[Path] | None = None,
) -> AsyncIterator[Editor]:
    """An editor with *root* open, and its server, which is ended."""
    client = LanguageClient("an editor", "1")
    found = Editor(client, root)
    command = ("-m", "mypy_asyncsession", "server", *arguments)
    await client.start_io(sys.executable, *command, cwd=root)
    try:
        await asyncio.wait_for(
            client.initialize_async(
                types.InitializeParams(
                    capabilities=capabilities,
                    root_uri=root.as_uri(),
                    workspace_folders=[
                        types.WorkspaceFolder(each.as_uri(), each.name)
                        for each in (folders or [root])
                    ],
                    initialization_options=options,
                )
            ),
            LONGEST,
        )
        client.initialized(types.InitializedParams())
        yield found
        await asyncio.wait_for(client.shutdown_async(None), LONGEST)
        client.exit(None)
        found.ended = True
    finally:
        process = client._server  # noqa: SLF001
        if process is not None:
            try:
                await asyncio.wait_for(process.wait(), LONGEST if found.ended else 0.1)
            except (asyncio.TimeoutError, TimeoutError):
                with suppress(ProcessLookupError):
                    process.kill()
        await client.stop()  # type: ignore[no-untyped-call]


def edited(text: str, edits: Sequence[types.TextEdit | Any]) -> str:
    """A text after edits that say where they are in the one before; columns are all ASCII."""
    lines = text.split("\n")
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line) + 1)

    def offset(position: types.Position) -> int:
        return min(starts[min(position.line, len(lines))] + position.character, len(text))

    for edit in sorted(edits, key=lambda each: offset(each.range.start), reverse=True):
        start, end = offset(edit.range.start), offset(edit.range.end)
        text = text[:start] + edit.new_text + text[end:]
    return text


def without_packages(folder: Path) -> None:
    """Have a project be one of a Python without packages: then mypy has little to read."""
    venv.create(folder / ".venv", with_pip=False, symlinks=True)
    python = folder / ".venv" / "bin" / "python"
    (folder / "mypy.ini").write_text(f"[mypy]\npython_executable = {python}\n")


def _path(uri: str) -> Path:
    from pygls.uris import to_fs_path

    return Path(to_fs_path(uri) or "")
