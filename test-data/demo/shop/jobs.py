"""What runs at night."""

from sqlalchemy import delete

from shop.db import current_session
from shop.models import Order


async def forget_unpaid():
    async with current_session() as session:
        await session.execute(delete(Order).where(Order.paid.is_(False)))
        await session.commit()
