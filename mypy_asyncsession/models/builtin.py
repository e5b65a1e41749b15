"""Builtins, functools, abc, inspect: what hands back its argument, what asks at run time."""

from __future__ import annotations

from typing import Final

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
PARTIAL_METHOD: Final = "functools.partialmethod"
#: What fills in some of the arguments of a function.
PARTIALS: Final = frozenset({"functools.partial", PARTIAL_METHOD})
#: Decorators that keep what the first call gave.
CACHING: Final = frozenset({"functools.cache", "functools.lru_cache"})
ITERATOR_MAKERS: Final = frozenset({"builtins.aiter", "builtins.iter"})
#: The builtins that iterate over their arguments, with the positions of these.
ITERATING: Final = {
    **dict.fromkeys(
        (
            "all",
            "any",
            "dict",
            "enumerate",
            "frozenset",
            "list",
            "reversed",
            "set",
            "sorted",
            "sum",
            "tuple",
        ),
        range(1),
    ),
    "filter": range(1, 2),
    "map": range(1, 9),
    "zip": range(9),
}
PROPERTY_DECORATORS: Final = frozenset({"builtins.property", "functools.cached_property"})
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
#: Functions and methods that call their first argument with those that follow it.
HANDING_ON: Final = frozenset({"add_task", "partial", "run_in_threadpool", "to_thread"})
#: Functions that call nothing of others, by the names that they are called by.
IDLE_FUNCTIONS: Final = frozenset(
    {"bool", "id", "int", "isinstance", "len", "print", "repr", "str", "type"}
)
#: The decorators that make an attribute of a method, by name.
PROPERTY_NAMES: Final = frozenset({"cached_property", "hybrid_property", "property"})
