"""Starlette: what reads or calls what it is given after the handler has returned, or elsewhere."""

from __future__ import annotations

from typing import Final

#: The names of responses that read what they are given after the function has returned.
STREAMING_RESPONSES: Final = frozenset({"EventSourceResponse", "StreamingResponse"})
#: The names of what runs functions after the response was sent.
BACKGROUND_TASK: Final = "BackgroundTask"
BACKGROUND_TASKS: Final = frozenset({"BackgroundTasks"})
#: Functions that call their first argument with the others in a thread.
RUNNING_IN_THREADS: Final = frozenset(
    {
        "fastapi.concurrency.run_in_threadpool",
        "starlette.concurrency.run_in_threadpool",
    }
)
