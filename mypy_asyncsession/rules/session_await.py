"""Awaiting what has no ``__await__``.

## What it does
Rejects ``await`` on a generator, on a session, and on a context manager that is not awaitable
too; and on what a method gives at once: of a sync session, of an async one (``add``), of the result
of a query that was awaited (``all``).

## Why is this bad
It raises ``TypeError`` as soon as the line runs, and not before.

## Example
```python
@asynccontextmanager
async def get_db() -> AsyncIterator[AsyncSession]:
    async with SessionLocal() as session:
        yield session


async def report() -> None:
    session = await get_db()
    await session.execute(text("select 1"))
```

## Use instead
```python
async def report() -> None:
    async with get_db() as session:
        await session.execute(text("select 1"))
```

## How it shows
- ``TypeError: object _AsyncGeneratorContextManager can't be used in 'await' expression``
- ``TypeError: object async_generator can't be used in 'await' expression``
- ``TypeError: object AsyncSession can't be used in 'await' expression``
- ``TypeError: object NoneType can't be used in 'await' expression``
- ``TypeError: object list can't be used in 'await' expression``

## See also
``session-with``, ``session-unawaited``, ``async-await``
"""

from __future__ import annotations

from mypy_asyncsession.detectors.record import Use
from mypy_asyncsession.rules.pairings import awaiting, of_resource
from mypy_asyncsession.rules.rule import Problem, Rule


def check(use: Use) -> Problem | None:
    """Whether *use* awaits what cannot be awaited, and a session is in it."""
    return awaiting(use) if of_resource(use) else None


RULE = Rule(
    code="session-await",
    doc=__doc__,
    reads=(Use,),
    check=check,
)
