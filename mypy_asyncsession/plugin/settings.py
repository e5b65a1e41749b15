"""What the plugin is configured with, in a mypy run or by ``check``."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from mypy_asyncsession.config import Config, bundled_stubs, discover, load, run_options
from mypy_asyncsession.semantic.overlays import Folder

if TYPE_CHECKING:
    from mypy_asyncsession.models.dependency_framework import Version


@dataclass(frozen=True, slots=True)
class Settings:
    """The project's configuration, and how findings are reported.

    Attributes:
        config: The project's configuration.
        records: Whether findings are reported as whole records, for ``check``, or as messages.
        survey: Whether each module's providers and uses are reported, too.
        strict: Modules that ``check`` says are strict, beside those of the configuration.
        error_codes: Codes of other plugins that ``check`` found in the files.
        packages: Where ``check`` has installed packages looked up; ``None`` if mypy knows.
    """

    config: Config = field(default_factory=Config)
    records: bool = False
    survey: bool = False
    strict: frozenset[str] = frozenset()
    error_codes: tuple[str, ...] = ()
    packages: tuple[str, ...] | None = None

    @property
    def fastapi(self) -> Version | None:
        """The version of FastAPI that is configured, if one is."""
        configured = self.config.fastapi_version
        if not configured:
            return None
        from mypy_asyncsession.models.dependency_framework import parse_version  # few projects do

        return parse_version(configured)

    def is_strict(self, module: str) -> bool:
        """Whether the rules that are off by default are on in *module*."""
        return module in self.strict or self.config.is_strict(module)

    def key(self) -> str:
        """What every cache depends on: neither on overlays nor on which modules are strict."""
        config = replace(self.config, overlays=(), strict=())
        return f"{config} {self.records}"

    def folders(self) -> list[Folder]:
        """The overlays that are configured."""
        came = set(map(str, bundled_stubs()))
        return [Folder(path, bundled=path in came) for path in self.config.overlays]


def settings(config_file: str | None) -> Settings:
    """The settings that go with mypy's own configuration file.

    Raises:
        ConfigError: The configuration is not usable; the message is one line.
    """
    path = discover(config_file, Path.cwd())
    config = load(path) if path is not None else Config()
    run = run_options(config_file)
    return Settings(
        config,
        run.records,
        run.survey,
        frozenset(run.strict),
        run.error_codes,
        run.packages,
    )
