"""What the commands that run mypy have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from mypy_asyncsession.cli.progress import Progress
from mypy_asyncsession.cli.terminal import tell
from mypy_asyncsession.printable import printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mypy_asyncsession.checking.options import Options
    from mypy_asyncsession.checking.report import Problem, Report

config_file = click.option(
    "--config-file",
    metavar="FILE",
    help="The TOML file with [tool.mypy-asyncsession].  [default: the project's pyproject.toml]",
)
cache_dir = click.option(
    "--cache-dir",
    metavar="DIR",
    help="What to keep between runs, which makes the next one quick.  "
    "[default: .mypy-asyncsession]",
)


def warn(problem: Problem) -> None:
    """Say on standard error what was in the way."""
    place, message = printable(problem.place), printable(problem.message)
    tell(f"{place}: warning: {message}")


def run(paths: Sequence[str], options: Options, *, quiet: bool = False) -> Report:
    """Check files and directories, and say on standard error what was in the way.

    Args:
        paths: The files and directories; the current directory if there are none.
        options: How to check them.
        quiet: Whether to show neither the progress nor what was in the way.

    Raises:
        CannotRun: Nothing could be checked; the message is one line.
        ConfigError: The configuration cannot be used; the message is one line.
    """
    from mypy_asyncsession.checking.report import CannotRun
    from mypy_asyncsession.checking.run import check

    with Progress(shown=not quiet) as progress:
        report = check(paths or (".",), options, on_progress=progress.update)
    if not quiet:
        for problem in report.problems:
            warn(problem)
    if not report.checked:
        raise CannotRun("none of the files could be checked")
    return report


def fixable(report: Report, paths: Sequence[str], options: Options, *, quiet: bool) -> Report:
    """A report whose findings know whether ``fix`` would fix them.

    Args:
        report: What was found.
        paths: The files and directories that were checked; the current directory if none.
        options: How they were checked.
        quiet: Whether not to show the progress.
    """
    from mypy_asyncsession.fixes.engine.fixable import asked

    with Progress(shown=not quiet) as progress:
        return asked(report, paths or (".",), options, on_progress=progress.update)
