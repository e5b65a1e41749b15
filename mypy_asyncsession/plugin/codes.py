"""The error codes, declared once, at import, as mypy needs it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from mypy.errorcodes import ErrorCode, error_codes

from mypy_asyncsession.rules import PARENT, RULES

if TYPE_CHECKING:
    from collections.abc import Iterable

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


def declare(codes: Iterable[str]) -> None:
    """Make the error codes of plugins that are not loaded known to mypy.

    ``# mypy: disable-error-code="django-manager"`` crashes a mypy without the plugin that brings
    that code (``Options.apply_changes``). ``check`` does not load the project's plugins.
    """
    for code in codes:
        if code not in error_codes:
            ErrorCode(code, "An error code of another plugin", "Other")
