"""Letting a session out of the block that it was opened for.

## What it does
Rejects a session that is returned from the ``with`` block that opened it, alone, in an object that
keeps it, or in a generator or coroutine that is yet to run (``StreamingResponse(rows(session))``);
that is stored as the last thing in the block, used after it, or given to a task that outlives it.
A result that streams its rows is to be read inside the block, a unit of work and its repositories
are to be used inside it, and what a ``finally`` closes is not to be returned.
So is one that FastAPI injects, where a task uses it once FastAPI has closed it, or, with
``scope="function"`` and with FastAPI 0.106 to 0.117, a streamed response or a background task.

A manager that hands out a session of somebody else closes nothing, and may be left with it.

## Why is this bad
The block has closed the session. SQLAlchemy lets a closed session begin anew: it takes another
connection, and nobody gives that back.

## Example
```python
async def open_session() -> AsyncSession:
    async with SessionLocal() as session:
        return session
```

## Use instead
```python
@asynccontextmanager
async def open_session() -> AsyncIterator[AsyncSession]:
    async with SessionLocal() as session:
        yield session
```

## How it shows
- ``SAWarning: The garbage collector is trying to clean up non-checked-in connection``
- ``TimeoutError: QueuePool limit of size 5 overflow 10 reached, connection timed out``
- ``InvalidRequestError: Instance is not bound to a Session; attribute refresh operation cannot
  proceed``
- ``ResourceClosedError: This Connection is closed``
- ``InterfaceError: connection is closed``

## See also
``session-early-exit``, ``session-concurrent``, ``session-expired``
"""

from __future__ import annotations

from mypy_asyncsession.detectors.record import Escape
from mypy_asyncsession.rules.rule import Problem, Rule

_HOW = {
    "returned": ("is returned closed", "Yield it from {manager} function"),
    "held": (
        "is closed before the object is used that is returned with it",
        "Yield the object from {manager} function",
    ),
    "coroutine": ("is closed before the coroutine runs that uses it", "Await it inside the block"),
    "generator": (
        "is closed before the generator runs that uses it",
        "Open the session in the generator",
    ),
    "callable": (
        "is closed before the function is called that uses it",
        "Open the session in the function",
    ),
    "rows": (
        "is closed before the rows are read that are streamed through it",
        "Read them inside the block",
    ),
    "stored": ("is stored, and then closed", "Use it inside the block"),
    "task": (
        "is given to a task that outlives its block",
        "Let the task open a session of its own, or await it inside the block",
    ),
    "finally": (
        'is returned, and closed by a "finally" before that',
        "Close it where it is used",
    ),
    "looped": ("is used after the loop, whose end has closed it", "Use it inside the loop"),
    "streamed": (
        "is closed before the response is streamed that uses it",
        "Open the session in the generator",
    ),
    "request-task": (
        "is given to a task that outlives the request",
        "Let the task open a session of its own",
    ),
    "used": ("is used after its block has closed it", "Use it inside the block"),
}

#: What hands a session out as long as it is open, by whether that is an ``async def``.
_MANAGERS = {False: 'a "@contextmanager"', True: 'an "@asynccontextmanager"'}


def check(escape: Escape) -> Problem | None:
    """Whether a session gets out of its block."""
    what, instead = _HOW[escape.how]
    hint = instead.format(manager=_MANAGERS[escape.in_async])
    return Problem(f'"{escape.name}", opened by "{escape.opener}", {what}', hint, None)


RULE = Rule(
    code="session-escape",
    doc=__doc__,
    reads=(Escape,),
    check=check,
)
