"""What the commands that run mypy have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from mypy_asyncsession.cli.group import COULD_NOT_RUN, FOUND, NOTHING
from mypy_asyncsession.cli.progress import Progress
from mypy_asyncsession.cli.terminal import tell
from mypy_asyncsession.codes import CODES, OURS
from mypy_asyncsession.near import near
from mypy_asyncsession.printable import printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mypy_asyncsession.checking.options import Options
    from mypy_asyncsession.checking.report import Problem, Report
    from mypy_asyncsession.findings import Finding

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


def _listed(_context: click.Context, _option: click.Parameter, value: tuple[str, ...]) -> Any:
    """The codes that an option names, separated by commas or in several options of its name."""
    codes = [code.strip() for each in value for code in each.split(",") if code.strip()]
    for code in codes:
        if code not in OURS:
            hint = near(code, OURS) or f": they are {', '.join(CODES)}"
            raise click.BadParameter(f'there is no code "{code}"{hint}')
    return tuple(codes)


select = click.option(
    "--select",
    metavar="CODE,...",
    multiple=True,
    callback=_listed,
    help="Report these codes alone; strict ones are turned on by it.",
)
ignore = click.option(
    "--ignore", metavar="CODE,...", multiple=True, callback=_listed, help="Do not report these."
)
exclude = click.option(
    "--exclude",
    metavar="PATTERN",
    multiple=True,
    help="Do not look at the files and directories of this name, or path with wildcards.",
)
allow_unchecked = click.option(
    "--allow-unchecked",
    is_flag=True,
    help="Do not fail because files were not checked, or imports of the project's own modules not "
    "resolved.",
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
    for problem in report.problems:
        # What makes it fail is said all the same.
        if not quiet or (problem.unchecked and report.incomplete):
            warn(problem)
    if not report.checked and not report.excluded:
        raise CannotRun("none of the files could be checked")
    return report


def status(report: Report, *, found: bool) -> int:
    """The exit status: not everything was read, something was found, or neither."""
    if report.incomplete:
        return COULD_NOT_RUN
    return FOUND if found else NOTHING


def fixable(
    findings: Sequence[Finding],
    report: Report,
    paths: Sequence[str],
    options: Options,
    *,
    quiet: bool,
) -> list[Finding]:
    """Findings that know whether ``fix`` would fix them.

    Args:
        findings: The findings.
        report: All that was found, what a baseline accepts included.
        paths: The files and directories that were checked; the current directory if none.
        options: How they were checked.
        quiet: Whether not to show the progress.
    """
    from mypy_asyncsession.cli.fixable import asked

    with Progress(shown=not quiet) as progress:
        return asked(findings, report, paths or (".",), options, on_progress=progress.update)
