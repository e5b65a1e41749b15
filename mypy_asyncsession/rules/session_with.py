"""Entering what is no context manager of that kind.

## What it does
Rejects ``async with``, ``with``, ``enter_async_context`` and ``enter_context`` on an async
generator, a coroutine, a generator, a provider or sessionmaker that was not called, on a sync
context manager where an async one is needed, and the reverse; and on what ``contextmanager`` or
``asynccontextmanager`` has made of a function that is no generator of its kind, or of one that
returns before its yield, swallows what fails before it, or yields twice. So is an object of a class
whose ``__aenter__`` or ``__aexit__`` gives nothing to await, ``closing`` of an async session, and
``aclosing`` of a context manager.

## Why is this bad
It raises ``TypeError`` or ``AttributeError`` as soon as the line runs, and not before.

## Example
```python
async def get_db() -> AsyncGenerator[AsyncSession, None]:
    async with SessionLocal() as session:
        yield session


async def report() -> None:
    async with get_db() as session:
        await session.execute(text("select 1"))
```

## Use instead
```python
async def report() -> None:
    async with asynccontextmanager(get_db)() as session:
        await session.execute(text("select 1"))
```

## How it shows
- ``TypeError: 'async_generator' object does not support the asynchronous context manager
  protocol``
- ``TypeError: 'coroutine' object does not support the asynchronous context manager protocol``
- ``TypeError: '_AsyncGeneratorContextManager' object does not support the context manager
  protocol``
- ``TypeError: 'async with' received an object from __aexit__ that does not implement __await__``
- ``AttributeError: __aenter__``
- ``AttributeError: 'async_generator' object has no attribute '__aenter__'``
- ``AttributeError: 'function' object has no attribute '__aenter__'``
- ``RuntimeError: generator didn't yield``
- ``RuntimeError: generator didn't stop``
- ``RuntimeError: generator didn't stop after athrow()``

## See also
``session-iter``, ``session-await``, ``session-unentered``, ``session-depends``, ``async-with``
"""

from __future__ import annotations

from mypy_asyncsession.detectors.provider_records import FaultyManager
from mypy_asyncsession.detectors.record import Reuse, Use
from mypy_asyncsession.rules.pairings import entering, faulty, holds_resource, of_resource, reusing
from mypy_asyncsession.rules.rule import Problem, Rule


def check(use: Use | Reuse | FaultyManager) -> Problem | None:
    """Whether *use* is of what cannot be used so, or not again, and a session is in it."""
    if isinstance(use, FaultyManager):
        return faulty(use) if holds_resource(use.handed) else None
    if isinstance(use, Reuse):
        return reusing(use) if use.pairing.enters else None
    return entering(use) if of_resource(use) else None


RULE = Rule(
    code="session-with",
    doc=__doc__,
    reads=(Use, Reuse, FaultyManager),
    check=check,
)
