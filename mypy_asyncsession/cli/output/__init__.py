"""The forms in which a report can be printed: one file each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from mypy_asyncsession.cli.output import github, gitlab, jsonl, junit, sarif, text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from mypy_asyncsession.checking.report import Report
    from mypy_asyncsession.cli.terminal import Terminal

#: By the name that ``--output`` has for it: from a report to lines.
FORMATS: Final[Mapping[str, Callable[[Report, Terminal], Iterator[str]]]] = {
    "text": text.lines,
    "json": jsonl.lines,
    "github": github.lines,
    "sarif": sarif.lines,
    "gitlab": gitlab.lines,
    "junit": junit.lines,
}
