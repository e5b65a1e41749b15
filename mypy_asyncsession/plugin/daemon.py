"""The module pass under dmypy.

An update of the daemon drops all errors, checks the changed modules, gives only these a module
pass, and re-checks the functions that depend on them afterwards. So after the first build the
pass waits until mypy looks at its errors; by then all types are up to date. Then the changed
modules and all that import them are gone through, and for the others the findings are repeated.

mypy looks twice: for the functions with errors, which it checks again in the next update, and
for the messages. It is served both times.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mypy_asyncsession.semantic.imports import imported

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mypy.nodes import MypyFile
    from mypy.options import Options

    from mypy_asyncsession.plugin.internals import Build
    from mypy_asyncsession.plugin.module_pass import ModulePass, Report


@dataclass(slots=True)
class _Module:
    """What is remembered of a module.

    Attributes:
        tree: Its tree, which the daemon keeps.
        options: Its options, inline comments included.
        reports: What was found in it, or ``None`` where it must be gone through again.
    """

    tree: MypyFile
    options: Options
    reports: list[Report] | None


class Daemon:
    """Keeps the findings of a daemon's modules from one update to the next."""

    def __init__(self, build: Build, module_pass: ModulePass) -> None:
        self._build = build
        self._pass = module_pass
        self._modules: dict[str, _Module] = {}
        self._updating = False
        #: What has changed in this update, in all of its steps.
        self._changed: set[str] = set()

    def begin(self) -> None:
        """mypy has loaded modules: if there were some before, this is an update."""
        if self._modules:
            if not self._updating:
                self._changed.clear()
            self._updating = True
            self.watch()

    def expect(self, tree: MypyFile) -> None:
        """A module was parsed: its ignore comments are not to be called unused too early."""
        if self._updating:
            self._build.expect_ignores(tree)

    def watch(self) -> None:
        """Have the pass run when mypy, in this update, looks at its errors."""
        if self._updating or self._modules:
            self._build.keep_types()
            self._build.when_looked_at(self._serve)

    def passed(self, tree: MypyFile) -> None:
        """mypy has checked a module: go through it now, or at the end of the update."""
        module = tree.fullname
        before = self._modules.get(module)
        if before is not None and before.tree is not tree:
            self._pass.discard(before.tree)
        self._modules[module] = _Module(tree, self._build.options, None)
        if self._updating:
            self.watch()
        else:
            self._go_through(self._modules[module])

    def _go_through(self, module: _Module) -> None:
        module.reports = self._pass.examine(module.tree)
        self._pass.publish(module.tree, module.reports)

    def _serve(self, *, final: bool) -> None:
        # One update may go through several modules, and mypy looks after each of them.
        self._updating = not final
        self._pass.program.forget()
        gone = [name for name in self._modules if name not in self._build.modules]
        for name in gone:
            self._pass.discard(self._modules.pop(name).tree)
        changed = [name for name, module in self._modules.items() if module.reports is None]
        self._changed.update(changed, gone)
        gone_through = self._importers(self._changed)
        for name, module in self._modules.items():
            self._build.turn_to(module.tree, module.options)
            self._build.take_back(module.tree)
            if name in gone_through:
                self._go_through(module)
            else:
                self._pass.publish(module.tree, module.reports or [])
            self._build.settle_ignores(module.tree)

    def _importers(self, changed: Iterable[str]) -> set[str]:
        """*changed* and every module that imports one of them, however indirectly."""
        importers: dict[str, list[str]] = {}
        for name, module in self._modules.items():
            for other in imported(module.tree):
                importers.setdefault(other, []).append(name)
        found: set[str] = set()
        stack = list(changed)
        while stack:
            name = stack.pop()
            if name not in found:
                found.add(name)
                stack.extend(importers.get(name, ()))
        return found
