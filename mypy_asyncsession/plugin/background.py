"""The module pass in a second process, while mypy checks types in this one.

What the pass finds it finds without mypy's types, in trees that are only parsed. So another process
goes through the modules, in the order in which mypy will ask about them; what mypy does ask about
comes first. Here answers are only waited for. What is for mypy to decide is gone through here; so
are the modules that are left if that process should come to an early end.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import select
import struct
import subprocess
import sys
import weakref
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

import mypy_asyncsession
from mypy_asyncsession.plugin.answers import Facts, Found, Leading
from mypy_asyncsession.plugin.internals import packed
from mypy_asyncsession.plugin.parsed_answers import ParsedAnswers, goes_by_sources
from mypy_asyncsession.processors import processors

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from mypy.modulefinder import BuildSource
    from mypy.nodes import Decorator, FuncDef
    from mypy.options import Options

    from mypy_asyncsession.plugin.settings import Settings

#: Where we are imported from.
_HOME: Final = str(Path(mypy_asyncsession.__file__).parent.parent)
#: What comes before each message: how long it is.
LENGTH: Final = struct.Struct("=Q")
#: Where a pipe can be made larger, one process can be so many bytes ahead of the other.
_ROOM: Final = 1024 * 1024
#: So many bytes can be written wherever a pipe has room at all.
_AT_ONCE: Final = 512
#: What a line begins with that says in which order modules will be asked about.
ORDER: Final = "Order"
#: Of the working directory, which may be anybody's, nothing is imported; of ourselves, what runs
#: here: there may be other copies.
_MAIN: Final = (
    "import sys; results, home, *sys.path[1:] = sys.argv[1:]; sys.path[0] = home; "
    "import mypy_asyncsession; del sys.path[0]; "
    "from mypy_asyncsession.plugin.background_process import main; main(int(results))"
)


class Job(NamedTuple):
    """What the other process is to do.

    Attributes:
        options: mypy's options, packed.
        settings: The project's configuration.
        sources: The project's modules: path and name.
    """

    options: bytes
    settings: Settings
    sources: list[tuple[str, str]]


def started(options: Options, settings: Settings) -> Background | None:
    """A process that can go through modules beside a run of mypy, if it is worth one.

    mypy's workers have a processor each.
    """
    if (
        not goes_by_sources(options, settings)
        or options.num_workers
        or os.name != "posix"
        or not sys.executable
        or processors() < 2
        or os.environ.get("MYPY_ASYNCSESSION_PROCESSES") == "1"
    ):
        return None
    try:
        return Background(options, settings)
    except OSError:
        return None  # there is no room for another process


class Background:
    """The answers of another process, waited for where they have not come yet."""

    def __init__(self, options: Options, settings: Settings) -> None:
        """Start the process, which imports what it needs while mypy goes on to load modules.

        Args:
            options: mypy's options.
            settings: The project's configuration.

        Raises:
            OSError: The system has no room for another process.
        """
        shown = "MYPY_ASYNCSESSION_RAISE" in os.environ
        self._results, giving = os.pipe()
        try:
            process = subprocess.Popen(
                [sys.executable, "-I", "-c", _MAIN, str(giving), _HOME, *_import_path()],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=None if shown else subprocess.DEVNULL,
                bufsize=0,
                pass_fds=(giving,),
            )
        except OSError:
            os.close(self._results)
            raise
        finally:
            os.close(giving)
        assert process.stdin is not None
        self._asking = process.stdin
        _widen(self._results)
        _widen(self._asking.fileno())
        self._end = weakref.finalize(self, _end, process, self._results)
        self._sources: Sequence[BuildSource] = ()
        self._here: ParsedAnswers | None = None
        self._options = options
        self._settings = settings
        self._came = b""
        self._leading: Leading | None = None
        self._facts: dict[str, Facts] = {}
        self._found: dict[str, Found] = {}

    def begin(self, sources: Sequence[BuildSource]) -> None:
        """Have it read the project's modules."""
        self._sources = sources
        named = [(source.path, source.module) for source in sources if source.path is not None]
        data = pickle.dumps(Job(packed(self._options), self._settings, named))
        self._write(LENGTH.pack(len(data)) + data)

    def foretell(self, groups: Iterable[Iterable[str]]) -> None:
        """Say about which modules it will be asked next, by their names.

        Args:
            groups: Those that import each other together, in the order in which they are checked.
        """
        self._write(f"{ORDER} {','.join(map(' '.join, groups))}\n".encode())

    def may_give(self, node: Decorator | FuncDef) -> bool:
        """Whether a function may give a provider, as far as is known by now."""
        if self._leading is None:
            self._take()
        return self._leading is None or self._leading.may_give(node)

    def facts(self, module: str) -> Facts:
        """What others may read in the bodies of a module."""
        self._await(self._facts, Facts, module)
        if module not in self._facts:
            self._facts[module] = self._instead().facts(module)
        return self._facts[module]

    def found(self, module: str) -> Found | None:
        """What is wrong in a module; ``None`` if its source is not known."""
        self._await(self._found, Found, module)
        return self._found.get(module) or self._instead().found(module)

    def _instead(self) -> ParsedAnswers:
        """Who answers if the other process has ended: somebody may have killed it."""
        if self._here is None:
            self._here = ParsedAnswers(self._sources, self._options, self._settings)
        return self._here

    def _await(
        self,
        answers: Mapping[str, Facts] | Mapping[str, Found],
        kind: type[Facts | Found],
        module: str,
    ) -> None:
        """Wait for an answer, if there will be one."""
        self._take()
        if module not in answers and self._end.alive:
            self._write(f"{kind.__name__} {module}\n".encode())
            while module not in answers and self._end.alive:
                self._read()

    def _write(self, data: bytes) -> None:
        """Write to the other process, which may have to be read from first."""
        with contextlib.suppress(OSError):  # it has ended: then nothing can be read either
            while data and self._end.alive:
                answers, _, _ = select.select([self._results], [self._asking], [])
                if answers:
                    self._read()
                else:
                    data = data[self._asking.write(data[:_AT_ONCE]) :]

    def _take(self) -> None:
        """Take the answers that have come: the other process waits if there are too many."""
        while self._end.alive and select.select([self._results], [], [], 0)[0]:
            self._read()

    def _read(self) -> None:
        """Wait for answers."""
        data = os.read(self._results, _ROOM)
        if not data:
            self._end()
            return
        self._came += data
        start = 0
        while len(self._came) - start >= LENGTH.size:
            begin = start + LENGTH.size
            end = begin + LENGTH.unpack_from(self._came, start)[0]
            if len(self._came) < end:
                break
            answer = pickle.loads(self._came[begin:end])  # our own process has written it
            if isinstance(answer, Leading):
                self._leading = answer
            elif isinstance(answer, Facts):
                self._facts[answer.module] = answer
            elif isinstance(answer, Found):
                self._found[answer.module] = answer
            start = end
        self._came = self._came[start:]


def _import_path() -> list[str]:
    """Where the other process imports from: as this one, but for the working directory."""
    here = str(Path.cwd())
    return [path for path in sys.path if path and os.path.abspath(path) != here]


def _end(process: subprocess.Popen[bytes], results: int) -> None:
    """Have a process end: nobody will ask it anything."""
    os.close(results)
    if process.stdin is not None:
        with contextlib.suppress(OSError):
            process.stdin.close()
    process.wait()


def _widen(pipe: int) -> None:
    """Make room in a pipe, where the system can."""
    with contextlib.suppress(ImportError, AttributeError, OSError):
        import fcntl

        fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, _ROOM)  # Linux alone has it
