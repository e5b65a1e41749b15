"""The providers of a project and their uses, as of the last check, where they are by now."""

from __future__ import annotations

from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from mypy_asyncsession.audit.inventory import inventory

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from mypy_asyncsession.audit.inventory import Row
    from mypy_asyncsession.checking.report import Report
    from mypy_asyncsession.server.analysis.project import Project
    from mypy_asyncsession.survey import Provider

_ROWS: WeakKeyDictionary[Project, tuple[Report, dict[str, Row]]] = WeakKeyDictionary()


def rows(project: Project) -> Mapping[str, Row]:
    """By the full name of each provider, what it is and how it is used."""
    known = _ROWS.get(project)
    if known is None or known[0] is not project.report:
        found = {row.provider.fullname: row for row in inventory(project.report).rows}
        known = _ROWS[project] = (project.report, found)
    return known[1]


def surveyed(project: Project, path: str) -> Iterator[tuple[Provider, int]]:
    """The providers that a file defines, each with the line that it is on by now."""
    shown = project.shown(path)
    for row in rows(project).values():
        if row.provider.place.path == shown:
            line = project.line_now(path, row.provider.place.line)
            if line is not None:
                yield row.provider, line


def behind(provider: Provider, known: Mapping[str, Row]) -> Provider:
    """The provider behind wrappers that only hand on what it gives."""
    seen = {provider.fullname}
    while provider.returns is not None and provider.returns not in seen:
        if provider.returns not in known:
            break
        provider = known[provider.returns].provider
        seen.add(provider.fullname)
    return provider
