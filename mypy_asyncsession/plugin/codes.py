"""The error codes, declared once, at import, as mypy needs it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from mypy.errorcodes import ErrorCode, error_codes

from mypy_asyncsession import codes
from mypy_asyncsession.codes import PARENT

if TYPE_CHECKING:
    from collections.abc import Iterable

PARENT_CODE: Final = ErrorCode(
    PARENT, "Session providers that are used in the wrong way", "Async sessions"
)

CODES: Final[dict[str, ErrorCode]] = {
    name: ErrorCode(
        name,
        f"Reject {code.summary}",
        "Async sessions",
        default_enabled=code.default,
        sub_code_of=PARENT_CODE,
    )
    for name, code in codes.CODES.items()
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
