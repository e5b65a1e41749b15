"""How a check is made."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING

from mypy_asyncsession.selection import PathPattern

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mypy_asyncsession.config import Config
    from mypy_asyncsession.selection import Selection


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
        engine: Whether mypy analyses the modules, or they are only parsed, and it is asked about
            what that does not decide.
        instead: By the absolute path of a file, the file that is read in its place.
        projects: Whether what has a configuration of its own is checked by that.
        select: The only codes to report; those that the configuration selects if empty.
        ignore: Codes not to report, beside those that the configuration ignores.
        exclude: Patterns for paths not to look at, relative to the working directory, beside those
            of the configuration.
        allow_unchecked: Whether a check succeeds though files were not checked, or imports of the
            project's own modules not resolved, as the configuration can say as well.
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
    projects: bool = False
    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    allow_unchecked: bool = False

    def selection(self, config: Config, directory: str) -> Selection:
        """The codes and paths that findings are wanted of.

        Args:
            config: The project's configuration.
            directory: The working directory, absolute.
        """
        exclude = [PathPattern(each, directory) for each in self.exclude]
        return config.selection().also(self.select, self.ignore, exclude)
