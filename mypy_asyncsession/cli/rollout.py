"""``mypy-asyncsession rollout``."""

from __future__ import annotations

import sys
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mypy_asyncsession.adoption.edit import shown
from mypy_asyncsession.cli import common
from mypy_asyncsession.cli.group import FOUND, NOTHING
from mypy_asyncsession.cli.terminal import Terminal, tell
from mypy_asyncsession.printable import json_text, printable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy_asyncsession.adoption.rollout import Project, Rollout, Step


@click.command(short_help="Say which packages are ready to be strict, and keep them so.")
@click.argument("paths", metavar="[PATH]...", nargs=-1)
@click.option(
    "--check",
    "guard",
    is_flag=True,
    help="Fail if a strict module has findings, or was dropped from the list.",
)
@click.option(
    "--against",
    metavar="REF",
    help="With --check: the commit or branch whose list must not have become shorter.  "
    "[default: the target branch in CI, else the commit before]",
)
@click.option("--write", is_flag=True, help="Add the packages that are ready to the list.")
@click.option("-y", "--yes", is_flag=True, help="With --write: without asking.")
@click.option(
    "--output",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="text for people, json for programs.",
)
@common.cache_dir
def rollout(
    paths: tuple[str, ...],
    guard: bool,
    against: str | None,
    write: bool,
    yes: bool,
    output: str,
    cache_dir: str | None,
) -> int:
    """Say how far each package is on the way to being strict, and what is missing.

    A package is ready if no rule finds anything in it, those that are off by default included.
    Strict modules are listed as strict in [tool.mypy-asyncsession].

    \b
      mypy-asyncsession rollout             how far each package is
      mypy-asyncsession rollout --write     make those strict that are ready
      mypy-asyncsession rollout --check     in CI: what is strict stays so

    The exit status is 0, with --check 1 if something has become worse, with --write 1 if edits are
    left to be made, and 2 if it could not run.
    """  # noqa: D301
    from mypy_asyncsession.adoption.rollout import projects
    from mypy_asyncsession.checking.options import Options

    options = Options(cache_dir=cache_dir, strict=True, survey=True, projects=True)
    report = common.run(paths, options)
    found = projects(report, Path.cwd())
    terminal = Terminal.of_stdout()
    if guard:
        worse = [_print_guarded(each, against, terminal) for each in found]
        if report.incomplete:
            click.echo('Not everything was read: "mypy-asyncsession check" says what was not')
        elif not any(worse):
            click.echo(f"Success: what is strict stays so (checked {report.checked} source files)")
        return common.status(report, found=any(worse))
    if output == "json":
        terminal.print(_as_json(found))
    else:
        terminal.print(_as_text(found, terminal, write=write))
    if not write:
        return NOTHING
    return _written(found, terminal, yes=yes)


def _print_guarded(project: Project, against: str | None, terminal: Terminal) -> bool:
    """Print what has become worse in a project: whether anything has."""
    from mypy_asyncsession.adoption.strict_list import dropped, earlier

    before = earlier(project.file, against)
    if before is None:
        tell("note: git does not know an earlier list: it is not compared")
    lost = list(dropped(before or [], project.config, project.paths))
    terminal.print(_guarded(project.rollout, lost))
    return bool(lost or project.rollout.regressed)


def _written(found: list[Project], terminal: Terminal, *, yes: bool) -> int:
    """Make the edits that are wanted: the exit status."""
    from mypy_asyncsession.adoption.strict_list import with_strict

    files: dict[Path, list[str]] = {}
    for project in found:
        files.setdefault(project.file, []).extend(project.ready)
    edits = [with_strict(file, dict.fromkeys(patterns)) for file, patterns in files.items()]
    edits = [edit for edit in edits if edit.diff()]
    if not edits:
        click.echo("There is nothing to add to the list.")
        return NOTHING
    for edit in edits:
        terminal.print(printable(line, keep="\t") for line in edit.diff())
    asks = terminal.interactive and sys.stdin.isatty()
    these = "this edit" if len(edits) == 1 else "these edits"
    if yes or (asks and click.confirm(f"Make {these}?", default=True)):
        for edit in edits:
            edit.apply()
            click.echo(f"{printable(shown(edit.path))} is written.")
        return NOTHING
    click.echo(f"Nothing was changed: --yes makes {these}.")
    return FOUND


def _guarded(found: Rollout, lost: list[str]) -> Iterator[str]:
    for finding in found.regressed:
        place = printable(f"{finding.path}:{finding.span.line}")
        yield f"{place}: error: {printable(finding.message)}  [{finding.code}]"
        hints = filter(None, (finding.hint or "").split("\n"))
        yield from (f"{place}: note: {printable(hint)}" for hint in hints)
    for pattern in lost:
        yield f'error: "{printable(pattern)}" was strict, and is not in the list any more'


def _as_text(found: list[Project], terminal: Terminal, *, write: bool) -> Iterator[str]:
    for number, project in enumerate(found):
        if len(found) > 1:
            yield from ("",) * bool(number)
            yield terminal.style(f"{printable(project.name)}:", bold=True)
        yield from _project(project, terminal)
    if any(project.ready for project in found) and not write:
        yield '"mypy-asyncsession rollout --write" makes them strict.'


def _project(project: Project, terminal: Terminal) -> Iterator[str]:
    from mypy_asyncsession.adoption.rollout import State

    found = project.rollout
    rows = [("package", "providers", "precise", "state", "findings"), *map(_row, found.steps)]
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    colors = {State.STRICT: "green", State.READY: "cyan", State.REGRESSED: "red"}
    for number, row in enumerate(rows):
        cells = [
            row[0].ljust(widths[0]),
            row[1].rjust(widths[1]),
            row[2].rjust(widths[2]),
            row[3].ljust(widths[3]),
            row[4],
        ]
        line = "  ".join(cells).rstrip()
        color = colors.get(found.steps[number - 1].state) if number else None
        yield terminal.style(line, fg=color, bold=not number)
    yield ""
    for step, provider in found.nearly():
        annotation = f'"-> {provider.right}"' if provider.right else "a precise one"
        yield (
            f"{printable(step.package.name)} is one annotation away: {provider.name} "
            f"({printable(provider.place.path)}:{provider.place.line}) needs {annotation}"
        )
    if project.ready:
        width = terminal.width if terminal.interactive else 100
        yield from textwrap.wrap(
            f"Ready: {', '.join(project.ready)}",
            width,
            break_on_hyphens=False,
            break_long_words=False,
        )
    else:
        yield "No further package is ready."


def _row(step: Step) -> tuple[str, str, str, str, str]:
    package = step.package
    return (
        printable(package.name),
        str(package.providers),
        f"{package.share:.0%}" if package.providers else "",
        step.state.value,
        ", ".join(f"{code} {number}" for code, number in sorted(package.findings.items())),
    )


def _as_json(found: list[Project]) -> Iterator[str]:
    """An object for the project; of several, one that holds them by their directory."""
    objects = {project.name: _as_object(project) for project in found}
    (first, *others) = objects.values()
    yield json_text({"projects": objects} if others else first, indent=2)


def _as_object(project: Project) -> dict[str, Any]:
    return {
        "packages": [
            {
                "name": step.package.name,
                "state": step.state.name.lower(),
                "providers": step.package.providers,
                "precise": step.package.precise,
                "findings": dict(sorted(step.package.findings.items())),
                "missing": [
                    {
                        "provider": each.fullname,
                        "file": each.place.path,
                        "line": each.place.line,
                        "annotation": each.right,
                    }
                    for each in step.missing
                    if each.resource
                ],
            }
            for step in project.rollout.steps
        ],
        "ready": list(project.ready),
        "checked": project.rollout.checked,
    }
