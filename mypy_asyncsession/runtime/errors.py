"""The error that says what came in the place of a session."""

from __future__ import annotations


class SessionTypeError(TypeError):
    """A provider is not what it is used as; the message says what it is and what to write."""
