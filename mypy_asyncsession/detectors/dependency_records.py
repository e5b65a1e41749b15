"""Dependencies: what FastAPI is given, and what it does with it."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from mypy_asyncsession.detectors.object_record import ObjectInfo
    from mypy_asyncsession.findings import Place, Span


class Drive(Enum):
    """What FastAPI does with a dependency."""

    VALUE = "calls it and injects what it returns"
    AWAITED = "awaits it and injects the result"
    ENTERED = "enters it and injects what it yields"
    MANAGER = "is given a context manager function"
    RAW = "injects what has still to be driven"
    CALLED = "is given what a call returns"
    ALIAS = "is given an alias that holds a dependency"
    SESSIONMAKER = "is given a sessionmaker"
    UNBOUND = "asks the request for the object that the method is of"
    MISPLACED = "does not look where it is named"
    UNCALLED = "is not given one: Depends itself is not called"
    BARE = "is given a function where it expects a Depends"
    UNCALLABLE = "is given an object that cannot be called"
    UNSTARTED = "injects a connection that nobody has started"
    FACTORY = "injects a function, and never calls it"
    CACHED = "is given the same generator or coroutine again for every request"
    ABSTRACT = "is given an abstract class"
    UNYIELDED = "is given a generator function that may end without a yield"
    REPEATED = "is given a generator function that goes on after an exception at its yield"
    TWICE = "is given a generator function that yields a second time"
    UNENTERED = "injects an object that nobody enters"


class Role(Enum):
    """Where a dependency is named."""

    PARAMETER = "parameter"
    ALIAS = "alias"
    LIST = "list"
    OVERRIDE = "override"


class Dependency(NamedTuple):
    """A dependency that FastAPI is given.

    Attributes:
        text: The dependency as written: ``get_db``.
        callee: What it calls, if it is a call.
        provider: The function that it is, by its full name, if it is one.
        drive: What FastAPI does with it.
        role: Where it is named.
        handed: What a call of it gives.
        unwraps: Whether this FastAPI looks behind ``wraps`` and ``partial``.
        mismatch: The types of what is injected and of the parameter, as mypy writes them, where
            the one does not fit the other.
        asked_for: Whether the parameter is annotated with what has still to be driven, and gets it.
        parameter: The parameter's name.
        handled: Whether the function enters, iterates over, awaits or closes the parameter.
        opens: Whether the dependency makes a session itself and leaves it open.
        decorated: Whether it is a decorator that makes a context manager of it.
        callable_class: Whether the dependency is a class whose instances are callable.
        span: Where it stands.
        function: As in ``Use``.
        lines: As in ``Use``.
        detail: What else the messages name: the attribute that only entering sets, what an
            override stands for.
        beside: What else the dependency may be: it is wrong only if all of these are.
        helped: Whether a function of the project is given the dependency, and calls ``Depends``.
        takes: Whether the dependency has to be given arguments.
        maker: The function that made what a call of it gives, where the file can name it and it
            has no parameters.
        annotation: The type of what is injected, where the file can name it.
    """

    text: str
    callee: str | None
    provider: str | None
    drive: Drive
    role: Role
    handed: ObjectInfo | None
    unwraps: bool
    mismatch: tuple[str, str] | None
    asked_for: bool
    parameter: str | None
    handled: bool
    opens: bool
    decorated: bool
    callable_class: bool
    span: Span
    function: str
    lines: tuple[int, ...]
    detail: str | None = None
    beside: tuple[Dependency, ...] = ()
    helped: bool = False
    takes: bool = False
    maker: str | None = None
    annotation: str | None = None


class DirectCall(NamedTuple):
    """A call of a function that leaves out a parameter which only FastAPI fills in.

    Attributes:
        callee: The function or class called, as written.
        parameter: The parameter that is left to its default.
        default: The default, as written: ``Depends(get_db)``, ``Query(...)``.
        place: Where the function is defined.
        handed: What a call of the dependency gives, where the default names one.
        span: Where the call stands.
        function: As in ``Use``.
        lines: As in ``Use``.
        by_application: Whether the application calls it, as an event handler for one.
    """

    callee: str
    parameter: str
    default: str
    place: Place | None
    handed: ObjectInfo | None
    span: Span
    function: str
    lines: tuple[int, ...]
    by_application: bool = False
