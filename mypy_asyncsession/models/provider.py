"""This project's own runtime: ``@provider``, whose calls can be entered as well as iterated."""

from __future__ import annotations

from typing import Final

#: Our own, under the names by which it is imported and defined: what it makes of a generator
#: function is one still, whose calls can be entered, too.
PROVIDER_DECORATORS: Final = frozenset(
    {"mypy_asyncsession.runtime.provider", "mypy_asyncsession.runtime.providing.provider"}
)
