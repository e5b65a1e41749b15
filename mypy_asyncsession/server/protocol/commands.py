"""What an editor can have done: edits that are made on request, and pages that are shown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from lsprotocol import types

from mypy_asyncsession.fixes.cannot_fix import CannotFix
from mypy_asyncsession.server.analysis.annotating import annotated
from mypy_asyncsession.server.analysis.inventories import rows, surveyed
from mypy_asyncsession.server.analysis.tasks import Failed
from mypy_asyncsession.server.protocol.edits import edits
from mypy_asyncsession.server.protocol.pages import page_of, page_uri, written
from mypy_asyncsession.server.protocol.places import location_of_line
from mypy_asyncsession.server.protocol.session import path_of, uri_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from pygls.lsp.server import LanguageServer

    from mypy_asyncsession.audit.inventory import Row
    from mypy_asyncsession.server.analysis.project import Project
    from mypy_asyncsession.server.protocol.session import Session

FIX: Final = "mypy-asyncsession.fix"
ANNOTATE: Final = "mypy-asyncsession.annotate"
EXPLAIN: Final = "mypy-asyncsession.explain"
USES: Final = "mypy-asyncsession.uses"
STATUS: Final = "mypy-asyncsession.status"


def register(server: LanguageServer, session: Session) -> None:
    """Have the server obey."""

    @server.command(FIX)
    async def fix(data: dict[str, Any]) -> None:
        await _apply(server, await edit_of(server, session, data))

    @server.command(ANNOTATE)
    async def annotate(data: dict[str, Any]) -> None:
        project, path = _known(session, data)
        found = annotation_edits(server, session, data)
        if found is not None:
            await _apply(server, workspace_edit(server, project, {path: found}))

    @server.command(EXPLAIN)
    async def explain(data: dict[str, Any]) -> str | None:
        project, _ = _known(session, data)
        uri = page_uri(project.root.directory, project.settings.cache_dir, str(data["code"]))
        await _show(server, uri, page_of(str(data["code"])) or "")
        return page_of(str(data["code"]))

    @server.command(USES)
    async def uses(data: dict[str, Any]) -> list[types.Location]:
        project, _ = _known(session, data)
        row = rows(project).get(str(data["provider"]))
        if row is None:
            return []
        text = _listed(row)
        directory, cache_dir = project.root.directory, project.settings.cache_dir
        if data.get("show", True):
            await _show(server, written(directory, cache_dir, "uses.md", text), text)
        return [
            location_of_line(server, session, project, project.full(use.path), use.line)
            for use in row.uses
        ]

    @server.command(STATUS)
    def show_status() -> dict[str, Any]:
        return session.status()


def _known(session: Session, data: Mapping[str, Any]) -> tuple[Project, str]:
    path = path_of(str(data["uri"]))
    if path is None:
        raise ValueError(f"not a file of Python: {data['uri']}")
    return session.project(path), path


async def edit_of(
    server: LanguageServer, session: Session, data: Mapping[str, Any]
) -> types.WorkspaceEdit | None:
    """The edit of a fix; ``None`` where it cannot be made, which is said."""
    project, _ = _known(session, data)
    wanted = [(str(each[0]), str(each[1]), int(each[2]), str(each[3])) for each in data["wanted"]]
    before = {each: buffer.text for each, buffer in project.buffers.items()}
    if _is_broken(server, project, (project.full(path) for path, *_ in wanted)):
        return None
    try:
        result = await project.fix(wanted)
    except Failed as failure:
        _tell(server, str(failure))
        return None
    if not result.texts:
        _tell(server, f"it is left as it is: {result.reason or 'there is nothing to fix'}")
        return None
    if _is_broken(server, project, result.texts):
        return None
    if any(
        path in before and project.buffers.get(path) and project.buffers[path].text != before[path]
        for path in result.texts
    ):
        _tell(server, "the text was edited meanwhile: ask again")
        return None
    if result.reason is not None and not wanted[0][2]:
        _tell(server, f"some are left as they are: {result.reason}")
    codec = server.workspace.position_codec
    changes = {}
    for each, new in result.texts.items():
        old = session.text(project, each)
        changes[each] = edits(old, new, codec)
    return workspace_edit(server, project, changes)


def _is_broken(server: LanguageServer, project: Project, paths: Iterable[str]) -> bool:
    """Whether one of these files cannot be parsed, which is said.

    What is fixed is its last text that could be: an edit would undo what is being typed.
    """
    for path in paths:
        trouble = project.trouble(path)
        if trouble is not None:
            shown = project.shown(path)
            _tell(server, f"it is left as it is: {shown} cannot be parsed ({trouble[1]})")
            return True
    return False


def annotation_edits(
    server: LanguageServer, session: Session, data: Mapping[str, Any]
) -> list[types.TextEdit] | None:
    """The edits that annotate a provider; ``None`` where they cannot be made, which is said."""
    project, path = _known(session, data)
    for provider, line in surveyed(project, path):
        if provider.fullname == data["annotate"]:
            text = session.text(project, path)
            try:
                new = annotated(text, provider, line, project.root.directory)
            except CannotFix as left:
                _tell(server, f"it is left as it is: {left}")
                return None
            return edits(text, new, server.workspace.position_codec)
    return None


def workspace_edit(
    server: LanguageServer, project: Project, changes: Mapping[str, Sequence[types.TextEdit]]
) -> types.WorkspaceEdit:
    """Edits of several files, as the editor understands them."""
    workspace = server.client_capabilities.workspace
    support = workspace.workspace_edit if workspace is not None else None
    if support is None or not support.document_changes:
        return types.WorkspaceEdit(
            changes={uri_of(path): list(each) for path, each in changes.items()}
        )
    return types.WorkspaceEdit(
        document_changes=[
            types.TextDocumentEdit(
                types.OptionalVersionedTextDocumentIdentifier(
                    uri=uri_of(path),
                    version=project.buffers[path].version if path in project.buffers else None,
                ),
                list(each),
            )
            for path, each in changes.items()
        ]
    )


async def _apply(server: LanguageServer, edit: types.WorkspaceEdit | None) -> None:
    if edit is not None:
        await server.workspace_apply_edit_async(types.ApplyWorkspaceEditParams(edit))


def _tell(server: LanguageServer, message: str) -> None:
    server.window_show_message(
        types.ShowMessageParams(types.MessageType.Info, f"sessions: {message}")
    )


async def _show(server: LanguageServer, uri: str | None, text: str) -> None:
    """Show a page: as a document, if the editor can, or else as a message."""
    window = server.client_capabilities.window
    if uri is not None and window is not None and window.show_document is not None:
        await server.window_show_document_async(types.ShowDocumentParams(uri=uri, take_focus=True))
    else:
        server.window_show_message(types.ShowMessageParams(types.MessageType.Info, text))


def _listed(row: Row) -> str:
    """The uses of a provider in Markdown, the wrong ones first."""
    lines = [f"# {row.provider.fullname}", "", row.provider.gives, ""]
    ordered = sorted(row.uses, key=lambda use: (use.code is None, use.path, use.line))
    for use in ordered:
        wrong = f" **{use.code}**" if use.code is not None else ""
        lines.append(f"- {use.way} at {use.path}:{use.line}{wrong}")
    return "\n".join([*lines, ""])
