"""Places in files, as the editor has them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from lsprotocol import types

from mypy_asyncsession.findings import Span
from mypy_asyncsession.server.protocol.positions import range_of
from mypy_asyncsession.server.protocol.session import uri_of

if TYPE_CHECKING:
    from pygls.lsp.server import LanguageServer

    from mypy_asyncsession.server.analysis.project import Project
    from mypy_asyncsession.server.protocol.session import Session
    from mypy_asyncsession.survey import Provider


def location_of_line(
    server: LanguageServer, session: Session, project: Project, path: str, line: int
) -> types.Location:
    """A line without what it is indented by."""
    lines = session.lines(project, path)
    text = lines[line - 1] if 0 < line <= len(lines) else ""
    span = Span(line, len(text) - len(text.lstrip()), line, len(text.rstrip()))
    return types.Location(uri_of(path), range_of(span, lines, server.workspace.position_codec))


def location_of(
    server: LanguageServer, session: Session, project: Project, provider: Provider, line: int
) -> types.Location:
    """The name in the definition of a provider, which is on a line or soon behind it."""
    path = project.full(provider.place.path)
    lines = session.lines(project, path)
    name = provider.name.rpartition(".")[2]
    defined = re.compile(rf"\b(?:def|class)\s+({re.escape(name)})\b")
    for number in range(line, min(line + 20, len(lines) + 1)):
        match = defined.search(lines[number - 1])
        if match is not None:
            span = Span(number, match.start(1), number, match.end(1))
            codec = server.workspace.position_codec
            return types.Location(uri_of(path), range_of(span, lines, codec))
    return location_of_line(server, session, project, path, line)
