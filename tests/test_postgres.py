"""The PostgreSQL of the tests is there, and is a real one."""

from __future__ import annotations

import asyncio

from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine


def test_postgres_answers(postgres_url: str) -> None:
    async def ask() -> str:
        engine = create_async_engine(postgres_url)
        async with engine.connect() as connection:
            version = (await connection.execute(text("show server_version_num"))).scalar_one()
        await engine.dispose()
        return str(version)

    assert int(asyncio.run(ask())) >= 180000
