"""The module pass in a second process, while mypy checks types in this one.

What the pass finds it finds without mypy's types, in trees that are only parsed. So where most of
a program is checked, a copy of mypy's process is started once all modules are loaded, and goes
through them in the order in which mypy will ask; what mypy asks for first comes first. Here only
the answers are waited for. What is for mypy to decide is gone through here, as all is where there
is no second processor, and if the copy should come to an early end.
"""

from __future__ import annotations

import contextlib
import gc
import os
import pickle
import select
import signal
import struct
import weakref
from typing import IO, TYPE_CHECKING, Final

from mypy_asyncsession import copies
from mypy_asyncsession.plugin.answers import Facts, Found, Leading
from mypy_asyncsession.plugin.internals import import_cycles
from mypy_asyncsession.plugin.parsed_answers import FEW, ParsedAnswers
from mypy_asyncsession.semantic.imports import imported

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import TypeVar

    from mypy.modulefinder import BuildSource
    from mypy.nodes import Decorator, FuncDef
    from mypy.options import Options

    from mypy_asyncsession.plugin.settings import Settings

    _Answer = TypeVar("_Answer", Facts, Found)

_LENGTH: Final = struct.Struct("=Q")
#: Where a pipe can be made larger, the copy can be so many bytes ahead of mypy.
_ROOM: Final = 1024 * 1024


class Background:
    """The answers of a copy of this process, waited for where they have not come yet."""

    def __init__(
        self,
        sources: Sequence[BuildSource],
        stale: set[str],
        options: Options,
        settings: Settings,
    ) -> None:
        """Start the copy.

        Args:
            sources: The project's modules.
            stale: Those that mypy will ask about, by their names.
            options: mypy's options.
            settings: The project's configuration.

        Raises:
            OSError: The system has no room for another process.
        """
        asking, self._asked = os.pipe()

        def work(results: IO[bytes]) -> None:
            os.close(self._asked)
            signal.signal(signal.SIGINT, signal.SIG_IGN)  # it ends with the one it works for
            gc.disable()  # little of what is read is ever garbage
            _Worker(ParsedAnswers(sources, options, settings), stale, asking, results).work()

        self._process, self._results = copies.start(work)
        os.close(asking)
        _widen(self._results)
        self._end = weakref.finalize(self, _end, self._asked, self._results, self._process)
        self._modules = frozenset(source.module for source in sources)
        self._came = b""
        self._ended = False
        self._leading: Leading | None = None
        self._facts: dict[str, Facts] = {}
        self._found: dict[str, Found] = {}

    def may_give(self, node: Decorator | FuncDef) -> bool:
        """Whether a function may give a provider, as far as is known by now."""
        self._take()
        return self._leading is None or self._leading.may_give(node, self._modules)

    def facts(self, module: str) -> str | None:
        """What others may read in the bodies of a module; ``None`` if it is to be found here."""
        found = self._awaited(self._facts, Facts, module)
        return found.facts if found is not None else None

    def found(self, module: str) -> Found | None:
        """What is wrong in a module; ``None`` if it is to be found here."""
        return self._awaited(self._found, Found, module)

    def _awaited(
        self, answers: dict[str, _Answer], kind: type[_Answer], module: str
    ) -> _Answer | None:
        """An answer of a kind, once it has come; ``None`` if it does not."""
        self._take()
        if module not in answers and not self._ended:
            with contextlib.suppress(OSError):  # it has ended: then nothing can be read either
                os.write(self._asked, f"{kind.__name__} {module}\n".encode())
            while module not in answers and not self._ended:
                self._read()
        return answers.pop(module, None)

    def _take(self) -> None:
        """Take the answers that have come: the copy waits if there are too many."""
        while not self._ended and select.select([self._results], [], [], 0)[0]:
            self._read()

    def _read(self) -> None:
        """Wait for answers."""
        data = os.read(self._results.fileno(), _ROOM)
        if not data:
            self._ended = True
            self._end()
            return
        self._came += data
        start = 0
        while len(self._came) - start >= _LENGTH.size:
            begin = start + _LENGTH.size
            end = begin + _LENGTH.unpack_from(self._came, start)[0]
            if len(self._came) < end:
                break
            answer = pickle.loads(self._came[begin:end])  # our own copy has written it
            if isinstance(answer, Leading):
                self._leading = answer
            elif isinstance(answer, Facts):
                self._facts[answer.module] = answer
            elif isinstance(answer, Found):
                self._found[answer.module] = answer
            start = end
        self._came = self._came[start:]


class _Worker:
    """The copy."""

    def __init__(
        self, answers: ParsedAnswers, stale: set[str], asking: int, results: IO[bytes]
    ) -> None:
        self._answers = answers
        self._stale = stale
        self._asking = asking
        self._rest = b""
        self._results = results
        self._said: set[tuple[type[Facts | Found], str]] = set()

    def work(self) -> None:
        """Go through all modules that mypy will ask about."""
        if len(self._stale) > FEW:
            leading = self._answers.narrow(self._serve)
            if leading is not None:
                self._say(leading)
        for together in self._in_order():
            for kind in (Facts, Found):
                for module in together:
                    self._serve()
                    self._answer(kind, module)
        while True:
            self._serve(wait=True)  # what mypy checks again because others have changed

    def _in_order(self) -> list[list[str]]:
        """The modules in the order of a build, those that import each other together.

        mypy takes what is ready first, not what is deepest (``build.process_graph``).
        """
        imports = {}
        for module in self._stale:
            tree = self._answers.tree(module)
            imports[module] = sorted(imported(tree) & self._stale) if tree is not None else []
        rank: dict[str, int] = {}
        found = []
        for together in import_cycles(imports):
            before = {other for module in together for other in imports[module]} - together
            rank |= dict.fromkeys(together, 1 + max(map(rank.__getitem__, before), default=0))
            found.append(sorted(together))
        return sorted(found, key=lambda together: rank[together[0]])

    def _serve(self, *, wait: bool = False) -> None:
        """Answer what has been asked by now; *wait* for something to be asked."""
        while select.select([self._asking], [], [], None if wait else 0)[0]:
            wait = False
            data = os.read(self._asking, 4096)
            if not data:
                os._exit(0)  # nobody waits for answers any more
            *lines, self._rest = (self._rest + data).split(b"\n")
            for line in lines:
                kind, module = line.decode().split(" ")
                self._answer(Facts if kind == Facts.__name__ else Found, module)

    def _answer(self, kind: type[Facts | Found], module: str) -> None:
        """Say what others may read in a module, or what is wrong in it, once."""
        if (kind, module) in self._said:
            return
        if kind is Found:
            self._answer(Facts, module)  # what they lean on, too, is said with what is found
        self._said.add((kind, module))
        if kind is Found:
            self._say(self._answers.found(module) or Found(module, None, set()))
        else:
            self._say(Facts(module, self._answers.facts(module)))

    def _say(self, answer: Leading | Facts | Found) -> None:
        body = pickle.dumps(answer)
        self._results.write(_LENGTH.pack(len(body)) + body)
        self._results.flush()


def _end(asked: int, results: IO[bytes], process: int) -> None:
    """Have a copy end: nobody will ask it anything."""
    results.close()
    os.close(asked)
    os.waitpid(process, 0)


def _widen(pipe: IO[bytes]) -> None:
    """Make room in a pipe, where the system can."""
    with contextlib.suppress(ImportError, AttributeError, OSError):
        import fcntl

        fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, _ROOM)  # Linux alone has it
