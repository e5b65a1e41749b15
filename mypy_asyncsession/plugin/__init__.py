"""The mypy plugin: ``plugins = ["mypy_asyncsession.plugin"]``. This module only dispatches."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mypy.plugin import Plugin

import mypy_asyncsession
from mypy_asyncsession.config import ConfigError
from mypy_asyncsession.findings import Finding, Span
from mypy_asyncsession.plugin.hooks import Recovery, is_implicit
from mypy_asyncsession.plugin.internals import (
    Build,
    Recorded,
    announce,
    digest,
    prepare,
    stop,
    verify,
)
from mypy_asyncsession.plugin.module_pass import ModulePass
from mypy_asyncsession.plugin.settings import Settings, settings
from mypy_asyncsession.plugin.stub_check import misfits
from mypy_asyncsession.providers.declared import Declared
from mypy_asyncsession.providers.foreign import is_foreign
from mypy_asyncsession.providers.from_types import Types
from mypy_asyncsession.providers.overlays import Overlays
from mypy_asyncsession.providers.program import Program
from mypy_asyncsession.rules import PARENT

if TYPE_CHECKING:
    from collections.abc import Callable

    from mypy.nodes import MypyFile
    from mypy.options import Options
    from mypy.plugin import FunctionContext, MethodContext, ReportConfigContext
    from mypy.types import Type

    from mypy_asyncsession.providers.memo import Lasting

    Hook = Callable[[FunctionContext | MethodContext], Type]


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
        self._types = Types(frozenset(self._settings.config.resources))
        self._recovery: Recovery | None = None
        self._build: Build | None = None
        self._pass: ModulePass | None = None
        #: The hooks of functions, as far as they are decided: mypy asks at every call.
        self._hooks: dict[str, Hook | None] = {}
        self._watched = False
        self._overlays = Overlays(self._settings.folders() if self._trouble is None else ())
        self._key = f"{mypy_asyncsession.__version__} {_engine()}"
        announce(__name__, f"{self._settings} {self._trouble}", options)
        if self._trouble is None:
            prepare(options)

    def set_modules(self, modules: dict[str, MypyFile]) -> None:
        """Take part in a build; stop it here if we cannot."""
        super().set_modules(modules)
        if self._trouble is not None:
            raise stop(self._trouble)
        if self._build is None or self._build.modules is not modules:
            self._build = Build(modules)
            self._overlays.begin(self._build.parse)
            program = Program(modules, self._build.parse, is_foreign)
            declared = Declared(self._overlays, program, self._types)
            lasting: Lasting | None = None if self._build.in_daemon else {}
            self._recovery = Recovery(
                program, self._types, declared, lasting, infer=self._settings.config.infer_types
            )
            if not self._build.in_worker:
                self._show_misfits(self._build)
            self._pass = ModulePass(
                self._build,
                program,
                self._types,
                self._recovery,
                declared,
                lasting,
                settings=self._settings,
            )

        if self._pass is not None:
            self._pass.daemon.begin()
        if self._recovery is not None:
            self._recovery.begin()
        self._hooks.clear()
        self._watched = self._build.in_daemon

    def _show_misfits(self, build: Build) -> None:
        """Report where an overlay of the project's does not fit the definitions."""
        for misfit in misfits(self._overlays, build.parse, build.find, self._types):
            span = Span(misfit.line, 0, misfit.line, 1)
            build.show(
                Finding(misfit.path, span, PARENT, misfit.message, misfit.hint, misfit.place),
                record=self._settings.records,
            )

    def get_additional_deps(self, file: MypyFile) -> list[tuple[int, str, int]]:
        """Called once for each module that was parsed."""
        if self._pass is not None:
            self._pass.daemon.expect(file)
        return []

    def get_function_hook(self, fullname: str) -> Callable[[FunctionContext], Type] | None:
        """Recover the type that a wrong use of this function meant."""
        return self._hook(fullname)

    def get_method_hook(self, fullname: str) -> Callable[[MethodContext], Type] | None:
        """Recover the type that a wrong use of this method meant."""
        return self._hook(fullname)

    def _hook(self, fullname: str) -> Hook | None:
        build, recovery = self._build, self._recovery
        if build is None or recovery is None or self._pass is None:
            return None
        if self._watched:
            self._pass.daemon.watch()
        if fullname in self._hooks:
            return self._hooks[fullname]
        hook: Hook | None = None
        decided = is_implicit(fullname)
        if not decided:
            answers, decided = recovery.answers(fullname)
            if answers:
                hook = lambda ctx: recovery.result(fullname, ctx, build)  # noqa: E731
        if decided:
            self._hooks[fullname] = hook
        return hook

    def report_config_data(self, ctx: ReportConfigContext) -> Any:
        """What a module's cache depends on besides its source and its dependencies."""
        key = f"{self._key} {self._settings.key(ctx.id)}"
        overlay = self._overlays.digest(ctx.id)
        if ctx.is_check:
            return Recorded(key, overlay)
        return [key, overlay, self._pass.facts(ctx.id) if self._pass is not None else ""]

    def get_additional_indirect_deps(self, file: MypyFile) -> set[str]:
        """Called once for each module that was checked: the module pass."""
        return self._pass.run(file) if self._pass is not None else set()


@lru_cache(maxsize=1)
def _engine() -> str:
    return digest(Path(mypy_asyncsession.__file__).parent)


def plugin(version: str) -> type[Plugin]:  # noqa: ARG001
    """mypy's entry point."""
    return AsyncSessionPlugin
