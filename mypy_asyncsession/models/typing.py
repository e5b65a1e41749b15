"""typing and collections.abc: the types that hold something which has still to be got at."""

from __future__ import annotations

from typing import Final

NO_TYPE_CHECK: Final = frozenset({"typing.no_type_check", "typing_extensions.no_type_check"})
ASYNC_GENERATOR_TYPES: Final = frozenset(
    {"typing.AsyncGenerator", "collections.abc.AsyncGenerator", "types.AsyncGeneratorType"}
)
ASYNC_ITERATOR_TYPES: Final = frozenset(
    {
        "typing.AsyncIterator",
        "typing.AsyncIterable",
        "collections.abc.AsyncIterator",
        "collections.abc.AsyncIterable",
    }
)
GENERATOR_TYPES: Final = frozenset(
    {"typing.Generator", "collections.abc.Generator", "types.GeneratorType"}
)
ITERATOR_TYPES: Final = frozenset(
    {
        "typing.Iterator",
        "typing.Iterable",
        "collections.abc.Iterator",
        "collections.abc.Iterable",
    }
)
COROUTINE_TYPES: Final = frozenset(
    {
        "typing.Coroutine",
        "typing.Awaitable",
        "collections.abc.Coroutine",
        "collections.abc.Awaitable",
        "types.CoroutineType",
        "asyncio.futures.Future",
        "_asyncio.Future",
        "_asyncio.Task",
    }
)
ASYNC_CONTEXT_MANAGER_TYPES: Final = frozenset(
    {
        "contextlib.AbstractAsyncContextManager",
        "contextlib._AsyncGeneratorContextManager",
        "typing.AsyncContextManager",
        "typing_extensions.AsyncContextManager",
    }
)
CONTEXT_MANAGER_TYPES: Final = frozenset(
    {
        "contextlib.AbstractContextManager",
        "contextlib._GeneratorContextManager",
        "typing.ContextManager",
        "typing_extensions.ContextManager",
    }
)
#: All that hold something which has still to be got at.
HOLDER_TYPES: Final = (
    ASYNC_GENERATOR_TYPES
    | ASYNC_ITERATOR_TYPES
    | GENERATOR_TYPES
    | ITERATOR_TYPES
    | COROUTINE_TYPES
    | ASYNC_CONTEXT_MANAGER_TYPES
    | CONTEXT_MANAGER_TYPES
)
ANNOTATED: Final = frozenset({"typing.Annotated", "typing_extensions.Annotated"})
#: What may be one of its arguments, and with the second one ``None``, too.
UNION: Final = frozenset({"typing.Union"})
OPTIONAL: Final = frozenset({"typing.Optional"})
