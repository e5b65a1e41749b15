"""What can be done about a finding: fix it, fix all of its kind, ignore it, have it explained."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from lsprotocol import types

from mypy_asyncsession.fixes import FIXES
from mypy_asyncsession.fixes.engine.why import unmendable
from mypy_asyncsession.server.analysis.ignoring import ignoring
from mypy_asyncsession.server.analysis.inventories import surveyed
from mypy_asyncsession.server.protocol import commands
from mypy_asyncsession.server.protocol.positions import position
from mypy_asyncsession.server.protocol.session import path_of, uri_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pygls.lsp.server import LanguageServer

    from mypy_asyncsession.findings import Finding
    from mypy_asyncsession.server.analysis.project import Project
    from mypy_asyncsession.server.protocol.session import Session

#: Fixes all that can be fixed in a file.
FIX_ALL: Final = "source.fixAll.mypy-asyncsession"


def register(server: LanguageServer, session: Session) -> None:
    """Have the server say what can be done."""

    @server.feature(
        types.TEXT_DOCUMENT_CODE_ACTION,
        types.CodeActionOptions(
            code_action_kinds=[types.CodeActionKind.QuickFix, FIX_ALL],
            resolve_provider=True,
        ),
    )
    def actions(params: types.CodeActionParams) -> list[types.CodeAction]:
        path = path_of(params.text_document.uri)
        if path is None:
            return []
        project = session.project(path)
        found: list[types.CodeAction] = []
        if _is_wanted(types.CodeActionKind.QuickFix, params.context):
            found += _quick_fixes(server, session, project, path, params)
        if params.context.only and _is_wanted(FIX_ALL, params.context):
            found += _fix_all(server, project, path)
        return found

    @server.feature(types.CODE_ACTION_RESOLVE)
    async def resolve(action: types.CodeAction) -> types.CodeAction:
        if isinstance(action.data, dict) and "wanted" in action.data:
            action.edit = await commands.edit_of(server, session, action.data)
        return action


def _is_wanted(kind: str, context: types.CodeActionContext) -> bool:
    """Whether the editor asks for a kind, or for one that contains it."""
    return not context.only or any(
        kind == only or kind.startswith(f"{only}.") or only == "" for only in context.only
    )


def _can_resolve(server: LanguageServer) -> bool:
    document = server.client_capabilities.text_document
    action = document.code_action if document is not None else None
    support = action.resolve_support if action is not None else None
    return support is not None and "edit" in support.properties


def _quick_fixes(
    server: LanguageServer,
    session: Session,
    project: Project,
    path: str,
    params: types.CodeActionParams,
) -> Iterator[types.CodeAction]:
    first, last = params.range.start.line + 1, params.range.end.line + 1
    findings = [
        found
        for found in project.findings(path)
        if found.span.line <= last and found.span.end_line >= first
    ]
    for found in findings:
        shown = _shown(params, found)
        yield _fix(server, project, path, found, shown)
        alike = [each for each in project.findings(path) if each.code == found.code]
        if len(alike) > 1 and _fits(found):
            title = f"Fix all {found.code} in this file"
            wanted = [(found.path, found.code, 0, "")]
            yield _lazy(server, project, path, title, wanted, shown)
        ignore = _ignore(server, session, project, path, found, shown)
        if ignore is not None:
            yield ignore
        yield types.CodeAction(
            f"Explain {found.code}",
            types.CodeActionKind.QuickFix,
            diagnostics=shown,
            command=types.Command(
                f"Explain {found.code}",
                commands.EXPLAIN,
                arguments=[{"code": found.code, "uri": params.text_document.uri}],
            ),
        )
    for provider, line in surveyed(project, path):
        if first <= line <= last and provider.right is not None and provider.annotated != "precise":
            title = f'Annotate "{provider.name}": -> {provider.right}'
            data = {"uri": uri_of(path), "annotate": provider.fullname}
            yield types.CodeAction(
                title,
                types.CodeActionKind.QuickFix,
                command=types.Command(title, commands.ANNOTATE, arguments=[data]),
            )


def _shown(params: types.CodeActionParams, found: Finding) -> list[types.Diagnostic] | None:
    """The editor's own record of a finding."""
    for each in params.context.diagnostics:
        if each.code == found.code and each.range.start.line == found.span.line - 1:
            return [each]
    return None


def _fits(found: Finding) -> bool:
    """Whether there is a fix for such findings."""
    misuse = found.misuse
    return misuse is not None and any(fix.fits(found, misuse) for fix in FIXES)


def _fix(
    server: LanguageServer,
    project: Project,
    path: str,
    found: Finding,
    shown: list[types.Diagnostic] | None,
) -> types.CodeAction:
    title = f"Fix {found.code}"
    if not _fits(found):
        reason = unmendable(found)
        return types.CodeAction(
            f"No fix for {found.code}: {reason}",
            types.CodeActionKind.QuickFix,
            diagnostics=shown,
            disabled=types.CodeActionDisabled(reason),
        )
    hint = (found.hint or "").partition("\n")[0]
    action = _lazy(
        server,
        project,
        path,
        f"{title}: {hint}" if hint and len(hint) <= 100 else title,
        [(found.path, found.code, found.span.line, found.message)],
        shown,
    )
    action.is_preferred = True
    return action


def _lazy(
    server: LanguageServer,
    project: Project,
    path: str,
    title: str,
    wanted: list[tuple[str, str, int, str]],
    shown: list[types.Diagnostic] | None,
    kind: str = types.CodeActionKind.QuickFix,
) -> types.CodeAction:
    """An action whose edit is made, and checked, when it is asked for."""
    del project
    data: dict[str, Any] = {"uri": uri_of(path), "wanted": wanted}
    action = types.CodeAction(title, kind, diagnostics=shown)
    if _can_resolve(server):
        action.data = data
    else:
        action.command = types.Command(title, commands.FIX, arguments=[data])
    return action


def _ignore(
    server: LanguageServer,
    session: Session,
    project: Project,
    path: str,
    found: Finding,
    shown: list[types.Diagnostic] | None,
) -> types.CodeAction | None:
    lines = session.lines(project, path)
    comment = ignoring(found, lines)
    if comment is None:
        return None
    codec = server.workspace.position_codec
    place = types.Range(
        position(comment.line, comment.start, lines, codec),
        position(comment.line, comment.end, lines, codec),
    )
    edit = commands.workspace_edit(server, project, {path: [types.TextEdit(place, comment.text)]})
    return types.CodeAction(
        f"Ignore {found.code} on this line",
        types.CodeActionKind.QuickFix,
        diagnostics=shown,
        edit=edit,
    )


def _fix_all(server: LanguageServer, project: Project, path: str) -> Iterator[types.CodeAction]:
    if any(map(_fits, project.findings(path))):
        wanted = [(project.shown(path), "", 0, "")]
        yield _lazy(server, project, path, "Fix all wrong uses of sessions", wanted, None, FIX_ALL)
