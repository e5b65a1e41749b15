"""Handing on what another provider yields, with ``async for``.

## What it does
Rejects ``async for session in inner(): yield session`` in a provider, if something follows the
yield of ``inner``. Fixtures of pytest may do so, and what dishka is to ``provide``: nothing is
thrown into them.

## Why is this bad
An exception in the block of whoever uses the outer provider is thrown into the outer generator
alone. It never reaches ``inner``: its ``except: rollback`` does not run, and its ``finally`` runs
when the generator is collected. ``aclosing`` closes it in time, and still keeps the exception from
it.

## Example
```python
async def get_db() -> AsyncIterator[AsyncSession]:
    async with SessionLocal() as session:
        yield session


async def get_request_db() -> AsyncIterator[AsyncSession]:
    async for session in get_db():
        yield session
```

## Use instead
```python
async def get_request_db() -> AsyncIterator[AsyncSession]:
    async with asynccontextmanager(get_db)() as session:
        yield session
```

## How it shows
- ``SAWarning: The garbage collector is trying to clean up non-checked-in connection``

## See also
``session-early-exit``, ``session-iter``
"""

from __future__ import annotations

from mypy_asyncsession.detectors.record import EarlyExit, Exit
from mypy_asyncsession.rules.pairings import holds_resource
from mypy_asyncsession.rules.rule import Problem, Rule
from mypy_asyncsession.rules.wording import entered_instead


def check(exit_: EarlyExit) -> Problem | None:
    """Whether a provider hands on what another yields."""
    if exit_.way is not Exit.DELEGATION or not holds_resource(exit_.handed):
        return None
    inner = exit_.callee or exit_.text
    then = "" if exit_.closed else ", which is closed when it is collected"
    return Problem(
        f'An exception of the caller\'s never reaches "{inner}"{then}',
        entered_instead(exit_, " yield session"),
        exit_.handed.place if exit_.handed else None,
    )


RULE = Rule(
    code="session-delegate",
    doc=__doc__,
    reads=(EarlyExit,),
    check=check,
)
