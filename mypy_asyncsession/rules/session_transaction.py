"""A session that is used at the wrong time of its transaction.

## What it does
Rejects three things. A session or connection that is used after a ``commit()``, ``rollback()`` or
``close()`` inside the block of ``async with session.begin()``; as the last thing in the block they
are right. ``session.begin()`` after the session was used, which has begun a transaction already.
Going on with a session whose ``flush()`` or ``commit()`` failed, where the exception was caught and
nothing was rolled back: the next round of a loop, as a rule. The flush may stand in a function
that the session is given to, if that neither rolls back nor has it in a savepoint.

## Why is this bad
The first raises "Can't operate on closed transaction inside context manager", the second "A
transaction is already begun on this Session" (``InvalidRequestError``). After the third every use
raises ``PendingRollbackError``: "This Session's transaction has been rolled back due to a previous
exception during flush".

## Example
```python
async def save_all(session: AsyncSession, names: list[str]) -> None:
    for name in names:
        session.add(User(name=name))
        try:
            await session.commit()
        except IntegrityError:
            print("there is one already:", name)
```

## Use instead
```python
async def save_all(session: AsyncSession, names: list[str]) -> None:
    for name in names:
        session.add(User(name=name))
        try:
            await session.commit()
        except IntegrityError:
            await session.rollback()
            print("there is one already:", name)
```

## How it shows
- ``PendingRollbackError: This Session's transaction has been rolled back due to a previous
  exception during flush. To begin a new transaction with this Session, first issue
  Session.rollback()``
- ``InvalidRequestError: Can't operate on closed transaction inside context manager. Please
  complete the context manager before emitting further commands``
- ``InvalidRequestError: A transaction is already begun on this Session``

## See also
``session-expired``, ``session-concurrent``, ``session-late-commit``
"""

from __future__ import annotations

from mypy_asyncsession.detectors.state_records import Misplaced, TransactionMisuse
from mypy_asyncsession.rules.rule import Problem, Rule


def check(misuse: TransactionMisuse) -> Problem:
    """A use at the wrong time is always wrong."""
    name, method = misuse.name, misuse.method
    by = f', in "{misuse.by}"' if misuse.by else ""
    if misuse.how is Misplaced.ENDED:
        message = (
            f'"{name}" is used after the {method} at line {misuse.line}{by}, inside the block of'
            " its transaction: that transaction is closed"
        )
        hint = f"Leave the {method} to the end of the block, or go on after the block"
    elif misuse.how is Misplaced.BEGUN:
        message = (
            f'"{name}" has begun a transaction already, with the "{method}" at'
            f" line {misuse.line}{by}"
        )
        hint = f'Call "{name}.begin()" before that, or leave it out and commit'
    else:
        message = (
            f'"{name}" is used after the {method} at line {misuse.line}{by} may have failed,'
            " and nothing was rolled back"
        )
        rollback = f'"await {name}.rollback()" where the exception is caught'
        if method == "flush":
            # A savepoint keeps what was written before; what is added outside is flushed outside.
            nested = f'Add and flush inside "async with {name}.begin_nested():"'
            hint = f"{nested}, or write {rollback}, which undoes the whole transaction"
        else:
            hint = f"Write {rollback}, which expires the instances that were loaded before"
    return Problem(message, hint, misuse.place)


RULE = Rule(
    code="session-transaction",
    doc=__doc__,
    reads=(TransactionMisuse,),
    check=check,
)
