from app.db import get_db


async def use():
    async with get_db() as s:  # BAD
        print(s)
