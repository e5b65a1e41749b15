"""What is shown of a provider where the mouse rests on it, on a use of it, or on what it gave."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lsprotocol import types

from mypy_asyncsession.findings import Span
from mypy_asyncsession.server.analysis.cursor import under
from mypy_asyncsession.server.analysis.provider_text import described
from mypy_asyncsession.server.protocol.positions import column, range_of

if TYPE_CHECKING:
    from pygls.lsp.server import LanguageServer

    from mypy_asyncsession.server.protocol.session import Session


def register(server: LanguageServer, session: Session) -> None:
    """Have the server say what is under the cursor."""

    @server.feature(types.TEXT_DOCUMENT_HOVER)
    def hover(params: types.HoverParams) -> types.Hover | None:
        known = session.known(params.text_document.uri)
        if known is None:
            return None
        project, path = known
        codec = server.workspace.position_codec
        lines = session.lines(project, path)
        line = params.position.line + 1
        at = column(params.position, lines, codec)
        found = under(project, path, session.text(project, path), line, at)
        if found is None:
            return None
        return types.Hover(
            types.MarkupContent(types.MarkupKind.Markdown, described(found.row, found.bound)),
            range_of(Span(line, found.start, line, found.end), lines, codec),
        )
