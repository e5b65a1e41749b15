"""An object that an expression may be, as records name it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from mypy_asyncsession.models.contextlib import MANAGERS_MADE
from mypy_asyncsession.semantic.shapes import Shape

if TYPE_CHECKING:
    from mypy_asyncsession.findings import Place, Yields
    from mypy_asyncsession.semantic.shapes import Can


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

    def is_enterable_object(self) -> bool:
        """Whether this is an object of a class that can be entered, among other things maybe."""
        return (
            self.shape in (Shape.ASYNC_CONTEXT_MANAGER, Shape.CONTEXT_MANAGER)
            and self.label is not None
            and self.label not in MANAGERS_MADE
        )
