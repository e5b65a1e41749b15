"""Where the project lives: what is linked to from the outputs is below this address."""

from __future__ import annotations

from typing import Final

#: The repository. It is not decided yet where that will be.
HOME: Final = "https://example.org/mypy-asyncsession"


def rule_page(code: str) -> str:
    """The address of a rule's page, or of the list of all, if *code* is the parent of the others.

    Args:
        code: The code of the rule.
    """
    from mypy_asyncsession.rules import PARENT

    page = f"{HOME}/blob/main/RULES.md"
    return page if code == PARENT else f"{page}#{code}"
