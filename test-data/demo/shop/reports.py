"""What was sold."""

from sqlalchemy import func, select

from shop.db import session_scope
from shop.models import Order


async def sold(item: str) -> int:
    async for session in session_scope():
        total = await session.scalar(select(func.sum(Order.quantity)).where(Order.item == item))
        return total or 0
    return 0
