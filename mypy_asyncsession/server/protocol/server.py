"""The server: what an editor can ask it, put together."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lsprotocol import types
from pygls.lsp.server import LanguageServer

import mypy_asyncsession
from mypy_asyncsession.server.protocol import (
    actions,
    commands,
    diagnostics,
    hints,
    hovers,
    lenses,
    navigation,
    synchronization,
)
from mypy_asyncsession.server.protocol.session import Session

if TYPE_CHECKING:
    from mypy_asyncsession.server.analysis.jobs import Settings

_FEATURES = (
    synchronization,
    diagnostics,
    actions,
    commands,
    hovers,
    hints,
    lenses,
    navigation,
)


def language_server(settings: Settings) -> LanguageServer:
    """A server that has not been started.

    Args:
        settings: How projects are checked, unless the editor says otherwise.
    """
    server = LanguageServer(
        "mypy-asyncsession",
        mypy_asyncsession.__version__,
        # A text is sent whole: what ends a line is another question to everybody.
        text_document_sync_kind=types.TextDocumentSyncKind.Full,
    )
    session = Session(server, settings)
    for feature in _FEATURES:
        feature.register(server, session)
    return server
