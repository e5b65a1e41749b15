"""What is found in single files without mypy: asked of a process that stays."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Final

from mypy_asyncsession.findings import Finding, Span, decode
from mypy_asyncsession.server.analysis.processes import Died, start_parsed
from mypy_asyncsession.server.analysis.texts import trouble

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from mypy_asyncsession.server.analysis.jobs import Settings
    from mypy_asyncsession.server.analysis.processes import Process
    from mypy_asyncsession.server.analysis.roots import Root

#: How often the process may crash before nothing more is asked of it.
_MOST_CRASHES: Final = 3


class ParsedView:
    """Looks at the files of one project."""

    def __init__(self, root: Root, settings: Settings, end: Callable[[Process], None]) -> None:
        """Begin with nothing started.

        Args:
            root: The project.
            settings: How it is checked.
            end: Ends a process.
        """
        self._root = root
        self._settings = settings
        self._end = end
        self._process: Process | None = None
        self._crashes = 0
        self._new: set[str] = set()

    async def look(self, path: str, texts: Mapping[str, str]) -> dict[str, Any] | None:
        """What is found in a file, and whether it can be parsed.

        Args:
            path: The file.
            texts: The texts that count in place of what is on disk.

        Returns:
            ``None`` if it is none of the project's, or cannot be looked at.
        """
        if not _is_there(path) and path not in self._new:
            self._new.add(path)
            self.drop()
        while self._crashes < _MOST_CRASHES:
            process = self._process
            try:
                if process is None:
                    process = self._process = await self._start(texts)
                return await _asked(process, path, texts)
            except (Died, OSError):
                if self._process is process:  # else it was ended on purpose
                    self._crashes += 1
                    self._end_process()
        return None

    async def _start(self, texts: Mapping[str, str]) -> Process:
        self._new = {each for each in self._new & texts.keys() if not _is_there(each)}
        new = {each: texts[each] for each in self._new}
        return await start_parsed(self._root.directory, [*self._root.paths], self._settings, new)

    def drop(self) -> None:
        """Begin anew: other files are there, or another configuration."""
        self._crashes = 0
        self._end_process()

    def _end_process(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            self._end(process)


def trouble_in(answer: dict[str, Any] | None, text: str) -> tuple[int, str] | None:
    """The line at which a text cannot be parsed, and why, by what was said of it, if anything."""
    if answer is None:
        return trouble(text)
    return tuple(answer["trouble"]) if answer["trouble"] is not None else None


def findings_in(answer: dict[str, Any]) -> list[Finding]:
    """What was said to be wrong in a file."""
    return [
        decode(shown, Span(*span), code, text) for shown, span, code, text in answer["findings"]
    ]


def _is_there(path: str) -> bool:
    return os.path.lexists(path)


async def _asked(process: Process, path: str, texts: Mapping[str, str]) -> dict[str, Any] | None:
    process.send({"texts": texts, "paths": [path]})
    found: dict[str, Any] | None = None
    async for what, *rest in process.hear():
        if what == "looked":
            found = rest[0]
        elif what == "done":
            return found
    raise process.died()
