"""Findings as an editor shows them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from lsprotocol import types

from mypy_asyncsession.codes import STRICT
from mypy_asyncsession.findings import Span
from mypy_asyncsession.server.analysis.columns import Columns
from mypy_asyncsession.server.protocol.pages import page_uri
from mypy_asyncsession.server.protocol.positions import range_of
from mypy_asyncsession.server.protocol.session import uri_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pygls.lsp.server import LanguageServer

    from mypy_asyncsession.findings import Finding
    from mypy_asyncsession.server.analysis.project import Project
    from mypy_asyncsession.server.protocol.session import Session

#: Who has found it.
SOURCE: Final = "mypy-asyncsession"


#: Code that does nothing for anybody who knows what a provider gives.
_UNNECESSARY: Final = frozenset({"session-probe"})

#: The way to hand a session on from before there were better ones.
_DEPRECATED: Final = frozenset({"session-delegate"})

#: What they are about is a place at which something is done.
_DONE: Final = frozenset({"session-concurrent", "session-expired", "session-transaction"})


def register(server: LanguageServer, session: Session) -> None:
    """Have the editor show what is found."""

    def publish(project: Project, paths: Iterable[str]) -> None:
        for path in paths:
            if not session.owns(project, path):
                continue
            buffer = project.buffers.get(path)
            server.text_document_publish_diagnostics(
                types.PublishDiagnosticsParams(
                    uri_of(path),
                    list(_diagnostics(server, session, project, path)),
                    buffer.version if buffer is not None else None,
                )
            )

    session.publish = publish


def _diagnostics(
    server: LanguageServer, session: Session, project: Project, path: str
) -> Iterator[types.Diagnostic]:
    findings, trouble = project.findings(path), project.trouble(path)
    if not findings and trouble is None:
        return
    codec = server.workspace.position_codec
    lines = session.lines(project, path)
    columns = Columns(lines)
    if trouble is not None:
        line, reason = trouble
        length = len(lines[line - 1]) if 0 < line <= len(lines) else 1
        older = "; the findings are those from before" if findings else ""
        yield types.Diagnostic(
            range=range_of(Span(max(line, 1), 0, max(line, 1), length), lines, codec),
            message=f"This file cannot be parsed ({reason}){older}",
            severity=types.DiagnosticSeverity.Information,
            source=SOURCE,
        )
    for found in findings:
        yield types.Diagnostic(
            range=range_of(columns.exact(found.span), lines, codec),
            message="\n".join(filter(None, [found.message, found.hint])),
            severity=(
                types.DiagnosticSeverity.Warning
                if found.code in STRICT
                else types.DiagnosticSeverity.Error
            ),
            code=found.code,
            code_description=_page(project, found.code),
            source=SOURCE,
            tags=list(_tags(found, older=trouble is not None)) or None,
            related_information=list(_related(server, session, project, found)) or None,
            data=identity(found),
        )


def identity(found: Finding) -> dict[str, Any]:
    """By what a finding is known again when the editor asks about it."""
    return {
        "path": found.path,
        "code": found.code,
        "line": found.span.line,
        "message": found.message,
    }


def _page(project: Project, code: str) -> types.CodeDescription | None:
    uri = page_uri(project.root.directory, project.settings.cache_dir, code)
    return types.CodeDescription(uri) if uri is not None else None


def _tags(found: Finding, *, older: bool) -> Iterator[types.DiagnosticTag]:
    if older or found.code in _UNNECESSARY:
        yield types.DiagnosticTag.Unnecessary
    if found.code in _DEPRECATED:
        yield types.DiagnosticTag.Deprecated


def _related(
    server: LanguageServer, session: Session, project: Project, found: Finding
) -> Iterator[types.DiagnosticRelatedInformation]:
    """The steps that lead to it, and where the provider is defined."""
    codec = server.workspace.position_codec
    steps = found.misuse.steps if found.misuse is not None else ()
    places = [(project.full(found.path), step.line, step.text) for step in steps]
    provider = found.provider
    known = {(path, line) for path, line, _ in places}
    if provider is not None and (project.full(provider.path), provider.line) not in known:
        name = provider.fullname.rpartition(".")[2]
        # For the rules about time it is where something is done.
        what = "happens" if found.code in _DONE else "is defined"
        path = project.full(provider.path)
        places.append((path, provider.line, f'"{name}" {what} here'))
    for path, line, text in places:
        lines = session.lines(project, path)
        if not 0 < line <= len(lines):
            continue
        written = lines[line - 1]
        start = len(written) - len(written.lstrip())
        span = Span(line, start, line, len(written.rstrip()))
        yield types.DiagnosticRelatedInformation(
            types.Location(uri_of(path), range_of(span, lines, codec)), text
        )
