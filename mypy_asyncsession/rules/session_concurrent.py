"""One session or connection used by several tasks at once.

## What it does
Rejects ``gather``, ``wait``, ``as_completed``, a task group, or tasks that are started one after
the other, two or more of which use the same ``AsyncSession`` or ``AsyncConnection``: as the object
of the call, as an argument, from the function around, or in an object that holds it. One in a
comprehension or a loop counts as many. What a lock, or a semaphore of one, keeps apart is right;
so is a task that opens a session of its own.

## Why is this bad
A session is for one task at a time. Whether two get in each other's way is a matter of timing:
"This session is provisioning a new connection; concurrent operations are not permitted"
(``InvalidRequestError``), "Session is already flushing", ``IllegalStateChangeError``,
``ResourceClosedError``, asyncpg's "another operation is in progress". One task's rollback
silently discards what another has written.

## Example
```python
async def counts(session: AsyncSession) -> object:
    return await asyncio.gather(
        session.scalar(text("select count(*) from users")),
        session.scalar(text("select count(*) from orders")),
    )
```

## Use instead
```python
async def counts(session: AsyncSession) -> object:
    users = await session.scalar(text("select count(*) from users"))
    orders = await session.scalar(text("select count(*) from orders"))
    return users, orders
```

## How it shows
- ``InvalidRequestError: This session is provisioning a new connection; concurrent operations are
  not permitted``
- ``IllegalStateChangeError: Method 'close()' can't be called here; method
  '_connection_for_bind()' is already in progress and this would cause an unexpected state
  change``
- ``InvalidRequestError: Session is already flushing``
- ``InterfaceError: cannot perform operation: another operation is in progress``
- ``ResourceClosedError: This result object is closed``

## See also
``session-escape``, ``session-unawaited``, ``session-transaction``
"""

from __future__ import annotations

from mypy_asyncsession.detectors.state_records import ConcurrentUse, Together
from mypy_asyncsession.rules.rule import Problem, Rule

#: How many of the users are named.
_NAMED = 3


def check(use: ConcurrentUse) -> Problem | None:
    """Whether several tasks use one session."""
    users = [f'"{user}"' for user in use.users[:_NAMED]]
    if len(use.users) > _NAMED:
        users.append("...")
    who = ", ".join(users)
    if use.how is Together.BESIDE:
        message = f'"{use.name}" is used here while a task uses it: {who}'
    elif use.tasks:
        message = f'{use.tasks} tasks use "{use.name}" at once: {who}'
    else:
        message = f'Several tasks use "{use.name}" at once, one for each round: {who}'
    article = "An" if use.kind[:1] in "AEIOU" else "A"
    opened = "a session" if use.kind.endswith("Session") else "a connection"
    hint = (
        f"{article} {use.kind} is for one task at a time: await them in turn,"
        f" or open {opened} in each"
    )
    return Problem(message, hint, use.place)


RULE = Rule(
    code="session-concurrent",
    doc=__doc__,
    reads=(ConcurrentUse,),
    check=check,
)
