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
from mypy_asyncsession.semantic.syntax import walk

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from mypy.nodes import Expression, MypyFile
    from mypy.options import Options
    from mypy.types import Type

    from mypy_asyncsession.findings import Finding
    from mypy_asyncsession.plugin.internals import Build
    from mypy_asyncsession.plugin.module_pass import ModulePass
    from mypy_asyncsession.plugin.report import Report


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

    def __init__(
        self, build: Build, module_pass: ModulePass, replaced: dict[Expression, Type]
    ) -> None:
        self._build = build
        self._pass = module_pass
        self._replaced = replaced
        self._modules: dict[str, _Module] = {}
        self._updating = False
        #: What has changed in this update, in all of its steps.
        self._changed: set[str] = set()
        #: What is wrong in files that are no modules: what mypy showed of it has been dropped.
        self.misfits: Callable[[], Iterable[Finding]] = tuple

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
            self._discard(before.tree)
        self._modules[module] = _Module(tree, self._build.options, None)
        if self._updating:
            self.watch()
        else:
            self._go_through(self._modules[module])

    def passed_over(self, tree: MypyFile) -> None:
        """mypy has checked a module that is not gone through: a stub, for one.

        It may have come in the place of one that was, and others may be read in its light.
        """
        if self._updating:
            self._changed.add(tree.fullname)
            self.watch()

    def _discard(self, tree: MypyFile) -> None:
        """Let go of what belongs to a tree that another has replaced."""
        for node in walk(tree):
            self._replaced.pop(node, None)  # type: ignore[call-overload]
        self._build.forget_types_of(tree)

    def _go_through(self, module: _Module) -> None:
        module.reports = self._pass.examine(module.tree)
        self._pass.publish(module.tree, module.reports)

    def _serve(self, *, final: bool) -> None:
        # One update may go through several modules, and mypy looks after each of them.
        self._updating = not final
        self._pass.program.forget()
        gone = [name for name, module in self._modules.items() if not self._is_there(name, module)]
        for name in gone:
            self._discard(self._modules.pop(name).tree)
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
        self._build.report_elsewhere(self.misfits())

    def _is_there(self, name: str, module: _Module) -> bool:
        """Whether a module is there, and the same file: a stub beside it takes its place."""
        tree = self._build.modules.get(name)
        return tree is not None and tree.path == module.tree.path

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
