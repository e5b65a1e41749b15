"""For tests: whatever is committed in a block is rolled back at its end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from types import TracebackType


class rolled_back:  # noqa: N801 - it is used as a function
    """Roll back, at the end of a block, all that sessions of a sessionmaker commit in it.

    ``async with rolled_back(new_session)`` for an ``async_sessionmaker``, and
    ``with rolled_back(new_session)`` for a ``sessionmaker``, in a fixture. What takes its sessions
    from it, be it a ``provider``, an override or the code under test, needs no change: in the block
    they share one connection and its transaction, in which their commits are savepoints.

    One connection is used by one task at a time: sessions that are used at once do not fit in.

    Args:
        maker: The sessionmaker, which has an engine.
    """

    def __init__(self, maker: Any) -> None:
        self._maker = maker
        self._bind = maker.kw.get("bind")
        if self._bind is None:
            raise ValueError("the sessionmaker has no engine: give it one, or bind it first")
        self._before: dict[str, Any] = {}
        self._connection: Any = None

    def __enter__(self) -> Any:
        connection = self._connection = self._bind.connect()
        try:
            connection.begin()
            if _has_to_be_told(connection):
                connection.exec_driver_sql("BEGIN")
        except BaseException:
            connection.close()
            raise
        return self._give(connection)

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._take_back()
        self._connection.close()  # rolls back what was not committed

    async def __aenter__(self) -> Any:
        connection = self._connection = await self._bind.connect()
        try:
            await connection.begin()
            if _has_to_be_told(connection):
                await connection.exec_driver_sql("BEGIN")
        except BaseException:
            await connection.close()
            raise
        return self._give(connection)

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._take_back()
        await self._connection.close()

    def _give(self, connection: Any) -> Any:
        self._before = dict(self._maker.kw)
        self._maker.configure(bind=connection, join_transaction_mode="create_savepoint")
        return connection

    def _take_back(self) -> None:
        self._maker.kw.clear()
        self._maker.kw.update(self._before)


def _has_to_be_told(connection: Any) -> bool:
    """Whether a driver begins a transaction too late: the first savepoint would be one of its own.

    That is how ``sqlite3`` does, unless it is told otherwise.
    """
    if connection.dialect.name != "sqlite":
        return False
    raw = getattr(connection, "sync_connection", connection).connection
    return not getattr(raw.driver_connection, "in_transaction", False)
