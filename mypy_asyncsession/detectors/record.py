"""The record of one use of a provider: all that a rule may look at.

Named tuples, because every run with the plugin waits until these classes are made.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, NamedTuple

from mypy_asyncsession.detectors.dependency_records import Dependency, DirectCall
from mypy_asyncsession.detectors.provider_records import Double, FaultyManager, Getter, Override
from mypy_asyncsession.detectors.state_records import ConcurrentUse, ExpiredRead, TransactionMisuse
from mypy_asyncsession.detectors.time_records import LateCommit, LazyLoad, Unawaited
from mypy_asyncsession.semantic.shapes import Can, Shape

if TYPE_CHECKING:
    from mypy_asyncsession.detectors.object_record import ObjectInfo
    from mypy_asyncsession.findings import Span
    from mypy_asyncsession.semantic.entering_faults import FaultyMethod


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
    ITERATED = "iter"
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


#: What iterates over something, as ``Use.via`` has it, where that is no function.
UNPACKING = "*"

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
    Pairing.ITERATED: Can.ITERATE,
    Pairing.AWAIT: Can.AWAIT,
}

_KINDS = {
    Can.ASYNC_ENTER: Can.ASYNC_ENTER | Can.ENTER,
    Can.ENTER: Can.ASYNC_ENTER | Can.ENTER,
    Can.ASYNC_ITERATE: Can.ASYNC_ITERATE | Can.ITERATE,
    Can.ITERATE: Can.ASYNC_ITERATE | Can.ITERATE,
}


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
        method_of: What it is a method of that gives nothing to await, if it is such a call.
        faulty: The special method of its class that the use cannot work with.
        part: Whether that function uses something of what it is given: an attribute, an element.
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
    method_of: str | None = None
    faulty: FaultyMethod | None = None
    part: bool = False

    def wrong(self) -> ObjectInfo | None:
        """The first of the given objects that this use cannot work with, or ``None``."""
        if self.faulty is not None:
            return self.given[0]
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

    def of_other_object(self) -> bool:
        """Whether an object that has to do with no session is awaited, or iterated over.

        That it can be entered as well does not say that this was meant.
        """
        wrong = None if self.pairing.enters else self.wrong()
        if wrong is None or not wrong.is_enterable_object() or wrong.of_sessions:
            return False
        if self.pairing is Pairing.AWAIT and self._makes(wrong):
            return False
        return wrong.resource is None and (wrong.item is None or wrong.item.resource is None)

    def _makes(self, made: ObjectInfo) -> bool:
        """Whether the expression is no call of what gives an object, but of its class."""
        return (self.callee or "").rpartition(".")[2] in ("", made.label)


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
        kept: The function or property that keeps it, where a decorator does.
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
    kept: str | None = None


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
            ``task``, ``looped``, ``used``, ``rows``, ``finally``, ``streamed`` or
            ``request-task``.
        name: The name of the session.
        session: The name of its class.
        opener: What opens it, as written.
        in_async: Whether it is opened in an ``async def``.
        span: Where it gets out.
        function: As in ``Use``.
        lines: As in ``Use``.
    """

    how: str
    name: str
    session: str
    opener: str
    in_async: bool
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
    WRAPPED = "wrapped"
    LACKING = "lacking"
    NOTHING = "nothing"


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
        via: The decorator that gives it, as written.
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
    via: str = ""


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


Record = (
    Use
    | Reuse
    | FaultyManager
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
