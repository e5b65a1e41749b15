"""Reports what the garbage collector found, when it is no longer running.

The collector may come by while any lock is held, that of a log's queue or of a counter among them:
whoever it calls must take none. So what it finds is put aside, and a thread reports it.
"""

from __future__ import annotations

import os
import threading
import time
from queue import SimpleQueue
from typing import Protocol

#: How long to wait for what belongs together: a generator and the session in it.
_MOMENT = 0.05


class Reporter(Protocol):
    """Who has something to report."""

    def report(self) -> None:
        """Report what was put aside. Nothing is raised."""


class _Reports:
    """The thread, as long as anybody may have something to report."""

    def __init__(self) -> None:
        self._reporters: tuple[Reporter, ...] = ()
        self._lock = threading.Lock()
        # Its `put` may be called at any time, in the middle of itself even.
        self._wake: SimpleQueue[bool] = SimpleQueue()
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._after_fork)

    def add(self, reporter: Reporter) -> None:
        """Have somebody asked to report, whenever ``wake`` was called."""
        with self._lock:
            self._reporters = (*self._reporters, reporter)
            if len(self._reporters) == 1:
                self._start()

    def remove(self, reporter: Reporter) -> None:
        """Ask somebody no more."""
        with self._lock:
            self._reporters = tuple(each for each in self._reporters if each is not reporter)
            if not self._reporters:
                self._wake.put(False)

    def wake(self) -> None:
        """Say that there is something to report; the collector may call this."""
        self._wake.put(True)

    def _start(self) -> None:
        self._wake = SimpleQueue()
        name = "mypy-asyncsession"
        threading.Thread(target=self._run, args=(self._wake,), name=name, daemon=True).start()

    def _run(self, wake: SimpleQueue[bool]) -> None:
        while wake.get():
            time.sleep(_MOMENT)
            while not wake.empty():
                if not wake.get():
                    return
            for reporter in self._reporters:
                reporter.report()

    def _after_fork(self) -> None:
        # The thread is not in the child, and its lock may have been held.
        self._lock = threading.Lock()
        if self._reporters:
            self._start()


REPORTS = _Reports()
