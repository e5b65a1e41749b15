"""The inferred types of getters that are not annotated, shown in the text."""

from __future__ import annotations

import io
import tokenize
from typing import TYPE_CHECKING

from lsprotocol import types

from mypy_asyncsession.server.analysis.inventories import surveyed
from mypy_asyncsession.server.protocol.commands import annotation_edits
from mypy_asyncsession.server.protocol.positions import position

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pygls.lsp.server import LanguageServer

    from mypy_asyncsession.server.protocol.session import Session


def register(server: LanguageServer, session: Session) -> None:
    """Have the server show types, which a double click writes."""

    @server.feature(types.TEXT_DOCUMENT_INLAY_HINT, types.InlayHintOptions(resolve_provider=True))
    def hints(params: types.InlayHintParams) -> list[types.InlayHint]:
        known = session.known(params.text_document.uri)
        if known is None or not session.wishes.inlay_hints:
            return []
        project, path = known
        lines = session.lines(project, path)
        found = []
        for provider, line in surveyed(project, path):
            if provider.annotated != "missing" or provider.right is None:
                continue
            end = signature_end(lines, line)
            if end is None or not params.range.start.line <= end[0] - 1 <= params.range.end.line:
                continue
            data = {"uri": params.text_document.uri, "annotate": provider.fullname}
            found.append(
                types.InlayHint(
                    position(*end, lines, server.workspace.position_codec),
                    f"-> {provider.right}",
                    types.InlayHintKind.Type,
                    padding_left=True,
                    data=data,
                    text_edits=None
                    if _can_resolve(server)
                    else annotation_edits(server, session, data),
                )
            )
        return found

    @server.feature(types.INLAY_HINT_RESOLVE)
    def resolve(hint: types.InlayHint) -> types.InlayHint:
        if isinstance(hint.data, dict):
            hint.text_edits = annotation_edits(server, session, hint.data)
        return hint


def _can_resolve(server: LanguageServer) -> bool:
    document = server.client_capabilities.text_document
    hint = document.inlay_hint if document is not None else None
    support = hint.resolve_support if hint is not None else None
    return support is not None and "textEdits" in support.properties


def signature_end(lines: Sequence[str], line: int) -> tuple[int, int] | None:
    """Where the signature of a definition ends, behind its closing bracket.

    Args:
        lines: The lines of the text.
        line: The line on which it, or a decorator of it, begins, 1-based.
    """
    depth = 0
    defined = False
    text = "\n".join(lines[line - 1 :])
    try:
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            if token.type == tokenize.NAME and token.string == "def" and depth == 0:
                defined = True
            elif token.string in ("(", "[", "{"):
                depth += 1
            elif token.string in (")", "]", "}"):
                depth -= 1
                if defined and depth == 0 and token.string == ")":
                    return line + token.end[0] - 1, token.end[1]
    except (tokenize.TokenError, SyntaxError):
        pass
    return None
