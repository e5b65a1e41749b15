"""Iterating over what is no iterable of that kind, where no session is involved.

## What it does
Rejects what ``session-iter`` rejects, on what holds no session: ``async for`` over a sync
generator, a context manager or a coroutine, ``for`` over an async generator, and the like in
comprehensions, ``anext`` and ``next``. It does so where the failure is certain.

## Why is this bad
It raises ``TypeError`` as soon as the line runs, and not before.

## Example
```python
async def events() -> AsyncIterator[int]:
    for number in range(3):
        yield number


async def total() -> int:
    return sum(event for event in events())
```

## Use instead
```python
async def total() -> int:
    return sum([event async for event in events()])
```

## How it shows
- ``TypeError: 'async_generator' object is not iterable``
- ``TypeError: 'async for' requires an object with __aiter__ method, got generator``
- ``TypeError: 'async for' requires an object with __aiter__ method, got coroutine``
- ``TypeError: 'coroutine' object is not iterable``

## See also
``session-iter``, ``async-with``, ``async-await``
"""

from __future__ import annotations

from mypy_asyncsession.detectors.record import Use
from mypy_asyncsession.rules.pairings import is_certain, iterating, of_resource
from mypy_asyncsession.rules.rule import Problem, Rule


def check(use: Use) -> Problem | None:
    """Whether *use* iterates over what it cannot iterate over, and no session is in it."""
    return iterating(use) if is_certain(use) and not of_resource(use) else None


RULE = Rule(
    code="async-iter",
    doc=__doc__,
    reads=(Use,),
    check=check,
)
