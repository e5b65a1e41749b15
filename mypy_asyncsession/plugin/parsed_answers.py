"""The answers that are found in this process, when they are asked for."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from mypy_asyncsession.plugin.answers import Facts, Found, Leading
from mypy_asyncsession.plugin.ignore_comments import ignore_comments
from mypy_asyncsession.plugin.parsed_engine import ParsedEngine
from mypy_asyncsession.semantic.foreign_files import is_foreign

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from mypy.modulefinder import BuildSource
    from mypy.nodes import Decorator, FuncDef, MypyFile
    from mypy.options import Options

    from mypy_asyncsession.plugin.settings import Settings

#: Up to so many modules are gone through without reading all others first.
FEW: Final = 40


def goes_by_sources(options: Options, settings: Settings) -> bool:
    """Whether modules are gone through in their sources, and mypy is asked about the rest.

    ``check`` has gone through them itself before it asks mypy; an audit wants all that mypy knows;
    under dmypy trees and types stay in memory; and of a shadow file mypy alone knows.
    """
    return not (
        settings.records
        or settings.survey
        or options.fine_grained_incremental
        or options.shadow_file
    )


class ParsedAnswers:
    """Goes through the sources of modules."""

    def __init__(
        self, sources: Sequence[BuildSource], options: Options, settings: Settings
    ) -> None:
        """Begin with nothing read.

        Args:
            sources: The project's modules.
            options: mypy's options.
            settings: The project's configuration.
        """
        self._sources = sources
        self._engine = ParsedEngine(sources, options, settings)
        self._leading: Leading | None = None
        self._facts: dict[str, Facts] = {}
        self._asked = 0

    def narrow(self, meanwhile: Callable[[], None] = lambda: None) -> Leading | None:
        """Find out what may have to do with a provider: nothing else is gone through then.

        Args:
            meanwhile: Called now and then.

        Returns:
            It; ``None`` where some of the modules cannot be parsed.
        """
        self._asked = FEW
        try:
            self._engine.narrow(self._sources, meanwhile)
        except Exception:
            if "MYPY_ASYNCSESSION_RAISE" in os.environ:
                raise
            # Then all of it is gone through.
        leads = self._engine.module_pass.leads
        if leads is not None:
            modules = filter(leads.concerns_module, leads.modules())
            self._leading = Leading(
                frozenset(leads.modules()), frozenset(modules), frozenset(leads.giving())
            )
        return self._leading

    def may_give(self, node: Decorator | FuncDef) -> bool:
        """Whether a function may give a provider, as far as is known by now."""
        return self._leading is None or self._leading.may_give(node)

    def facts(self, module: str) -> Facts:
        """What others may read in the bodies of a module."""
        known = self._facts.get(module)
        if known is None:
            known = self._facts[module] = self._read(module)
        return known

    def _read(self, module: str) -> Facts:
        if self.tree(module) is None:
            return Facts(module, None, frozenset())
        facts = self._engine.module_pass.facts(module)
        leads = self._engine.module_pass.leads
        giving = leads.giving_in(module) if leads is not None else ()
        silent = (name for name in giving if not self._engine.gives_session(f"{module}.{name}"))
        return Facts(module, facts, frozenset(silent))

    def found(self, module: str) -> Found | None:
        """What is wrong in a module; ``None`` if its source is not known."""
        tree = self.tree(module)
        if tree is None:
            return None
        self._asked += 1
        if self._asked == FEW:
            self.narrow()
        leading = self._leading
        comments = ignore_comments(self._engine.program.content(tree.path))
        if leading is not None and module in leading.read and module not in leading.modules:
            return Found(module, [], self._engine.module_pass.leaned(module), comments)
        self._engine.build.turn_to(tree)
        reports = self._engine.module_pass.examine(tree)
        undecided = bool(self._engine.program.unsettled)
        leaned = self._engine.module_pass.leaned(module)
        return Found(module, None if undecided else reports, leaned, comments)

    def tree(self, module: str) -> MypyFile | None:
        """The tree of one of the project's modules, if it has a source that can be parsed."""
        tree = self._engine.program.modules.get(module)
        is_own = tree is not None and tree.path.endswith(".py") and not is_foreign(tree.path)
        return tree if is_own else None
