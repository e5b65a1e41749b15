"""What a language server takes from a keystroke to what it shows, beside other servers.

usage: python -m tests.bench.editor [--edits N] [--memory N] [--case LABEL TREE FILE MODULE NAME]...

TREE is the directory that is open in the editor; it is copied first. FILE is the file in it that is
edited. NAME is an async generator in MODULE: each odd edit adds a function to FILE that uses it in
``async with``, which every checker that knows its type rejects, and each even one takes it away.
Without a case it is the demo's shop.

Measured is the time from an edit to the first answer that is right, and, of a server that answers
in two steps, to the one that is final; both are medians. And before, once, the time from the start
of the server to its first answer to an edit. The servers are those that are there:
mypy-asyncsession, ty, zuban, pyright, and pylsp with mypy; for ``dmypy run`` the file is saved.

``--memory N`` makes N edits with mypy-asyncsession alone, and says what its processes hold after 20
of them and at the end.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any, Final

from tests.bench.tree import family, memory_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable

_NAME: Final = "mypy-asyncsession"
_DAEMON: Final = "dmypy run"
_OURS: Final = (sys.executable, "-m", "mypy_asyncsession", "server")
#: The servers of other checkers, and how each is started.
_OTHERS: Final = {
    "ty": ("ty", "server"),
    "zuban": ("zuban", "server"),
    "pyright": ("pyright-langserver", "--stdio"),
    "pylsp with mypy": ("pylsp",),
}
#: After how many edits the memory is first looked at.
_FEW: Final = 20
#: How long to wait for an answer, and for the first one, in seconds.
_LONGEST: Final = 120
_LONGEST_START: Final = 900
#: How long a server has to end, in seconds.
_GRACE: Final = 5
#: What is measured where nothing else is asked for.
_SHOP: Final = ("shop", "test-data/demo", "shop/orders.py", "shop.db", "get_db")


@dataclass(frozen=True)
class _Case:
    """What is edited.

    Attributes:
        label: What it is called.
        tree: The directory that is open.
        file: The file in it that is edited.
        module: A module.
        name: An async generator in it.
    """

    label: str
    tree: Path
    file: str
    module: str
    name: str

    @property
    def added(self) -> str:
        """What is added to the file: a use that is wrong."""
        return (
            f"\n\nasync def added() -> None:\n    from {self.module} import {self.name}\n\n"
            f"    async with {self.name}() as session:\n        print(session)\n"
        )


class _Connection:
    """The protocol as far as it is needed: what a server says in detail is not looked at.

    Attributes:
        shown: The 0-based lines of what is shown of each file, by its URI.
    """

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.shown: dict[str, list[int]] = {}
        self._answers: dict[int, Any] = {}
        self._asked = 0
        self._news = asyncio.Event()

    async def listen(self) -> None:
        """Read what the server says, until it ends."""
        stream = self.process.stdout
        assert stream is not None
        with suppress(asyncio.IncompleteReadError):
            while True:
                header = await stream.readuntil(b"\r\n\r\n")
                length = next(
                    int(line.split(b":")[1])
                    for line in header.splitlines()
                    if line.lower().startswith(b"content-length")
                )
                self._take(json.loads(await stream.readexactly(length)))

    def _take(self, message: dict[str, Any]) -> None:
        if "id" in message and "method" not in message:
            self._answers[message["id"]] = message.get("result")
        elif message.get("method") == "textDocument/publishDiagnostics":
            found = message["params"]["diagnostics"]
            lines = [each["range"]["start"]["line"] for each in found]
            self.shown[message["params"]["uri"]] = lines
        elif "id" in message:
            wanted = message["method"] == "workspace/configuration"
            result: Any = [{} for _ in message["params"]["items"]] if wanted else None
            self._send({"id": message["id"], "result": result})
        self._news.set()

    def _send(self, message: dict[str, Any]) -> None:
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        assert self.process.stdin is not None
        self.process.stdin.write(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))

    def notify(self, method: str, **params: Any) -> None:
        self._send({"method": method, "params": params})

    async def ask(self, method: str, **params: Any) -> Any:
        self._asked += 1
        number = self._asked
        self._send({"id": number, "method": method, "params": params})
        await self.until(lambda: number in self._answers)
        return self._answers.pop(number)

    async def until(self, met: Callable[[], bool], longest: float = _LONGEST) -> None:
        async def wait() -> None:
            while not met():
                self._news.clear()
                await self._news.wait()

        await asyncio.wait_for(wait(), longest)

    async def settled(self, longest: float = _LONGEST) -> None:
        """Wait until our server has nothing pending."""

        async def wait() -> None:
            while True:
                self._news.clear()
                status = await self.ask("workspace/executeCommand", command=f"{_NAME}.status")
                if not status["pending"]:
                    return
                await self._news.wait()

        await asyncio.wait_for(wait(), longest)


@asynccontextmanager
async def _connected(tree: Path, server: tuple[str, ...]) -> AsyncIterator[_Connection]:
    """A connection to a server for a tree, which is ended."""
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        *server, cwd=tree, stdin=pipe, stdout=pipe, stderr=asyncio.subprocess.DEVNULL, limit=2**26
    )
    found = _Connection(process)
    listening = asyncio.create_task(found.listen())
    try:
        folder = {"uri": tree.as_uri(), "name": tree.name}
        able = {"textDocument": {"publishDiagnostics": {}}, "workspace": {"configuration": True}}
        await found.ask(
            "initialize",
            processId=None,
            rootUri=tree.as_uri(),
            workspaceFolders=[folder],
            capabilities=able,
        )
        found.notify("initialized")
        yield found
    finally:
        # Some start others, which would outlive them and keep the pipes open.
        others = list(family(process.pid))
        with suppress(asyncio.TimeoutError, TimeoutError):
            await asyncio.wait_for(found.ask("shutdown"), _GRACE)
            found.notify("exit")
            await asyncio.wait_for(process.wait(), _GRACE)
        for each in others:
            with suppress(ProcessLookupError):
                os.kill(each, signal.SIGKILL)
        await process.wait()
        listening.cancel()


class _File:
    """A file that is edited in an editor."""

    def __init__(self, connection: _Connection, path: Path, added: str) -> None:
        self._connection = connection
        self._uri = path.as_uri()
        self._text = path.read_text(encoding="utf-8").rstrip("\n") + "\n"
        self._added = added
        self._line = self._text.count("\n") + added[: added.index("async with")].count("\n")
        self._version = 1

    async def start(self) -> None:
        """Open it, and have one edit found: from then on the server is warm."""
        document = {"uri": self._uri, "languageId": "python", "version": 1, "text": self._text}
        self._connection.notify("textDocument/didOpen", textDocument=document)
        await self.edit(wrong=True, longest=_LONGEST_START)
        await self.edit(wrong=False)

    async def edit(self, *, wrong: bool, longest: float = _LONGEST) -> float:
        """Make an edit: how long it takes until what is shown is right, in seconds."""
        start = time.monotonic()
        self._version += 1
        self._connection.notify(
            "textDocument/didChange",
            textDocument={"uri": self._uri, "version": self._version},
            contentChanges=[{"text": self._text + (self._added if wrong else "")}],
        )
        shown = self._connection.shown
        await self._connection.until(
            lambda: (self._line in shown.get(self._uri, [])) == wrong, longest
        )
        return time.monotonic() - start


@dataclass(frozen=True)
class _Figures:
    """What was measured of a server, in seconds."""

    start: float
    first: float
    final: float | None = None


async def _figures(case: _Case, edits: int, server: tuple[str, ...]) -> _Figures:
    """How long a server takes for a case."""
    first, final = [], []
    begun = time.monotonic()
    async with _connected(case.tree, server) as connection:
        edited = _File(connection, case.tree / case.file, case.added)
        await edited.start()
        start = time.monotonic() - begun
        if server == _OURS:
            await connection.settled(_LONGEST_START)
        for number in range(edits):
            await asyncio.sleep(0.2)
            begun = time.monotonic()
            first.append(await edited.edit(wrong=number % 2 == 0))
            if server == _OURS:
                await connection.settled()
            final.append(time.monotonic() - begun)
    return _Figures(start, median(first), median(final) if server == _OURS else None)


async def _memories(case: _Case, edits: int) -> list[tuple[int, float]]:
    """After how many edits, what our server and its processes hold, in MiB."""
    found = []
    async with _connected(case.tree, _OURS) as connection:
        edited = _File(connection, case.tree / case.file, case.added)
        await edited.start()
        await connection.settled(_LONGEST_START)
        for number in range(1, edits + 1):
            await edited.edit(wrong=number % 2 == 1)
            if number in (_FEW, edits):
                await connection.settled()
                await asyncio.sleep(5)  # until the process for the next check waits for it
                found.append((number, sum(map(memory_of, family(connection.process.pid)))))
    return found


def _daemon(case: _Case, edits: int) -> _Figures | None:
    """How long each ``dmypy run`` takes after an edit that is saved; ``None`` if it crashes."""
    tree, path = case.tree, case.tree / case.file
    text = path.read_text(encoding="utf-8").rstrip("\n") + "\n"
    command = [sys.executable, "-m", "mypy.dmypy", "--status-file", str(tree / ".dmypy.json")]
    flags = ["--ignore-missing-imports", "--follow-imports=normal"]
    run = [*command, "run", "--", *flags, case.file]
    found = []
    try:
        for number in range(-2, edits):
            path.write_text(text + (case.added if number % 2 == 0 else ""), encoding="utf-8")
            start = time.monotonic()
            done = subprocess.run(
                run, cwd=tree, capture_output=True, check=False, text=True, timeout=_LONGEST_START
            )
            found.append(time.monotonic() - start)
            if done.returncode > 1 or (number % 2 == 0 and "__aenter__" not in done.stdout):
                return None
    except subprocess.TimeoutExpired:
        return None
    finally:
        subprocess.run([*command, "stop"], cwd=tree, capture_output=True, check=False)
        path.write_text(text, encoding="utf-8")
    return _Figures(found[0], median(found[2:]))


def _measured(name: str, case: _Case, edits: int) -> _Figures | None:
    """What was measured of a server; ``None`` where it gives no answer."""
    if name == _DAEMON:
        return _daemon(case, edits)
    server = _OURS if name == _NAME else _OTHERS[name]
    try:
        return asyncio.run(_figures(case, edits, server))
    except (asyncio.TimeoutError, TimeoutError):
        return None


def _table(cases: list[_Case], edits: int) -> None:
    """Print what the servers take, each row when it is known."""
    there = [name for name, command in _OTHERS.items() if shutil.which(command[0])]
    print(f"| seconds | {' | '.join(case.label for case in cases)} |")
    print(f"|---|{'--:|' * len(cases)}")
    starts = []
    for name in (_NAME, *there, _DAEMON):
        found = [_measured(name, case, edits) for case in cases]
        print(_row(name, [each.first if each else None for each in found]), flush=True)
        if name == _NAME:
            final = [each.final if each else None for each in found]
            print(_row(f"{name}, with mypy", final), flush=True)
        starts.append(
            _row(f"{name}, from its start", [each.start if each else None for each in found])
        )
    print("\n".join(starts))


def _row(title: str, figures: Iterable[float | None]) -> str:
    cells = ("no answer" if each is None else f"{each:.3f}" for each in figures)
    return f"| {title} | {' | '.join(cells)} |"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(usage=__doc__.split("\n\n", 2)[1] if __doc__ else None)
    parser.add_argument("--edits", type=int, default=20)
    parser.add_argument("--memory", type=int)
    parser.add_argument("--case", nargs=5, action="append")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        copies: dict[str, Path] = {}
        cases = []
        for label, tree, *what in asked.case or [_SHOP]:
            if tree not in copies:
                copies[tree] = Path(folder, str(len(copies)), "tree").resolve()
                ignored = shutil.ignore_patterns(".git", ".mypy_cache", ".mypy-asyncsession")
                shutil.copytree(tree, copies[tree], symlinks=True, ignore=ignored)
            cases.append(_Case(label, copies[tree], *what))
        if asked.memory is None:
            _table(cases, asked.edits)
            return
        for case in cases:
            for number, memory in asyncio.run(_memories(case, asked.memory)):
                print(f"{case.label}, after {number} edits: {memory:.0f} MiB", flush=True)


if __name__ == "__main__":
    main()
