"""The mypy plugin: ``plugins = ["mypy_asyncsession.plugin"]``. This module only dispatches."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mypy.plugin import Plugin

import mypy_asyncsession
from mypy_asyncsession.config import ConfigError
from mypy_asyncsession.plugin.codes import declare
from mypy_asyncsession.plugin.internals import (
    Build,
    Recorded,
    announce,
    prepare,
    sources_of_cold_run,
    spare_suggestions,
    stop,
    verify,
)
from mypy_asyncsession.plugin.own_sources import digest_of
from mypy_asyncsession.plugin.settings import Settings, settings
from mypy_asyncsession.semantic.overlays import Overlays

if TYPE_CHECKING:
    from collections.abc import Callable

    from mypy.nodes import MypyFile
    from mypy.options import Options
    from mypy.plugin import FunctionContext, MethodContext, ReportConfigContext
    from mypy.types import Type

    from mypy_asyncsession.plugin.background import Background
    from mypy_asyncsession.plugin.engine import Engine


class AsyncSessionPlugin(Plugin):
    """Rejects session providers that are used in the wrong way."""

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        self._trouble = verify(options)
        self._settings = Settings()
        if self._trouble is None:
            try:
                self._settings = settings(options.config_file)
            except ConfigError as error:
                self._trouble = str(error)
        #: mypy's table of modules.
        self._table: dict[str, MypyFile] = {}
        self._build: Build | None = None
        self._made: Engine | None = None
        #: Whether mypy's cache was empty when this run began.
        self._is_cold = False
        #: A process that goes through the modules, if it has begun before mypy has parsed them.
        self._background: Background | None = None
        #: The modules that mypy found in its cache, and their paths.
        self._cached: dict[str, str] = {}
        #: What their caches have to hold, by whether a module is strict, and by its overlay.
        self._recorded: dict[tuple[bool, str], Recorded] = {}
        self._overlays = Overlays(self._settings.folders() if self._trouble is None else ())
        self._key = f"{mypy_asyncsession.__version__} {_sources()} {self._settings.key()}"
        announce(__name__, f"{self._settings} {self._overlays.state()} {self._trouble}", options)
        if self._trouble is None:
            prepare(options)
        declare(self._settings.error_codes)
        if self._settings.records:
            spare_suggestions()
        elif self._trouble is None:
            self._begin_early()

    def _begin_early(self) -> None:
        """Where all is to be checked, begin while mypy parses it."""
        named = sources_of_cold_run(self.options)
        self._is_cold = named is not None
        if named:
            from mypy_asyncsession.plugin.background import started

            self._background = started(self.options, self._settings)
            if self._background is not None:
                self._background.begin(named)

    def set_modules(self, modules: dict[str, MypyFile]) -> None:
        """Take part in a build; stop it here if we cannot."""
        super().set_modules(modules)
        self._table = modules
        if self._trouble is not None:
            raise stop(self._trouble)
        if self._build is not None and self._build.modules is not modules:
            self._build = self._made = None
        is_checked = any(tree.defs for tree in modules.values())
        alone = not (self.options.fine_grained_incremental or self.options.num_workers)
        if alone and not is_checked and not self._settings.config.overlays:
            return  # mypy will hardly ask anything
        build = self._joined()
        if build.in_daemon or self._made is not None:
            self._engine.begin()
        if not (build.in_daemon or build.is_shared) and is_checked:
            self._engine.start(self._cached, self._background)

    def _joined(self) -> Build:
        """The build at hand, in which we take part from now on."""
        if self._build is None:
            self._build = build = Build(self._table)
            if self._settings.packages is not None and build.in_worker:
                build.look_for_packages_in(self._settings.packages)
            self._overlays.begin(build.parse)
            self._made = None
            if self._settings.config.overlays and not build.in_worker:
                self._engine.show_misfits()
        return self._build

    @property
    def _engine(self) -> Engine:
        """What takes part in the build, made when it is asked for the first time."""
        if self._made is None:
            from mypy_asyncsession.plugin.engine import Engine

            self._made = Engine(self._joined(), self._settings, self._overlays)
        return self._made

    def get_additional_deps(self, file: MypyFile) -> list[tuple[int, str, int]]:
        """Called once for each module that was parsed."""
        if self._made is not None:
            self._made.daemon.expect(file)
        return []

    def get_function_hook(self, fullname: str) -> Callable[[FunctionContext], Type] | None:
        """Recover the type that a wrong use of this function meant."""
        return (self._made or self._engine).hooks[fullname]

    def get_method_hook(self, fullname: str) -> Callable[[MethodContext], Type] | None:
        """Recover the type that a wrong use of this method meant."""
        return (self._made or self._engine).hooks[fullname]

    def get_customize_class_mro_hook(self, fullname: str) -> None:
        """Called for each class that is analysed: mypy will soon check its module."""
        if self._made is not None:
            self._made.expect(fullname.rpartition(".")[0])

    def report_config_data(self, ctx: ReportConfigContext) -> Any:
        """What a module's cache depends on besides its source and its dependencies."""
        about = self._settings.is_strict(ctx.id), self._overlays.digest(ctx.id)
        recorded = self._recorded.get(about)
        if recorded is None:
            recorded = self._recorded[about] = Recorded(f"{self._key} {about[0]}", about[1])
        if ctx.is_check:
            self._cached[ctx.id] = ctx.path
            return recorded
        facts = self._engine.facts(ctx.id)
        if not self._is_cold:
            self._joined().forget_cached_errors(ctx.id, ctx.path)
        return [*recorded.configuration, facts]

    def get_additional_indirect_deps(self, file: MypyFile) -> set[str]:
        """Called once for each module that was checked: the module pass."""
        return self._engine.module_pass.run(file)


@lru_cache(maxsize=1)
def _sources() -> str:
    """A digest of our own sources: mypy itself hashes a plugin's entry file alone."""
    return digest_of(Path(mypy_asyncsession.__file__).parent)


def plugin(version: str) -> type[Plugin]:  # noqa: ARG001
    """mypy's entry point."""
    return AsyncSessionPlugin
