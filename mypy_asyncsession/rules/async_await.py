"""Awaiting what has no ``__await__``, where no session is involved.

## What it does
Rejects what ``session-await`` rejects, on what holds no session: ``await`` on a generator, and on a
context manager that is not awaitable too. It does so where the failure is certain.

## Why is this bad
It raises ``TypeError`` as soon as the line runs, and not before.

## Example
```python
async def events() -> AsyncIterator[int]:
    for number in range(3):
        yield number


async def first() -> list[int]:
    return await events()
```

## Use instead
```python
async def first() -> list[int]:
    return [event async for event in events()]
```

## How it shows
- ``TypeError: object async_generator can't be used in 'await' expression``
- ``TypeError: object generator can't be used in 'await' expression``
- ``TypeError: object _AsyncGeneratorContextManager can't be used in 'await' expression``

## See also
``session-await``, ``async-with``, ``async-iter``
"""

from __future__ import annotations

from mypy_asyncsession.detectors.record import Use
from mypy_asyncsession.rules.pairings import awaiting, is_certain, of_resource
from mypy_asyncsession.rules.rule import Problem, Rule


def check(use: Use) -> Problem | None:
    """Whether *use* awaits what cannot be awaited, and no session is in it."""
    return awaiting(use) if is_certain(use) and not of_resource(use) else None


RULE = Rule(
    code="async-await",
    doc=__doc__,
    reads=(Use,),
    check=check,
)
