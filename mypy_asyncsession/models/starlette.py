"""Starlette: responses that read what they are given after the handler has returned."""

from __future__ import annotations

from typing import Final

#: The names of responses that read what they are given after the function has returned.
STREAMING_RESPONSES: Final = frozenset({"EventSourceResponse", "StreamingResponse"})
