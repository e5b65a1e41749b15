"""Tasks that a process of its own does, which was started before there was anything to do."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from mypy_asyncsession.server.analysis.processes import start_task

if TYPE_CHECKING:
    from collections.abc import Callable

    from mypy_asyncsession.server.analysis.jobs import Settings, Task
    from mypy_asyncsession.server.analysis.processes import Process

#: How often a process is started for one task.
_MOST_STARTS: Final = 3


class Failed(Exception):
    """What was asked for cannot be done; the message is one line."""


class Tasks:
    """Does the tasks of one project."""

    def __init__(self, directory: str, settings: Settings) -> None:
        """Begin with nothing started.

        Args:
            directory: The project's directory.
            settings: How it is checked.
        """
        self._directory = directory
        self._settings = settings
        self._spare: asyncio.Task[Process] | None = None
        self._ending: list[asyncio.Task[None]] = []
        #: Of what is ending, what has had a task.
        self._doing: set[asyncio.Task[None]] = set()
        self._closed = False
        #: The first check takes longest, and who waits meanwhile waits for something else.
        self._gently = True

    def prepare(self) -> None:
        """Have a process wait for the next task."""
        if self._spare is None and not self._closed:
            self._spare = asyncio.create_task(self._start())

    async def done(
        self, task: Task, on_progress: Callable[[int, int], None]
    ) -> dict[str, Any] | None:
        """The result of a task, if it has one; who cancels this ends it.

        Args:
            task: What to do.
            on_progress: Called with how many files are done, and how many there are.

        Raises:
            Failed: It could not be done.
        """
        reason = ""
        for _ in range(_MOST_STARTS):
            process = await self._take()
            try:
                # One that was told to end may still write to the cache that this one reads.
                if self._doing:
                    await asyncio.wait(self._doing)
                process.send(task.encode())
                async for what, *rest in process.hear():
                    if what == "progress":
                        on_progress(*rest)
                    elif what == "failed":
                        raise Failed(rest[0])
                    elif what == "done":
                        result: dict[str, Any] | None = rest[0]
                        self._gently &= task.kind != "check"
                        return result
                reason = str(process.died())
            finally:
                self._doing = {each for each in self._doing if not each.done()}
                self._doing.add(self._ended(process))
                self.prepare()
        raise Failed(f"it ended too early: {reason}")

    def end(self, process: Process) -> None:
        """End a process, without waiting for it."""
        _ = self._ended(process)

    def _ended(self, process: Process) -> asyncio.Task[None]:
        self._ending = [task for task in self._ending if not task.done()]
        ending = asyncio.create_task(process.close())
        self._ending.append(ending)
        return ending

    async def close(self) -> None:
        """End all processes."""
        self._closed = True
        spare, self._spare = self._spare, None
        if spare is not None:
            with suppress(Failed):
                self.end(await spare)
        await asyncio.gather(*self._ending, return_exceptions=True)

    async def _take(self) -> Process:
        """A process that nobody else has.

        Raises:
            Failed: None can be started.
        """
        self.prepare()
        spare = self._spare
        if spare is None:
            raise Failed("the server is being ended")
        try:
            process = await asyncio.shield(spare)
        except Failed:
            self._spare = None
            raise
        if self._spare is not spare:
            return await self._start()  # somebody was quicker
        self._spare = None
        if process.is_alive():
            return process
        self.end(process)
        return await self._start()

    async def _start(self) -> Process:
        try:
            return await start_task(self._directory, self._settings, gently=self._gently)
        except OSError as error:
            raise Failed(f"no process can be started: {error.strerror or error}") from None
