"""SQLAlchemy and SQLModel: sessions, connections, engines, sessionmakers and query results."""

from __future__ import annotations

from typing import Final

#: The packages whose classes and functions are about sessions.
SESSION_PACKAGES: Final = frozenset({"sqlalchemy", "sqlmodel"})
#: SQLAlchemy's public resources by the names under which they are imported or defined.
ASYNC_SESSIONS: Final = frozenset(
    {
        "sqlalchemy.ext.asyncio.AsyncSession",
        "sqlalchemy.ext.asyncio.session.AsyncSession",
        "sqlalchemy.ext.asyncio.scoping.async_scoped_session",
        "sqlalchemy.ext.asyncio.async_scoped_session",
        "sqlmodel.ext.asyncio.session.AsyncSession",
    }
)
#: Those that make a session for each task or thread, and hand it on.
SCOPED_SESSIONS: Final = frozenset(
    {
        "sqlalchemy.ext.asyncio.scoping.async_scoped_session",
        "sqlalchemy.ext.asyncio.async_scoped_session",
        "sqlalchemy.orm.scoping.scoped_session",
    }
)
ASYNC_CONNECTIONS: Final = frozenset(
    {
        "sqlalchemy.ext.asyncio.AsyncConnection",
        "sqlalchemy.ext.asyncio.engine.AsyncConnection",
    }
)
SYNC_SESSIONS: Final = frozenset(
    {
        "sqlalchemy.orm.Session",
        "sqlalchemy.orm.session.Session",
        "sqlmodel.Session",
        "sqlmodel.orm.session.Session",
    }
)
RESOURCES: Final = ASYNC_SESSIONS | ASYNC_CONNECTIONS | SYNC_SESSIONS
#: What a query gives: it can be entered too, and is no provider.
RESULTS: Final = frozenset(
    {
        "sqlalchemy.engine.result.Result",
        "sqlalchemy.engine.result.ScalarResult",
        "sqlalchemy.engine.result.MappingResult",
    }
)
ENGINES: Final = frozenset(
    {
        "sqlalchemy.ext.asyncio.AsyncEngine",
        "sqlalchemy.ext.asyncio.engine.AsyncEngine",
        "sqlalchemy.Engine",
        "sqlalchemy.engine.Engine",
        "sqlalchemy.engine.base.Engine",
    }
)
ASYNC_SESSIONMAKERS: Final = frozenset(
    {
        "sqlalchemy.ext.asyncio.async_sessionmaker",
        "sqlalchemy.ext.asyncio.session.async_sessionmaker",
    }
)
SESSIONMAKERS: Final = frozenset(
    {"sqlalchemy.orm.sessionmaker", "sqlalchemy.orm.session.sessionmaker"}
)
#: Methods of an engine that give a connection which is there once it is awaited or entered.
CONNECTING_METHODS: Final = frozenset(
    {
        "sqlalchemy.ext.asyncio.engine.AsyncEngine.begin",
        "sqlalchemy.ext.asyncio.engine.AsyncEngine.connect",
    }
)
#: What one does with a session, and with hardly anything else.
SESSION_ATTRIBUTES: Final = frozenset(
    {
        "add_all",
        "begin_nested",
        "commit",
        "exec",
        "execute",
        "expunge",
        "flush",
        "in_transaction",
        "merge",
        "refresh",
        "rollback",
        "run_sync",
        "scalar",
        "scalars",
        "stream",
        "stream_scalars",
    }
)
#: Those of its methods that other objects have, too.
SHARED_ATTRIBUTES: Final = frozenset({"add", "delete", "get", "get_one"})
#: Those that take a connection.
CONNECTING_ATTRIBUTES: Final = frozenset(
    {"exec", "execute", "refresh", "scalar", "scalars", "stream", "stream_scalars"}
)
#: The methods of async sessions and connections that are coroutine functions.
COROUTINE_METHODS: Final = frozenset(
    {
        "aclose",
        "close",
        "close_all",
        "commit",
        "connection",
        "delete",
        "exec",
        "exec_driver_sql",
        "execute",
        "flush",
        "get",
        "get_one",
        "get_raw_connection",
        "invalidate",
        "merge",
        "refresh",
        "remove",
        "reset",
        "rollback",
        "run_sync",
        "scalar",
        "scalars",
    }
)
#: The methods of async sessions that are done when they return, and give nothing to await.
PLAIN_METHODS: Final = frozenset(
    {
        "add",
        "add_all",
        "expire",
        "expire_all",
        "expunge",
        "expunge_all",
        "get_bind",
        "in_nested_transaction",
        "in_transaction",
        "is_modified",
    }
)
#: The methods of results that get rows.
_ROW_GETTERS: Final = frozenset(
    {
        "all",
        "fetchall",
        "fetchmany",
        "fetchone",
        "first",
        "one",
        "one_or_none",
        "scalar",
        "scalar_one",
        "scalar_one_or_none",
    }
)
#: The methods of results whose rows are there already.
RESULT_GETTERS: Final = _ROW_GETTERS | {"mappings", "scalars", "unique"}
#: Those that give a result that is got piece by piece.
STREAMING_METHODS: Final = frozenset({"stream", "stream_scalars"})
#: The methods of such a result that give another view of it, and those that get rows.
STREAM_VIEWS: Final = frozenset({"columns", "mappings", "scalars", "tuples", "unique", "yield_per"})
STREAM_GETTERS: Final = _ROW_GETTERS | {"partitions"}
#: Those whose results have no elements, until all are got from them.
RESULT_METHODS: Final = frozenset({"exec", "exec_driver_sql", "execute", "scalars"})
#: What a sync session has and an async one does not.
SYNC_ONLY_ATTRIBUTES: Final = frozenset(
    {
        "bulk_insert_mappings",
        "bulk_save_objects",
        "bulk_update_mappings",
        "query",
    }
)
#: What one catches to go on after a flush that has failed, by name.
DATABASE_ERRORS: Final = frozenset(
    {
        "BaseException",
        "DBAPIError",
        "DataError",
        "DatabaseError",
        "Exception",
        "FlushError",
        "IntegrityError",
        "InternalError",
        "OperationalError",
        "ProgrammingError",
        "SQLAlchemyError",
        "StaleDataError",
        "StatementError",
    }
)
#: What ``await`` and ``async with`` both start, and what can be started once.
STARTED_ONCE: Final = frozenset({"AsyncConnection", "AsyncSessionTransaction", "AsyncTransaction"})
#: Those that are transactions.
TRANSACTIONS: Final = STARTED_ONCE - {"AsyncConnection"}
#: What is got from a session, or makes one, and is none, though it is taken for one: by its class.
TAKEN_FOR_SESSIONS: Final = STARTED_ONCE | {"AsyncEngine"}
#: The property that gives a context manager, a sync one even of an async session.
NO_AUTOFLUSH: Final = "no_autoflush"
#: The property whose attributes are those of the instance, each to be awaited.
AWAITABLE: Final = "awaitable_attrs"
#: The methods that give one which is yet to be started.
STARTING: Final = frozenset({"begin", "begin_nested", "connect"})

#: The functions that take an instance out of its session.
FORGETTING: Final = frozenset({"expunge", "expunge_all", "make_transient"})
