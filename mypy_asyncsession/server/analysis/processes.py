"""The server's processes, as seen by it: each can crash or be ended without anything being lost."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

from mypy_asyncsession.checking.process import environment

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from mypy_asyncsession.server.analysis.jobs import Settings

_TASK: Final = "mypy_asyncsession.server.analysis.task_process"
_PARSED: Final = "mypy_asyncsession.server.analysis.parsed_process"

#: The longest line that one of them may say: a report of a large project.
_MOST: Final = 256 * 1024 * 1024

#: How many seconds one has to end by itself.
_GRACE: Final = 35.0

#: How much of what was printed last is kept.
_TAIL: Final = 4000


class Died(Exception):
    """A process ended before it was done; the message is the last that it printed."""


class Process:
    """A process that gets jobs and says what happens, in lines of JSON."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._printed = b""
        self._reader = asyncio.create_task(self._drain())

    @classmethod
    async def start(cls, module: str) -> Process:
        """Start one, away from whatever could be imported by mistake."""
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            module,
            cwd=os.path.dirname(sys.executable),
            env=environment(),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            limit=_MOST,
        )
        return cls(process)

    async def _drain(self) -> None:
        assert self._process.stderr is not None
        while chunk := await self._process.stderr.read(65536):
            self._printed = (self._printed + chunk)[-_TAIL:]

    def send(self, job: object) -> None:
        """Give it a job; if it is dead, that shows when it is listened to."""
        assert self._process.stdin is not None
        with contextlib.suppress(OSError, RuntimeError):
            self._process.stdin.write(json.dumps(job).encode() + b"\n")

    async def hear(self) -> AsyncIterator[list[Any]]:
        """What it says, until it ends."""
        assert self._process.stdout is not None
        while line := await self._process.stdout.readline():
            with contextlib.suppress(ValueError):
                yield json.loads(line)

    def died(self) -> Died:
        """The reason to give where it has ended too early."""
        last = self._printed.decode(errors="replace").strip().rpartition("\n")[2]
        return Died(last or f"a process ended with status {self._process.returncode}")

    def is_alive(self) -> bool:
        """Whether it runs."""
        return self._process.returncode is None

    async def close(self) -> None:
        """End it: it leaves nothing behind."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        try:
            await asyncio.wait_for(self._process.wait(), _GRACE)
        except (asyncio.TimeoutError, TimeoutError):
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
            await self._process.wait()
        await self._reader


async def start_task(directory: str, settings: Settings, *, gently: bool) -> Process:
    """A process that waits for a task; *gently* if it is to leave the processor to others."""
    process = await Process.start(_TASK)
    process.send({"directory": directory, "settings": asdict(settings), "gently": gently})
    return process


async def start_parsed(
    directory: str, paths: list[str], settings: Settings, new: dict[str, str]
) -> Process:
    """A process that looks at single files; *new* are the texts of those still to be saved."""
    process = await Process.start(_PARSED)
    job = {"directory": directory, "paths": paths, "settings": asdict(settings), "new": new}
    process.send(job)
    return process
