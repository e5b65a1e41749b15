"""From what is known to be right to the files themselves."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING

from mypy_asyncsession.checking.report import Problem
from mypy_asyncsession.fixes.engine.journal import temporary
from mypy_asyncsession.writing import write

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mypy_asyncsession.fixes.engine.backups import Backups
    from mypy_asyncsession.fixes.engine.journal import Journal
    from mypy_asyncsession.fixes.engine.result import Edited


def write_all(
    edited: Iterable[Edited],
    directory: str,
    backups: Backups | None,
    journal: Journal | None = None,
) -> tuple[list[Edited], list[Problem]]:
    """Write fixed files.

    Args:
        edited: The files; one that defines what others are to import comes before these.
        directory: The working directory.
        backups: Where copies are kept of the files as they were, or ``None`` for no copies.
        journal: Where it is on record what is written, or ``None`` for no record.

    Returns:
        The files that were written, and why others were not.
    """
    written: list[Edited] = []
    problems: list[Problem] = []
    wanted = []
    for each in edited:
        path = Path(directory, each.path)
        try:
            same = path.read_bytes() == each.old
        except OSError as error:
            problems.append(Problem(each.path, 0, f"cannot be read any more: {error.strerror}"))
            continue
        if same:
            wanted.append(each)
        else:
            problems.append(Problem(each.path, 0, "was changed meanwhile: it is left as it is"))
    paths = [Path(directory, each.path) for each in wanted]
    listed = [backups.path] if backups is not None else []
    with journal.writing([*listed, *paths]) if journal is not None else contextlib.nullcontext():
        if backups is not None and wanted:
            try:
                backups.keep(dict(zip(paths, (each.old for each in wanted), strict=True)))
            except OSError as error:
                reason = f"no backup can be written, so nothing is: {error.strerror}"
                return [], [*problems, Problem(str(error.filename or directory), 0, reason)]
        for each in wanted:
            missing = each.needs & {problem.path for problem in problems}
            problem = (
                Problem(each.path, 0, f'is left as it is: it would need the fixed "{min(missing)}"')
                if missing
                else _written(each, directory)
            )
            if problem is None:
                written.append(each)
            else:
                problems.append(problem)
    return written, problems


def _written(edited: Edited, directory: str) -> Problem | None:
    """Write one file; what was in the way, if something was."""
    path = Path(directory, edited.path)
    try:
        write(path, edited.new, temporary(path))
    except OSError as error:
        return Problem(edited.path, 0, f"cannot be written: {error.strerror}")
    return None
