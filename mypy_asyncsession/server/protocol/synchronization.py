"""Documents that are opened, edited, saved and closed, and files that others change."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from lsprotocol import types

from mypy_asyncsession.server.analysis.texts import Buffer
from mypy_asyncsession.server.protocol.session import SECTION, path_of

if TYPE_CHECKING:
    from pygls.lsp.server import LanguageServer

    from mypy_asyncsession.server.analysis.project import Project
    from mypy_asyncsession.server.protocol.session import Session

#: What decides how projects are checked, and where they begin.
_CONFIGURATION: Final = frozenset({"pyproject.toml", "mypy.ini", ".mypy.ini", "setup.cfg"})

#: Of which files and directories an editor tells that it has made, moved or deleted them.
_MOVES: Final = types.FileOperationRegistrationOptions(
    filters=[
        types.FileOperationFilter(types.FileOperationPattern("**/*.{py,pyi}")),
        types.FileOperationFilter(
            types.FileOperationPattern("**", matches=types.FileOperationPatternKind.Folder)
        ),
    ]
)

_NOTEBOOK: Final = (
    "Notebooks are not checked: their cells run in any order, so what is right in one depends on "
    "what was run before. Move the code to a module to have it checked."
)


def register(server: LanguageServer, session: Session) -> None:
    """Have the server follow what happens to texts and files."""
    told = False

    def refuse_notebook() -> None:
        nonlocal told
        if not told:
            told = True
            server.window_show_message(types.ShowMessageParams(types.MessageType.Info, _NOTEBOOK))

    def configure(values: object) -> bool:
        try:
            return session.configure(values)
        except ValueError as error:
            server.window_show_message(
                types.ShowMessageParams(types.MessageType.Warning, f"{SECTION}: {error}")
            )
            return False

    @server.feature(types.INITIALIZE)
    def initialize(params: types.InitializeParams) -> None:
        configure(params.initialization_options)

    @server.feature(types.INITIALIZED)
    async def initialized(_params: types.InitializedParams) -> None:
        for folder in session.folders():
            session.project(folder)
        await _watch(server)

    @server.feature(types.SHUTDOWN)
    async def shutdown(_params: None) -> None:
        await session.close()

    @server.feature(types.TEXT_DOCUMENT_DID_OPEN)
    async def opened(params: types.DidOpenTextDocumentParams) -> None:
        document = params.text_document
        if document.uri.startswith("vscode-notebook-cell:") or document.uri.endswith(".ipynb"):
            refuse_notebook()
            return
        _changed(session, document.uri, document.text, document.version)

    @server.feature(types.NOTEBOOK_DOCUMENT_DID_OPEN)
    def opened_notebook(_params: types.DidOpenNotebookDocumentParams) -> None:
        refuse_notebook()

    @server.feature(types.TEXT_DOCUMENT_DID_CHANGE)
    async def changed(params: types.DidChangeTextDocumentParams) -> None:
        document = params.text_document
        text = server.workspace.get_text_document(document.uri).source
        _changed(session, document.uri, text, document.version)

    @server.feature(types.TEXT_DOCUMENT_DID_SAVE)
    async def saved(params: types.DidSaveTextDocumentParams) -> None:
        uri = params.text_document.uri
        known = session.known(uri)
        if os.path.basename(uri) in _CONFIGURATION:
            await session.begin_anew()
        elif known is not None:
            project, path = known
            project.saved(path)
            if project.shown(path) not in project.report.paths:
                project.disk_changed()  # a new file, of which not every editor tells

    @server.feature(types.TEXT_DOCUMENT_DID_CLOSE)
    async def closed(params: types.DidCloseTextDocumentParams) -> None:
        known = session.known(params.text_document.uri)
        if known is not None:
            session.closed(known[1])

    @server.feature(types.WORKSPACE_DID_CHANGE_WATCHED_FILES)
    async def files_changed(params: types.DidChangeWatchedFilesParams) -> None:
        names = {os.path.basename(change.uri) for change in params.changes}
        baseline = os.path.basename(session.settings.baseline or "")
        if names & _CONFIGURATION:
            await session.begin_anew()
            return
        touched: dict[Project, bool] = {}
        for change in params.changes:
            path = path_of(change.uri)
            if path is None and change.type == types.FileChangeType.Deleted:
                # Of a directory that is gone some editors do not tell the files.
                touched.update(dict.fromkeys(session.around(change.uri), True))
            elif path is not None:
                project = session.project(path)
                others = change.type != types.FileChangeType.Changed
                # What the editor itself has saved is known.
                buffer = project.buffers.get(path)
                if others or buffer is None or not buffer.is_saved():
                    touched[project] = touched.get(project, False) or others
        for project, others in touched.items():
            project.disk_changed(files=others)
        if baseline and baseline in names:
            for project in session.projects.values():
                project.disk_changed(files=False)

    def moved() -> None:
        for project in session.projects.values():
            project.disk_changed()

    @server.feature(types.WORKSPACE_DID_CREATE_FILES, _MOVES)
    async def created(_params: types.CreateFilesParams) -> None:
        moved()

    @server.feature(types.WORKSPACE_DID_RENAME_FILES, _MOVES)
    async def renamed(_params: types.RenameFilesParams) -> None:
        moved()

    @server.feature(types.WORKSPACE_DID_DELETE_FILES, _MOVES)
    async def deleted(_params: types.DeleteFilesParams) -> None:
        moved()

    @server.feature(types.WORKSPACE_DID_CHANGE_CONFIGURATION)
    async def configuration_changed(params: types.DidChangeConfigurationParams) -> None:
        if configure(params.settings):
            await session.begin_anew()

    @server.feature(types.WORKSPACE_DID_CHANGE_WORKSPACE_FOLDERS)
    async def folders_changed(_params: types.DidChangeWorkspaceFoldersParams) -> None:
        await session.begin_anew()


def _changed(session: Session, uri: str, text: str, version: int | None) -> None:
    known = session.known(uri)
    if known is not None:
        session.changed(Buffer(known[1], text, version))


async def _watch(server: LanguageServer) -> None:
    """Have the editor tell of files that others change, if it can."""
    workspace = server.client_capabilities.workspace
    watched = workspace.did_change_watched_files if workspace is not None else None
    if watched is None or not watched.dynamic_registration:
        return
    patterns = ["**/*.py", "**/*.pyi", "**/*.json", *(f"**/{name}" for name in _CONFIGURATION)]
    options = types.DidChangeWatchedFilesRegistrationOptions(
        watchers=[types.FileSystemWatcher(glob_pattern=pattern) for pattern in patterns]
    )
    await server.client_register_capability_async(
        types.RegistrationParams(
            registrations=[
                types.Registration(
                    id="mypy-asyncsession-files",
                    method=types.WORKSPACE_DID_CHANGE_WATCHED_FILES,
                    register_options=options,
                )
            ]
        )
    )
