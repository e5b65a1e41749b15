"""Entering what is no context manager of that kind, where no session is involved.

## What it does
Rejects what ``session-with`` rejects, on what holds no session: ``async with`` on a generator, a
coroutine or a sync context manager, ``with`` on an async one, and functions that were not called;
and managers that were made of a function that returns before its yield, or yields twice.
It does so where the failure is certain, whoever implements what is called.

## Why is this bad
It raises ``TypeError`` or ``AttributeError`` as soon as the line runs, and not before.

## Example
```python
@contextmanager
def timed(name: str) -> Iterator[None]:
    start = perf_counter()
    yield None
    print(name, perf_counter() - start)


async def report() -> None:
    async with timed("report"):
        await asyncio.sleep(1)
```

## Use instead
```python
async def report() -> None:
    with timed("report"):
        await asyncio.sleep(1)
```

## How it shows
- ``TypeError: '_GeneratorContextManager' object does not support the asynchronous context manager
  protocol``
- ``TypeError: 'async_generator' object does not support the asynchronous context manager
  protocol``
- ``AttributeError: __aenter__``
- ``AttributeError: 'async_generator' object has no attribute '__aenter__'``
- ``RuntimeError: generator didn't yield``
- ``RuntimeError: generator didn't stop``
- ``RuntimeError: generator didn't stop after athrow()``

## See also
``session-with``, ``async-iter``, ``async-await``
"""

from __future__ import annotations

from mypy_asyncsession.detectors.provider_records import FaultyManager
from mypy_asyncsession.detectors.record import Use
from mypy_asyncsession.rules.pairings import (
    entering,
    faulty,
    holds_resource,
    is_certain,
    of_resource,
)
from mypy_asyncsession.rules.rule import Problem, Rule
from mypy_asyncsession.semantic.shapes import YieldFault


def check(use: Use | FaultyManager) -> Problem | None:
    """Whether *use* enters what it cannot enter, and no session is in it."""
    if isinstance(use, FaultyManager):
        # A lifespan that swallows what failed at the start has said so.
        is_said = use.fault is YieldFault.SWALLOWED or holds_resource(use.handed)
        return None if is_said else faulty(use)
    return entering(use) if is_certain(use) and not of_resource(use) else None


RULE = Rule(
    code="async-with",
    doc=__doc__,
    reads=(Use, FaultyManager),
    check=check,
)
