"""A second plugin, which makes the error codes of plugins that are not loaded known to mypy.

``# mypy: disable-error-code="django-manager"`` crashes a mypy without the plugin that brings that
code (``Options.apply_changes``). The project's plugins are not loaded here, so the codes that its
files name are declared in their place. It is a plugin because workers need them, too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mypy.errorcodes import ErrorCode, error_codes
from mypy.plugin import Plugin

from mypy_asyncsession.config import run_options

if TYPE_CHECKING:
    from mypy.options import Options


class ForeignCodes(Plugin):
    """Declares the codes that ``check`` found in the files."""

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        for code in run_options(options.config_file).error_codes:
            if code not in error_codes:
                ErrorCode(code, "An error code of another plugin", "Other")


def plugin(version: str) -> type[Plugin]:  # noqa: ARG001
    """mypy's entry point."""
    return ForeignCodes
