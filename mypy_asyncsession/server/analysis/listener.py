"""Who is told what changes in a project."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mypy_asyncsession.server.analysis.project import Project


class Listener(Protocol):
    """Who is told what changes."""

    def found(self, project: Project, paths: Iterable[str]) -> None:
        """Other findings are to be shown of these files."""

    def surveyed(self, project: Project) -> None:
        """There are other providers, or other uses of them."""

    def state_changed(self, project: Project) -> None:
        """Its state is another one."""
