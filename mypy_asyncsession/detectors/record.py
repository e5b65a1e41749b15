"""The record of one use of a provider: all that a rule may look at.

Named tuples, because every run with the plugin waits until these classes are made.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, NamedTuple

from mypy_asyncsession.detectors.state_records import ConcurrentUse, ExpiredRead, TransactionMisuse
from mypy_asyncsession.detectors.time_records import LateCommit, LazyLoad, Unawaited
from mypy_asyncsession.semantic.shapes import Can, Shape

if TYPE_CHECKING:
    from mypy_asyncsession.findings import Place, Span, Yields


class Pairing(Enum):
    """How something is used; the value is how messages quote it."""

    ASYNC_WITH = "async with"
    WITH = "with"
    ENTER_ASYNC_CONTEXT = "enter_async_context"
    ENTER_CONTEXT = "enter_context"
    TEST_ENTER_ASYNC_CONTEXT = "enterAsyncContext"
    TEST_ENTER_CONTEXT = "enterContext"
    PUSH_ASYNC_EXIT = "push_async_exit"
    AENTER = "__aenter__"
    ENTER = "__enter__"
    ASYNC_FOR = "async for"
    FOR = "for"
    ANEXT = "anext"
    NEXT = "next"
    AITER_METHOD = "__aiter__"
    ANEXT_METHOD = "__anext__"
    ITER_METHOD = "__iter__"
    NEXT_METHOD = "__next__"
    YIELD_FROM = "yield from"
    AWAIT = "await"

    @property
    def needs(self) -> Can:
        """What the object must be able to do."""
        return _NEEDS[self]

    @property
    def enters(self) -> bool:
        """Whether this enters a context manager."""
        return self.needs in (Can.ASYNC_ENTER, Can.ENTER)

    @property
    def is_async(self) -> bool:
        """Whether this is the asynchronous form."""
        return self.needs in (Can.ASYNC_ENTER, Can.ASYNC_ITERATE, Can.ASYNC_NEXT, Can.AWAIT)


_NEEDS = {
    Pairing.ASYNC_WITH: Can.ASYNC_ENTER,
    Pairing.WITH: Can.ENTER,
    Pairing.ENTER_ASYNC_CONTEXT: Can.ASYNC_ENTER,
    Pairing.ENTER_CONTEXT: Can.ENTER,
    Pairing.TEST_ENTER_ASYNC_CONTEXT: Can.ASYNC_ENTER,
    Pairing.TEST_ENTER_CONTEXT: Can.ENTER,
    Pairing.PUSH_ASYNC_EXIT: Can.ASYNC_ENTER,
    Pairing.AENTER: Can.ASYNC_ENTER,
    Pairing.ENTER: Can.ENTER,
    Pairing.ASYNC_FOR: Can.ASYNC_ITERATE,
    Pairing.FOR: Can.ITERATE,
    Pairing.ANEXT: Can.ASYNC_NEXT,
    Pairing.NEXT: Can.NEXT,
    Pairing.AITER_METHOD: Can.ASYNC_ITERATE,
    Pairing.ANEXT_METHOD: Can.ASYNC_NEXT,
    Pairing.ITER_METHOD: Can.ITERATE,
    Pairing.NEXT_METHOD: Can.NEXT,
    Pairing.YIELD_FROM: Can.ITERATE,
    Pairing.AWAIT: Can.AWAIT,
}

_KINDS = {
    Can.ASYNC_ENTER: Can.ASYNC_ENTER | Can.ENTER,
    Can.ENTER: Can.ASYNC_ENTER | Can.ENTER,
    Can.ASYNC_ITERATE: Can.ASYNC_ITERATE | Can.ITERATE,
    Can.ITERATE: Can.ASYNC_ITERATE | Can.ITERATE,
}


class ObjectInfo(NamedTuple):
    """An object that an expression may be.

    Attributes:
        shape: What it is.
        can: What the language lets one do with it.
        label: The name of its class.
        item: What entering it, iterating over it, awaiting or calling it gives.
        resource: The full name of the configured resource that it is, or ``None``.
        name: The provider that handed it out, as a reader knows it: ``Database.session``.
        place: Where that provider is defined, if its source was read.
        through: The provider that it was got from, by its full name, if that is another one.
        yields: How the function yields that made a generator, if its source was read.
        takes: Whether a call of it needs arguments, where it is a function.
        promised: Whether only a stub says so, which others implement.
        of_sessions: Whether it is of a library of sessions, as a transaction is.
    """

    shape: Shape
    can: Can
    label: str | None = None
    item: ObjectInfo | None = None
    resource: str | None = None
    name: str | None = None
    place: Place | None = None
    through: str | None = None
    yields: Yields | None = None
    takes: bool = False
    promised: bool = False
    of_sessions: bool = False


class Use(NamedTuple):
    """One use of what an expression hands out.

    Attributes:
        pairing: How it is used.
        given: The objects that the expression may be.
        exact: Whether each of these is possible; else only one of them need be.
        text: The expression as written, shortened.
        callee: What the expression calls, as written, or ``None`` where it is no call.
        arguments: Whether it is called with arguments.
        target: The name that the result is bound to, as written.
        in_async: Whether it stands in an ``async def``, where ``await`` is allowed.
        function: The outermost function around, by its name in the module; empty for none.
        span: Where it stands.
        lines: The lines on which an ignore comment counts.
        via: The function that does it, where the expression is given to one.
    """

    pairing: Pairing
    given: tuple[ObjectInfo, ...]
    exact: bool
    text: str
    callee: str | None
    arguments: bool
    target: str | None
    in_async: bool
    function: str
    span: Span
    lines: tuple[int, ...] = ()
    via: str | None = None

    def wrong(self) -> ObjectInfo | None:
        """The first of the given objects that this use cannot work with, or ``None``."""
        unfit = [each for each in self.given if not each.can & self.pairing.needs]
        if not unfit or (not self.exact and len(unfit) < len(self.given)):
            return None
        kinds = _KINDS.get(self.pairing.needs)
        if kinds and len(unfit) < len(self.given) and all(each.can & kinds for each in self.given):
            return None  # it has an async and a sync form, and a flag says which
        if self.callee is not None and len(self.given) > 1:
            # A function among what a call may give: some union of callables, and no provider.
            unfit = [each for each in unfit if not each.shape.uncalled]
        return next((each for each in unfit if each.shape is not Shape.OTHER), None)


class Reuse(NamedTuple):
    """Something that can be used up, used again.

    Attributes:
        pairing: How it is used.
        text: What is used, as written.
        made: What made it, as written: ``session_cm(...)``.
        arguments: Whether that was called with arguments.
        target: As in ``Use``.
        handed: What it is.
        span: Where it stands.
        function: As in ``Use``.
        lines: As in ``Use``.
    """

    pairing: Pairing
    text: str
    made: str
    arguments: bool
    target: str | None
    handed: ObjectInfo
    span: Span
    function: str
    lines: tuple[int, ...]


class Override(NamedTuple):
    """A method beside the one that it overrides or implements.

    Attributes:
        method: The name of both.
        owner: The class that has the method.
        base: The class or protocol that it stands for.
        here: What the method hands out.
        there: What the base's method hands out.
        span: Where the method is defined, or the object given that has it.
        function: As in ``Use``.
        lines: As in ``Use``.
        misdeclared: Whether this is one member of a protocol, beside what its word means.
        called: Whether the base has a method and this is a property, or ``False`` for the
            reverse; ``None`` where both are of one kind.
    """

    method: str
    owner: str
    base: str
    here: ObjectInfo
    there: ObjectInfo
    span: Span
    function: str
    lines: tuple[int, ...]
    misdeclared: bool = False
    called: bool | None = None


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
        span: Where the call stands.
        function: As in ``Use``.
        lines: As in ``Use``.
    """

    callee: str
    parameter: str
    default: str
    place: Place | None
    span: Span
    function: str
    lines: tuple[int, ...]


class Exit(Enum):
    """How a generator is left at its yield; the value is how messages quote it."""

    BREAK = "break"
    RETURN = "return"
    RAISE = "raise"
    ANEXT = "anext"
    NEXT = "next"
    AENTER = "__aenter__"
    #: Kept in an attribute, out of which nothing takes it again.
    KEPT = "kept"
    DELEGATION = "yield"


class EarlyExit(NamedTuple):
    """A provider that is left at its yield.

    Attributes:
        way: How it is left.
        text: The provider's generator, as written.
        callee: What is called for it, or ``None`` where it is a name.
        handed: What the provider hands out.
        closed: Whether it is closed all the same, by ``aclosing`` or ``aclose``.
        skips_code: Whether code follows the yield that closing does not run.
        catches: Whether an ``except`` around the yield waits for exceptions.
        span: Where it is left.
        function: As in ``Use``.
        lines: As in ``Use``.
    """

    way: Exit
    text: str
    callee: str | None
    handed: ObjectInfo | None
    closed: bool
    skips_code: bool
    catches: bool
    span: Span
    function: str
    lines: tuple[int, ...]


class Escape(NamedTuple):
    """A session that gets out of the block that it was opened for.

    Attributes:
        how: ``returned``, ``held``, ``coroutine``, ``generator``, ``callable``, ``stored``,
            ``task``, ``looped``, ``used``, ``streamed`` or ``request-task``.
        name: The name of the session.
        session: The name of its class.
        opener: What opens it, as written.
        span: Where it gets out.
        function: As in ``Use``.
        lines: As in ``Use``.
    """

    how: str
    name: str
    session: str
    opener: str
    span: Span
    function: str
    lines: tuple[int, ...]


class Situation(Enum):
    """How something that holds a session is taken for one."""

    ATTRIBUTE = "attribute"
    UNSTARTED = "unstarted"
    DROPPED = "dropped"
    UNOPENED = "unopened"
    ARGUMENT = "argument"
    RETURNED = "returned"
    STORED = "stored"
    CALLED = "called"


class UnenteredUse(NamedTuple):
    """Something that holds a session, taken for the session.

    Attributes:
        situation: How it is taken for one.
        text: The expression as written.
        callee: What it calls, or ``None`` where it is no call.
        detail: The attribute, the parameter, the function or the place.
        handed: What the expression is.
        session: The name of the session's class.
        span: Where it stands.
        function: As in ``Use``.
        lines: As in ``Use``.
    """

    situation: Situation
    text: str
    callee: str | None
    detail: str
    handed: ObjectInfo | None
    session: str
    span: Span
    function: str
    lines: tuple[int, ...]


class Double(NamedTuple):
    """A double that is put in the place of a provider.

    Attributes:
        target: The provider, as written.
        there: What the provider hands out.
        here: What a call of the double gives.
        double: The double, as written.
        span: Where it is put there.
        function: As in ``Use``.
        lines: As in ``Use``.
    """

    target: str
    there: ObjectInfo
    here: ObjectInfo
    double: str
    span: Span
    function: str
    lines: tuple[int, ...]


class Probe(NamedTuple):
    """A question at run time that the definition answers.

    Attributes:
        text: What is asked about, as written.
        question: The question, as written: ``hasattr``, ``isinstance``.
        handed: What it is.
        span: Where it is asked.
        function: As in ``Use``.
        lines: As in ``Use``.
    """

    text: str
    question: str
    handed: ObjectInfo
    span: Span
    function: str
    lines: tuple[int, ...]


class Annotated(Enum):
    """What the annotation of a provider says of what it hands out."""

    PRECISE = "precise"
    VAGUE = "vague"
    MISSING = "missing"
    WRONG = "wrong"


class Kind(Enum):
    """Where a provider is defined, and how it is got at."""

    FUNCTION = "function"
    METHOD = "method"
    STATIC = "static method"
    CLASS = "class method"
    PROPERTY = "property"


class Getter(NamedTuple):
    """A provider at its definition.

    Attributes:
        name: As a reader knows it: ``Database.session``.
        place: Where it is defined.
        handed: What a call of it hands out.
        holds: The class of what is got from that in the end, if it is known.
        annotated: What its annotation says of that.
        written: The annotation as written, or ``None``.
        right: The annotation that says it all, or ``None`` where that is not known.
        imports: What has to be imported for it: modules, each with a name in it.
        managed: Whether a decorator of contextlib makes a context manager of it.
        is_async: Whether it is an ``async def``.
        kind: Where it is defined.
        returns: The full name of the provider whose result it hands on, if it does.
        function: As in ``Use``.
        span: The definition.
        lines: As in ``Use``.
    """

    name: str
    place: Place
    handed: ObjectInfo
    holds: str | None
    annotated: Annotated
    written: str | None
    right: str | None
    imports: tuple[tuple[str, str], ...]
    managed: bool
    is_async: bool
    kind: Kind
    returns: str | None
    function: str
    span: Span
    lines: tuple[int, ...]


Record = (
    Use
    | Reuse
    | Getter
    | UnenteredUse
    | Override
    | EarlyExit
    | Escape
    | Double
    | Probe
    | Dependency
    | DirectCall
    | Unawaited
    | ConcurrentUse
    | ExpiredRead
    | TransactionMisuse
    | LateCommit
    | LazyLoad
)
