"""Awaiting what has no ``__await__``.

## What it does
Rejects ``await`` on a generator, on a session, and on a context manager that is not awaitable too.

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
"""

from __future__ import annotations

from mypy_asyncsession.detectors.record import Pairing, Use
from mypy_asyncsession.rules.rule import Problem, Rule
from mypy_asyncsession.rules.wording import instead, subject, used
from mypy_asyncsession.semantic.shapes import Shape


def check(use: Use) -> Problem | None:
    """Whether *use* awaits what cannot be awaited."""
    if use.pairing is not Pairing.AWAIT:
        return None
    wrong = use.wrong()
    if wrong is None or wrong.shape in (Shape.NONE, Shape.RESULT):
        # That a result is awaited is, as a rule, the fault of an annotation as a sync session.
        return None
    message = subject(use, wrong)
    if not wrong.shape.uncalled:
        message += f": {used(use, 'await')}"
    return Problem(message, instead(use, wrong), wrong.place)


RULE = Rule(
    code="session-await",
    summary="awaiting what cannot be awaited",
    doc=__doc__,
    reads=(Use,),
    check=check,
)
