"""The fixes of findings in an editor's texts: made and checked by the engine of ``fix``."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mypy_asyncsession.fixes.engine.driver import Options, fix
from mypy_asyncsession.fixes.engine.guard import Guard
from mypy_asyncsession.server.analysis.texts import decoded, encoded

if TYPE_CHECKING:
    from collections.abc import Callable

    from mypy_asyncsession.server.analysis.jobs import Task


@dataclass(frozen=True, slots=True)
class Fixed:
    """What came of a fix.

    Attributes:
        texts: By absolute path, the new texts of the files that it edits.
        number: How many findings are fixed.
        reason: Why one is left, if one is.
    """

    texts: dict[str, str]
    number: int
    reason: str | None


def fixed(task: Task, on_progress: Callable[[int, int], None]) -> dict[str, Any]:
    """What comes of a fix, as an object for JSON: the fields of ``Fixed``.

    Raises:
        CannotRun: Nothing could be checked; the message is one line.
        ConfigError: The configuration cannot be used; the message is one line.
    """
    directory = task.directory
    at = task.wanted[0] if len(task.wanted) == 1 and task.wanted[0][2] else None
    texts = {_shown(path, directory): encoded(text) for path, text in task.texts.items()}
    result = fix(
        task.paths,
        # An editor can undo; what git knows of the file does not matter.
        Guard(directory, writes=False),
        Options(
            check=task.settings.options(),
            texts=texts,
            at=at,
            inside=frozenset(path for path, _, _, _ in task.wanted),
            only=frozenset(code for _, code, _, _ in task.wanted if code),
        ),
        on_progress=on_progress,
    )
    return {
        "texts": {os.path.join(directory, each.path): decoded(each.new) for each in result.edited},
        "number": len(result.fixed),
        "reason": next((each.reason for each in result.left), None),
    }


def _shown(path: str, directory: str) -> str:
    prefix = directory.rstrip(os.sep) + os.sep
    return path.removeprefix(prefix)
