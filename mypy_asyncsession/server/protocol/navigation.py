"""From a use to the provider behind it, from a provider to its uses, and to providers by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lsprotocol import types

from mypy_asyncsession.server.analysis.cursor import under
from mypy_asyncsession.server.analysis.inventories import behind, rows
from mypy_asyncsession.server.protocol.places import location_of, location_of_line
from mypy_asyncsession.server.protocol.positions import column

if TYPE_CHECKING:
    from pygls.lsp.server import LanguageServer

    from mypy_asyncsession.server.analysis.cursor import Under
    from mypy_asyncsession.server.analysis.project import Project
    from mypy_asyncsession.server.protocol.session import Session
    from mypy_asyncsession.survey import Provider


def register(server: LanguageServer, session: Session) -> None:
    """Have the server lead to where things are."""

    def found(uri: str, at: types.Position) -> tuple[Project, Under] | None:
        known = session.known(uri)
        if known is None:
            return None
        project, path = known
        lines = session.lines(project, path)
        place = column(at, lines, server.workspace.position_codec)
        there = under(project, path, session.text(project, path), at.line + 1, place)
        return (project, there) if there is not None else None

    def place_of(project: Project, provider: Provider) -> types.Location:
        path = project.full(provider.place.path)
        line = project.line_now(path, provider.place.line) or provider.place.line
        return location_of(server, session, project, provider, line)

    @server.feature(types.TEXT_DOCUMENT_DEFINITION)
    def definition(params: types.DefinitionParams) -> types.Location | None:
        there = found(params.text_document.uri, params.position)
        if there is None:
            return None
        project, at = there
        return place_of(project, behind(at.row.provider, rows(project)))

    @server.feature(types.TEXT_DOCUMENT_REFERENCES)
    def references(params: types.ReferenceParams) -> list[types.Location] | None:
        there = found(params.text_document.uri, params.position)
        if there is None:
            return None
        project, at = there
        uses = [(project.full(use.path), use.line) for use in at.row.uses]
        return [
            location_of_line(server, session, project, path, project.line_now(path, line) or line)
            for path, line in uses
        ]

    @server.feature(types.WORKSPACE_SYMBOL)
    def symbols(params: types.WorkspaceSymbolParams) -> list[types.WorkspaceSymbol]:
        return [
            types.WorkspaceSymbol(
                place_of(project, row.provider),
                row.provider.name,
                types.SymbolKind.Method
                if row.provider.kind != "function"
                else types.SymbolKind.Function,
                container_name=f"{row.provider.module}: {row.provider.gives}",
            )
            for project in session.projects.values()
            for row in rows(project).values()
            if _matches(params.query, row.provider.fullname)
        ]


def _matches(query: str, name: str) -> bool:
    """Whether the letters of a query are in a name, in their order."""
    letters = iter(name.lower())
    return all(letter in letters for letter in query.lower() if not letter.isspace())
