"""Runs that take long, one at a time, begun anew as soon as there is reason to."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from mypy_asyncsession.server.analysis.tasks import Failed

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

#: After how many seconds a run is not ended by an edit any more: in a large project who types on
#: would never see the end of one.
PATIENCE: Final = 2.0


class Runs:
    """Runs something for as long as it is out of date.

    Attributes:
        task: What runs, or is about to.
    """

    def __init__(
        self,
        is_needed: Callable[[], Awaitable[bool]],
        run: Callable[[], Awaitable[None]],
        ended: Callable[[str | None], None],
    ) -> None:
        """Begin with nothing to do.

        Args:
            is_needed: Whether something is out of date.
            run: Brings it up to date; it may be cancelled, or fail.
            ended: Called when there is no more to do, with the reason if a run failed.
        """
        self.task: asyncio.Task[None] | None = None
        self._is_needed = is_needed
        self._run = run
        self._ended = ended
        self._since: float | None = None

    def again(self, quiet: float, patience: float = PATIENCE) -> None:
        """There is reason to run.

        Args:
            quiet: For how many seconds there must be no other reason.
            patience: For how many seconds a run that has begun is ended for it. After that it is
                let go on, and there is another one behind it.
        """
        if self.task is not None:
            if self._since is not None and time.monotonic() - self._since > patience:
                return
            self.task.cancel()
        self._since = None
        self.task = asyncio.create_task(self._run_all(quiet))

    async def close(self) -> None:
        """End what runs."""
        if self.task is not None:
            self.task.cancel()
            with suppress(asyncio.CancelledError):
                await self.task

    async def _run_all(self, quiet: float) -> None:
        task = asyncio.current_task()
        failure: str | None = None
        try:
            await asyncio.sleep(quiet)
            while await self._is_needed():
                self._since = time.monotonic()
                await self._run()
                self._since = None
        except Failed as error:
            failure = str(error)
        except Exception as error:  # noqa: BLE001
            # What is shown is old, which is to be seen, and the next reason may be a better one.
            failure = f"{type(error).__name__}: {error}"
        finally:
            if self.task is task:
                self.task = self._since = None
                self._ended(failure)
