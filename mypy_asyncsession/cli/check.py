"""``mypy-asyncsession check``."""

from __future__ import annotations

import os
import shlex
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from mypy_asyncsession.checking.options import Engine
from mypy_asyncsession.checking.report import Problem
from mypy_asyncsession.cli import common
from mypy_asyncsession.cli.output import FORMATS
from mypy_asyncsession.cli.terminal import Terminal, tell
from mypy_asyncsession.codes import PARENT, STRICT
from mypy_asyncsession.printable import printable

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mypy_asyncsession.checking.baseline import Baseline
    from mypy_asyncsession.checking.options import Options
    from mypy_asyncsession.checking.report import Report
    from mypy_asyncsession.findings import Finding

#: How many fixed findings of a baseline are named.
_MOST_FIXED: Final = 10

#: How many paths are repeated in the command that fixes what is in them.
_MOST_PATHS: Final = 3

#: The outputs that say of a finding whether it can be fixed.
_SAYS_FIXABLE: Final = ("text", "json", "sarif")


@click.command(short_help="Find wrong uses of session providers.")
@click.argument("paths", metavar="[PATH]... | -", nargs=-1)
@click.option(
    "--stdin-filename",
    metavar="FILE",
    help="With - for PATH: the file whose text is read from standard input, as an editor has it.",
)
@click.option(
    "--watch", is_flag=True, help="Check again whenever a file has changed, until Ctrl-C."
)
@click.option(
    "--output",
    type=click.Choice(list(FORMATS)),
    help="text for people, json for programs (one object a line), github for annotations, "
    "sarif for code scanning, gitlab for merge requests, junit for whatever shows tests.  "
    "[default: github in GitHub's Actions, else text]",
)
@click.option(
    "--all",
    "every",
    is_flag=True,
    help="Print each finding, and not only the first of many that say the same of one provider.",
)
@click.option("--statistics", is_flag=True, help="Say how many findings there are of each code.")
@click.option("-q", "--quiet", is_flag=True, help="Print the findings and nothing else.")
@common.config_file
@common.cache_dir
@click.option("--strict", is_flag=True, help="Turn on the rules that are off by default, too.")
@common.select
@common.ignore
@common.exclude
@common.allow_unchecked
@click.option(
    "--unresolved",
    is_flag=True,
    help="List the imports of modules of the project that are not there.",
)
@click.option(
    "--baseline",
    metavar="FILE",
    help="Report only what is not in this file; made and brought up to date with "
    "--update-baseline.",
)
@click.option(
    "--update-baseline",
    is_flag=True,
    help="Write what is found into the baseline, and take out what was fixed.",
)
@click.option(
    "--workers",
    metavar="N",
    type=click.IntRange(0, 64),
    help="How many processes to use besides the main one.  [default: as many as pay]",
)
@click.option(
    "--engine",
    type=click.Choice([engine.value for engine in Engine]),
    default=Engine.PARSED.value,
    show_default=True,
    help="parsed reads the code, and asks mypy only about what that does not decide; mypy analyses "
    "all of it first, which takes longer.",
)
@click.option(
    "--show-traceback",
    is_flag=True,
    help="If mypy crashes, show where: for a report of a bug.",
)
def check(
    paths: tuple[str, ...],
    stdin_filename: str | None,
    watch: bool,
    output: str | None,
    every: bool,
    statistics: bool,
    quiet: bool,
    config_file: str | None,
    cache_dir: str | None,
    strict: bool,
    select: tuple[str, ...],
    ignore: tuple[str, ...],
    exclude: tuple[str, ...],
    allow_unchecked: bool,
    unresolved: bool,
    baseline: str | None,
    update_baseline: bool,
    workers: int | None,
    engine: str,
    show_traceback: bool,
) -> int:
    """Find session providers that are used in the wrong way.

    PATHs are files and directories; without one, it is the current directory. Nothing has to be
    configured, the code need not pass mypy, and its packages need not be installed. The first run
    takes a while, the next ones look only at what has changed.

    \b
      mypy-asyncsession check                  everything here
      mypy-asyncsession check src tests        some of it
      mypy-asyncsession check --all            each of those that say the same
      mypy-asyncsession check --strict         with the rules that are off by default
      mypy-asyncsession check --watch          again at each change
      mypy-asyncsession check --output json    for other programs
      mypy-asyncsession check - --stdin-filename app/api.py
                                               what standard input holds, as if it were saved
      mypy-asyncsession check --baseline baseline.json --update-baseline
                                               accept what is found now
      mypy-asyncsession check --baseline baseline.json
                                               and from then on report what is new

    `mypy-asyncsession explain CODE` says what a finding is about, with the CODE in brackets behind
    it, and `mypy-asyncsession fix --diff` how it can be fixed. One that is right as it is can be
    silenced with a comment, `# session: ignore[session-with]` with its own code. In pyproject.toml,
    select, ignore, exclude and per-file-ignores of [tool.mypy-asyncsession] are heeded, and mypy's
    disable_error_code, ignore_errors and exclude as well.

    The exit status is 0 if nothing was found, 1 if something was, and 2 if it could not run, or
    not everything was read: a file that cannot be parsed, or on which mypy crashes, or an import of
    a module of the project that is not there.
    """  # noqa: D301
    from mypy_asyncsession.checking.options import Options

    output = output or _usual()
    old = _baseline(baseline, update=update_baseline)
    options = Options(
        config_file=config_file,
        cache_dir=cache_dir,
        strict=strict,
        workers=workers,
        engine=Engine(engine),
        show_traceback=show_traceback,
        select=select,
        ignore=ignore,
        exclude=exclude,
        allow_unchecked=allow_unchecked,
        projects=True,
    )
    request = _Request(paths, options, output, every, statistics, quiet, unresolved)
    if "-" in paths or stdin_filename is not None:
        if paths != ("-",) or stdin_filename is None:
            raise click.UsageError("standard input is one file: check - --stdin-filename FILE")
        if watch:
            raise click.UsageError("--watch does not go with standard input")
        from mypy_asyncsession.cli.standard_input import text_of

        with text_of(stdin_filename) as (instead, texts):
            options = replace(options, instead=instead)
            request = replace(request, paths=(stdin_filename,), options=options, texts=texts)
            return _once(request, old, update=update_baseline)
    if watch:
        if output != "text" or update_baseline:
            raise click.UsageError("--watch shows text, and writes no baseline")
        from mypy_asyncsession.cli.watch import repeated

        return repeated(lambda: _once(request, old), paths, options)
    return _once(request, old, update=update_baseline)


@dataclass(frozen=True, slots=True)
class _Request:
    """What is asked for.

    Attributes:
        paths: The files and directories; the current directory if there are none.
        options: How to check them.
        output: The form of the output.
        every: Whether each finding is shown of many that say the same.
        statistics: Whether they are counted by code.
        quiet: Whether nothing else is shown.
        unresolved: Whether imports that lead nowhere are listed.
        texts: The text of files that is not what is on disk, by the file's path.
    """

    paths: tuple[str, ...]
    options: Options
    output: str
    every: bool
    statistics: bool
    quiet: bool
    unresolved: bool
    texts: dict[str, str] = field(default_factory=dict)


def _once(request: _Request, old: Baseline | None, *, update: bool = False) -> int:
    """Check, and print what was found."""
    from mypy_asyncsession.cli.output import text

    quiet, output = request.quiet, request.output
    report = common.run(request.paths, request.options, quiet=quiet)
    report = replace(report, texts=request.texts)
    for each in report.unresolved if request.unresolved else ():
        common.warn(Problem(each.path, each.line, f'there is no module "{each.module}"'))
    whole = report
    if old is not None:
        report = _compared(report, old, update=update, quiet=quiet)
    wanted = output in _SAYS_FIXABLE and not (output == "text" and quiet)
    # Of a text in an unknown encoding it cannot be asked.
    legible = not any("\ufffd" in each for each in request.texts.values())
    if report.findings and wanted and legible:
        findings = common.fixable(
            report.findings, whole, request.paths, request.options, quiet=quiet
        )
        report = replace(report, findings=findings)
    terminal = Terminal.of_stdout()
    if output == "text":
        lines = text.lines(
            report,
            terminal,
            statistics=request.statistics,
            summary=not quiet,
            every=request.every,
            command=_fix_command(request.paths, report.findings),
        )
    else:
        lines = FORMATS[output](report, terminal)
        if request.statistics:
            for line in text.counts(report):
                tell(line)
    terminal.print(lines)
    return common.status(report, found=bool(report.findings))


def _usual() -> str:
    """The output where none is asked for."""
    return "github" if os.environ.get("GITHUB_ACTIONS") == "true" else "text"


def _fix_command(paths: tuple[str, ...], findings: Iterable[Finding]) -> str:
    """What fixes the findings in the same paths, if these can be repeated in a line.

    Codes that are off by default are fixed where they are named alone.
    """
    codes = {found.code for found in findings if found.fixable}
    only = ["--only", ",".join(sorted(codes))] if codes & STRICT else []
    return shlex.join(
        ["mypy-asyncsession", "fix", *only, *(paths if len(paths) <= _MOST_PATHS else ())]
    )


def _baseline(path: str | None, *, update: bool) -> Baseline | None:
    """The baseline that is asked for; to be brought up to date it need not be there yet."""
    if path is None:
        if update:
            raise click.UsageError("--update-baseline needs --baseline FILE")
        return None
    from mypy_asyncsession.checking.baseline import Baseline

    file = Path(path)
    if update and not file.exists():
        return Baseline(file)
    return Baseline.read(file)


def _compared(report: Report, old: Baseline, *, update: bool, quiet: bool) -> Report:
    """The report without what is in the baseline, which is brought up to date if asked for."""
    from mypy_asyncsession.checking.baseline import described

    compared = old.compare(report)
    fixed = compared.fixed.total()
    if update:
        compared.updated.write()
        if not quiet:
            number = compared.updated.findings.total()
            new = number - (old.findings.total() - fixed)
            tell(
                f"{old.path}: {number} finding{'' if number == 1 else 's'} written "
                f"({new} new, {fixed} fixed)"
            )
        return replace(
            compared.report,
            findings=[found for found in compared.report.findings if found.code == PARENT],
            known=compared.updated.findings.total(),
        )
    if fixed and not quiet:
        for identity in sorted(compared.fixed)[:_MOST_FIXED]:
            tell(f"{old.path}: note: fixed: {printable(described(identity))}")
        tell(
            f"{old.path}: warning: {fixed} finding{'' if fixed == 1 else 's'} in it "
            f"{'is' if fixed == 1 else 'are'} fixed: add --update-baseline"
        )
    return compared.report
