"""Above each provider: how often it is used in which way, and how often wrongly."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lsprotocol import types

from mypy_asyncsession.server.analysis.inventories import rows, surveyed
from mypy_asyncsession.server.analysis.provider_text import counted
from mypy_asyncsession.server.protocol.commands import USES
from mypy_asyncsession.server.protocol.places import location_of

if TYPE_CHECKING:
    from pygls.lsp.server import LanguageServer

    from mypy_asyncsession.server.protocol.session import Session


def register(server: LanguageServer, session: Session) -> None:
    """Have the server count, and list what it has counted."""

    @server.feature(types.TEXT_DOCUMENT_CODE_LENS, types.CodeLensOptions(resolve_provider=False))
    def lenses(params: types.CodeLensParams) -> list[types.CodeLens]:
        known = session.known(params.text_document.uri)
        if known is None or not session.wishes.code_lens:
            return []
        project, path = known
        uri = params.text_document.uri
        return [
            types.CodeLens(
                location_of(server, session, project, provider, line).range,
                types.Command(
                    counted(rows(project)[provider.fullname]),
                    USES,
                    arguments=[{"uri": uri, "provider": provider.fullname}],
                ),
            )
            for provider, line in surveyed(project, path)
        ]
