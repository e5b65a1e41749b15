"""What is done with objects: each act, and what a function does in all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

from mypy_asyncsession.semantic.objects import Object, owners
from mypy_asyncsession.semantic.told_endings import Told

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mypy.nodes import CallExpr

    from mypy_asyncsession.semantic.function_body import FunctionBody


#: The methods that end a transaction.
ENDING: Final = frozenset({"aclose", "close", "commit", "reset", "rollback"})
#: The methods that write what is pending, and may fail.
FLUSHING: Final = frozenset({"commit", "flush"})


@dataclass(frozen=True, slots=True, eq=False)
class Asked:
    """The call of a session's method, where it stands.

    Attributes:
        call: The call.
        body: The function that it stands in.
        at: The point of it.
    """

    call: CallExpr
    body: FunctionBody
    at: int


class Act(NamedTuple):
    """Something that is done with an object.

    Attributes:
        method: The method that does it, by name: ``execute``, ``commit``, ``rollback``, ``close``.
        object: The object.
        awaited: Whether it is awaited: else it is done at once.
        guarded: Whether something around it lets one task at a time do it.
        on_return: Whether it may have been done where the function has returned.
        on_raise: Whether it may have been done where it has raised an exception.
        last: Whether nothing else is awaited of the object after it.
        told: What the function tells its caller of it, if it has returned.
        otherwise: Whether it is done only where a commit of the same function has failed.
        fails: Whether the function may raise what it has raised, with nothing rolled back.
        path: The file in which it is done.
        line: The line.
        function: The function that does it, as a reader knows it; empty for the one at hand.
        asked: The call that does it, where it is one.
    """

    method: str
    object: Object
    awaited: bool = True
    guarded: bool = False
    on_return: bool = True
    on_raise: bool = False
    last: bool = True
    told: Told = Told.NOTHING
    otherwise: bool = False
    fails: bool = False
    path: str = ""
    line: int = 0
    function: str = ""
    asked: Asked | None = None


@dataclass(frozen=True, slots=True)
class Summary:
    """What a function, or one point of it, does with objects.

    Attributes:
        acts: What it does with them itself, or through functions that are known.
        exposed: What it gives to what is not known.
        entered: What it enters or leaves, so that what that holds may be closed, or another one.
    """

    acts: tuple[Act, ...] = ()
    exposed: frozenset[Object] = frozenset()
    entered: frozenset[Object] = frozenset()

    def exposes(self, object_: Object) -> bool:
        """Whether an object, or one that it is got from, is given to what is not known."""
        return self.enters(object_) or any(each in self.exposed for each in owners(object_))

    def enters(self, object_: Object) -> bool:
        """Whether an object, or one that it is got from, is entered or left."""
        return bool(self.entered) and any(each in self.entered for each in owners(object_))


NOTHING: Final = Summary()


def united(summaries: Iterable[Summary]) -> Summary:
    """What several things do together."""
    acts: list[Act] = []
    exposed: set[Object] = set()
    entered: set[Object] = set()
    for each in summaries:
        acts += each.acts
        exposed |= each.exposed
        entered |= each.entered
    if not acts and not exposed and not entered:
        return NOTHING
    return Summary(tuple(acts), frozenset(exposed), frozenset(entered))
