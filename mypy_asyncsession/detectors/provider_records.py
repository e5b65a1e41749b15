"""Providers: at their definition, and at what stands in for them."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from mypy_asyncsession.detectors.object_record import ObjectInfo
    from mypy_asyncsession.findings import Place, Span
    from mypy_asyncsession.semantic.shapes import YieldFault


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


class FaultyManager(NamedTuple):
    """A generator function that yields never or twice, of which a manager is made.

    Attributes:
        name: The function, as a reader knows it.
        fault: What is wrong with where it yields.
        is_async: Whether the manager is an async one.
        handed: What a call gives.
        span: The ``return`` or the ``yield`` that shows it, or the call that makes a manager.
        function: As in ``Use``.
        lines: As in ``Use``.
        is_elsewhere: Whether that is a call, and the function stands elsewhere.
    """

    name: str
    fault: YieldFault
    is_async: bool
    handed: ObjectInfo | None
    span: Span
    function: str
    lines: tuple[int, ...]
    is_elsewhere: bool = False


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
