"""What stands in a symbol table, or in an annotation, and says nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from mypy.nodes import Var
from mypy.types import AnyType, TypeOfAny, UnboundType

if TYPE_CHECKING:
    from mypy.types import Type

#: What says nothing of the type of a variable when nothing stands in brackets after it.
_SAYING_NOTHING: Final = ("ClassVar", "Final", "TypeAlias")


def says_nothing(written: Type) -> bool:
    """Whether an annotation says nothing of a variable's type: ``Final`` without brackets."""
    return (
        isinstance(written, UnboundType)
        and not written.args
        and written.name.endswith(_SAYING_NOTHING)
    )


def missing(name: str, fullname: str) -> Var:
    """What stands for an import that leads nowhere."""
    var = Var(name, AnyType(TypeOfAny.from_unimported_type))
    var._fullname = fullname  # noqa: SLF001
    var.is_suppressed_import = True
    return var
