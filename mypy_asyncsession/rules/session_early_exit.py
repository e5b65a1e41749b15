"""Leaving a provider at its yield.

## What it does
Rejects ``return``, ``break`` and ``raise`` that leave ``async for session in provider()``,
``await anext(provider())`` and ``next(provider())``, and ``await manager().__aenter__()``, after
which nobody has the manager. A generator that an object keeps to itself and never closes is no
better. One that yields again and again is a stream, and may be left at any time; so may one after
whose yield nothing is to be done.

## Why is this bad
What follows the ``yield`` does not run. The commit is lost, and the ``finally`` and the end of an
``async with`` run when the garbage collector gets to the generator, if ever; until then the
connection is checked out. An exception never reaches the provider.

## Example
```python
async def get_db() -> AsyncIterator[AsyncSession]:
    async with SessionLocal() as session:
        yield session
        await session.commit()


async def report() -> object:
    async for session in get_db():
        return await session.execute(text("select 1"))
```

## Use instead
```python
async def report() -> object:
    async with asynccontextmanager(get_db)() as session:
        return await session.execute(text("select 1"))
```

## How it shows
- ``SAWarning: The garbage collector is trying to clean up non-checked-in connection``
- ``TimeoutError: QueuePool limit of size 5 overflow 10 reached, connection timed out``
- ``ValueError: <Token var=<ContextVar name='session'> was created in a different Context``

## See also
``session-delegate``, ``session-iter``, ``session-escape``
"""

from __future__ import annotations

from mypy_asyncsession.detectors.record import EarlyExit, Exit
from mypy_asyncsession.rules.pairings import holds_resource
from mypy_asyncsession.rules.rule import Problem, Rule
from mypy_asyncsession.rules.wording import entered_instead


def check(exit_: EarlyExit) -> Problem | None:
    """Whether a provider is left at its yield."""
    if exit_.way is Exit.DELEGATION or not holds_resource(exit_.handed):
        return None
    provider = exit_.callee or exit_.text
    if exit_.way is Exit.NEXT:
        after = ", and the code after its yield never runs" if exit_.skips_code else ""
        return Problem(
            f'"next" takes the session out of "{provider}" and drops the rest: '
            f"it is closed at once{after}",
            f'Enter it: "with contextmanager({provider})({_arguments(exit_)}) as session:"',
            exit_.handed.place if exit_.handed else None,
        )
    if exit_.way is Exit.AENTER:
        return Problem(
            f'"__aenter__" takes the session out of "{provider}" and drops the manager: '
            "nobody can exit it",
            f'Enter it: "async with {provider}({_arguments(exit_)}) as session:"',
            exit_.handed.place if exit_.handed else None,
        )
    if exit_.closed:
        lost = (
            "the code after its yield never runs"
            if exit_.skips_code
            else "an exception does not reach it"
        )
    elif exit_.skips_code:
        lost = "the code after its yield never runs, and it is closed when it is collected"
    else:
        lost = "what follows its yield runs when it is collected"
    if exit_.way is Exit.KEPT:
        return Problem(
            f'"{exit_.text}" is left at its yield, and nothing closes it: {lost}',
            f'Close it in the end: "await {exit_.text}.aclose()"',
            exit_.handed.place if exit_.handed else None,
        )
    if exit_.way is Exit.ANEXT:
        message = f'"anext" takes the session out of "{provider}" and drops the rest: {lost}'
    else:
        message = f'"{exit_.way.value}" leaves "{provider}" at its yield: {lost}'
    return Problem(message, entered_instead(exit_), exit_.handed.place if exit_.handed else None)


def _arguments(exit_: EarlyExit) -> str:
    return "..." if exit_.handed is not None and exit_.handed.takes else ""


RULE = Rule(
    code="session-early-exit",
    doc=__doc__,
    reads=(EarlyExit,),
    check=check,
)
