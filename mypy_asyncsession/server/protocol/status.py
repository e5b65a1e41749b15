"""The status line, and the progress of the first check."""

from __future__ import annotations

import asyncio
import itertools
from typing import TYPE_CHECKING, Any, Final

from lsprotocol import types

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pygls.lsp.server import LanguageServer

    from mypy_asyncsession.server.analysis.project import Project

#: The notification that carries the status line.
STATUS: Final = "mypy-asyncsession/status"

_TOKENS = itertools.count(1)


class Status:
    """What an editor can show of how things are."""

    def __init__(self, server: LanguageServer) -> None:
        """Begin with nothing shown."""
        self._server = server
        self._shown: dict[str, Any] | None = None
        self._bars: dict[Project, _Bar] = {}
        self._told: set[str] = set()

    def show(self, projects: Iterable[Project], values: dict[str, Any]) -> None:
        """Show how things are by now.

        Args:
            projects: The projects.
            values: What ``status`` gives.
        """
        projects = list(projects)
        for project in self._bars.keys() - set(projects):
            self._bars.pop(project).end()  # it is begun anew, by another one
        for project in projects:
            self._progress(project)
        failures = {each.state.failure for each in projects if each.state.failure is not None}
        for failure in sorted(failures - self._told):
            self._server.window_show_message(
                types.ShowMessageParams(types.MessageType.Warning, f"sessions: {failure}")
            )
        self._told = failures
        if values != self._shown:
            self._shown = values
            self._server.protocol.notify(STATUS, values)

    def _progress(self, project: Project) -> None:
        window = self._server.client_capabilities.window
        if window is None or not window.work_done_progress:
            return
        bar = self._bars.get(project)
        if project.is_first and project.state.pending and bar is None:
            self._bars[project] = _Bar(self._server, project.root.directory)
        elif bar is not None:
            if project.state.pending:
                bar.update(project)
            else:
                bar.end()
                if not project.is_first:
                    self._bars.pop(project)


class _Bar:
    """The progress of one check."""

    def __init__(self, server: LanguageServer, directory: str) -> None:
        self._server = server
        self._token = f"mypy-asyncsession-{next(_TOKENS)}"
        self._ended = False
        self._begun = asyncio.create_task(self._begin(directory))

    async def _begin(self, directory: str) -> None:
        created = self._server.work_done_progress.create_async(self._token)
        await created  # type: ignore[unused-awaitable]
        begin = types.WorkDoneProgressBegin(title=f"Sessions in {directory}", percentage=0)
        self._server.work_done_progress.begin(self._token, begin)
        if self._ended:
            self._end()

    def update(self, project: Project) -> None:
        progress = project.state.progress
        if progress is None or not progress.number or self._ended or not self._begun.done():
            return
        self._server.work_done_progress.report(
            self._token,
            types.WorkDoneProgressReport(
                message=f"{progress.done} of {progress.number} files",
                percentage=min(100, progress.done * 100 // progress.number),
            ),
        )

    def end(self) -> None:
        if not self._ended:
            self._ended = True
            if self._begun.done():
                self._end()

    def _end(self) -> None:
        self._server.work_done_progress.end(self._token, types.WorkDoneProgressEnd())


def status(projects: Iterable[Project], number: int, *, beginning: bool) -> dict[str, Any]:
    """How things are: the text of a status line, and what it is made of.

    Args:
        projects: The projects.
        number: How many findings are shown.
        beginning: Whether there will be others.
    """
    projects = list(projects)
    pending = beginning or any(project.state.pending for project in projects)
    failure = next((each.state.failure for each in projects if each.state.failure), None)
    text = f"sessions: {number}"
    if pending:
        text += " (mypy is pending)"
    elif failure is not None:
        text += " (could not run)"
    return {"text": text, "sessions": number, "pending": pending, "failure": failure}
