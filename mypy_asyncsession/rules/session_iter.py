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
"""

from __future__ import annotations

from mypy_asyncsession.detectors.record import ObjectInfo, Pairing, Use
from mypy_asyncsession.rules.rule import Problem, Rule
from mypy_asyncsession.rules.wording import instead, subject, used
from mypy_asyncsession.semantic.shapes import Can, Shape

_ITERATING = Can.ASYNC_ITERATE | Can.ITERATE | Can.ASYNC_NEXT | Can.NEXT


def check(use: Use) -> Problem | None:
    """Whether *use* iterates over what it cannot iterate over."""
    if not use.pairing.needs & _ITERATING:
        return None
    wrong = use.wrong()
    if wrong is None or wrong.shape is Shape.NONE or _may_be_more(use, wrong):
        return None
    message = subject(use, wrong)
    if not wrong.shape.uncalled:
        message += f": {used(use, 'iterate over')}"
    return Problem(message, instead(use, wrong), wrong.place)


def _may_be_more(use: Use, handed: ObjectInfo) -> bool:
    """Whether the object may be able to do more than its type says."""
    if handed.label in ("Iterable", "AsyncIterable"):
        return use.pairing.needs in (Can.NEXT, Can.ASYNC_NEXT)  # most of them are iterators
    if handed.shape is not Shape.COROUTINE:
        return False
    # What the methods of an async generator give is called a coroutine in typeshed, and iterable;
    # a generator under ``types.coroutine`` delegates to coroutines.
    method = (use.callee or "").rpartition(".")[2]
    return use.pairing is Pairing.YIELD_FROM or method in _STEPS


_STEPS = frozenset({"__anext__", "asend", "athrow", "aclose"})

RULE = Rule(
    code="session-iter",
    summary="iterating over what is not an iterable of that kind",
    doc=__doc__,
    reads=(Use,),
    check=check,
)
