"""What mypy and the plugin are told, in their own words."""

from __future__ import annotations

import json
from dataclasses import fields
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from mypy_asyncsession.checking.project import Silenced
    from mypy_asyncsession.config import Config, RunOptions


#: From how many files that are new or were changed it pays to start mypy's workers.
WORTH_WORKERS: Final = 100


#: More of them have little left to do at once.
MOST_WORKERS: Final = 8


def as_toml(table: str, record: Config | RunOptions) -> str:
    """A table below ``tool`` that says what *record* does, but for what is as usual."""
    lines = [f"[tool.{table}]"]
    for item in fields(record):
        value = getattr(record, item.name)
        if item.metadata and value != item.default:
            # A string, a list or a boolean of JSON is one of TOML.
            text = json.dumps(value, ensure_ascii=False)
            lines.append(f"{item.name.replace('_', '-')} = {text}")
    return "\n".join(lines) + "\n"


def as_options(silenced: Silenced) -> dict[str, Any]:
    """mypy's options for what a section of its configuration turns on and off."""
    options: dict[str, Any] = {
        "disable_error_code": list(silenced.disable),
        "enable_error_code": list(silenced.enable),
    }
    if silenced.ignore_errors is not None:
        options["ignore_errors"] = silenced.ignore_errors
    return options
