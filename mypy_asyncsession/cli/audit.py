"""``mypy-asyncsession audit``."""

from __future__ import annotations

from pathlib import Path

import click

from mypy_asyncsession.cli import common
from mypy_asyncsession.cli.group import FOUND, NOTHING
from mypy_asyncsession.cli.terminal import Terminal, tell
from mypy_asyncsession.printable import printable_record


@click.command(short_help="List the session providers, and who uses them wrongly.")
@click.argument("paths", metavar="[PATH]...", nargs=-1)
@click.option(
    "--output",
    type=click.Choice(["text", "json", "markdown"]),
    default="text",
    show_default=True,
    help="text for people, json for programs, markdown for documents.",
)
@click.option(
    "--html",
    metavar="FILE",
    type=click.Path(dir_okay=False, writable=True),
    help="Write a page with a picture: the providers, who delegates to whom, who uses them.",
)
@click.option(
    "--link",
    metavar="ADDRESS",
    help="Where a line of source is, for the links of the page: vscode://file/{path}:{line} or "
    "https://host/repository/blob/main/{file}#L{line}.  [default: the repository in GitHub's and "
    "GitLab's CI, else the file]",
)
@click.option(
    "--app",
    metavar="MODULE:APP",
    help="Import a FastAPI or Starlette application, which executes it, and list the dependencies "
    "that it has and that cannot be driven, in place of the sources.",
)
@common.config_file
@common.cache_dir
def audit(
    paths: tuple[str, ...],
    output: str,
    html: str | None,
    link: str | None,
    app: str | None,
    config_file: str | None,
    cache_dir: str | None,
) -> int:
    """List every session provider: what it gives, how it is annotated, how it is used.

    PATHs are files and directories; without one, it is the current directory. A provider is a
    function or method that hands out a session or another resource: an async generator, a context
    manager, a coroutine, or a plain function that returns one of these.

    \b
      mypy-asyncsession audit                      everything here
      mypy-asyncsession audit src --html audit.html  with a picture to look at in a browser
      mypy-asyncsession audit --output json        for other programs
      mypy-asyncsession audit --app shop.main:app  what FastAPI cannot drive in a real application

    With --app the application's code is executed; without it, nothing of the project is.

    The exit status is 0 if every use is right, 1 if one is wrong, and 2 if it could not run.
    """  # noqa: D301
    if app is not None:
        if paths or html is not None:
            raise click.UsageError("--app goes with neither PATHs nor --html: it imports them")
        return _application(app, output, config_file)
    from mypy_asyncsession.audit.inventory import inventory
    from mypy_asyncsession.audit.page import page
    from mypy_asyncsession.audit.plain import as_json, as_markdown
    from mypy_asyncsession.audit.table import show
    from mypy_asyncsession.checking.options import Options
    from mypy_asyncsession.checking.report import CannotRun
    from mypy_asyncsession.cli.output.repository import source_links
    from mypy_asyncsession.writing import write

    options = Options(config_file=config_file, cache_dir=cache_dir, survey=True, projects=True)
    report = common.run(paths, options)
    found = inventory(report)
    shown = printable_record(found)
    terminal = Terminal.of_stdout()
    if html is not None:
        try:
            write(Path(html), page(found, source_links(link, Path(html))).encode())
        except OSError as error:
            raise CannotRun(f'"{html}" cannot be written: {error.strerror}') from None
    if output == "json":
        terminal.print(as_json(found))
    elif output == "markdown":
        terminal.print(as_markdown(shown))
    else:
        show(
            shown,
            colored=terminal.colored,
            width=terminal.width if terminal.interactive else None,
        )
    return common.status(report, found=bool(found.findings))


def _application(target: str, output: str, config_file: str | None) -> int:
    from mypy_asyncsession.cli.application import audit_application, lines
    from mypy_asyncsession.config import Config, discover, load

    tell(f"note: {target.partition(':')[0]} is imported: its code is executed")
    path = config_file or discover(None, Path.cwd())
    config = load(path) if path is not None else Config()
    problems = audit_application(target, resources=config.resources)
    Terminal.of_stdout().print(lines(problems, output))
    if not problems and output == "text":
        click.echo(f"Success: {target} has no dependency that cannot be driven")
    return FOUND if problems else NOTHING
