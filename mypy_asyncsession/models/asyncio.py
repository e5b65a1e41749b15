"""asyncio: what awaits its arguments, and what starts tasks."""

from __future__ import annotations

from typing import Final

#: Coroutine functions whose result is that of their first argument.
AWAITS_FIRST_ARGUMENT: Final = frozenset(
    {"asyncio.wait_for", "asyncio.tasks.wait_for", "asyncio.shield", "asyncio.tasks.shield"}
)
#: Functions and methods that await what they are given, by full name and by name.
AWAITING: Final = frozenset(
    {
        "asyncio.shield",
        "asyncio.tasks.shield",
        "asyncio.create_task",
        "asyncio.tasks.create_task",
        "asyncio.ensure_future",
        "asyncio.tasks.ensure_future",
        "asyncio.gather",
        "asyncio.tasks.gather",
        "asyncio.run",
        "asyncio.runners.run",
    }
)
#: One that does so when it is awaited itself.
AWAITING_LATER: Final = frozenset({"asyncio.wait_for", "asyncio.tasks.wait_for"})
AWAITING_METHODS: Final = frozenset({"run_until_complete"})
AS_COMPLETED: Final = frozenset({"asyncio.as_completed", "asyncio.tasks.as_completed"})
TASK_MAKERS: Final = frozenset(
    {
        "asyncio.create_task",
        "asyncio.tasks.create_task",
        "asyncio.ensure_future",
        "asyncio.tasks.ensure_future",
        "asyncio.events.AbstractEventLoop.create_task",
    }
)
#: What runs several at once and gives all their results.
GATHERING: Final = frozenset({"asyncio.gather", "asyncio.tasks.gather"})
#: The same, of the elements of its first argument.
WAITING_FOR_ALL: Final = frozenset(
    {
        "asyncio.as_completed",
        "asyncio.tasks.as_completed",
        "asyncio.wait",
        "asyncio.tasks.wait",
    }
)
#: Classes whose instances start tasks, which their block waits for.
TASK_GROUPS: Final = frozenset(
    {
        "asyncio.TaskGroup",
        "asyncio.taskgroups.TaskGroup",
        "anyio.abc.TaskGroup",
        "anyio.abc._tasks.TaskGroup",
        "anyio.create_task_group",
    }
)
#: The methods of these that start one.
STARTING_METHODS: Final = frozenset({"create_task", "start_soon", "start"})
#: Functions that call their first argument with the others in a thread.
RUNNING_LATER: Final = frozenset(
    {
        "anyio.to_thread.run_sync",
        "asyncio.to_thread",
        "asyncio.threads.to_thread",
    }
)
#: Methods of an event loop that call their second argument with the others.
RUNNING_LATER_METHODS: Final = frozenset({"run_in_executor"})
