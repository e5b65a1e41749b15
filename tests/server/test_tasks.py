"""The processes that do tasks: nobody shares one, and none begins before the last one has ended."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest

from mypy_asyncsession.server.analysis import tasks
from mypy_asyncsession.server.analysis.jobs import Settings, Task
from mypy_asyncsession.server.analysis.runs import Runs
from mypy_asyncsession.server.analysis.tasks import Failed, Tasks

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


class Worker:
    """In place of a process: one that does its task when it is told to, and takes its time to end.

    Attributes:
        sent: What it was told to do.
    """

    def __init__(self, log: list[str]) -> None:
        self.sent: list[Any] = []
        self._log = log
        self._number = log.count("start")
        log.append("start")

    def send(self, job: dict[str, Any]) -> None:
        self.sent.append(job)
        self._log.append(f"{self._number} does {job['kind']}")

    async def hear(self) -> AsyncIterator[list[Any]]:
        await asyncio.sleep(0.02)
        if self.sent[0]["kind"] == "slow":
            await asyncio.sleep(60)
        yield ["done", {"by": self._number}]

    def is_alive(self) -> bool:
        return True

    async def close(self) -> None:
        await asyncio.sleep(0.05)
        self._log.append(f"{self._number} has ended")


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    found: list[str] = []

    async def start(_directory: str, _settings: Settings, *, gently: bool) -> Worker:
        del gently
        await asyncio.sleep(0.01)
        if "full" in found:
            raise OSError(11, "there are too many")
        return Worker(found)

    monkeypatch.setattr(tasks, "start_task", start)
    return found


async def done(found: Tasks, kind: str) -> Any:
    task = Task(kind, "/", ["."], Settings())
    return await found.done(task, lambda _done, _number: None)


@pytest.mark.usefixtures("log")
def test_each_has_a_process_of_its_own() -> None:
    async def run() -> None:
        found = Tasks("/", Settings())
        results = await asyncio.gather(done(found, "check"), done(found, "fix"))
        assert len({each["by"] for each in results}) == 2
        await found.close()

    asyncio.run(run())


def test_what_was_ended_has_ended_before_the_next_begins(log: list[str]) -> None:
    async def run() -> None:
        found = Tasks("/", Settings())
        first = asyncio.create_task(done(found, "slow"))
        await asyncio.sleep(0.05)
        first.cancel()
        with suppress(asyncio.CancelledError):
            await first
        await done(found, "check")
        await found.close()

    asyncio.run(run())
    assert log.index("0 does slow") < log.index("0 has ended") < log.index("1 does check")


def test_a_process_that_cannot_be_started(log: list[str]) -> None:
    async def run() -> None:
        found = Tasks("/", Settings())
        log.append("full")
        for _ in range(2):
            with pytest.raises(Failed, match="no process can be started: there are too many"):
                await done(found, "check")
        log.remove("full")
        assert await done(found, "check") == {"by": 0}
        await found.close()

    asyncio.run(run())


def test_a_run_that_fails_for_whatever_reason_is_told_of() -> None:
    said: list[str | None] = []

    async def is_needed() -> bool:
        return True

    async def wrong() -> None:
        raise KeyError("path")

    async def run() -> None:
        found = Runs(is_needed, wrong, said.append)
        found.again(0)
        assert found.task is not None
        await found.task

    asyncio.run(run())
    assert said == ["KeyError: 'path'"]
