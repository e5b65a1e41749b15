"""Where an annotation stands, for its names to be looked up there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mypy.nodes import FuncDef, TypeInfo

    from mypy_asyncsession.semantic.scopes import Scope


@dataclass(frozen=True, slots=True, eq=False)
class TypePlace:
    """Where an annotation stands.

    Attributes:
        module: The full name of the module.
        klass: The class around it.
        function: The function whose annotation it is.
        scope: The scope around the function, where it is inside another one.
    """

    module: str
    klass: TypeInfo | None = None
    function: FuncDef | None = None
    scope: Scope | None = None
