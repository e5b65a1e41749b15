"""The error codes: what each rejects, and whether it is on by default.

mypy has to know them even in a run in which nothing is checked: no rule is imported here.
"""

from __future__ import annotations

from typing import Final, NamedTuple

#: The code that all of ours are sub-codes of: disabling it disables every rule.
PARENT: Final = "async-session"


class Code(NamedTuple):
    """An error code.

    Attributes:
        summary: What it rejects, in one line without a full stop.
        default: Whether it is on by default; else it is that of a strict rule.
    """

    summary: str
    default: bool = True


#: The codes of all rules, the parent code aside.
CODES: Final = {
    "session-with": Code("entering what is not a context manager of that kind"),
    "session-iter": Code("iterating over what is not an iterable of that kind"),
    "session-await": Code("awaiting what cannot be awaited"),
    "async-with": Code("entering what is not a context manager of that kind, without a session"),
    "async-iter": Code("iterating over what is not an iterable of that kind, without a session"),
    "async-await": Code("awaiting what cannot be awaited, without a session"),
    "session-unentered": Code("taking what holds a session for the session"),
    "session-unawaited": Code("a coroutine of a session's that is never awaited"),
    "session-depends": Code("a dependency that FastAPI cannot drive"),
    "depends-type": Code(
        "a dependency that injects something of another type than the parameter's"
    ),
    "session-early-exit": Code("leaving a provider at its yield"),
    "session-delegate": Code("handing on with async for what another provider yields"),
    "session-escape": Code("letting a session out of the block that it was opened for"),
    "session-lazy-load": Code(
        "a relationship that would be loaded lazily through an async session"
    ),
    "session-concurrent": Code("one session or connection used by several tasks at once"),
    "session-expired": Code("an attribute of an instance that a rollback or a commit has expired"),
    "session-transaction": Code("a session that is used at the wrong time of its transaction"),
    "session-late-commit": Code("a provider that commits once the response was sent"),
    "session-override": Code("overriding a provider with one of another shape"),
    "session-mock": Code("a double of another shape than the provider that it stands for"),
    "session-getter": Code(
        "a provider whose annotation does not say what it hands out", default=False
    ),
    "session-probe": Code("finding out at run time what a provider gave", default=False),
}

#: The codes that a finding can have, and the one that they are sub-codes of.
OURS: Final = frozenset({*CODES, PARENT})

#: Those that are off by default.
STRICT: Final = frozenset(code for code, about in CODES.items() if not about.default)
