"""``mypy-asyncsession fix``."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Final

import click

from mypy_asyncsession.cli import common
from mypy_asyncsession.cli.group import COULD_NOT_RUN, FOUND, NOTHING
from mypy_asyncsession.cli.progress import Progress
from mypy_asyncsession.cli.terminal import Terminal, tell
from mypy_asyncsession.codes import CODES, STRICT
from mypy_asyncsession.near import near
from mypy_asyncsession.printable import printable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy_asyncsession.fixes.engine.backups import Backups
    from mypy_asyncsession.fixes.engine.journal import Journal
    from mypy_asyncsession.fixes.engine.result import Outcome, Result

_STYLES: Final = ("context-manager", "async-for")


@click.command(short_help="Fix what check finds, where there is one right way.")
@click.argument("paths", metavar="[PATH]...", nargs=-1)
@click.option(
    "--diff", is_flag=True, help="Print what would change, for `git apply`; write nothing."
)
@click.option("--dry-run", is_flag=True, help="Say what would be fixed; write nothing.")
@click.option("--backup", is_flag=True, help="Keep each edited file as it was, in FILE.bak.")
@click.option("--restore", is_flag=True, help="Put these backups back, and do nothing else.")
@click.option("--force", is_flag=True, help="Edit files with changes that are not committed, too.")
@click.option("--only", metavar="CODE,...", help="Fix the findings with these codes alone.")
@click.option(
    "--style",
    type=click.Choice(_STYLES),
    default=_STYLES[0],
    show_default=True,
    help="How to enter an async generator. async-for is a loop that aclosing() closes: for "
    "providers that neither commit nor roll back.",
)
@click.option(
    "--unsafe",
    is_flag=True,
    help="Fix as well where a generator is entered that may swallow exceptions, or whose "
    "source was not read.",
)
@click.option(
    "--baseline",
    metavar="FILE",
    help="Do not list what is left and in this file, which check --baseline makes.",
)
@common.allow_unchecked
@click.option("--path", "more", metavar="DIR", multiple=True, help="The same as PATH.")
@common.config_file
@click.option(
    "--cache-dir",
    metavar="DIR",
    help="What to keep between runs, the list of backups included.  [default: .mypy-asyncsession]",
)
@click.option(
    "--workers",
    metavar="N",
    type=click.IntRange(0, 64),
    help="How many processes to use besides the main one.  [default: as many as pay]",
)
def fix(
    paths: tuple[str, ...],
    diff: bool,
    dry_run: bool,
    backup: bool,
    restore: bool,
    force: bool,
    only: str | None,
    style: str,
    unsafe: bool,
    baseline: str | None,
    allow_unchecked: bool,
    more: tuple[str, ...],
    config_file: str | None,
    cache_dir: str | None,
    workers: int | None,
) -> int:
    """Fix wrong uses of session providers, where there is one right way.

    PATHs are files and directories; without one, it is the current directory. What is fixed is
    checked before anything is written: an edit that does not help, or that mypy objects to, is
    never made. What is left is listed, with the reason and what to do about it. To leave it for
    now, accept it with `mypy-asyncsession check --baseline FILE --update-baseline`.

    \b
      mypy-asyncsession fix --diff             show what would change, and change nothing
      mypy-asyncsession fix src                fix it
      mypy-asyncsession fix --backup src       keep the old files as FILE.bak
      mypy-asyncsession fix --restore src      bring them back
      mypy-asyncsession fix --only session-with,session-iter

    Comments, layout and line endings stay. Files that are generated, vendored, read-only or
    behind a symbolic link are left alone, and so are files with changes that are not committed,
    unless there is --backup or --force.

    The exit status is 0 if nothing is left to do, 1 if something is, and 2 if it could not run, or
    not everything was read.
    """  # noqa: D301
    from pathlib import Path

    from mypy_asyncsession.checking.baseline import Baseline
    from mypy_asyncsession.checking.options import Options as CheckOptions
    from mypy_asyncsession.fixes.engine.apply import write_all
    from mypy_asyncsession.fixes.engine.driver import Options
    from mypy_asyncsession.fixes.engine.driver import fix as run
    from mypy_asyncsession.fixes.engine.guard import Guard
    from mypy_asyncsession.fixes.fix import Style

    directory = os.path.abspath(os.curdir)
    named = (*paths, *more) or (".",)
    if restore:
        return _restore(named, directory, cache_dir)
    codes = _codes(only)
    writes = not (diff or dry_run)
    guard = Guard(directory, writes=writes, backup=backup, force=force)
    with Progress() as progress:
        result = run(
            named,
            guard,
            Options(
                check=CheckOptions(
                    config_file=config_file,
                    cache_dir=cache_dir,
                    projects=True,
                    strict=_is_strict(codes),
                    workers=workers,
                    allow_unchecked=allow_unchecked,
                ),
                only=codes,
                style=Style(style),
                unsafe=unsafe,
                baseline=Baseline.read(Path(baseline)) if baseline is not None else None,
            ),
            on_progress=progress.update,
        )
    for problem in result.problems:
        common.warn(problem)
    journal = _journal(directory, cache_dir)
    failed = False
    if writes:
        journal.tidy()
        backups = _backups(directory, cache_dir) if backup and result.edited else None
        written, problems = write_all(result.edited, directory, backups, journal)
        for problem in problems:
            common.warn(problem)
        failed = bool(problems)
        result = result.as_written(written, problems)
    else:
        result = result.as_unwritten()
    return _report(result, diff=diff, writes=writes, failed=failed)


def _codes(only: str | None) -> frozenset[str]:

    if only is None:
        return frozenset()
    codes = [code.strip() for code in only.split(",") if code.strip()]
    for code in codes:
        if code not in CODES:
            hint = near(code, CODES) or f": they are {', '.join(CODES)}"
            raise click.BadParameter(f'there is no code "{code}"{hint}', param_hint="--only")
    return frozenset(codes)


def _is_strict(codes: frozenset[str]) -> bool:
    """Whether one of the codes is of a rule that is off by default."""
    return bool(codes & STRICT)


def _backups(directory: str, cache_dir: str | None) -> Backups:
    from mypy_asyncsession.checking.place import place
    from mypy_asyncsession.fixes.engine.backups import Backups

    return Backups(place(directory, cache_dir).folder)


def _journal(directory: str, cache_dir: str | None) -> Journal:
    from mypy_asyncsession.checking.place import place
    from mypy_asyncsession.fixes.engine.journal import Journal

    return Journal(place(directory, cache_dir).private)


def _restore(paths: tuple[str, ...], directory: str, cache_dir: str | None) -> int:
    from mypy_asyncsession.checking.report import CannotRun, Problem

    _journal(directory, cache_dir).tidy()
    full = [os.path.abspath(path) for path in paths]
    outcomes = list(_backups(directory, cache_dir).restore(full, directory))
    if not outcomes:
        raise CannotRun("there are no backups of these files")
    for path, problem in outcomes:
        if problem is not None:
            common.warn(Problem(path, 0, problem))
    restored = sum(problem is None for _, problem in outcomes)
    click.echo(f"Restored {_count(restored, 'file')}")
    return FOUND if restored < len(outcomes) else NOTHING


def _report(result: Result, *, diff: bool, writes: bool, failed: bool) -> int:
    """Say what became of it; a diff is alone on standard output."""
    terminal = Terminal.of_stdout()
    lines = _lines(result, terminal, writes=writes)
    if diff:
        sys.stdout.flush()
        for edited in result.edited:
            if terminal.interactive:
                text = (line.decode(errors="replace") for line in edited.diff())
                terminal.print(printable(line.rstrip("\n"), keep="\t") for line in text)
                continue
            sys.stdout.buffer.writelines(edited.diff())
        sys.stdout.buffer.flush()
        for line in lines:
            tell(line)
    else:
        terminal.print(lines)
    if result.incomplete:
        return COULD_NOT_RUN
    return FOUND if failed or result.left or (result.fixed and not writes) else NOTHING


def _lines(result: Result, terminal: Terminal, *, writes: bool) -> Iterator[str]:
    done = "fixed" if writes else "would be fixed"
    for outcome in result.fixed:
        yield _line(outcome, terminal, terminal.style(f"{done}:", fg="green", bold=True))
    for outcome in result.left:
        yield _line(outcome, terminal, terminal.style("left:", fg="red", bold=True))
        place = printable(f"{outcome.finding.path}:{outcome.finding.span.line}")
        note = terminal.style("note:", fg="blue")
        yield f"{place}: {note} Why: {printable(outcome.reason or '')}"
        for hint in (outcome.finding.hint or "").split("\n"):
            if hint:
                yield f"{place}: {note} {printable(hint)}"
    yield _summary(result, terminal, writes=writes)


def _line(outcome: Outcome, terminal: Terminal, what: str) -> str:
    found = outcome.finding
    code = terminal.style(f"[{found.code}]", fg="yellow")
    place = printable(f"{found.path}:{found.span.line}")
    return f"{place}: {what} {printable(found.message)}  {code}"


def _summary(result: Result, terminal: Terminal, *, writes: bool) -> str:
    checked = f"checked {_count(result.checked, 'source file')}"
    if result.known:
        checked += f", {result.known} in the baseline"
    if result.unchecked:
        checked += f", {result.unchecked} not checked, or not in full"
    if not result.fixed and not result.left and result.incomplete:
        text = f"Nothing to fix in what was read ({checked})"
        return terminal.style(text, fg="yellow", bold=True)
    if not result.fixed and not result.left:
        return terminal.style(f"Success: nothing to fix ({checked})", fg="green", bold=True)
    verb = "Fixed" if writes else "Would fix"
    fixed = f"{verb} {_count(len(result.fixed), 'error')} in {_count(len(result.edited), 'file')}"
    left = f"left {len(result.left)}"
    color = "red" if result.left else "green"
    return terminal.style(f"{fixed}, {left} ({checked})", fg=color, bold=True)


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
