"""Paths as a code host wants them: relative to the repository, with forward slashes."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

if TYPE_CHECKING:
    from collections.abc import Callable

#: Where GitHub and GitLab say that the repository is: the check may run in a part of it.
_ROOTS: Final = ("GITHUB_WORKSPACE", "CI_PROJECT_DIR")


def in_repository(path: str) -> str:
    """*path* relative to the repository, if it is known where that is and the file is in it."""
    full = os.path.abspath(path)
    for name in _ROOTS:
        root = os.environ.get(name, "").rstrip(os.sep)
        if root and full.startswith(root + os.sep):
            path = os.path.relpath(full, root)
            break
    return Path(path).as_posix()


def source_links(template: str | None, page: Path) -> Callable[[str, int], str]:
    """The addresses of lines of source, for the links in a page.

    Args:
        template: What they are made of: ``{file}`` is the file as the repository has it, ``{path}``
            its whole path, ``{line}`` the line. If ``None``, they lead to the repository on GitHub
            or GitLab in a job of theirs, and else to the file on disk.
        page: The file of the page.
    """
    template = template or _on_host()

    def link(path: str, line: int) -> str:
        if template is None:
            folder = os.path.dirname(os.path.abspath(page))
            return f"{quote(Path(os.path.relpath(path, folder)).as_posix())}#L{line}"
        whole = Path(os.path.abspath(path)).as_posix()
        return (
            template.replace("{file}", quote(in_repository(path)))
            .replace("{path}", quote(whole))
            .replace("{line}", str(line))
        )

    return link


def _on_host() -> str | None:
    """The template for the repository in whose job this runs."""
    variables = os.environ
    host, name, sha = map(variables.get, ("GITHUB_SERVER_URL", "GITHUB_REPOSITORY", "GITHUB_SHA"))
    if host and name and sha:
        return f"{host}/{name}/blob/{sha}/{{file}}#L{{line}}"
    url, sha = map(variables.get, ("CI_PROJECT_URL", "CI_COMMIT_SHA"))
    return f"{url}/-/blob/{sha}/{{file}}#L{{line}}" if url and sha else None
