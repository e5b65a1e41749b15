"""The modules of a program that are only parsed, each looked at when it is asked for."""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING

from mypy_asyncsession.checking.kept_answers import Answer, Imports
from mypy_asyncsession.checking.stale_modules import StaleModules
from mypy_asyncsession.plugin.codes import declare
from mypy_asyncsession.plugin.parsed_engine import ParsedEngine
from mypy_asyncsession.plugin.settings import settings
from mypy_asyncsession.semantic.foreign_files import is_foreign
from mypy_asyncsession.semantic.imports import NAMING, named, reachable

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping, Sequence

    from mypy.modulefinder import BuildSource
    from mypy.options import Options

    from mypy_asyncsession.semantic.interface_text import Interface


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
        self._stale = StaleModules(texts) if texts is not None else None
        self._engine = ParsedEngine(sources, options, config, texts, self._reading)
        self._build = self._engine.build
        self._program = self._engine.program
        self._settled = 0

    def _reading(self, module: str, path: str) -> None:
        if self._stale is not None:
            self._stale.reading(module, path)

    def narrow(self, sources: Sequence[BuildSource]) -> list[BuildSource]:
        """Read all modules, to look at what may have to do with a provider alone.

        Returns:
            The modules that cannot be parsed; if there are any, nothing is narrowed.
        """
        unreadable = self._engine.narrow(sources)
        leads = self._engine.module_pass.leads
        if leads is not None:
            # Nobody is told here what the bodies of the others say.
            self._program.concerns = leads.concerns
        return unreadable

    def concerns(self, module: str) -> bool:
        """Whether anything in a module may have to do with a provider."""
        return self._engine.concerns(module)

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
        leaned = sorted(self._engine.module_pass.run(tree))
        messages = self._build.messages(tree.path)
        return Answer(tree.path, messages, leaned, sorted(self._program.unsettled))

    def needed(self, module: str) -> set[str]:
        """The modules of the project that mypy would read for one: itself, and what it imports."""
        tree = self._program.modules.get(module)
        found = (
            {each.fullname for each in self._engine.with_imported([tree])}
            if tree is not None
            else set()
        )
        return found | {
            ".".join(parts[:length])
            for parts in (name.split(".") for name in found)
            for length in range(1, len(parts))
        }

    def interface(self, module: str) -> Interface | None:
        """What others may read of a module; ``None`` if that cannot be said."""
        tree = self._program.modules.get(module)
        if tree is None:
            return None
        try:
            return self._engine.module_pass.interface(tree)
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

    def content_of(self, module: str) -> bytes | None:
        """What is in the file of a module, which need not be one of the sources; or ``None``."""
        path = self._build.find(module)
        return self._program.content(path) if path is not None else None

    def trouble(self, path: str, module: str) -> tuple[int, str] | None:
        """The line of a file at which it cannot be parsed, and why; ``None`` if it can."""
        return self._build.trouble(path, module)

    def forget_changed(self) -> set[str]:
        """Read again what has changed by now, and what leans on it; which modules these are."""
        assert self._stale is not None
        self._stale.note(self._program.modules.get)
        stale = self._stale.take()
        if stale:
            self._engine.forget(stale)
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
