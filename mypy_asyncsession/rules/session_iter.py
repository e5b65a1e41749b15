"""Iterating over what is no iterable of that kind.

## What it does
Rejects ``async for``, ``for``, a comprehension, ``anext`` and ``next`` over a context manager, a
session, a sessionmaker or a coroutine, on a sync generator where an async one is needed, and the
reverse.

## Why is this bad
It raises ``TypeError`` as soon as the line runs, and not before.

## Example
```python
@asynccontextmanager
async def get_db() -> AsyncIterator[AsyncSession]:
    async with SessionLocal() as session:
        yield session


async def report() -> None:
    async for session in get_db():
        await session.execute(text("select 1"))
```

## Use instead
```python
async def report() -> None:
    async with get_db() as session:
        await session.execute(text("select 1"))
```

## How it shows
- ``TypeError: 'async for' requires an object with __aiter__ method, got
  _AsyncGeneratorContextManager``
- ``TypeError: 'async for' requires an object with __aiter__ method, got coroutine``
- ``TypeError: 'AsyncSession' object is not an async iterator``
- ``TypeError: 'async_generator' object is not iterable``
- ``AttributeError: '_AsyncGeneratorContextManager' object has no attribute '__aiter__'``

## See also
``session-with``, ``session-early-exit``, ``session-delegate``, ``async-iter``
"""

from __future__ import annotations

from mypy_asyncsession.detectors.record import Reuse, Use
from mypy_asyncsession.rules.pairings import iterating, of_resource, reusing
from mypy_asyncsession.rules.rule import Problem, Rule


def check(use: Use | Reuse) -> Problem | None:
    """Whether *use* is of what cannot be used so, or not again, and a session is in it."""
    if isinstance(use, Reuse):
        return reusing(use) if not use.pairing.enters else None
    return iterating(use) if of_resource(use) else None


RULE = Rule(
    code="session-iter",
    doc=__doc__,
    reads=(Use, Reuse),
    check=check,
)
