"""The pages of the rules, in Markdown, made from their docstrings."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from mypy_asyncsession.codes import PARENT

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mypy_asyncsession.rules.rule import Rule

_INTRODUCTION: Final = f"""\
# Rules

Made from the rules themselves: `mypy-asyncsession explain --output markdown > RULES.md`.

Every code is a sub-code of `{PARENT}`: disabling that one disables them all. A strict rule is off
until `check --strict`, `strict` in `[tool.mypy-asyncsession]` or mypy's own `enable_error_code`
turns it on.
"""


def page(rule: Rule, *, level: int = 1) -> str:
    """The page of one rule.

    Args:
        rule: The rule.
        level: The level of its heading; what is below it goes one deeper.
    """
    title, _, rest = rule.doc.strip().partition("\n")
    # The headings in the docstring are of the second level; comments in examples have one "#".
    body = re.sub(r"^## ", f"{'#' * (level + 1)} ", rest.strip(), flags=re.MULTILINE)
    text = f"{'#' * level} {rule.code}\n\n{title}\n\n{availability(rule)}\n\n{body}\n"
    # Docstrings write code as reStructuredText does.
    text = re.sub(r"(?<!`)``(?!`)", "`", text)
    return _linked(text) if level > 1 else text


def _linked(text: str) -> str:
    """A page in a document of all of them, whose last section leads to the others."""
    before, heading, others = text.rpartition("# See also\n")
    return before + heading + re.sub(r"`([\w-]+)`", r"[`\1`](#\1)", others)


def availability(rule: Rule) -> str:
    """When a rule is on, in one sentence."""
    return "It is on by default." if rule.default else "It is strict: off by default."


def pages(rules: Iterable[Rule]) -> str:
    """All of them, behind a table of contents."""
    rules = list(rules)
    table = ["| code | rejects | default |", "|---|---|---|"]
    table += [
        f"| [`{rule.code}`](#{rule.code}) | {rule.summary} | {'on' if rule.default else 'strict'} |"
        for rule in rules
    ]
    return "\n".join([_INTRODUCTION, *table, "", *(page(rule, level=2) for rule in rules)])
