"""The error codes, declared once, at import, as mypy needs it."""

from __future__ import annotations

from typing import Final

from mypy.errorcodes import ErrorCode

from mypy_asyncsession.rules import PARENT, RULES

PARENT_CODE: Final = ErrorCode(
    PARENT, "Session providers that are used in the wrong way", "Async sessions"
)

CODES: Final[dict[str, ErrorCode]] = {
    rule.code: ErrorCode(
        rule.code,
        f"Reject {rule.summary}",
        "Async sessions",
        default_enabled=rule.default,
        sub_code_of=PARENT_CODE,
    )
    for rule in RULES
}

#: The codes that are off by default.
STRICT_CODES: Final = frozenset(code for code in CODES.values() if not code.default_enabled)
