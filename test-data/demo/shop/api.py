"""The web service."""

from typing import Annotated

from fastapi import Depends, FastAPI
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from shop.db import get_db, session_scope
from shop.models import Order

app = FastAPI()


@app.get("/orders")
async def orders(session: Annotated[AsyncSession, Depends(get_db)]) -> list[int]:
    return list(await session.scalars(select(Order.id)))


@app.get("/unpaid")
async def unpaid(session: Annotated[AsyncSession, Depends(session_scope)]) -> list[int]:
    return list(await session.scalars(select(Order.id).where(Order.paid.is_(False))))
