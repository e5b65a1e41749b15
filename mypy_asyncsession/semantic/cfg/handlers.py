"""Which exceptions a handler may catch, and which one a ``raise`` lets go."""

from __future__ import annotations

import builtins
from typing import TYPE_CHECKING, Final

from mypy.nodes import CallExpr, MemberExpr, NameExpr, TupleExpr

from mypy_asyncsession.semantic.cfg.graph import Way

if TYPE_CHECKING:
    from mypy.nodes import Expression

#: The ways on which an exception leaves a block.
RAISING: Final = (Way.ERROR, Way.CANCEL, Way.CLOSE)

#: The classes of Python's own that are exceptions of the usual kind.
_USUAL: Final = frozenset(
    name
    for name, value in vars(builtins).items()
    if isinstance(value, type) and issubclass(value, Exception)
)
_CANCELLING: Final = frozenset({"CancelledError", "KeyboardInterrupt", "SystemExit"})
_CLOSING: Final = "GeneratorExit"
_ALL: Final = "BaseException"


def may_catch(caught: Expression | None, way: Way) -> bool:
    """Whether a handler of a class, or of a tuple of them, may catch an exception.

    What a name stands for is not known here: one that Python does not know may be any class.
    """
    if caught is None:
        return True
    for each in _classes(caught):
        name = _name(each)
        if name in (None, _ALL):
            return True
        if name in _USUAL:
            fits = way is Way.ERROR
        elif name in _CANCELLING:
            fits = way is Way.CANCEL
        elif name == _CLOSING:
            fits = way is Way.CLOSE
        else:
            fits = True
        if fits:
            return True
    return False


def must_catch(caught: Expression | None, way: Way) -> bool:
    """Whether a handler surely catches an exception that leaves on a way."""
    if caught is None:
        return True
    for each in _classes(caught):
        name = _name(each)
        if (
            name == _ALL
            or (name == "Exception" and way is Way.ERROR)
            or (name == _CLOSING and way is Way.CLOSE)
        ):
            return True
    return False


def class_of(raised: Expression | None) -> str | None:
    """The class that a ``raise`` names, by the last part of its name."""
    return _name(raised.callee if isinstance(raised, CallExpr) else raised)


def names(caught: Expression | None, name: str) -> bool:
    """Whether a handler is for a class of this name."""
    return caught is not None and any(_name(each) == name for each in _classes(caught))


def way_of(raised: Expression | None) -> Way:
    """How the exception of a ``raise`` leaves; one that is not known is taken to be usual."""
    name = class_of(raised)
    if name in _CANCELLING or name == _ALL:
        return Way.CANCEL
    return Way.CLOSE if name == _CLOSING else Way.ERROR


def _classes(caught: Expression) -> list[Expression]:
    found: list[Expression] = []
    stack = [caught]
    while stack:
        each = stack.pop()
        if isinstance(each, TupleExpr):
            stack.extend(each.items)
        else:
            found.append(each)
    return found


def _name(node: Expression | None) -> str | None:
    return node.name if isinstance(node, (NameExpr, MemberExpr)) else None
