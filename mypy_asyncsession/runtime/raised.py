"""Which exceptions are behind one, by this raising of it."""

from __future__ import annotations

import opcode
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType, TracebackType

_RAISE = opcode.opmap["RAISE_VARARGS"]


def behind(error: BaseException) -> Iterator[BaseException]:
    """An exception, those that it was raised from or in the place of, and those of a group.

    ``raise ... from None`` says that what came before is of no interest. And an exception that is
    made once and raised for many requests keeps what was handled when it was raised for another:
    that is passed over, because no function that handled it is on the way of this one.
    """
    pending: list[BaseException] = [error]
    seen: set[int] = set()
    while pending:
        each = pending.pop()
        if id(each) in seen:
            continue
        seen.add(id(each))
        yield each
        cause, context = each.__cause__, each.__context__
        if each.__suppress_context__:
            context = None
        if cause is not None or context is not None:
            frames, was_raised_before = _way(each.__traceback__)
            if context is not None and _passed(context, frames):
                pending.append(context)
            if cause is not None and (not was_raised_before or _passed(cause, frames)):
                pending.append(cause)
        inner = getattr(each, "exceptions", ())  # of a group, where the language has them
        if isinstance(inner, (list, tuple)):
            pending += [one for one in inner if isinstance(one, BaseException)]


def _way(traceback: TracebackType | None) -> tuple[set[FrameType], bool]:
    """The frames that an exception has passed since it was last raised.

    What comes after a frame that raised it is of an earlier time, unless that is the same frame:
    ``except ValueError as error: raise error``.

    Returns:
        The frames, and whether there are others, of an earlier time.
    """
    frames = set()
    while traceback is not None:
        frames.add(traceback.tb_frame)
        following = traceback.tb_next
        if (
            following is not None
            and following.tb_frame is not traceback.tb_frame
            and traceback.tb_frame.f_code.co_code[traceback.tb_lasti] == _RAISE
        ):
            return frames, True
        traceback = following
    return frames, False


def _passed(error: BaseException, frames: set[FrameType]) -> bool:
    """Whether an exception was handled in one of these frames."""
    traceback = error.__traceback__
    while traceback is not None:
        if traceback.tb_frame in frames:
            return True
        traceback = traceback.tb_next
    return False
