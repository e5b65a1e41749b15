"""Executes cases as ``prove.py`` does, with PostgreSQL in the place of every SQLite.

A file of its own for the same reason. Each SQLite file becomes a schema, and what is in memory the
one that there is. Usage: ``python prove_on_postgres.py URL DIRECTORY PACKAGE...``, with asyncpg and
psycopg installed.
"""

from __future__ import annotations

import hashlib
import importlib.util
import sys
from pathlib import Path
from typing import Any, Final

import sqlalchemy
import sqlalchemy.ext.asyncio
from sqlalchemy import Integer, Table, event, text
from sqlalchemy.engine import make_url
from sqlalchemy.pool import NullPool

#: Keys that are given out begin here: the cases write smaller ones themselves.
_FIRST_KEY: Final = 1000

_create_engine = sqlalchemy.create_engine
_create_async_engine = sqlalchemy.ext.asyncio.create_async_engine


def _schema(url: str) -> str:
    database = make_url(url).database or ""
    if not database.startswith("/"):
        return "public"
    return "s" + hashlib.sha256(database.encode()).hexdigest()[:16]


def redirect(server: str) -> None:
    """Have engines be made for a server, whatever they are asked for.

    Args:
        server: Its URL, as SQLAlchemy has it.
    """
    base = make_url(server)
    with _create_engine(base.set(drivername="postgresql+psycopg")).begin() as connection:
        # What was there before belongs to another run.
        connection.execute(text("drop schema public cascade"))
        connection.execute(text("create schema public"))

    def sync_engine(url: str, **_options: Any) -> Any:
        schema = _schema(url)
        made = _create_engine(
            base.set(drivername="postgresql+psycopg"),
            poolclass=NullPool,
            connect_args={"options": f"-c search_path={schema}"},
        )
        with made.begin() as connection:
            connection.execute(text(f"create schema if not exists {schema}"))
        return made

    def async_engine(url: str, **_options: Any) -> Any:
        return _create_async_engine(
            base.set(drivername="postgresql+asyncpg"),
            poolclass=NullPool,
            connect_args={"server_settings": {"search_path": _schema(url)}},
        )

    event.listen(Table, "after_create", _leave_room)
    vars(sqlalchemy)["create_engine"] = sync_engine
    vars(sqlalchemy.ext.asyncio)["create_async_engine"] = async_engine


def _leave_room(table: Table, connection: Any, **_options: Any) -> None:
    """Leave room for the keys that the cases write themselves."""
    for column in table.primary_key.columns:
        if isinstance(column.type, Integer) and not column.foreign_keys:
            sequence = f'"{table.name}_{column.name}_seq"'
            connection.execute(text(f"alter sequence {sequence} restart with {_FIRST_KEY}"))


def main() -> None:
    """Execute the cases that the arguments name."""
    redirect(sys.argv.pop(1))
    place = Path(__file__).with_name("prove.py")
    spec = importlib.util.spec_from_file_location("prove", place)
    assert spec is not None
    assert spec.loader is not None
    prove = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(prove)
    prove.main()


if __name__ == "__main__":
    main()
