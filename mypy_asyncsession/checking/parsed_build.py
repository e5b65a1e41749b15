"""One program, looked at without mypy's semantic analysis: its modules are only parsed."""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING, Final

from mypy_asyncsession.checking.kept_answers import Answer, Imports, KeptAnswers, keep
from mypy_asyncsession.checking.shared_work import shared
from mypy_asyncsession.checking.stale_modules import StaleModules, with_importers
from mypy_asyncsession.plugin.codes import declare
from mypy_asyncsession.plugin.internals import ParsedBuild
from mypy_asyncsession.plugin.module_pass import ModulePass
from mypy_asyncsession.plugin.settings import settings
from mypy_asyncsession.semantic.declarations.program import ParsedProgram
from mypy_asyncsession.semantic.declared import Declared
from mypy_asyncsession.semantic.foreign_files import is_foreign
from mypy_asyncsession.semantic.from_mypy_types import Types
from mypy_asyncsession.semantic.imports import NAMING, named, reachable
from mypy_asyncsession.semantic.interface_text import mentioning
from mypy_asyncsession.semantic.leads import Leads
from mypy_asyncsession.semantic.overlays import Overlays

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from mypy.modulefinder import BuildSource
    from mypy.nodes import MypyFile
    from mypy.options import Options

    from mypy_asyncsession.checking.kept_answers import Keeping
    from mypy_asyncsession.semantic.interface_text import Interface
    from mypy_asyncsession.semantic.interpreter.memo import ProgramCache

#: Up to so many modules are looked at without reading all others first.
_FEW: Final = 40


class ParsedModules:
    """The modules of a program, each looked at when it is asked for."""

    def __init__(
        self,
        sources: Sequence[BuildSource],
        options: Options,
        texts: Mapping[str, bytes] | None = None,
    ) -> None:
        """Begin with nothing read.

        Args:
            sources: The modules.
            options: mypy's options; the file that they name has our settings.
            texts: By path, what is read in place of what is in a file; it may change.
        """
        config = settings(options.config_file)
        declare(config.error_codes)
        options.process_error_codes(error_callback=lambda _message: None)
        self._build = ParsedBuild(list(sources), options, texts)
        self._stale = StaleModules(texts) if texts is not None else None
        self._program = ParsedProgram(self._build.find, self._parse, is_foreign)
        self._build.modules = self._program.modules
        if texts is not None:
            self._program.texts = texts
        self._types = types = Types(frozenset(config.config.resources), self._program.type_of)
        self._overlays = overlays = Overlays(config.folders())
        overlays.begin(self._build.parse)
        declared = Declared(overlays, self._program, types)
        self._lasting: ProgramCache = {}
        self._settled = 0
        self._resources = config.config.resources
        self._surveys = config.survey

        def fresh_pass() -> ModulePass:
            return ModulePass(
                self._build, self._program, types, None, declared, self._lasting, settings=config
            )

        self._fresh_pass = fresh_pass
        self._pass = fresh_pass()

    def _parse(self, path: str, module: str, text: str | None) -> MypyFile | None:
        if self._stale is not None and text is None and not is_foreign(path):
            self._stale.reading(module, path)
        return self._build.parse(path, module, text)

    def narrow(self, sources: Sequence[BuildSource]) -> list[BuildSource]:
        """Read all modules, to look at what may have to do with a provider alone.

        Returns:
            The modules that cannot be parsed; if there are any, nothing is narrowed.
        """
        gc.disable()  # nothing of a tree is garbage
        trees = [self._program.modules.get(source.module) for source in sources]
        unreadable = [each for each, tree in zip(sources, trees, strict=True) if tree is None]
        if not unreadable and not self._surveys:
            leads = self._pass.leads = Leads(self._resources)
            for tree in self._with_imported([*filter(None, trees)]):
                leads.add(tree)
            leads.follow(self._overlays.functions())
            self._program.concerns = leads.concerns
        gc.freeze()
        gc.enable()
        return unreadable

    def _with_imported(self, trees: list[MypyFile]) -> Iterator[MypyFile]:
        """The trees, and those of the project's other modules that they import, directly or not."""
        seen = {tree.fullname for tree in trees}
        while trees:
            tree = trees.pop()
            yield tree
            for module in set().union(*reachable(tree)) - seen:
                seen.add(module)
                path = self._build.find(module)
                if path is not None and not is_foreign(path):
                    other = self._program.modules.get(module)
                    trees += [other] if other is not None else []

    def concerns(self, module: str) -> bool:
        """Whether anything in a module may have to do with a provider."""
        return self._pass.leads is None or self._pass.leads.concerns_module(module)

    def has(self, module: str) -> bool:
        """Whether a module is there, and can be parsed."""
        return self._program.modules.get(module) is not None

    def look(self, module: str) -> Answer | None:
        """Look at a module.

        Returns:
            What was found; ``None`` where it is not there, or cannot be parsed.
        """
        tree = self._program.modules.get(module)
        if tree is None:
            return None
        self._build.turn_to(tree)
        leaned = sorted(self._pass.run(tree))
        return Answer(tree.path, self._build.messages(tree.path), leaned)

    def interface(self, module: str) -> Interface | None:
        """What others may read of a module; ``None`` if that cannot be said."""
        tree = self._program.modules.get(module)
        if tree is None:
            return None
        try:
            return self._pass.interface(tree)
        except Exception:  # noqa: BLE001
            return None  # it is looked at again, and what fails is said there

    def imports(self) -> dict[str, Imports]:
        """What the modules of the project import that were read, or name in a string."""
        found = {}
        for module, path in list(self._program.known()):
            tree = self._program.modules.get(module)
            if tree is not None and path is not None and not is_foreign(path):
                taken, objects = reachable(tree)
                content = self._program.content(path)
                if any(name.encode() in content for name in NAMING):
                    taken |= named(tree)
                found[module] = Imports(sorted(taken), sorted(objects))
        return found

    def content(self, source: BuildSource) -> bytes:
        """What is in the file of a module."""
        return self._program.content(source.path) if source.path is not None else b""

    def trouble(self, path: str, module: str) -> tuple[int, str] | None:
        """The line of a file at which it cannot be parsed, and why; ``None`` if it can."""
        return self._build.trouble(path, module)

    def forget_changed(self) -> set[str]:
        """Read again what has changed by now, and what leans on it; which modules these are."""
        assert self._stale is not None
        self._stale.note(self._program.modules.get)
        stale = self._stale.take()
        if stale:
            self._program.forget_modules(stale.__contains__)
            self._types.forget()
            self._lasting.clear()
            self._pass = self._fresh_pass()
        self._build.begin()
        self._build.forget_contents()
        return stale

    def settle(self) -> None:
        """Spare the garbage collector the trees of packages: they are there to stay."""
        foreign = sum(path is not None and is_foreign(path) for _, path in self._program.known())
        if foreign > self._settled:
            self._settled = foreign
            gc.collect()
            gc.freeze()

    def looked_at(self) -> Mapping[str, os.stat_result | None]:
        """What was asked about on disk; ``None`` for what was not there."""
        return self._build.looked_at()


def look(
    sources: Sequence[BuildSource],
    options: Options,
    flush: Callable[[str, list[str]], None],
    only: frozenset[str] = frozenset(),
    *,
    keeping: Keeping | None = None,
    anyway: bool = False,
) -> Mapping[str, os.stat_result | None] | list[BuildSource]:
    """Look at the modules of a program, one after the other.

    Args:
        sources: The modules.
        options: mypy's options; the file that they name has our settings.
        flush: Called for each module with its path and what was found there, a JSON object each.
        only: The paths of the modules to look at; all of them if empty.
        keeping: What is kept of it, and what may be used of what was kept before.
        anyway: Whether to look at the others where some cannot be parsed.

    Returns:
        What was asked about on disk; ``None`` for what was not there. Or the modules that cannot
        be parsed, if there are any: then nothing was looked at.
    """
    wanted = [source for source in sources if not only or source.path in only]
    kept = KeptAnswers.read(keeping) if keeping is not None else None
    texts: dict[str, bytes] = {}
    modules = ParsedModules(sources, options, texts if kept is not None else None)
    gone: set[str] = set()
    if keeping is not None and kept is not None:
        gone = kept.answers.keys() - {source.module for source in sources}
        changed = [
            source
            for source in sources
            if source.path in keeping.changed
            or source.module not in kept.answers
            or source.path != kept.answers[source.module].path
        ]
        wanted = stale(kept, changed, gone, sources, modules, texts)
    unreadable: list[BuildSource] = []
    if len(wanted) > _FEW:
        unreadable = modules.narrow(sources)
    else:
        unreadable = [source for source in wanted if not modules.has(source.module)]
    if unreadable and not anyway:
        return unreadable
    if kept is not None:
        again = gone.union(source.module for source in wanted)
        for module, answer in kept.answers.items():
            if module not in again:
                flush(answer.path, answer.messages)
    concerned = [source.module for source in wanted if modules.concerns(source.module)]
    found = {
        source.module: Answer(source.path, [], [])
        for source in wanted
        if source.path is not None and not modules.concerns(source.module)
    }
    for answer in found.values():
        flush(answer.path, answer.messages)
    asked: dict[str, os.stat_result | None] = {}
    imports: dict[str, Imports] = {}

    def last() -> tuple[Mapping[str, os.stat_result | None], dict[str, Imports]]:
        return modules.looked_at(), modules.imports() if keeping is not None else {}

    for position, result in shared(concerned, modules.look, last, options.num_workers):
        if position < 0:
            asked.update(result[0])
            imports.update(result[1])
        elif result is not None:
            found[concerned[position]] = result
            flush(result.path, result.messages)
    if keeping is not None and not unreadable:
        imports.update(modules.imports())
        read = ((source.module, modules.content(source)) for source in wanted)
        keep(keeping, read, found, imports, anew=kept is None, gone=gone)
    return {**asked, **modules.looked_at()}


def stale(
    kept: KeptAnswers,
    changed: Sequence[BuildSource],
    gone: set[str],
    sources: Sequence[BuildSource],
    modules: ParsedModules,
    texts: dict[str, bytes],
) -> list[BuildSource]:
    """The modules that are to be looked at again.

    What has changed is read as it was, and then as it is: so packages are read once.

    Args:
        kept: What was found before.
        changed: The modules that have changed since, or are new.
        gone: The modules that are no more.
        sources: All modules.
        modules: Reads the modules.
        texts: What it reads in place of files.
    """
    paths = {source.module: source for source in sources}
    names = {source.module for source in changed}
    # What a module imports depends on where it is: it may have become a package.
    stayed = {
        source.module
        for source in changed
        if source.module in kept.answers and kept.answers[source.module].path == source.path
    }
    before = kept.texts(stayed)
    for name, text in before.items():
        path = paths[name].path
        if path is not None:
            texts[path] = text
    then = {name: modules.interface(name) for name in before}
    texts.clear()
    modules.forget_changed()
    now = {name: modules.interface(name) for name in names}
    imports = {**kept.imports, **modules.imports()}
    leading = with_importers(gone, imports)
    for name in names:
        old, new = then.get(name), now[name]
        changed_names = old.changed(new) if old is not None and new is not None else None
        if changed_names is None:
            leading |= with_importers([name], imports)
        elif changed_names:
            mentions = mentioning(changed_names)
            reading = with_importers([name], imports)
            reading.update(
                module for module, answer in kept.answers.items() if name in answer.leaned
            )
            reading.discard(name)
            told = [
                module
                for module in reading
                if module not in paths or mentions.search(modules.content(paths[module]))
            ]
            leading |= with_importers(told, imports)
    again = names | leading
    again.update(_telling_old_lines(kept, before, paths, modules))
    again.update(
        module for module, answer in kept.answers.items() if not leading.isdisjoint(answer.leaned)
    )
    return [source for source in sources if source.module in again]


def _telling_old_lines(
    kept: KeptAnswers,
    before: Mapping[str, bytes],
    paths: Mapping[str, BuildSource],
    modules: ParsedModules,
) -> Iterator[str]:
    """The modules with a finding about a provider whose line may be another one now."""
    changed = {paths[name].path: name for name in before}
    for module, answer in kept.answers.items():
        for place in answer.providers():
            name = changed.get(place.path)
            if name is None:
                continue
            now = modules.content(paths[name]).split(b"\n", place.line)[: place.line]
            if before[name].split(b"\n", place.line)[: place.line] != now:
                yield module
                break
