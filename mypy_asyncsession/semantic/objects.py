"""The objects that expressions are: variables, attributes of other objects, and what is made here.

Two that are equal are one object at run time.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from mypy.nodes import MemberExpr, NameExpr

from mypy_asyncsession.semantic.cfg import Graph
from mypy_asyncsession.semantic.syntax import as_written
from mypy_asyncsession.semantic.values import UNKNOWN, Value

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from mypy.nodes import CallExpr

    from mypy_asyncsession.semantic.function_body import FunctionBody

#: The variable of a function around, of which the function inside does not know when it was bound.
FREE: Final = -1
#: The owner of the names of modules.
MODULE: Final = 0


@dataclass(frozen=True, slots=True)
class Variable:
    """What a name holds.

    Attributes:
        owner: The ``id`` of the function that it is a name of, or ``MODULE``.
        name: The name; of a module's, the full one.
        defined: The point that bound it; the entry for a parameter, ``FREE`` where it is unknown.
        value: What it may be.
    """

    owner: int
    name: str
    defined: int
    value: Value = field(default=UNKNOWN, compare=False)

    @property
    def text(self) -> str:
        """The name as written."""
        return as_written(self.name.rpartition(".")[2])


@dataclass(frozen=True, slots=True)
class Attribute:
    """An attribute of an object.

    Attributes:
        base: The object.
        name: The attribute; ``parameter()`` stands for what an ``__init__`` was given.
        value: What it may be.
        text: The attribute as written.
    """

    base: Object
    name: str
    value: Value = field(default=UNKNOWN, compare=False)
    text: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True, eq=False)
class Made:
    """What the call of a class makes.

    Attributes:
        call: The call.
        body: The function that it stands in.
        at: The point of the call there.
        value: What it may be.
        given: What the arguments are, where the function was called with known ones.
        name: The name that it has got.
        is_transient: Whether a property makes another one for each use.
    """

    call: CallExpr
    body: FunctionBody
    at: int
    value: Value
    given: Mapping[str, Object | None] | None = None
    name: str = ""
    is_transient: bool = False

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Made) and self._key() == other._key()

    def __hash__(self) -> int:
        return hash(self._key())

    def _key(self) -> tuple[object, ...]:
        given = tuple(sorted(self.given.items())) if self.given is not None else ()
        return (id(self.call), given)

    @property
    def text(self) -> str:
        """Its name, or the call as written."""
        if self.name:
            return as_written(self.name)
        callee = self.call.callee
        return f"{callee.name}()" if isinstance(callee, (MemberExpr, NameExpr)) else "..."


Object = Variable | Attribute | Made


def owners(object_: Object) -> Iterator[Object]:
    """An object, and those that it is an attribute of."""
    current = object_
    while True:
        yield current
        if not isinstance(current, Attribute):
            return
        current = current.base


def root_of(object_: Object) -> Variable | Made:
    """The variable that an object is got from, or the call that made it."""
    while isinstance(object_, Attribute):
        object_ = object_.base
    return object_


def is_local(object_: Object, body: FunctionBody) -> bool:
    """Whether an object is one of a function's own, which its callers never know."""
    root = root_of(object_)
    if isinstance(root, Made):
        return True
    return root.owner == id(body.node) and root.defined != Graph.ENTRY
