"""TODO."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pygls.lsp.server import LanguageServer

    from mypy_asyncsession.server.protocol.session import Session


def register(server: LanguageServer, session: Session) -> None:
    """TODO."""
