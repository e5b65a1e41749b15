"""Which of mypy's own errors are about the same mistake as a finding."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from mypy import errorcodes

if TYPE_CHECKING:
    from mypy.errors import ErrorInfo

    from mypy_asyncsession.findings import Span

#: The codes under which mypy reports a missing special method, and the words it has for it.
_VAGUE: Final = (
    errorcodes.ATTR_DEFINED,
    errorcodes.UNION_ATTR,
    errorcodes.MISC,
    errorcodes.ARG_TYPE,
    errorcodes.CALL_OVERLOAD,
    errorcodes.RETURN_VALUE,
    errorcodes.ASSIGNMENT,
    errorcodes.UNUSED_COROUTINE,
    errorcodes.OPERATOR,
)
_WORDS: Final = {
    "session-with": (
        '"__aenter__"',
        '"__aexit__"',
        '"__enter__"',
        '"__exit__"',
        '"enter_async_context"',
        '"enter_context"',
        '"push_async_exit"',
    ),
    "session-iter": ('"__aiter__"', '"__anext__"', '"__iter__"', '"__next__"', '"next"', '"anext"'),
    "session-await": ('Incompatible types in "await"',),
    "session-unentered": (
        " has no attribute ",
        " has incompatible type ",
        "Incompatible return value type ",
        "Incompatible types in assignment ",
    ),
    "session-unawaited": (
        'Value of type "Coroutine[',
        '"Coroutine[Any, Any, ',
    ),
}
_WORDS.update(
    {
        code.replace("session-", "async-"): _WORDS[code]
        for code in ("session-with", "session-iter", "session-await")
    }
)
#: The codes for which a line is not enough to tell that mypy means the same.
_IN_PLACE: Final = frozenset({"session-unawaited", "session-unentered"})


def means_the_same(info: ErrorInfo, code: str, span: Span) -> bool:
    """Whether an error of mypy's, on one of the lines of a finding, is about the same mistake.

    Args:
        info: The error.
        code: The code of the finding.
        span: Where the finding is.
    """
    return (
        info.code in _VAGUE
        and any(words in info.message for words in _WORDS.get(code, ()))
        and (code not in _IN_PLACE or _begins_at(info, span))
    )


def _begins_at(info: ErrorInfo, span: Span) -> bool:
    # Of a return mypy points at the statement, not at what is returned.
    return info.column == span.column or info.code is errorcodes.RETURN_VALUE
