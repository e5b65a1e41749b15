"""For people: as mypy prints errors, and on a terminal with the line of source below."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from mypy_asyncsession.cli.fixable import MANY
from mypy_asyncsession.cli.output import coverage
from mypy_asyncsession.codes import CODES
from mypy_asyncsession.printable import printable
from mypy_asyncsession.reading import read_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from mypy_asyncsession.checking.report import Report
    from mypy_asyncsession.cli.terminal import Terminal
    from mypy_asyncsession.findings import Finding, Span

_INDENT: Final = "    "
#: How many findings that say the same are all shown.
_FEW: Final = 3


def lines(
    report: Report,
    terminal: Terminal,
    *,
    statistics: bool = False,
    summary: bool = True,
    every: bool = True,
    command: str = "mypy-asyncsession fix",
) -> Iterator[str]:
    """The findings, how many there are of each code if that is asked for, and a summary.

    Args:
        report: The findings.
        terminal: Where they are shown.
        statistics: Whether they are counted by code.
        summary: Whether there is a last line that says how many there are.
        every: Whether each is shown; else those that say the same many times over are shown once.
        command: What fixes those of them that can be fixed.
    """
    files = _Files(report.texts)
    alike = {} if every else _alike(report.findings)
    for found in report.findings:
        group = alike.get(_said(found), ())
        if group and group[0] is not found:
            continue
        yield from _finding(found, terminal, files)
        if group:
            yield _more(found, group[1:], terminal)
    if statistics:
        yield from counts(report)
    if summary:
        yield _summary(report, terminal, command)
        unreached = coverage.summary(report)
        if unreached is not None:
            yield terminal.style(unreached, fg="yellow", bold=report.incomplete)


def _said(found: Finding) -> tuple[str, str, str | None]:
    """What a finding says, and of which provider."""
    return found.code, found.message, found.provider.fullname if found.provider else None


def _alike(findings: Iterable[Finding]) -> dict[tuple[str, str, str | None], list[Finding]]:
    """The findings that say the same, where there are many of them."""
    groups: dict[tuple[str, str, str | None], list[Finding]] = {}
    for found in findings:
        groups.setdefault(_said(found), []).append(found)
    return {said: group for said, group in groups.items() if len(group) > _FEW}


def _more(found: Finding, others: Sequence[Finding], terminal: Terminal) -> str:
    files = _count(len({each.path for each in others}), "file")
    place = printable(f"{found.path}:{found.span.line}")
    note = terminal.style("note:", fg="blue")
    code = terminal.style(f"[{found.code}]", fg="yellow")
    return f"{place}: {note} And {len(others)} more in {files}; --all lists them  {code}"


def counts(report: Report) -> Iterator[str]:
    """How many findings there are of each code, the most frequent one first."""
    numbers = Counter(found.code for found in report.findings)
    width = len(str(max(numbers.values(), default=0)))
    longest = max(map(len, numbers), default=0)
    for code, number in sorted(numbers.items(), key=lambda item: (-item[1], item[0])):
        summary = CODES[code].summary if code in CODES else ""
        yield f"{number:>{width}}  {code:<{longest}}  {summary}".rstrip()
    if report.asked:
        yield f"mypy was asked about {', '.join(map(printable, sorted(report.asked)))}"


def _finding(found: Finding, terminal: Terminal, files: _Files) -> Iterator[str]:
    place = printable(f"{found.path}:{found.span.line}")
    code = terminal.style(f"[{found.code}]", fg="yellow")
    error = terminal.style("error:", fg="red", bold=True)
    note = terminal.style("note:", fg="blue")
    yield f"{place}: {error} {_quoted(found.message, terminal)}  {code}"
    if terminal.interactive:
        source = files.line(found.path, found.span.line)
        if source.strip():
            yield from _snippet(source, found.span, terminal)
    for hint in (found.hint or "").split("\n"):
        if hint:
            yield f"{place}: {note} {_quoted(hint, terminal)}  {code}"


def _quoted(message: str, terminal: Terminal) -> str:
    """What is between double quotes is bold."""
    parts = printable(message).split('"')
    return '"'.join(
        terminal.style(part, bold=True) if number % 2 and number < len(parts) - 1 else part
        for number, part in enumerate(parts)
    )


def _snippet(source: str, span: Span, terminal: Terminal) -> Iterator[str]:
    shown = printable(source.expandtabs())
    width = max(terminal.width - len(_INDENT), 20)
    # Behind a character that is not ASCII, mypy's columns are too small.
    if not source.isascii():
        yield _INDENT + _cut(shown, 0, width)
        return
    begin = len(printable(source[: span.column].expandtabs()))
    end = len(shown)
    if span.end_line == span.line:
        end = max(len(printable(source[: span.end_column].expandtabs())), begin + 1)
    # A line too long for the terminal is shown from where the caret can still be seen.
    first = 0 if end <= width else max(0, min(begin, end - width))
    yield _INDENT + _cut(shown, first, width)
    caret = "^" + "~" * (min(end, first + width) - begin - 1)
    yield _INDENT + " " * (begin - first) + terminal.style(caret, fg="red")


def _cut(text: str, first: int, width: int) -> str:
    return text[first : first + width].rstrip()


def _summary(report: Report, terminal: Terminal, command: str) -> str:
    number = len(report.findings)
    new = "new " if report.known else ""
    known = f", {report.known} in the baseline" if report.known else ""
    if not number:
        checked = _count(report.checked, "source file")
        none = (
            f"{'No' if report.incomplete else 'Success: no'} {new}issues found in {checked}{known}"
        )
        return terminal.style(none, fg="yellow" if report.incomplete else "green", bold=True)
    files = _count(len({found.path for found in report.findings}), "file")
    errors = f"{_count(number, new + 'error')} in {files} ({report.checked} checked{known})"
    summary = terminal.style(errors, fg="red", bold=True)
    fixable = sum(found.fixable is True for found in report.findings)
    if number > MANY and all(found.fixable is None for found in report.findings):
        summary += f"; what can be fixed: {terminal.style(f'{command} --diff', bold=True)}"
    elif fixable:
        summary += f"; {fixable} can be fixed: {terminal.style(command, bold=True)}"
    return summary


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


class _Files:
    """The files that findings are in, one at a time: findings come ordered by file."""

    def __init__(self, texts: Mapping[str, str]) -> None:
        self._texts = texts
        self._path = ""
        self._lines: list[str] = []

    def line(self, path: str, number: int) -> str:
        """A line of a file; nothing if it is not there any more."""
        if path != self._path:
            self._path = path
            try:
                # Not splitlines: what it takes for the end of a line is none to Python.
                text = self._texts.get(path)
                text = read_text(path, errors="replace") if text is None else text
                self._lines = text.split("\n")
            except OSError:
                self._lines = []
        return self._lines[number - 1] if 0 < number <= len(self._lines) else ""
