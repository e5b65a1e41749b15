"""The shapes that a provider may have, and what each of them can be used for."""

from __future__ import annotations

from enum import Enum, Flag, auto


class Can(Flag):
    """What the language lets one do with an object, by the special methods of its class."""

    NOTHING = 0
    ASYNC_ENTER = auto()
    ENTER = auto()
    ASYNC_ITERATE = auto()
    ITERATE = auto()
    AWAIT = auto()
    ASYNC_NEXT = auto()
    NEXT = auto()


#: What makes one shape another: the rest comes along with these.
USES = Can.ASYNC_ENTER | Can.ENTER | Can.ASYNC_ITERATE | Can.ITERATE | Can.AWAIT

#: The special method behind each ability.
METHODS: dict[Can, str] = {
    Can.ASYNC_ENTER: "__aenter__",
    Can.ENTER: "__enter__",
    Can.ASYNC_ITERATE: "__aiter__",
    Can.ITERATE: "__iter__",
    Can.AWAIT: "__await__",
    Can.ASYNC_NEXT: "__anext__",
    Can.NEXT: "__next__",
}


class Shape(Enum):
    """The form in which something is handed out; the value is how messages call it."""

    ASYNC_GENERATOR = "an async generator"
    ASYNC_ITERATOR = "an async iterator"
    ASYNC_CONTEXT_MANAGER = "an async context manager"
    AWAITABLE_CONTEXT_MANAGER = "an awaitable context manager"
    COROUTINE = "a coroutine"
    GENERATOR = "a generator"
    ITERATOR = "an iterator"
    CONTEXT_MANAGER = "a sync context manager"
    MISMADE = "a context manager of what is no generator of its kind"
    SESSION = "a session"
    SYNC_SESSION = "a sync session"
    FUNCTION = "a function that was not called"
    SESSIONMAKER = "a sessionmaker that was not called"
    CLASS = "a class that was not called"
    ENGINE = "an engine"
    RESULT = "the result of a query"
    NONE = "None"
    OTHER = "an object"

    @property
    def uncalled(self) -> bool:
        """Whether this is something to call rather than what the call gives."""
        return self in (Shape.FUNCTION, Shape.SESSIONMAKER, Shape.CLASS)


#: What an object of a shape can do when nothing more is known than its shape.
ABILITIES: dict[Shape, Can] = {
    Shape.ASYNC_GENERATOR: Can.ASYNC_ITERATE | Can.ASYNC_NEXT,
    Shape.ASYNC_ITERATOR: Can.ASYNC_ITERATE | Can.ASYNC_NEXT,
    Shape.ASYNC_CONTEXT_MANAGER: Can.ASYNC_ENTER,
    Shape.AWAITABLE_CONTEXT_MANAGER: Can.ASYNC_ENTER | Can.AWAIT,
    Shape.COROUTINE: Can.AWAIT,
    Shape.GENERATOR: Can.ITERATE | Can.NEXT,
    Shape.ITERATOR: Can.ITERATE | Can.NEXT,
    Shape.CONTEXT_MANAGER: Can.ENTER,
    Shape.SESSION: Can.ASYNC_ENTER,
    Shape.SYNC_SESSION: Can.ENTER,
}


class YieldFault(Enum):
    """What is wrong with where a generator function yields."""

    NEVER = "may end without a yield"
    TWICE = "yields a second time"
    AFTER_ERROR = "yields a second time when an exception was thrown in at the first"
    SWALLOWED = "ends without a yield when what comes before it fails"
