"""The engine of a program whose modules are only parsed, in place of one that mypy analyses."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mypy_asyncsession.plugin.inference import Inference
from mypy_asyncsession.plugin.module_pass import ModulePass
from mypy_asyncsession.plugin.parsed_internals import ParsedBuild
from mypy_asyncsession.semantic.declarations.program import ParsedProgram
from mypy_asyncsession.semantic.declared import Declared
from mypy_asyncsession.semantic.foreign_files import is_foreign
from mypy_asyncsession.semantic.from_mypy_types import Types
from mypy_asyncsession.semantic.imports import reachable
from mypy_asyncsession.semantic.leads import Leads
from mypy_asyncsession.semantic.overlays import Overlays
from mypy_asyncsession.semantic.to_mypy_types import session_inside

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from mypy.modulefinder import BuildSource
    from mypy.nodes import MypyFile
    from mypy.options import Options

    from mypy_asyncsession.plugin.settings import Settings
    from mypy_asyncsession.semantic.interpreter.memo import ProgramCache


class ParsedEngine:
    """Looks at modules that are found and parsed when they are asked for.

    Attributes:
        build: Finds and parses modules, and takes what is reported.
        program: The modules.
        module_pass: Finds what is wrong in one.
    """

    def __init__(
        self,
        sources: Sequence[BuildSource],
        options: Options,
        settings: Settings,
        texts: Mapping[str, bytes] | None = None,
        reading: Callable[[str, str], None] = lambda _module, _path: None,
    ) -> None:
        """Begin with nothing read.

        Args:
            sources: The modules.
            options: mypy's options.
            settings: The project's configuration, and how findings are reported.
            texts: By path, what is read in place of what is in a file; it may change.
            reading: Called before a module of the project is parsed, with its name and path.
        """
        self._settings = settings
        self._reading = reading
        self.build = ParsedBuild(list(sources), options, texts)
        self.program = ParsedProgram(self.build.find, self._parse, is_foreign)
        self.build.modules = self.program.modules
        if texts is not None:
            self.program.texts = texts
        self._types = Types(frozenset(settings.config.resources), self.program.type_of)
        self._overlays = Overlays(settings.folders())
        self._overlays.begin(self.build.parse)
        self._declared = Declared(self._overlays, self.program, self._types)
        self._lasting: ProgramCache = {}
        self.module_pass = self._fresh_pass()

    def _fresh_pass(self) -> ModulePass:
        return ModulePass(
            self.build,
            self.program,
            self._types,
            None,
            self._declared,
            self._lasting,
            settings=self._settings,
        )

    def _parse(self, path: str, module: str, text: str | None) -> MypyFile | None:
        if text is None and not is_foreign(path):
            self._reading(module, path)
        return self.build.parse(path, module, text)

    def narrow(
        self, sources: Sequence[BuildSource], meanwhile: Callable[[], None] = lambda: None
    ) -> list[BuildSource]:
        """Read all modules, to look at what may have to do with a provider alone.

        Args:
            sources: The modules.
            meanwhile: Called now and then.

        Returns:
            The modules that cannot be parsed; if there are any, nothing is narrowed.
        """
        trees = []
        unreadable = []
        for source in sources:
            tree = self.program.modules.get(source.module)
            if tree is None:
                unreadable.append(source)
            else:
                trees.append(tree)
            meanwhile()
        if not unreadable and not self._settings.survey:
            leads = Leads(self._settings.config.resources)
            for tree in self.with_imported(trees):
                leads.add(tree)
                meanwhile()
            leads.follow(self._overlays.functions(), meanwhile)
            self.module_pass.leads = leads
        return unreadable

    def with_imported(self, trees: list[MypyFile]) -> Iterator[MypyFile]:
        """The trees, and those of the project's other modules that they import, directly or not."""
        seen = {tree.fullname for tree in trees}
        while trees:
            tree = trees.pop()
            yield tree
            for module in set().union(*reachable(tree)) - seen:
                seen.add(module)
                path = self.build.find(module)
                if path is not None and not is_foreign(path):
                    other = self.program.modules.get(module)
                    trees += [other] if other is not None else []

    def concerns(self, module: str) -> bool:
        """Whether anything in a module may have to do with a provider."""
        leads = self.module_pass.leads
        return leads is None or leads.concerns_module(module)

    def gives_session(self, fullname: str) -> bool:
        """Whether a call of a function gives a session, or what holds one."""
        interpreter = self.module_pass.interpreter
        interpreter.reset({}, {})  # what was found out before has taken its part of the budget
        inference = Inference(self.program, interpreter, infer=True)
        return session_inside(inference.value(fullname)) is not None

    def forget(self, stale: set[str]) -> None:
        """Let go of modules that have changed, and of what was found out with them."""
        self.program.forget_modules(stale.__contains__)
        self._types.forget()
        self._lasting.clear()
        self.module_pass = self._fresh_pass()
