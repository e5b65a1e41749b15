"""All that takes part in a build. In a run in which mypy checks nothing it is not even imported."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from mypy_asyncsession.codes import PARENT
from mypy_asyncsession.findings import Finding, Span
from mypy_asyncsession.plugin.daemon import Daemon
from mypy_asyncsession.plugin.foretelling import Foretelling
from mypy_asyncsession.plugin.hooks import Hooks, Recovery, WatchedHooks
from mypy_asyncsession.plugin.loaded_modules import LoadedModules
from mypy_asyncsession.plugin.module_pass import ModulePass
from mypy_asyncsession.plugin.parsed_answers import ParsedAnswers, goes_by_sources
from mypy_asyncsession.semantic.declared import Declared
from mypy_asyncsession.semantic.foreign_files import is_foreign
from mypy_asyncsession.semantic.from_mypy_types import Types
from mypy_asyncsession.semantic.leads import Leads
from mypy_asyncsession.semantic.program import Program

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from mypy_asyncsession.plugin.answers import Answers
    from mypy_asyncsession.plugin.background import Background
    from mypy_asyncsession.plugin.internals import Build
    from mypy_asyncsession.plugin.settings import Settings
    from mypy_asyncsession.semantic.interpreter.memo import ProgramCache
    from mypy_asyncsession.semantic.overlays import Overlays


class Engine:
    """The hooks and the module pass of a build.

    Attributes:
        hooks: The hook of each function.
        module_pass: Finds and reports what is wrong in a module.
        daemon: Keeps what was found from one update of dmypy to the next.
    """

    def __init__(self, build: Build, settings: Settings, overlays: Overlays) -> None:
        """Begin with nothing found out.

        Args:
            build: The build to take part in.
            settings: The project's configuration, and how findings are reported.
            overlays: The stub files that count as annotations.
        """
        self._build = build
        self._settings = settings
        self._foretelling: Foretelling | None = None
        self._overlays = overlays
        self._types = Types(frozenset(settings.config.resources))
        self._program = program = Program(
            LoadedModules(build.modules, build.paths), build.parse, is_foreign
        )
        declared = Declared(overlays, program, self._types)
        lasting: ProgramCache | None = None if build.in_daemon else {}
        self._recovery = Recovery(
            program, self._types, declared, lasting, infer=settings.config.infer_types
        )
        self.module_pass = ModulePass(
            build, program, self._types, self._recovery, declared, lasting, settings=settings
        )
        self.daemon = Daemon(build, self.module_pass, self._recovery.replaced)
        if build.in_daemon:
            self.module_pass.in_daemon = self.daemon
        self.daemon.misfits = self._misfits
        if goes_by_sources(build.all_options, settings):
            self._ask(ParsedAnswers(build.sources(build.paths), build.all_options, settings))
        self.hooks = (
            WatchedHooks(self._recovery, build, self.daemon.watch)
            if build.in_daemon
            else Hooks(self._recovery, build)
        )

    def begin(self) -> None:
        """mypy has loaded modules: under dmypy, an update begins."""
        self.daemon.begin()
        self._recovery.begin()
        self.hooks.clear()

    def start(self, cached: Mapping[str, str], background: Background | None) -> None:
        """mypy has loaded what it will check, and begins to.

        Args:
            cached: The paths of modules that mypy may have in its cache, by name.
            background: A process that goes through the modules already, if there is one.
        """
        build = self._build
        loaded = {tree.fullname for tree in build.modules.values() if tree.defs}
        if self.module_pass.answers is not None:
            sources = build.sources({**cached, **build.paths})
            self._foretelling = Foretelling(
                build, self._settings, sources, loaded, background, self._ask
            )
        elif not self._settings.survey:
            self._narrow(loaded, cached)

    def expect(self, module: str) -> None:
        """mypy checks a module, or is about to."""
        if self._foretelling is not None:
            self._foretelling.expect(module)

    def facts(self, module: str) -> str:
        """What other modules may read in the bodies of *module*."""
        self.expect(module)
        return self.module_pass.facts(module)

    def _ask(self, answers: Answers) -> None:
        self.module_pass.answers = answers
        self._recovery.may_give = answers.may_give
        self._recovery.refine(self._may_give_session)

    def _may_give_session(self, fullname: str) -> bool:
        module, name = self._program.split(fullname)
        answers = self.module_pass.answers
        return answers is None or name not in answers.facts(module).silent

    def _narrow(self, loaded: set[str], cached: Mapping[str, str]) -> None:
        """Find out what may have to do with a provider: the rest need not be looked at.

        It takes as long as parsing the program, and is worth it where most of it is checked.
        """
        build = self._build
        sources = build.sources(cached)
        own = [source for source in sources if source.module in loaded]
        if len(own) <= len(sources) - len(own):
            return
        trees = [
            build.modules[source.module]
            if source.module in loaded
            else build.parse(source.path or "", source.module, None)
            for source in sources
        ]
        try:
            leads = Leads(self._settings.config.resources)
            for tree in filter(None, trees):
                leads.add(tree)
            leads.follow(self._overlays.functions())
            leads.settle({source.module for source in sources} - loaded)
        except Exception:
            if "MYPY_ASYNCSESSION_RAISE" in os.environ:
                raise
            return  # then all of it is looked at
        self.module_pass.leads = leads
        self._recovery.may_give = leads.gives

    def show_misfits(self) -> None:
        """Report where an overlay of the project's does not fit the definitions."""
        for found in self._misfits():
            self._build.show(found, record=self._settings.records)

    def _misfits(self) -> Iterator[Finding]:
        if not self._settings.config.overlays:
            return
        from mypy_asyncsession.plugin.stub_check import misfits  # few runs have one

        build = self._build
        for misfit in misfits(self._overlays, build.parse, build.find, self._types):
            span = Span(misfit.line, 0, misfit.line, 1)
            yield Finding(misfit.path, span, PARENT, misfit.message, misfit.hint, misfit.place)
