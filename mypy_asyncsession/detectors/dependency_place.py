"""Where a dependency is named."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mypy.nodes import FuncItem
    from mypy.types import Type

    from mypy_asyncsession.detectors.dependency_records import Role
    from mypy_asyncsession.findings import Span
    from mypy_asyncsession.semantic.interpreter import Where
    from mypy_asyncsession.semantic.scopes import Scope


@dataclass(frozen=True, slots=True)
class DependencyPlace:
    """Where a dependency is named.

    Attributes:
        role: As what.
        scope: The scope that it stands in.
        where: The blocks around it.
        owner: The outermost function around, by its name in the module.
        wanted: The type of the parameter, or ``None``.
        span: Where to report it, if not at the dependency itself.
        function: The function whose parameter it is for.
        parameter: The name of the parameter.
        asked: Whether all that use what is named here ask whether it is ``None``.
    """

    role: Role
    scope: Scope
    where: Where
    owner: str
    wanted: Type | None = None
    span: Span | None = None
    function: FuncItem | None = None
    parameter: str | None = None
    asked: bool = False
