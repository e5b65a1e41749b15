"""What a language server takes from a keystroke to what it shows, beside other servers.

usage: python -m tests.bench.editor [--edits N] [--memory N] TREE FILE MODULE NAME

TREE is the directory that is open in the editor; it is copied first. FILE is the file in it that is
edited. NAME is an async generator in MODULE: each odd edit adds a function to FILE that uses it in
``async with``, which every checker that knows its type rejects, and each even one takes it away.
Measured is the time from the edit to the first answer that is right, and, of a server that answers
in two steps, to the one that is final. Printed are medians. The servers are those that are there:
mypy-asyncsession, ty, zuban, pyright, and pylsp with mypy; for
``dmypy run`` the file is saved.

``--memory N`` makes N edits with mypy-asyncsession alone, and says what its processes hold after 20
of them and at the end.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import shutil
import subprocess
import sys
import tempfile
import time
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any, Final

from tests.bench.tree import family, memory_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

_NAME: Final = "mypy-asyncsession"
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
#: How long to wait for an answer, in seconds.
_LONGEST: Final = 120


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

    async def until(self, met: Callable[[], bool]) -> None:
        async def wait() -> None:
            while not met():
                self._news.clear()
                await self._news.wait()

        await asyncio.wait_for(wait(), _LONGEST)

    async def settled(self) -> None:
        """Wait until our server has nothing pending."""
        while True:
            self._news.clear()
            status = await self.ask("workspace/executeCommand", command=f"{_NAME}.status")
            if not status["pending"]:
                return
            await asyncio.wait_for(self._news.wait(), _LONGEST)


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
        listening.cancel()
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()


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
        await self.edit(wrong=True)
        await self.edit(wrong=False)

    async def edit(self, *, wrong: bool) -> float:
        """Make an edit: how long it takes until what is shown is right, in seconds."""
        start = time.monotonic()
        self._version += 1
        self._connection.notify(
            "textDocument/didChange",
            textDocument={"uri": self._uri, "version": self._version},
            contentChanges=[{"text": self._text + (self._added if wrong else "")}],
        )
        shown = self._connection.shown
        await self._connection.until(lambda: (self._line in shown.get(self._uri, [])) == wrong)
        return time.monotonic() - start


async def _latencies(
    tree: Path, file: str, added: str, edits: int, server: tuple[str, ...]
) -> tuple[list[float], list[float]]:
    """The time to the first right answer, and to the final one, of each edit."""
    first, final = [], []
    async with _connected(tree, server) as connection:
        edited = _File(connection, tree / file, added)
        await edited.start()
        for number in range(edits):
            if server == _OURS:
                await connection.settled()
            await asyncio.sleep(0.2)
            start = time.monotonic()
            first.append(await edited.edit(wrong=number % 2 == 0))
            if server == _OURS:
                await connection.settled()
            final.append(time.monotonic() - start)
    return first, final


async def _memories(tree: Path, file: str, added: str, edits: int) -> list[tuple[int, float]]:
    """After how many edits, what our server and its processes hold, in MiB."""
    found = []
    async with _connected(tree, _OURS) as connection:
        edited = _File(connection, tree / file, added)
        await edited.start()
        for number in range(1, edits + 1):
            await edited.edit(wrong=number % 2 == 1)
            if number in (_FEW, edits):
                await connection.settled()
                found.append((number, sum(map(memory_of, family(connection.process.pid)))))
    return found


def _daemon(tree: Path, file: str, added: str, edits: int) -> list[float]:
    """How long each ``dmypy run`` takes after an edit that is saved."""
    path = tree / file
    text = path.read_text(encoding="utf-8").rstrip("\n") + "\n"
    command = [sys.executable, "-m", "mypy.dmypy", "--status-file", str(tree / ".dmypy.json")]
    run = [*command, "run", "--", "--ignore-missing-imports", "--follow-imports=silent", file]
    found = []
    try:
        for number in range(-2, edits):
            path.write_text(text + (added if number % 2 == 0 else ""), encoding="utf-8")
            start = time.monotonic()
            subprocess.run(run, cwd=tree, capture_output=True, check=False)
            if number >= 0:
                found.append(time.monotonic() - start)
    finally:
        subprocess.run([*command, "stop"], cwd=tree, capture_output=True, check=False)
        path.write_text(text, encoding="utf-8")
    return found


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(usage=__doc__.split("\n\n", 2)[1] if __doc__ else None)
    parser.add_argument("--edits", type=int, default=20)
    parser.add_argument("--memory", type=int)
    for name in ("tree", "file", "module", "name"):
        parser.add_argument(name)
    asked = parser.parse_args()
    added = (
        f"\n\nasync def added() -> None:\n    from {asked.module} import {asked.name}\n\n"
        f"    async with {asked.name}() as session:\n        print(session)\n"
    )
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder, "tree").resolve()
        ignored = shutil.ignore_patterns(".git", ".mypy_cache", ".mypy-asyncsession")
        shutil.copytree(asked.tree, tree, symlinks=True, ignore=ignored)
        if asked.memory is not None:
            for number, memory in asyncio.run(_memories(tree, asked.file, added, asked.memory)):
                print(f"after {number} edits: {memory:.0f} MiB")
            return
        print("| | first, s | final, s |\n|---|--:|--:|")
        servers = {_NAME: _OURS, **{k: v for k, v in _OTHERS.items() if shutil.which(v[0])}}
        for name, server in servers.items():
            try:
                first, final = asyncio.run(_latencies(tree, asked.file, added, asked.edits, server))
            except (asyncio.TimeoutError, TimeoutError):
                print(f"| {name} | no answer | |", flush=True)
                continue
            print(f"| {name} | {median(first):.3f} | {median(final):.3f} |", flush=True)
        daemon = median(_daemon(tree, asked.file, added, asked.edits))
        print(f"| dmypy run | | {daemon:.3f} |")


if __name__ == "__main__":
    main()
