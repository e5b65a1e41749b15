"""Finding out at run time what a provider gave.

## What it does
Rejects ``hasattr(x, "__aenter__")``, ``isinstance(x, AbstractAsyncContextManager)`` and the like on
what a provider gave, where its definition says what that is.

## Why is this bad
The question hides a mistake instead of fixing it: only one of the branches can ever run.

## Example
```python
@asynccontextmanager
async def get_db() -> AsyncIterator[AsyncSession]:
    async with SessionLocal() as session:
        yield session


async def report() -> None:
    manager = get_db()
    if hasattr(manager, "__aenter__"):
        async with manager as session:
            await session.execute(text("select 1"))
```

## Use instead
```python
async def report() -> None:
    async with get_db() as session:
        await session.execute(text("select 1"))
```

## How it shows
It does not show: nothing is raised.

## See also
``session-getter``, ``session-with``
"""

from __future__ import annotations

from mypy_asyncsession.detectors.record import Probe
from mypy_asyncsession.rules.rule import Problem, Rule


def check(probe: Probe) -> Problem | None:
    """A question that the definition answers."""
    made = f', made by "{probe.handed.name}"' if probe.handed.name else ""
    return Problem(
        f'"{probe.question}" need not ask: "{probe.text}" is {probe.handed.shape.value}{made}',
        "Use it as what it is",
        probe.handed.place,
    )


RULE = Rule(
    code="session-probe",
    doc=__doc__,
    reads=(Probe,),
    check=check,
)
