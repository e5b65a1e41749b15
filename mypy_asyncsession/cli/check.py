"""``mypy-asyncsession check``."""

from __future__ import annotations

import click

from mypy_asyncsession.cli.group import FOUND, NOTHING
from mypy_asyncsession.cli.output import FORMATS, text
from mypy_asyncsession.cli.progress import Progress
from mypy_asyncsession.cli.terminal import Terminal


@click.command(short_help="Find wrong uses of session providers.")
@click.argument("paths", metavar="[PATH]...", nargs=-1)
@click.option(
    "--output",
    type=click.Choice(list(FORMATS)),
    default="text",
    show_default=True,
    help="text for people, json for programs (one object a line), github for annotations, "
    "sarif for code scanning, gitlab for merge requests, junit for whatever shows tests.",
)
@click.option("--statistics", is_flag=True, help="Say how many findings there are of each code.")
@click.option("-q", "--quiet", is_flag=True, help="Print the findings and nothing else.")
@click.option(
    "--config-file",
    metavar="FILE",
    help="The TOML file with [tool.mypy-asyncsession].  [default: the project's pyproject.toml]",
)
@click.option(
    "--cache-dir",
    metavar="DIR",
    help="What to keep between runs, which makes the next one quick.  "
    "[default: .mypy-asyncsession]",
)
@click.option("--strict", is_flag=True, help="Turn on the rules that are off by default, too.")
@click.option(
    "--workers",
    metavar="N",
    type=click.IntRange(0, 64),
    help="How many processes to use besides the main one.  [default: as many as pay]",
)
@click.option(
    "--show-traceback",
    is_flag=True,
    help="If mypy crashes, show where: for a report of a bug.",
)
def check(
    paths: tuple[str, ...],
    output: str,
    statistics: bool,
    quiet: bool,
    config_file: str | None,
    cache_dir: str | None,
    strict: bool,
    workers: int | None,
    show_traceback: bool,
) -> int:
    """Find session providers that are used in the wrong way.

    PATHs are files and directories; without one, it is the current directory. Nothing has to be
    configured, the code need not pass mypy, and its packages need not be installed. The first run
    takes a while, the next ones look only at what has changed.

    \b
      mypy-asyncsession check                  everything here
      mypy-asyncsession check src tests        some of it
      mypy-asyncsession check --strict         with the rules that are off by default
      mypy-asyncsession check --output json    for other programs

    A finding that is right as it is can be silenced with a comment, `# type: ignore[session-with]`
    with the finding's own code. In pyproject.toml, mypy's disable_error_code and ignore_errors
    are heeded, and so is what it excludes.

    The exit status is 0 if nothing was found, 1 if something was, and 2 if it could not run.
    """  # noqa: D301
    from mypy_asyncsession.checking.report import CannotRun
    from mypy_asyncsession.checking.run import Options
    from mypy_asyncsession.checking.run import check as run

    with Progress(shown=not quiet) as progress:
        report = run(
            paths or (".",),
            Options(
                config_file=config_file,
                cache_dir=cache_dir,
                strict=strict,
                workers=workers,
                show_traceback=show_traceback,
            ),
            on_progress=progress.update,
        )
    if not quiet:
        for problem in report.problems:
            click.echo(f"{problem.place}: warning: {problem.message}", err=True)
    if not report.checked:
        raise CannotRun("none of the files could be checked")
    terminal = Terminal.of_stdout()
    if output == "text":
        lines = text.lines(report, terminal, statistics=statistics, summary=not quiet)
    else:
        lines = FORMATS[output](report, terminal)
        if statistics:
            click.echo("\n".join(text.counts(report)), err=True)
    terminal.print(lines)
    return FOUND if report.findings else NOTHING
