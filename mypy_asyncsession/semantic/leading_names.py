"""Names of libraries from which a provider may come, by their last part, for ``leads``."""

from __future__ import annotations

from typing import Final

from mypy_asyncsession.models.frameworks import DEPENDS_NAMES
from mypy_asyncsession.models.sqlalchemy import (
    ASYNC_SESSIONMAKERS,
    AWAITABLE,
    ENGINES,
    RESOURCES,
    SCOPED_SESSIONS,
    SESSIONMAKERS,
)
from mypy_asyncsession.models.typing import (
    ASYNC_CONTEXT_MANAGER_TYPES,
    ASYNC_GENERATOR_TYPES,
    ASYNC_ITERATOR_TYPES,
    CONTEXT_MANAGER_TYPES,
    COROUTINE_TYPES,
    GENERATOR_TYPES,
    ITERATOR_TYPES,
)


def _last(names: frozenset[str]) -> frozenset[str]:
    return frozenset(name.rpartition(".")[2] for name in names)


#: Types whose objects hold something: a function that is annotated as giving one is a provider.
HOLDERS: Final = _last(
    ASYNC_GENERATOR_TYPES
    | ASYNC_ITERATOR_TYPES
    | ASYNC_CONTEXT_MANAGER_TYPES
    | CONTEXT_MANAGER_TYPES
    | COROUTINE_TYPES
    | GENERATOR_TYPES
    | ITERATOR_TYPES
)
#: The special methods that make a provider of a class.
SPECIAL_METHODS: Final = frozenset(
    {"__aenter__", "__aiter__", "__anext__", "__await__", "__enter__", "__next__"}
)
#: What is about providers wherever it is mentioned in an expression.
SEEDS: Final = (
    _last(RESOURCES | SCOPED_SESSIONS | ASYNC_SESSIONMAKERS | SESSIONMAKERS | ENGINES)
    | DEPENDS_NAMES
    | SPECIAL_METHODS
    | frozenset(
        {
            "AsyncExitStack",
            "AsyncMock",
            "ExitStack",
            "aclosing",
            "aiter",
            "anext",
            "asynccontextmanager",
            "closing",
            "contextmanager",
            "create_async_engine",
            "create_engine",
            "create_session",
            "dependency_overrides",
            "enter_async_context",
            "enter_context",
            "enterAsyncContext",
            "enterContext",
            "engine_from_config",
            "async_engine_from_config",
            "nullcontext",
            "push_async_exit",
            "sessionmaker",
        }
    )
)
#: What runs several at once, or ends a transaction: of sessions that the objects at hand may hold;
#: and what makes coroutines of an instance's attributes, whichever instance it is.
ACTING: Final = frozenset(
    {
        AWAITABLE,
        "TaskGroup",
        "as_completed",
        "commit",
        "create_task",
        "create_task_group",
        "gather",
        "rollback",
        "start_soon",
    }
)
#: Functions that hand on, or keep, what they are given.
PASSING: Final = frozenset(
    {
        "as_completed",
        "cache",
        "cached_property",
        "cast",
        "classmethod",
        "create_task",
        "dict",
        "ensure_future",
        "field",
        "gather",
        "iter",
        "list",
        "lru_cache",
        "next",
        "partial",
        "partialmethod",
        "property",
        "set",
        "shield",
        "staticmethod",
        "tuple",
        "unwrap",
        "update_wrapper",
        "wait_for",
        "wraps",
    }
)
#: Methods that give something to be entered or awaited when they are a session's or an engine's.
KEEPING: Final = frozenset(
    {
        "begin",
        "begin_nested",
        "connect",
        "connection",
        "execution_options",
        "get",
        "get_nested_transaction",
        "get_transaction",
        "pop",
        "setdefault",
        "stream",
        "stream_scalars",
    }
)
#: Functions that are told of others by their names, in strings.
NAMING: Final = frozenset(
    {"delattr", "getattr", "hasattr", "object", "patch", "patch_object", "setattr", "spy"}
)
#: What is entered with ``with`` and is known to be meant for it, by the name that it is called by;
#: after a dot where it is an attribute.
PLAIN_MANAGERS: Final = frozenset(
    prefix + name
    for prefix in ("", ".")
    for name in (
        "NamedTemporaryFile",
        "ProcessPoolExecutor",
        "TemporaryDirectory",
        "TemporaryFile",
        "TestClient",
        "ThreadPoolExecutor",
        "ZipFile",
        "assertLogs",
        "assertRaises",
        "assertRaisesRegex",
        "assertWarns",
        "catch_warnings",
        "patch",
        "raises",
        "redirect_stderr",
        "redirect_stdout",
        "subTest",
        "suppress",
        "warns",
    )
) | frozenset({".dict", ".object", "open"})
#: What builtin objects and those of libraries have as well: a name that tells nothing.
COMMON: Final = frozenset(
    name
    for klass in (bytes, dict, float, frozenset, int, list, set, str, tuple, Exception)
    for name in vars(klass)
) | frozenset(
    {
        "acquire",
        "add_done_callback",
        "all",
        "cancel",
        "close",
        "commit",
        "connect",
        "data",
        "delete",
        "done",
        "error",
        "execute",
        "fetch",
        "first",
        "id",
        "info",
        "items",
        "json",
        "match",
        "name",
        "one",
        "open",
        "patch",
        "post",
        "put",
        "read",
        "result",
        "run",
        "search",
        "send",
        "start",
        "state",
        "status",
        "stop",
        "text",
        "type",
        "url",
        "value",
        "wait",
        "write",
    }
)
