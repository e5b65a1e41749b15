"""What may be wrong with the methods by which a class is entered and left; nothing of mypy."""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple


class EnteringFault(Enum):
    """Why a block cannot be entered, or left."""

    MISSING = "is missing"
    NOT_AWAITABLE = "gives nothing to await"
    GENERATOR = "is an async generator, and cannot be awaited"
    COROUTINE = "is a coroutine function, which nobody awaits"


class FaultyMethod(NamedTuple):
    """A special method that ``with`` or ``async with`` cannot work with.

    Attributes:
        name: The method.
        fault: What is wrong with it.
    """

    name: str
    fault: EnteringFault
