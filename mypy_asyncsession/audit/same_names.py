"""Modules of one name in several projects: to each its own, by the directory of the project."""

from __future__ import annotations

import os
from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING

from mypy_asyncsession.checking.report import shown

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy_asyncsession.checking.report import Report
    from mypy_asyncsession.survey import Survey


def told_apart(report: Report) -> Iterator[Survey]:
    """The surveys of a report; a module of several projects is called ``services/a:app.db``."""
    directory = os.path.abspath(os.curdir)
    folders = sorted((folder for folder, _ in report.parts), key=len, reverse=True)
    projects: dict[str, set[str]] = defaultdict(set)

    def project(path: str) -> str:
        full = os.path.join(directory, path)
        return next((each for each in folders if full.startswith(each + os.sep)), "")

    for found in report.surveys:
        projects[found.module].add(project(found.path))
    common = {module for module, owners in projects.items() if len(owners) > 1}
    for found in report.surveys:
        folder = project(found.path)
        own = {module for module in common if folder in projects[module]}
        yield _named(found, f"{shown(folder, directory)}:", own) if own else found


def _named(found: Survey, prefix: str, own: set[str]) -> Survey:
    """A survey in which modules of a project's own have a prefix."""

    def name(text: str) -> str:
        parts = text.split(".")
        heads = (".".join(parts[:length]) for length in range(1, len(parts) + 1))
        return prefix + text if any(head in own for head in heads) else text

    return replace(
        found,
        module=name(found.module),
        providers=tuple(
            replace(
                each,
                module=name(each.module),
                returns=name(each.returns) if each.returns is not None else None,
            )
            for each in found.providers
        ),
        uses=tuple(
            replace(each, provider=name(each.provider), function=name(each.function))
            for each in found.uses
        ),
    )
