"""What the plugin is configured with, in a mypy run or by ``check``."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from mypy_asyncsession.config import Config, discover, load, run_options
from mypy_asyncsession.uses.fastapi import Version, parse_version


@dataclass(frozen=True, slots=True)
class Settings:
    """The project's configuration, and how findings are reported.

    Attributes:
        config: The project's configuration.
        records: Whether findings are reported as whole records, for ``check``, or as messages.
    """

    config: Config = field(default_factory=Config)
    records: bool = False

    @property
    def fastapi(self) -> Version | None:
        """The version of FastAPI that is configured, if one is."""
        configured = self.config.fastapi_version
        return parse_version(configured) if configured else None


def settings(config_file: str | None) -> Settings:
    """The settings that go with mypy's own configuration file.

    Raises:
        ConfigError: The configuration is not usable; the message is one line.
    """
    path = discover(config_file, Path.cwd())
    config = load(path) if path is not None else Config()
    return Settings(config, run_options(config_file).records)
