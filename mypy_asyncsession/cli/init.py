"""``mypy-asyncsession init``."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mypy_asyncsession.cli.group import FOUND, NOTHING
from mypy_asyncsession.cli.progress import Progress
from mypy_asyncsession.cli.terminal import Terminal
from mypy_asyncsession.printable import printable

if TYPE_CHECKING:
    from mypy_asyncsession.adoption.edit import Edit
    from mypy_asyncsession.findings import Finding


@click.command(short_help="Set a project up: mypy's configuration, pre-commit, CI.")
@click.option("-y", "--yes", is_flag=True, help="Make the edits without asking.")
@click.option(
    "--pre-commit/--no-pre-commit",
    default=None,
    help="Add the pre-commit hook, or leave it out.  [default: where pre-commit is used]",
)
@click.option(
    "--check/--no-check",
    "look",
    default=True,
    help="Look at the code, too, and say what a check will find.  [default: --check]",
)
def init(yes: bool, pre_commit: bool | None, look: bool) -> int:
    """Add the plugin to mypy's configuration, where the project has it, and say what comes next.

    What is to be changed is shown first, as a diff. Comments and layout stay as they are, and what
    is set up already is left alone, so this can be run again at any time.

    \b
      mypy-asyncsession init           show the edits, and ask
      mypy-asyncsession init --yes     make them

    The exit status is 0 if all is set up, 1 if edits are left to be made, and 2 if it could not
    run or a file is written in a way that it does not understand.
    """  # noqa: D301
    from mypy_asyncsession.adoption import plan

    terminal = Terminal.of_stdout()
    setup = plan.plan(Path.cwd(), pre_commit=pre_commit)
    edits = [edit for edit in setup.edits if edit.diff()]
    status = NOTHING
    if edits:
        terminal.print(line for edit in edits for line in _colored(edit, terminal))
        click.echo()
        asks = terminal.interactive and sys.stdin.isatty()
        if yes or (asks and click.confirm("Make these edits?", default=True)):
            for edit in edits:
                edit.apply()
                click.echo(f"{edit.path.name} is written.")
        else:
            click.echo("Nothing was changed: --yes makes these edits.")
            status = FOUND
    else:
        click.echo(f"{setup.config} loads the plugin: there is nothing to edit.")
    for note in setup.notes:
        click.echo(f"note: {printable(note)}")
    if look:
        _look(terminal)
    terminal.print(setup.next_steps)
    return status


def _colored(edit: Edit, terminal: Terminal) -> list[str]:
    colors = {"+": "green", "-": "red", "@": "cyan"}
    return [
        terminal.style(printable(line, keep="\t"), fg=colors.get(line[:1])) for line in edit.diff()
    ]


def _look(terminal: Terminal) -> None:
    """Say what a check finds, and which comments hide from mypy what the plugin sees."""
    from mypy_asyncsession.checking.report import CannotRun
    from mypy_asyncsession.checking.run import check

    try:
        with Progress() as progress:
            report = check([os.curdir], on_progress=progress.update)
    except CannotRun as error:
        click.echo(f"note: the code could not be looked at: {printable(str(error))}")
        return
    number = len(report.findings)
    files = len({found.path for found in report.findings})
    click.echo()
    click.echo(
        f"{number} finding{'' if number == 1 else 's'} in {files} of {report.checked} files: "
        "mypy-asyncsession check shows them."
        if number
        else f"Nothing is found in {report.checked} files."
    )
    missed = [
        (found, comment) for found in report.findings for comment in [_missed(found)] if comment
    ]
    if missed:
        click.echo("These comments were for what is now an error of another code:")
        terminal.print(
            f"  {printable(found.path)}:{found.span.line}: {printable(comment)} becomes "
            f"type: ignore[{found.code}]"
            for found, comment in missed
        )


def _missed(found: Finding) -> str | None:
    """The ignore comment at a finding that does not name its code, in mypy's own words."""
    for hint in (found.hint or "").splitlines():
        before, _, comment = hint.partition(' not covered by "')
        if before.startswith("Error code ") and comment:
            return comment.partition('"')[0]
    return None
