"""``mypy-asyncsession check --watch``: again at each change."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from mypy_asyncsession.cli.group import NOTHING
from mypy_asyncsession.cli.terminal import tell
from mypy_asyncsession.printable import printable

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from mypy_asyncsession.checking.options import Options

#: Erases the screen and what has left it, and goes to its first line.
_CLEAR = "\x1b[2J\x1b[3J\x1b[H"


def repeated(run: Callable[[], int], paths: Sequence[str], options: Options) -> int:
    """Run at once, and then whenever a file has changed, until Ctrl-C.

    Args:
        run: What is run; why it cannot run is said, and it is tried again at the next change.
        paths: The files and directories that it checks.
        options: How it checks them.
    """
    from mypy_asyncsession.checking.changes import Changes
    from mypy_asyncsession.checking.report import CannotRun
    from mypy_asyncsession.config import ConfigError

    try:
        # From before the first run: an edit made while it goes on is a change.
        changes = Changes(paths, filter(None, [options.config_file]))
        while True:
            if sys.stdout.isatty() and os.environ.get("TERM") != "dumb":
                sys.stdout.write(_CLEAR)
            try:
                run()
            except (CannotRun, ConfigError) as error:
                tell(f"mypy-asyncsession: error: {printable(' '.join(str(error).split()))}")
            sys.stdout.flush()
            tell("Waiting for changes; Ctrl-C ends this.")
            changes.wait()
    except KeyboardInterrupt:
        return NOTHING
