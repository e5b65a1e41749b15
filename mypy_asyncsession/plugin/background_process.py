"""The process that goes through modules while mypy checks types in another one."""

from __future__ import annotations

import gc
import os
import pickle
import select
import signal
import sys
from collections import deque
from typing import IO, TYPE_CHECKING

from mypy.defaults import RECURSION_LIMIT
from mypy.modulefinder import BuildSource

from mypy_asyncsession.plugin.answers import Facts, Found, Leading
from mypy_asyncsession.plugin.background import LENGTH, ORDER, Job
from mypy_asyncsession.plugin.codes import declare
from mypy_asyncsession.plugin.internals import unpacked
from mypy_asyncsession.plugin.parsed_answers import ParsedAnswers

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet


def main(results: int) -> None:
    """Do the job that comes on standard input.

    Args:
        results: The file descriptor that answers go to.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # it ends with the process that it works for
    gc.disable()  # little of what is read is ever garbage
    sys.setrecursionlimit(RECURSION_LIMIT)
    asking = sys.stdin.fileno()
    job = _job(asking)
    declare(job.settings.error_codes)
    sources = [BuildSource(path, module, None) for path, module in job.sources]
    answers = ParsedAnswers(sources, unpacked(job.options), job.settings)
    own = frozenset(module for _, module in job.sources)
    with os.fdopen(results, "wb") as stream:
        _Worker(answers, own, asking, stream).work()


def _job(asking: int) -> Job:
    (length,) = LENGTH.unpack(_read(asking, LENGTH.size))
    job = pickle.loads(_read(asking, length))  # our own process has written it
    assert isinstance(job, Job)
    return job


def _read(asking: int, length: int) -> bytes:
    """So many bytes. Nobody wants an answer any more if there are less."""
    found = b""
    while len(found) < length:
        data = os.read(asking, length - len(found))
        if not data:
            os._exit(0)
        found += data
    return found


class _Worker:
    """Answers what is asked, and what will be."""

    def __init__(
        self, answers: ParsedAnswers, own: AbstractSet[str], asking: int, results: IO[bytes]
    ) -> None:
        self._answers = answers
        self._own = own
        #: The modules that were read because the project's own import them.
        self._imported: AbstractSet[str] = frozenset()
        self._asking = asking
        self._rest = b""
        self._results = results
        #: What mypy has told that it will ask, in that order.
        self._left: deque[tuple[type[Facts | Found], str]] = deque()
        self._said: set[tuple[type[Facts | Found], str]] = set()

    def work(self) -> None:
        """Go through all modules that mypy will ask about, until nobody asks any more."""
        leading = self._answers.narrow(self._serve)
        if leading is not None:
            self._imported = leading.read - self._own
            self._say(leading)
        while True:
            self._serve(wait=not self._left)
            if self._left:
                kind, module = self._left.popleft()
                # Of what is only imported nothing is reported.
                if module in self._own or (kind is Facts and module in self._imported):
                    self._answer(kind, module)

    def _serve(self, *, wait: bool = False) -> None:
        """Answer what has been asked by now; *wait* for something to be asked."""
        while select.select([self._asking], [], [], None if wait else 0)[0]:
            wait = False
            data = os.read(self._asking, 4096)
            if not data:
                os._exit(0)  # nobody waits for answers any more
            *lines, self._rest = (self._rest + data).split(b"\n")
            for line in lines:
                kind, _, about = line.decode().partition(" ")
                if kind == ORDER:
                    self._expect(about)
                else:
                    self._answer(Facts if kind == Facts.__name__ else Found, about)

    def _expect(self, order: str) -> None:
        """Get ready for what will be asked: of modules that import each other, facts first."""
        for group in order.split(","):
            modules = group.split(" ")
            self._left += [(Facts, module) for module in modules]
            self._left += [(Found, module) for module in modules]

    def _answer(self, kind: type[Facts | Found], module: str) -> None:
        """Say what others may read in a module, or what is wrong in it, once."""
        if (kind, module) in self._said:
            return
        if kind is Found:
            self._answer(Facts, module)  # what they lean on, too, is said with what is found
        self._said.add((kind, module))
        if kind is Found:
            self._say(self._answers.found(module) or Found(module, None, set(), None))
        else:
            self._say(self._answers.facts(module))

    def _say(self, answer: Leading | Facts | Found) -> None:
        data = pickle.dumps(answer)
        self._results.write(LENGTH.pack(len(data)) + data)
        self._results.flush()
