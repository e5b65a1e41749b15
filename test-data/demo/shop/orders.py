"""Taking orders."""

from shop.db import get_db, session_scope
from shop.models import Order


async def place(item: str, quantity: int) -> int:
    async with session_scope() as session:
        order = Order(item=item, quantity=quantity)
        session.add(order)
        await session.flush()
        return order.id


async def pay(order_id: int) -> None:
    async with get_db() as session:
        order = await session.get_one(Order, order_id)
        order.paid = True
        await session.commit()
