"""The forms in which a report can be printed: one file each, loaded when it is asked for."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from mypy_asyncsession.checking.report import Report
    from mypy_asyncsession.cli.terminal import Terminal


def _by(module: str) -> Callable[[Report, Terminal], Iterator[str]]:
    def lines(report: Report, terminal: Terminal) -> Iterator[str]:
        printed: Iterator[str] = import_module(f"{__name__}.{module}").lines(report, terminal)
        return printed

    return lines


#: By the name that ``--output`` has for it: from a report to lines.
FORMATS: Final[Mapping[str, Callable[[Report, Terminal], Iterator[str]]]] = {
    "text": _by("text"),
    "json": _by("jsonl"),
    "github": _by("github"),
    "sarif": _by("sarif"),
    "gitlab": _by("gitlab"),
    "junit": _by("junit"),
}
