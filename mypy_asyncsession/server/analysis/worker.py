"""What the processes have in common that work for the server.

A job comes as a line of JSON on standard input, what happens goes out as a line of JSON each. Once
standard input is closed nobody wants the work any more: the process leaves nothing behind and
ends, whether the server has closed it, has ended, or was killed.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
import threading
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable

#: How many seconds a process has to leave nothing behind.
_GRACE: Final = 30.0


class Channel:
    """The two ends of a worker's pipes."""

    def __init__(self) -> None:
        """Take them; what anything else prints goes to standard error."""
        self._out = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
        self._lock = threading.Lock()

    def receive(self) -> Any:
        """The next job; ``None`` if there will be none."""
        try:
            return json.loads(sys.stdin.readline() or "null")
        except (OSError, ValueError):
            return None

    def say(self, *what: object) -> None:
        """Say what happens."""
        # The reader may be gone; then standard input is closed, too.
        with self._lock, contextlib.suppress(OSError):
            self._out.write(json.dumps(what) + "\n")
            self._out.flush()

    def interrupt_at_end(self) -> None:
        """From now on, interrupt the process as Ctrl-C does when standard input is closed."""
        threading.Thread(target=_wait_for_end, daemon=True).start()


def _wait_for_end() -> None:
    with contextlib.suppress(OSError, ValueError):
        while sys.stdin.readline():
            pass
    timer = threading.Timer(_GRACE, os._exit, [1])
    timer.daemon = True
    timer.start()
    if sys.platform == "win32":
        import _thread

        _thread.interrupt_main()
    else:
        os.kill(os.getpid(), signal.SIGINT)


def run(main: Callable[[Channel], None]) -> None:
    """Run a worker to its end, quietly where it is interrupted."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    channel = Channel()
    try:
        main(channel)
    except KeyboardInterrupt:
        os._exit(1)
    sys.stderr.flush()
    os._exit(0)  # to free all that mypy holds takes longer
