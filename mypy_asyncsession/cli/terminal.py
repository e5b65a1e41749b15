"""What standard output can show."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
from dataclasses import dataclass
from io import TextIOWrapper
from typing import TYPE_CHECKING, TextIO

import click

if TYPE_CHECKING:
    from collections.abc import Iterable


def tell(text: str) -> None:
    """Print a line on standard error; if nobody takes it, that changes nothing."""
    try:
        click.echo(text, err=True)
    except OSError:
        discard(sys.stderr)


def discard(stream: TextIO) -> None:
    """Have what is left to be written to a stream, and all that follows, go nowhere."""
    with contextlib.suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)


@dataclass(frozen=True, slots=True)
class Terminal:
    """Where the output goes.

    Attributes:
        interactive: Whether somebody is looking at it.
        colored: Whether it can be coloured.
        width: How many columns it has.
    """

    interactive: bool = False
    colored: bool = False
    width: int = 80

    @classmethod
    def of_stdout(cls) -> Terminal:
        """What standard output is; NO_COLOR and FORCE_COLOR are heeded."""
        interactive = sys.stdout.isatty()
        colored = interactive and os.environ.get("TERM") != "dumb"
        if os.environ.get("FORCE_COLOR"):
            colored = True
        if os.environ.get("NO_COLOR"):
            colored = False
        return cls(interactive, colored, shutil.get_terminal_size().columns)

    def style(self, text: str, **style: object) -> str:
        """*text* as click styles it, if there are colours."""
        return click.style(text, **style) if self.colored else text  # type: ignore[arg-type]

    def print(self, lines: Iterable[str]) -> None:
        """Print lines; what the encoding has no character for is escaped, as mypy does it."""
        text = "".join(f"{line}\n" for line in lines)
        if isinstance(sys.stdout, TextIOWrapper) and sys.stdout.errors == "strict":
            sys.stdout.reconfigure(errors="backslashreplace")
        click.echo(text, nl=False, color=self.colored)
