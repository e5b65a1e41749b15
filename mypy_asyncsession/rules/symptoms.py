"""Which rules an error message is about: their pages name what their misuses raise.

The names in a message are those of somebody's program, and Python words it anew in each version.
So messages are compared by their words, those that few pages have counting most.
"""

from __future__ import annotations

import re
from collections import Counter
from functools import lru_cache
from math import log
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from mypy_asyncsession.rules.rule import Rule

#: The section of a page that names them, a line each.
HEADING: Final = "How it shows"

_SECTION: Final = re.compile(rf"^## {HEADING}\n(.*?)(?=^## |\Z)", re.MULTILINE | re.DOTALL)
_MESSAGE: Final = re.compile(r"^- ``(.*?)``", re.MULTILINE | re.DOTALL)
_WORD: Final = re.compile(r"\w+")

#: By these alone nothing is found: they are in the messages of any mistake.
_COMMON: Final = frozenset(
    {
        "a", "an", "and", "any", "are", "argument", "as", "asynchronous", "at", "attribute",
        "attributeerror", "be", "been", "by", "call", "called", "can", "class", "connection",
        "context", "does", "error", "exception", "execution", "for", "from", "function", "got",
        "has", "have", "in", "is", "it", "line", "module", "no", "none", "nonetype", "not",
        "object", "of", "on", "or", "package", "python", "requires", "runtimeerror", "session",
        "site", "support", "t", "than", "that", "the", "this", "to", "traceback", "type",
        "typeerror", "unexpected", "use", "used", "valueerror", "was", "with", "you", "your",
    }
)  # fmt: skip

#: How much of a message or of what is looked for has to be in the other one.
_SHARE: Final = 0.6

#: What finds more is too vague to be of use beyond the best ones.
_NEAR: Final = 0.6


def symptoms(rule: Rule) -> tuple[str, ...]:
    """The error messages that a rule's page names, each in one line."""
    section = _SECTION.search(rule.doc)
    found = _MESSAGE.findall(section[1]) if section is not None else []
    return tuple(" ".join(message.split()) for message in found)


def about(text: str, rules: Iterable[Rule]) -> list[tuple[Rule, str]]:
    """The rules that an error message may be about, with the message of theirs that is like it.

    Args:
        text: The message or a part of it, or a traceback that ends in it.
        rules: The rules to choose from.

    Returns:
        The nearest ones, the best first; none if nothing is like it.
    """
    rules = tuple(rules)
    weights = _weights(rules)
    sought = _words(text)
    found: list[tuple[float, Rule, str]] = []
    for rule in rules:
        scores = [(_alike(sought, _words(each), weights), each) for each in symptoms(rule)]
        score, message = max(scores, default=(0.0, ""), key=lambda pair: pair[0])
        if score:
            found.append((score, rule, message))
    found.sort(key=lambda each: -each[0])
    return [(rule, message) for score, rule, message in found if score >= found[0][0] * _NEAR]


def _alike(sought: frozenset[str], message: frozenset[str], weights: Mapping[str, float]) -> float:
    """How alike two messages are, from 0 to 1; 0 where neither is mostly in the other."""
    common = sought & message
    if common <= _COMMON:
        return 0
    shared = sum(weights[word] for word in common)
    # A name that no page has says little: it is of the program.
    least = min(weights.values())
    of_sought = shared / sum(weights.get(word, least) for word in sought)
    of_message = shared / sum(weights[word] for word in message)
    if max(of_sought, of_message) < _SHARE:
        return 0
    return 2 * of_sought * of_message / (of_sought + of_message)


@lru_cache(maxsize=4)
def _weights(rules: tuple[Rule, ...]) -> Mapping[str, float]:
    """How much each word of the messages says: the fewer rules have it, the more."""
    having = Counter(
        word for rule in rules for word in frozenset[str]().union(*map(_words, symptoms(rule)))
    )
    return {word: 0.5 + log(len(rules) / number) for word, number in having.items()}


def _words(text: str) -> frozenset[str]:
    return frozenset(_WORD.findall(text.lower()))
