"""What a fix is, and what it is given."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from mypy_asyncsession.findings import Finding, Misuse
    from mypy_asyncsession.fixes.editing.draft import Draft
    from mypy_asyncsession.fixes.editing.source_file import SourceFile
    from mypy_asyncsession.fixes.editing.source_tree import Tree


class Style(Enum):
    """How a generator is entered; the value is what the command line calls it."""

    CONTEXT_MANAGER = "context-manager"
    ASYNC_FOR = "async-for"


@dataclass(frozen=True, slots=True)
class Site:
    """A finding, and where it stands.

    Attributes:
        finding: What was found.
        misuse: What is known of it.
        source: The file that it is in.
        tree: All files that may be edited.
        style: How a generator is to be entered.
        unsafe: Whether fixes are wanted as well whose effect the source does not settle.
    """

    finding: Finding
    misuse: Misuse
    source: SourceFile
    tree: Tree
    style: Style = Style.CONTEXT_MANAGER
    unsafe: bool = False


@dataclass(frozen=True, slots=True)
class Fix:
    """One kind of fix.

    Attributes:
        summary: What it turns into what, in one line.
        fits: Whether it is for a finding.
        draft: Says what to edit, or raises ``CannotFix``.
    """

    summary: str
    fits: Callable[[Finding, Misuse], bool]
    draft: Callable[[Site], Draft]
