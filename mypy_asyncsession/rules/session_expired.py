"""An attribute of an instance that a rollback or a commit has expired.

## What it does
Rejects reading a mapped attribute of an instance that was got through an ``AsyncSession``, where a
``rollback()`` of that session comes between, or a ``commit()`` of one that is known to expire its
instances: with no refresh, query or assignment since. The rollback may stand in a function that is
given the session, or be the end of ``async with session.begin()`` after an exception; the next
round of a loop counts. So do the ends of ``async with maker.begin()`` and of a manager of the
project that commits, and the rollback of a savepoint for what was assigned since it began. Where
such a function says by its result that it has rolled back (``if not await save(session)``), that
branch alone counts. The instance may come from a repository, from a dependency that shares the
session, or from a caller in the same module. What a pydantic model reads of it counts, and so does
the ``response_model`` of a handler that returns it.

## Why is this bad
A rollback expires every instance of the session, primary keys included, also with
``expire_on_commit=False``. Reading an attribute would load it again, which needs an ``await``:
``MissingGreenlet`` ("greenlet_spawn has not been called; can't call await_only() here. Was IO
attempted in an unexpected place?"), or ``DetachedInstanceError`` once the session was closed. In
an ``except`` block it hides the error that was to be handled.

## Example
```python
class Base(DeclarativeBase): ...


class User(Base):
    __tablename__ = "users"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]


async def rename(session: AsyncSession, key: int, name: str) -> None:
    user = await session.get_one(User, key)
    try:
        user.name = name
        await session.commit()
    except SQLAlchemyError:
        await session.rollback()
        print("cannot rename", user.id)
```

## Use instead
```python
async def rename(session: AsyncSession, key: int, name: str) -> None:
    user = await session.get_one(User, key)
    user_id = user.id
    try:
        user.name = name
        await session.commit()
    except SQLAlchemyError:
        await session.rollback()
        print("cannot rename", user_id)
```

## How it shows
- ``MissingGreenlet: greenlet_spawn has not been called; can't call await_only() here. Was IO
  attempted in an unexpected place?``
- ``StatementError: (sqlalchemy.exc.MissingGreenlet) greenlet_spawn has not been called; can't
  call await_() here``
- ``DetachedInstanceError: Instance is not bound to a Session; attribute refresh operation cannot
  proceed``

## See also
``session-lazy-load``, ``session-transaction``
"""

from __future__ import annotations

from mypy_asyncsession.detectors.state_records import ExpiredRead
from mypy_asyncsession.rules.rule import Problem, Rule


def check(read: ExpiredRead) -> Problem:
    """An expired attribute that is read is always wrong."""
    what = f'"{read.instance}.{read.attribute}"'
    if read.reader is not None:
        what += f', which "{read.reader}" reads,'
    by = f', in "{read.by}"' if read.by else ""
    message = f"{what} has expired with the {read.method} at line {read.line}{by}:" + (
        " its session is closed, and cannot load it"
        if read.ended
        else " reading it would load it, without an await"
    )
    hint = f"Read it before that {read.method}"
    if not read.ended:
        hint += f', or "await {read.session}.refresh({_refreshed(read)})" after it'
    return Problem(message, hint, read.place)


def _refreshed(read: ExpiredRead) -> str:
    """What to give to ``refresh``, which loads a relationship by its name, and no other then."""
    if read.attribute in read.columns:
        return read.instance
    names = ", ".join(f'"{name}"' for name in (*read.columns, read.attribute))
    return f"{read.instance}, [{names}]"


RULE = Rule(
    code="session-expired",
    doc=__doc__,
    reads=(ExpiredRead,),
    check=check,
)
