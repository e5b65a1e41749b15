"""How a check is made."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


class Engine(Enum):
    """What a check stands on: the value is its name on the command line."""

    MYPY = "mypy"
    PARSED = "parsed"


@dataclass(frozen=True, slots=True)
class Options:
    """How to check.

    Attributes:
        config_file: The TOML file with our table; the project's if ``None``.
        cache_dir: The directory to keep between runs; one in the working directory if ``None``.
        strict: Whether the rules that are off by default are on.
        workers: How many processes mypy uses besides its own; as many as pay if ``None``.
        show_traceback: Whether a crash of mypy's is shown on standard error.
        survey: Whether to report each module's providers and uses, too.
        others: Whether mypy's own errors are reported as well.
        engine: Whether mypy analyses the modules, or they are only parsed.
        instead: By the absolute path of a file, the file that is read in its place.
    """

    config_file: str | None = None
    cache_dir: str | None = None
    strict: bool = False
    workers: int | None = None
    show_traceback: bool = False
    survey: bool = False
    others: bool = False
    engine: Engine = Engine.MYPY
    instead: Mapping[str, str] = field(default_factory=dict)
