"""What is left."""

from sqlalchemy import func, select

from shop.db import session_scope
from shop.models import Order


async def left(item: str, delivered: int) -> int:
    session = await session_scope()
    gone = await session.scalar(select(func.sum(Order.quantity)).where(Order.item == item))
    return delivered - (gone or 0)
