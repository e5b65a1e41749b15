"""A coroutine of a session's that nobody awaits.

## What it does
Rejects a call of a coroutine method of an async session or connection whose coroutine is dropped,
assigned to a name that nothing awaits, or taken for what it would give: tested, compared, or asked
for an attribute. The same is said of a coroutine function of the project that uses a session which
it is given, or which its object was given; and of one that is handed to ``run_sync`` or to a
thread, where nobody awaits what it gives. A coroutine that is returned, gathered, given to a task
or to another function, or stored and awaited later is right.

## Why is this bad
A coroutine that is not awaited never begins. The row is not deleted, the transaction is not
committed, and the function goes on as if they were; in a condition it is always true.

## Example
```python
async def remove(session: AsyncSession, user: object) -> None:
    session.delete(user)
    await session.commit()
```

## Use instead
```python
async def remove(session: AsyncSession, user: object) -> None:
    await session.delete(user)
    await session.commit()
```

## How it shows
- ``RuntimeWarning: coroutine 'AsyncSession.commit' was never awaited``
- ``RuntimeWarning: coroutine 'AsyncSession.delete' was never awaited``
- ``AttributeError: 'coroutine' object has no attribute 'scalars'``
- ``AttributeError: 'coroutine' object has no attribute 'scalar_one_or_none'``
- ``TypeError: 'coroutine' object is not iterable``
- ``TypeError: 'coroutine' object is not subscriptable``

## See also
``session-await``, ``session-unentered``, ``session-concurrent``
"""

from __future__ import annotations

from mypy_asyncsession.detectors.time_records import Neglect, Unawaited
from mypy_asyncsession.models.sqlalchemy import RESULT_METHODS, STREAMING_METHODS
from mypy_asyncsession.rules.rule import Problem, Rule

_WHAT = {
    Neglect.DROPPED: "is never awaited, so nothing of it is done",
    Neglect.TESTED: "is not awaited here: a coroutine is always true",
    Neglect.COMPARED: "is not awaited here: it is the coroutine that is compared",
    Neglect.INDEXED: "is not awaited here: a coroutine has no elements",
}


def check(unawaited: Unawaited) -> Problem | None:
    """Whether a coroutine is never awaited."""
    how, text = unawaited.how, unawaited.text
    if how is Neglect.ASSIGNED:
        message = f'"{text}" is assigned to "{unawaited.detail}", and never awaited'
    elif how is Neglect.ELSEWHERE:
        message = (
            f'"{text}" is a coroutine function: "{unawaited.callee}" calls it, and nobody awaits'
            " what that gives"
        )
    elif how is Neglect.ATTRIBUTE:
        message = f'"{text}" is not awaited here: a coroutine has no "{unawaited.detail}"'
    else:
        message = f'"{text}" {_WHAT[how]}'
    return Problem(message, _hint(unawaited), None)


def _hint(unawaited: Unawaited) -> str:
    if not unawaited.in_async:
        return 'Only an "async def" can await it'
    if unawaited.how is Neglect.ELSEWHERE:
        return f'Await it here, without "{unawaited.callee}"'
    awaited = f"await {unawaited.text}"
    if unawaited.how is Neglect.ATTRIBUTE:
        awaited = f"({awaited}).{unawaited.detail}"
    elif unawaited.how is Neglect.INDEXED:
        method = unawaited.callee.rpartition(".")[2]
        if method in STREAMING_METHODS:
            return "Await it, and iterate over what that gives: it has no elements"
        awaited = f"({awaited}){'.all()' if method in RESULT_METHODS else ''}[...]"
    elif unawaited.how is Neglect.ASSIGNED:
        awaited = f"{unawaited.detail} = {awaited}"
    return f'Write "{awaited}"'


RULE = Rule(
    code="session-unawaited",
    doc=__doc__,
    reads=(Unawaited,),
    check=check,
)
