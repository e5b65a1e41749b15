"""Where the project lives: its addresses in outputs and metadata are made here."""

from __future__ import annotations

from typing import Final

from mypy_asyncsession import __version__
from mypy_asyncsession.codes import PARENT

#: The address of the repository, without a slash at its end. Where that will be is not decided
#: yet: while it is empty there are no links, and nothing can be released.
HOME: Final[str] = ""


def rule_page(code: str) -> str | None:
    """The address of a rule's page, or of the list of all if *code* is the parent of the others.

    Args:
        code: The code of the rule.

    Returns:
        The address, or ``None`` while the project has none.
    """
    if not HOME:
        return None
    page = f"{HOME}/blob/v{__version__}/RULES.md"
    return page if code == PARENT else f"{page}#{code}"
