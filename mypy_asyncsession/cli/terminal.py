"""What standard output can show."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
from dataclasses import dataclass
from io import TextIOWrapper
from typing import TYPE_CHECKING, Final, TextIO

import click

if TYPE_CHECKING:
    from collections.abc import Iterable

#: What switches off where anything else switches on.
_OFF: Final = ("0", "false", "no", "off")


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
        """What standard output is."""
        interactive = sys.stdout.isatty()
        return cls(interactive, _is_colored(interactive), shutil.get_terminal_size().columns)

    def style(self, text: str, **style: object) -> str:
        """*text* as click styles it, if there are colours."""
        return click.style(text, **style) if self.colored else text  # type: ignore[arg-type]

    def print(self, lines: Iterable[str]) -> None:
        """Print lines; what the encoding has no character for is escaped, as mypy does it."""
        text = "".join(f"{line}\n" for line in lines)
        if isinstance(sys.stdout, TextIOWrapper) and sys.stdout.errors == "strict":
            sys.stdout.reconfigure(errors="backslashreplace")
        click.echo(text, nl=False, color=self.colored)


def _is_colored(interactive: bool) -> bool:
    """Whether to use colours: the variables that people set for all their programs say so.

    NO_COLOR beats those that ask for colours whatever the output is, FORCE_COLOR and
    CLICOLOR_FORCE, and these beat what only speaks of terminals: CLICOLOR=0 and TERM=dumb.
    """
    variables = os.environ
    if variables.get("NO_COLOR"):
        return False
    for name in ("FORCE_COLOR", "CLICOLOR_FORCE"):
        value = variables.get(name, "").lower()
        if value in _OFF and name == "FORCE_COLOR":
            return False
        if value and value not in _OFF:
            return True
    return interactive and variables.get("TERM") != "dumb" and variables.get("CLICOLOR") != "0"
