"""contextlib: the decorators that make context managers, and the managers that it has ready."""

from __future__ import annotations

from typing import Final

ASYNC_CONTEXT_MANAGER_DECORATORS: Final = frozenset(
    {"contextlib.asynccontextmanager", "async_generator.asynccontextmanager"}
)
CONTEXT_MANAGER_DECORATORS: Final = frozenset({"contextlib.contextmanager"})
#: What the decorators of contextlib make of generator functions.
CONTEXT_MANAGERS_MADE: Final = frozenset(
    {"contextlib._AsyncGeneratorContextManager", "contextlib._GeneratorContextManager"}
)
#: The names of these and of what they are annotated as: classes that say nothing of the object.
MANAGERS_MADE: Final = frozenset(
    {
        "AbstractAsyncContextManager",
        "AbstractContextManager",
        *(name.rpartition(".")[2] for name in CONTEXT_MANAGERS_MADE),
    }
)
NULL_CONTEXT: Final = "contextlib.nullcontext"
#: ``closing`` and ``aclosing`` close their argument and hand it out as it is.
CLOSING: Final = frozenset({"contextlib.closing"})
ASYNC_CLOSING: Final = frozenset({"contextlib.aclosing"})
#: A block under one of these, given ``TypeError`` or ``AttributeError``, expects the misuse too.
SUPPRESSES: Final = frozenset({"contextlib.suppress"})
#: The classes that close at the end of a block what was entered into them, by name.
EXIT_STACKS: Final = frozenset({"AsyncExitStack", "ExitStack"})
#: The names that make managers of generator functions.
MANAGING: Final = frozenset(
    name.rpartition(".")[2]
    for name in (*ASYNC_CONTEXT_MANAGER_DECORATORS, *CONTEXT_MANAGER_DECORATORS)
)
