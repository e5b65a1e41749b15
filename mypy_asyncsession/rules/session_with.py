"""Entering what is no context manager of that kind.

## What it does
Rejects ``async with``, ``with``, ``enter_async_context`` and ``enter_context`` on an async
generator, a coroutine, a generator, a provider or sessionmaker that was not called, on a sync
context manager where an async one is needed, and the reverse; and on what ``contextmanager`` or
``asynccontextmanager`` has made of a function that is no generator of its kind.

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
"""

from __future__ import annotations

from mypy_asyncsession.detectors.record import Pairing, Use
from mypy_asyncsession.rules.rule import Problem, Rule
from mypy_asyncsession.rules.wording import instead, subject, used
from mypy_asyncsession.semantic.shapes import Shape


def check(use: Use) -> Problem | None:
    """Whether *use* enters what it cannot enter."""
    if not use.pairing.enters:
        return None
    wrong = use.wrong()
    if wrong is None:
        return None
    if wrong.shape is Shape.NONE and not _may_give_provider(use):
        return None  # where something may be None is mypy's to say
    if use.pairing is Pairing.PUSH_ASYNC_EXIT and wrong.shape.uncalled:
        return None  # a callback is as welcome there
    message = subject(use, wrong)
    if not wrong.shape.uncalled and wrong.shape is not Shape.NONE:
        message += f": {used(use, 'enter')}"
    return Problem(message, instead(use, wrong), wrong.place)


def _may_give_provider(use: Use) -> bool:
    """Whether a call gives either None or something that holds a session."""
    return use.callee is not None and any(
        each.resource is None and each.item is not None and each.item.resource is not None
        for each in use.given
    )


RULE = Rule(
    code="session-with",
    summary="entering what is not a context manager of that kind",
    doc=__doc__,
    reads=(Use,),
    check=check,
)
