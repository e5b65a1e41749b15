"""The line that says that something is still going on."""

from __future__ import annotations

import sys
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Self


class Progress:
    """A line on standard error, if that is a terminal; leaving it erases the line."""

    def __init__(self, delay: float = 1, *, shown: bool = True) -> None:
        """Make it, to be entered.

        Args:
            delay: After how many seconds it is shown: what is over by then needs no such line.
            shown: Whether it is shown at all.
        """
        self._wanted = shown
        self._delay = delay
        self._text = "Looking for files ..."
        self._shown = 0
        self._end = threading.Event()
        self._thread: threading.Thread | None = None

    def update(self, done: int, of: int) -> None:
        """Say how many files are done, and how many there are."""
        self._text = f"Checking {of:,} files, {done:,} done ..."

    def __enter__(self) -> Self:
        if self._wanted and sys.stderr is not None and sys.stderr.isatty():
            self._thread = threading.Thread(target=self._draw, daemon=True)
            self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._end.set()
        if self._thread is not None:
            self._thread.join()

    def _draw(self) -> None:
        if self._end.wait(self._delay):
            return
        while not self._end.wait(0.1):
            self._show(self._text)
        self._show("")

    def _show(self, text: str) -> None:
        # Spaces erase what is left of a longer line on any terminal.
        blank = " " * (self._shown - len(text))
        sys.stderr.write(f"\r{text}{blank}" + ("" if text else "\r"))
        sys.stderr.flush()
        self._shown = len(text)
