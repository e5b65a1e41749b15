"""A provider that commits once the response was sent.

## What it does
Rejects `Depends(get_db)` on a provider that commits after its `yield`: itself, through
`sessionmaker.begin()`, a manager that it enters or a helper that it calls. That is so on FastAPI
before 0.106 and from 0.118 on, where the response is sent first; the version is the installed one
or `fastapi-version`, and where neither is known nothing is said. A `Depends` that says `scope`
itself is left alone, and so is one in a handler that commits.

## Why is this bad
A commit that fails then is too late: the client has its 200, and the row is not there. A background
task, and the next request of the same client, may not see the row either. From 0.106 to 0.117, and
with `scope="function"` from 0.121 on, a commit that fails answers 500.

## Example
```python
async def get_db() -> AsyncIterator[AsyncSession]:
    async with SessionLocal() as session:
        yield session
        await session.commit()


@app.post("/users")
async def create(db: Annotated[AsyncSession, Depends(get_db)]) -> None:
    await db.execute(text("insert into users default values"))
```

## Use instead
```python
@app.post("/users")
async def create(db: Annotated[AsyncSession, Depends(get_db, scope="function")]) -> None:
    await db.execute(text("insert into users default values"))
```

## How it shows
- ``RuntimeError: Caught handled exception, but response already started``

## See also
``session-depends``, ``session-transaction``
"""

from __future__ import annotations

from mypy_asyncsession.detectors.time_records import LateCommit
from mypy_asyncsession.rules.rule import Problem, Rule


def check(late: LateCommit) -> Problem | None:
    """Whether a provider commits once the response was sent."""
    message = (
        f'"{late.provider}" commits ("{late.commit}") after the response was sent: '
        "the client is not told if that fails"
    )
    if late.has_scope and not late.in_generator:
        hint = (
            f'Write "{late.depends}({late.text}, scope="function")" wherever it is depended on, '
            "or commit in the handler"
        )
    else:
        hint = "Commit in the handler"
    return Problem(message, hint, late.place)


RULE = Rule(
    code="session-late-commit",
    doc=__doc__,
    reads=(LateCommit,),
    check=check,
)
