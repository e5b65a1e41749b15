"""The full names that must be known, in one place. Everything else is decided by fact."""

from __future__ import annotations

from typing import Final

ASYNC_CONTEXT_MANAGER_DECORATORS: Final = frozenset(
    {"contextlib.asynccontextmanager", "async_generator.asynccontextmanager"}
)
CONTEXT_MANAGER_DECORATORS: Final = frozenset({"contextlib.contextmanager"})
#: Our own, under the names by which it is imported and defined: what it makes of a generator
#: function is one still, whose calls can be entered, too.
PROVIDER_DECORATORS: Final = frozenset(
    {"mypy_asyncsession.runtime.provider", "mypy_asyncsession.runtime.providing.provider"}
)

#: The packages some of whose functions are known by name.
READ_BY_NAME: Final = frozenset(
    {
        "abc",
        "async_generator",
        "asyncio",
        "attr",
        "attrs",
        "builtins",
        "contextlib",
        "dataclasses",
        "fastapi",
        "functools",
        "inspect",
        "mypy_asyncsession",
        "pydantic",
        "sqlalchemy",
        "typing",
        "typing_extensions",
    }
)
#: Calls and decorators that hand back their first argument, unchanged for our purpose.
TRANSPARENT: Final = frozenset(
    {
        "functools.partial",
        "functools.lru_cache",
        "functools.cache",
        "functools._lru_cache_wrapper",
        "builtins.staticmethod",
        "builtins.classmethod",
        "abc.abstractmethod",
        "typing.final",
        "typing_extensions.final",
        "typing.override",
        "typing_extensions.override",
        "inspect.unwrap",
        "mypy_asyncsession.runtime.validate_session",
        "mypy_asyncsession.runtime.validate.validate_session",
    }
)
ITERATOR_MAKERS: Final = frozenset({"builtins.aiter", "builtins.iter"})
PROPERTY_DECORATORS: Final = frozenset({"builtins.property", "functools.cached_property"})

#: Bases whose annotated class attributes are parameters of ``__init__``.
MODEL_CLASSES: Final = frozenset({"pydantic.main.BaseModel", "pydantic.BaseModel"})
#: What stands for a field of such a class, with its default.
FIELDS: Final = frozenset(
    {"dataclasses.field", "attr.ib", "attr.field", "attrs.field", "pydantic.fields.Field"}
)
NO_TYPE_CHECK: Final = frozenset({"typing.no_type_check", "typing_extensions.no_type_check"})

#: Coroutine functions whose result is that of their first argument.
AWAITS_FIRST_ARGUMENT: Final = frozenset(
    {"asyncio.wait_for", "asyncio.tasks.wait_for", "asyncio.shield", "asyncio.tasks.shield"}
)
#: Functions and methods that await what they are given, by full name and by name.
AWAITING: Final = frozenset(
    {
        "asyncio.shield",
        "asyncio.tasks.shield",
        "asyncio.create_task",
        "asyncio.tasks.create_task",
        "asyncio.ensure_future",
        "asyncio.tasks.ensure_future",
        "asyncio.gather",
        "asyncio.tasks.gather",
        "asyncio.run",
        "asyncio.runners.run",
    }
)
#: One that does so when it is awaited itself.
AWAITING_LATER: Final = frozenset({"asyncio.wait_for", "asyncio.tasks.wait_for"})
AWAITING_METHODS: Final = frozenset({"run_until_complete"})
TASK_MAKERS: Final = frozenset(
    {
        "asyncio.create_task",
        "asyncio.tasks.create_task",
        "asyncio.ensure_future",
        "asyncio.tasks.ensure_future",
        "asyncio.events.AbstractEventLoop.create_task",
    }
)
#: The names of responses that read what they are given after the function has returned.
STREAMING_RESPONSES: Final = frozenset({"EventSourceResponse", "StreamingResponse"})


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
#: What the decorators of contextlib make of generator functions.
CONTEXT_MANAGERS_MADE: Final = frozenset(
    {"contextlib._AsyncGeneratorContextManager", "contextlib._GeneratorContextManager"}
)
NULL_CONTEXT: Final = "contextlib.nullcontext"
#: ``closing`` and ``aclosing`` close their argument and hand it out as it is.
CLOSING: Final = frozenset({"contextlib.closing"})
ASYNC_CLOSING: Final = frozenset({"contextlib.aclosing"})

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
#: Those that take a connection.
CONNECTING_ATTRIBUTES: Final = frozenset(
    {"exec", "execute", "refresh", "scalar", "scalars", "stream", "stream_scalars"}
)
ANNOTATED: Final = frozenset({"typing.Annotated", "typing_extensions.Annotated"})
DEPENDS: Final = frozenset(
    {
        "fastapi.Depends",
        "fastapi.Security",
        "fastapi.param_functions.Depends",
        "fastapi.param_functions.Security",
        "fastapi.params.Depends",
        "fastapi.params.Security",
    }
)
DEPENDS_NAMES: Final = frozenset(name.rpartition(".")[2] for name in DEPENDS)

#: Blocks in which a misuse is the point.
EXPECTS_FAILURE: Final = frozenset(
    {
        "pytest.raises",
        "pytest.RaisesExc",
        "pytest.RaisesGroup",
        "_pytest.raises.raises",
        "_pytest.python_api.raises",
    }
)
EXPECTS_FAILURE_METHODS: Final = frozenset(
    {"assertRaises", "assertRaisesRegex", "assertRaisesRegexp"}
)
EXPECTS_FAILURE_MARKS: Final = frozenset({"xfail", "expectedFailure"})
#: A block under one of these, given ``TypeError`` or ``AttributeError``, expects the misuse too.
SUPPRESSES: Final = frozenset({"contextlib.suppress"})
#: Functions that find out at run time what an object is: after one, nothing is assumed.
PROBES: Final = frozenset(
    {
        "isinstance",
        "issubclass",
        "hasattr",
        "callable",
        "iscoroutine",
        "isawaitable",
        "isasyncgen",
        "isgenerator",
        "iscoroutinefunction",
        "isasyncgenfunction",
        "isgeneratorfunction",
    }
)
