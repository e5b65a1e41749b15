"""Where the applications bring what was injected, to see whether it is of any use."""

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession
from sqlalchemy.orm import Session

seen: list[object] = []
#: What is to be added to the name of its class.
remarks: list[str] = []


class Entered:
    """Says that a guard has run."""


async def use(injected: object) -> None:
    """Works with a session; with anything else it cannot."""
    seen.append(injected)
    if isinstance(injected, AsyncSession):
        await injected.scalar(select(1))
    elif isinstance(injected, AsyncConnection):
        try:
            await injected.scalar(select(1))
        except Exception:
            remarks.append("not entered")
    elif isinstance(injected, Session):
        injected.begin()  # the connection itself belongs to another thread


def outcome() -> str:
    """What was injected, now that the request is over."""
    if not seen:
        return "nothing"
    (injected,) = seen
    if isinstance(injected, (AsyncSession, Session)) and injected.in_transaction():
        remarks.append("left open")
    return ", ".join([type(injected).__name__, *remarks])
