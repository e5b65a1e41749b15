"""Who is told what changes in a project."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable

#: The project that something is told of.
_P_contra = TypeVar("_P_contra", contravariant=True)


class Listener(Protocol[_P_contra]):
    """Who is told what changes."""

    def found(self, project: _P_contra, paths: Iterable[str]) -> None:
        """Other findings are to be shown of these files."""

    def surveyed(self, project: _P_contra) -> None:
        """There are other providers, or other uses of them."""

    def state_changed(self, project: _P_contra) -> None:
        """Its state is another one."""
